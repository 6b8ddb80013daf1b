# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from monai.data import load_decathlon_datalist

from mammozoo.data.adapters import inbreast
from mammozoo.data.datalist_json import write_datalist
from mammozoo.data.indexing.measure import off_breast
from mammozoo.data.indexing.report import SHARE_EDGES, index_report
from mammozoo.data.record import Record
from mammozoo.io.write import write_png


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Three images of 100 x 50 with masks of 0.4 %, 4 % and nothing."""
    found = []
    for number, area in enumerate((20, 200, 0)):
        image = np.full((100, 50), 100, np.uint8)
        image[:, 25:] = 0
        mask = np.zeros((100, 50), np.uint8)
        mask[: area // 20, :20] = 255
        found.append(
            Record(
                id=f"i{number}",
                image=str(write_png(tmp_path / f"i{number}.png", image)),
                label_path=str(write_png(tmp_path / f"m{number}.png", mask)),
                patient_id=f"p{number // 2}",
                laterality="L",
                view_position="CC",
                class_name="benign" if area else "normal",
                pixel_spacing=(0.2, 0.2),
            )
        )
    return found


def test_numbers(records: list[Record]) -> None:
    report = index_report(records)
    assert (report.images, report.patients, report.findings) == (3, 2, 0)
    assert report.counts["size"] == {"100 x 50": 3}
    assert report.counts["pixel_spacing"] == {"0.2 x 0.2": 3}
    assert report.counts["lesion_size"] == {"small": 1, "large": 1, "none": 1}
    assert report.masks["positive_pixels"] == 220
    assert report.masks["ratio"] == pytest.approx(220 / (10000 - 220))
    assert report.masks["median_share"] == pytest.approx(0.022)
    assert (report.masks["images"], report.masks["empty"]) == (3, 1)
    assert report.histogram == (0, 0, 0, 1, 0, 0, 1, 0, 0)
    assert len(report.histogram) == len(SHARE_EDGES) - 1
    assert report.text().endswith("nothing is missing or odd")


def test_what_is_odd_is_counted_and_nothing_stops(records: list[Record], tmp_path: Path) -> None:
    (tmp_path / "i0.png").write_bytes(b"\x89PNG")
    write_png(tmp_path / "m1.png", np.ones((10, 10), np.uint8))
    dark = write_png(tmp_path / "dark.png", np.pad(np.full((100, 10), 255, np.uint8), ((0, 0), (40, 0))))
    odd = [
        records[0],
        records[1],
        replace(records[2], class_name="benign", laterality="", strata={"mask_suspect": "1"}),
        replace(records[1], id="beside", label_path=str(dark), image=records[2].image),
    ]
    details = {item.detail: item.examples for item in index_report(odd, check_pixels=True).issues}
    assert [name for name in details if name.startswith("images cannot")] == ["images cannot be read"]
    assert "i1: mask" in details["masks do not fit their images"][0]
    assert "10 x 10, its image 100 x 50" in details["masks do not fit their images"][0]
    assert details["masks lie mostly beside the breast"] == ("beside",)
    assert details["masks of labelled lesions are empty"] == ("i2",)
    assert details["images have no laterality"] == ("i2",)
    assert details["masks are marked as suspect by the data set"] == ("i2",)


def test_progress_and_plain_values(records: list[Record]) -> None:
    seen: list[tuple[int, int]] = []
    report = index_report(records, workers=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert json.loads(json.dumps(report.to_dict()))["images"] == 3


def test_nothing_is_empty_but_valid() -> None:
    report = index_report([])
    assert report.images == 0
    assert "no lesion masks" in report.text()
    assert "parts have no image" in report.text()


def test_an_adapter_is_indexed(trees: ModuleType, tmp_path: Path) -> None:
    report = index_report(inbreast.index(trees.inbreast(tmp_path)), check_pixels=True)
    assert (report.images, report.patients, report.findings) == (3, 2, 1)
    assert report.counts["pixel_spacing"] == {"0.07 x 0.07": 3}
    assert report.masks["positive_pixels"] == 100


def test_off_breast() -> None:
    image = np.zeros((10, 10))
    image[:, :5] = 100
    mask = np.zeros((10, 10))
    assert off_breast(mask, image) == 0
    mask[0, :] = 1
    assert off_breast(mask, image) == 0.5


def test_the_datalist_is_read_by_monai(records: list[Record], tmp_path: Path) -> None:
    records[1] = replace(records[1], label_path=None, boxes=((1, 2, 3, 4),))
    path = write_datalist(tmp_path / "lists" / "datalist.json", {"all": records})
    first, second, _ = load_decathlon_datalist(path, is_segmentation=True, data_list_key="all", base_dir=path.parent)
    assert Path(first["image"]).resolve() == Path(records[0].image)
    assert Path(first["label"]).resolve() == Path(str(records[0].label_path))
    assert second["box"] == [[1, 2, 3, 4]]
    assert "label" not in second


def test_composed_masks_are_written_beside_the_datalist(trees: ModuleType, tmp_path: Path) -> None:
    records = inbreast.index(trees.inbreast(tmp_path / "data"))
    path = write_datalist(tmp_path / "out" / "d.json", {"all": records}, cache_dir=tmp_path / "out" / "masks")
    labels = [item.get("label") for item in json.loads(path.read_text())["all"]]
    assert [label is not None for label in labels] == [True, False, False]
    assert (path.parent / str(labels[0])).is_file()
