# SPDX-License-Identifier: Apache-2.0
"""Labels on disk: saved, read, tagged, removed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mammozoo.io.errors import MammogramError
from mammozoo.label.store.labels import LabelStore
from mammozoo.label.uncertainty import breast_entropy, mean_entropy

MASK = np.eye(5, 3, dtype=np.uint8) * 7


def test_a_label_comes_back_in_another_process_s_store(tmp_path: Path) -> None:
    LabelStore(tmp_path).save("1.2.3", "final", MASK, {"source": "page"})
    store = LabelStore(tmp_path)
    np.testing.assert_array_equal(store.read("1.2.3", "final"), MASK != 0)
    assert store.info("1.2.3", "final")["source"] == "page"
    assert store.info("1.2.3", "final")["lesion_pixels"] == 3
    assert store.info("1.2.3", "final")["shape"] == [5, 3]
    assert (store.tags("1.2.3"), store.ids("final"), store.tags("absent")) == (["final"], ["1.2.3"], [])


def test_an_empty_label_is_a_label(tmp_path: Path) -> None:
    store = LabelStore(tmp_path)
    store.save("a", "final", np.zeros((4, 6), np.uint8))
    assert store.ids("final") == ["a"]
    assert store.info("a", "final")["lesion_pixels"] == 0


def test_a_new_mask_removes_the_segmentation_of_the_old(tmp_path: Path) -> None:
    store = LabelStore(tmp_path)
    store.save("a", "final", MASK)
    segmentation = store.path("a", "final", suffix=".dcm")
    segmentation.write_bytes(b"old")
    store.save("a", "final", MASK)
    assert not segmentation.exists()


def test_removing_takes_everything_and_twice_is_no_error(tmp_path: Path) -> None:
    store = LabelStore(tmp_path)
    store.save("a", "final", MASK)
    store.remove("a", "final")
    store.remove("a", "final")
    assert list((tmp_path / "final").iterdir()) == []
    with pytest.raises(FileNotFoundError, match="no label 'final' of a"):
        store.read("a", "final")


@pytest.mark.parametrize(
    ("image", "tag"),
    [("../a", "final"), ("a/b", "final"), ("", "final"), (".a", "final"), ("a", ".."), ("a", "Final"), ("a", "x/y")],
)
def test_names_that_could_leave_the_folder_are_refused(tmp_path: Path, image: str, tag: str) -> None:
    with pytest.raises(ValueError, match="no valid image id or tag"):
        LabelStore(tmp_path).path(image, tag)


def test_damage_is_said(tmp_path: Path) -> None:
    store = LabelStore(tmp_path)
    store.save("a", "final", MASK).write_bytes(b"no PNG")
    store.path("a", "final", suffix=".json").write_text("{")
    with pytest.raises(MammogramError, match="damaged"):
        store.read("a", "final")
    assert store.info("a", "final") == {}


@pytest.mark.parametrize(
    ("probability", "mask", "bits"),
    [([0.5, 0.5], [1, 1], 1.0), ([0.0, 1.0], [1, 1], 0.0), ([0.5, 1.0], [1, 0], 1.0), ([0.5, 0.5], [0, 0], 0.0),
     ([0.11002786, 0.11002786], [1, 1], 0.5)],
)  # fmt: skip
def test_entropy_in_bits(probability: list[float], mask: list[int], bits: float) -> None:
    assert mean_entropy(np.array([probability]), np.array([mask])) == pytest.approx(bits, abs=1e-4)


def test_only_the_breast_counts() -> None:
    pixels = np.zeros((300, 200), np.uint16)
    pixels[40:260, :120] = 2000 + np.arange(120)
    unsure_outside = np.zeros((300, 200))
    unsure_outside[:, 160:] = 0.5
    assert breast_entropy(pixels, unsure_outside) < 0.01
    assert breast_entropy(pixels, np.full((300, 200), 0.5)) == pytest.approx(1, abs=1e-3)
