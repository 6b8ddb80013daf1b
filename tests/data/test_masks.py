# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest

from mammozoo._errors import UserError
from mammozoo.data import masks
from mammozoo.data.record import Finding, Record
from mammozoo.functional.lesion_size import size_bin
from mammozoo.io.write import write_png


def _record(tmp_path: Path, *findings: Finding, shape: tuple[int, int] = (40, 30)) -> Record:
    image = write_png(tmp_path / "image.png", np.zeros(shape, np.uint8))
    return Record(id="a/b", image=str(image), patient_id="p", findings=findings)


def _disk() -> np.ndarray:
    return cv2.circle(np.zeros((40, 30), np.uint8), (12, 20), 6, 255, -1)


def test_formats_give_the_same_mask(tmp_path: Path) -> None:
    disk = _disk()
    rgba = np.dstack([disk, disk, disk, np.full_like(disk, 255)])
    (tmp_path / "lzw.tif").write_bytes(imagecodecs.tiff_encode(rgba, compression="lzw"))
    (tmp_path / "m.jpg").write_bytes(imagecodecs.jpeg8_encode(disk, level=90))
    (tmp_path / "m.pgm").write_bytes(b"P5\n30 40\n255\n" + disk.tobytes())
    write_png(tmp_path / "m.png", disk // 255)
    for name in ("lzw.tif", "m.pgm", "m.png"):
        assert np.array_equal(masks.read_mask(tmp_path / name), disk // 255), name
    # A JPEG of a mask holds neither 0 nor 255 only; the threshold recovers all but a few rim pixels.
    assert np.abs(masks.read_mask(tmp_path / "m.jpg").astype(int) - disk // 255).sum() <= 4


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"m\.png .* cannot be decoded"):
        masks.read_mask(tmp_path / "m.png")


def test_findings_are_joined(tmp_path: Path) -> None:
    file = write_png(tmp_path / "m.png", _disk())
    square = Finding(kind="mass", outline=((20, 30), (25, 30), (25, 35), (20, 35)))
    mask = masks.record_mask(_record(tmp_path, Finding(kind="mass", mask_path=str(file)), square))
    assert mask.sum() == (_disk() > 0).sum() + 36
    assert mask[30:36, 20:26].all()


@pytest.mark.parametrize(
    ("outline", "area"),
    [
        (((5, 6),), 1),
        (((5, 6), (9, 6)), 5),
        (((-4, -4), (3, -4), (3, 3), (-4, 3)), 16),
        (((28, 38), (99, 38), (99, 99), (28, 99)), 4),
    ],
    ids=["dot", "line", "clipped at the origin", "clipped at the end"],
)
def test_odd_outlines(tmp_path: Path, outline: tuple[tuple[float, float], ...], area: int) -> None:
    record = _record(tmp_path, Finding(kind="calcification", outline=outline))
    assert masks.record_mask(record).sum() == area


def test_a_mask_at_another_pitch_is_resized(tmp_path: Path) -> None:
    file = write_png(tmp_path / "m.png", _disk())
    record = _record(tmp_path, Finding(kind="mass", mask_path=str(file)), shape=(80, 60))
    assert masks.record_mask(record).shape == (80, 60)
    assert masks.record_mask(record).mean() == pytest.approx((_disk() > 0).mean(), rel=1e-9)


def test_a_mask_of_another_picture_is_refused(tmp_path: Path) -> None:
    file = write_png(tmp_path / "m.png", _disk())
    record = _record(tmp_path, Finding(kind="mass", mask_path=str(file)), shape=(80, 90))
    with pytest.raises(ValueError, match="not one picture at two pitches"):
        masks.record_mask(record)


def test_composed_masks_are_kept_in_the_cache(tmp_path: Path) -> None:
    square = Finding(kind="mass", outline=((20, 30), (25, 30), (25, 35), (20, 35)))
    record = _record(tmp_path, square)
    first = masks.mask_file(record, cache_dir=tmp_path / "cache")
    stamp = Path(first).stat().st_mtime_ns
    assert masks.mask_file(record, cache_dir=tmp_path / "cache") == first
    assert Path(first).stat().st_mtime_ns == stamp
    assert sorted(np.unique(cv2.imread(first, cv2.IMREAD_UNCHANGED))) == [0, 255]
    other = masks.mask_file(_record(tmp_path), cache_dir=tmp_path / "cache")
    assert other != first
    assert masks.read_mask(other).sum() == 0


def test_the_cache_has_a_place_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = _record(tmp_path, Finding(kind="mass", outline=((20, 30), (25, 30), (25, 35))))
    monkeypatch.setenv("MAMMOZOO_CACHE", str(tmp_path / "here"))
    assert Path(masks.mask_file(record)).parent == tmp_path / "here" / "masks"
    monkeypatch.delenv("MAMMOZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert Path(masks.mask_file(record)).parent == tmp_path / "user" / "mammozoo" / "masks"
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("MAMMOZOO_CACHE", str(tmp_path / "file"))
    assert masks.mask_cache().is_relative_to(tempfile.gettempdir())


@pytest.mark.parametrize("change", ["in place", "same size and time", "outline"])
def test_a_changed_part_is_composed_anew(tmp_path: Path, change: str) -> None:
    small, large = _disk(), cv2.circle(np.zeros((40, 30), np.uint8), (12, 20), 9, 255, -1)
    part = tmp_path / "part.bmp"  # of one size whatever it holds
    part.write_bytes(cv2.imencode(".bmp", small)[1].tobytes())
    second = Finding(kind="mass", outline=((20, 30), (25, 30), (25, 35)))
    record = _record(tmp_path, Finding(kind="mass", mask_path=str(part)), second)
    first = masks.read_mask(masks.mask_file(record, cache_dir=tmp_path / "cache")).sum()
    state = part.stat()
    if change == "outline":
        record = replace(record, findings=(record.findings[0], replace(second, outline=((0, 0), (9, 0), (9, 9)))))
    else:
        part.write_bytes(cv2.imencode(".bmp", large)[1].tobytes())
        os.utime(part, ns=(state.st_atime_ns, state.st_mtime_ns + (change == "in place")))
    again = masks.read_mask(masks.mask_file(record, cache_dir=tmp_path / "cache")).sum()
    assert again == masks.record_mask(record).sum() != first
    assert masks.lesion_area_224(record) == pytest.approx(224 * 224 * again / 1200)


def test_a_single_mask_is_brought_to_its_image(tmp_path: Path) -> None:
    file = str(write_png(tmp_path / "m.png", _disk()))
    record = replace(_record(tmp_path, shape=(80, 60)), label_path=file)
    assert masks.record_mask(record).shape == (80, 60)
    with pytest.raises(UserError, match=r"m\.png is 40 x 30, its image 40 x 80 \(rows x columns\)"):
        masks.record_mask(replace(_record(tmp_path, shape=(40, 80)), label_path=file))
    absent = replace(record, image=str(tmp_path / "absent.png"))
    assert masks.record_mask(absent).shape == (40, 30), "predictions may be scored without the images at hand"


def test_area_on_the_grid_of_the_bins(tmp_path: Path) -> None:
    mask = np.zeros((448, 448), np.uint8)
    mask[:40, :50] = 255
    file = write_png(tmp_path / "m.png", mask)
    record = Record(id="a", image="a.png", patient_id="p", label_path=str(file))
    assert masks.lesion_area_224(record) == pytest.approx(500)
    assert size_bin(masks.lesion_area_224(record)) == "medium"
    write_png(file, np.zeros_like(mask))
    assert masks.lesion_area_224(record) == 0
