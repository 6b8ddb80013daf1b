# SPDX-License-Identifier: Apache-2.0
"""The page of a study: how the views hang, what is outlined, and that it stands alone."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mammozoo.engines.inference.study_result import ImageResult, StudyResult
from mammozoo.io.write import write_png
from mammozoo.report.study.page import MAX_FINDINGS, hanging_places, write_study_pages
from mammozoo.report.study.picture import outline_path, view_picture

SHAPE = (120, 90)
FINDING = {"box_xyxy": [10, 40, 22, 55], "score": 0.91234, "area_px": 1180, "area_mm2": 11.8}


def _image(folder: Path, name: str, *, chest: str = "left", **changes: Any) -> ImageResult:
    """A breast against one edge, with a lesion in columns 10 to 21 and rows 40 to 54 as stored."""
    pixels = np.zeros(SHAPE, np.uint8)
    pixels[15:105, :50] = 120
    pixels[40:55, 10:22] = 240
    mask = np.zeros(SHAPE, np.uint8)
    mask[40:55, 10:22] = 255
    if chest == "right":
        pixels, mask = pixels[:, ::-1], mask[:, ::-1]
    write_png(folder / "in" / f"{name}.png", pixels)
    write_png(folder / name / "mask.png", mask)
    side, _, view = name.partition("_")
    values: dict[str, Any] = {
        "id": name, "input": f"{name}.png", "status": "ok", "path": folder / "in" / f"{name}.png", "study": 1,
        "laterality": side, "view_position": view, "shape": SHAPE, "findings": (FINDING,), "files": ("mask.png",),
    }  # fmt: skip
    return ImageResult(**values | changes)


def _study(folder: Path, *images: ImageResult, threshold: float | None = 0.5) -> StudyResult:
    return StudyResult(
        bundle="a_bundle",
        version="1.2.3",
        weights_sha256="ab" * 32,
        threshold=threshold,
        output_dir=folder,
        images=images,
    )


@dataclass
class _Tag:
    name: str
    attributes: dict[str, str]


class _Reader(HTMLParser):
    """Collects the tags and checks that each one that opens also closes."""

    VOID = frozenset({"meta", "img", "input", "path"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[_Tag] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(_Tag(tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(_Tag(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, name: str) -> list[dict[str, str]]:
        return [tag.attributes for tag in self.tags if tag.name == name]


def _read(page: Path) -> tuple[str, _Reader]:
    text = page.read_text(encoding="utf-8")
    return text, _Reader(text)


def test_the_views_hang_right_breast_at_the_left_and_cc_over_mlo(tmp_path: Path) -> None:
    names = ("L_MLO", "R_CC", "L_CC", "R_MLO")
    (page,) = write_study_pages(_study(tmp_path, *(_image(tmp_path, name) for name in names)))
    assert page.name == "study.html"
    _, reader = _read(page)
    assert [tag["id"] for tag in reader.named("figure")] == ["v-R_CC", "v-L_CC", "v-R_MLO", "v-L_MLO"]
    assert [tag["class"] for tag in reader.named("figure")] == ["R", "L", "R", "L"]


def test_chest_walls_meet_in_the_middle_and_outline_and_number_go_along(tmp_path: Path) -> None:
    """Both breasts are stored with the chest wall at the left, as some data sets do."""
    (page,) = write_study_pages(_study(tmp_path, _image(tmp_path, "R_CC"), _image(tmp_path, "L_CC")))
    text, reader = _read(page)
    right, left = (_picture(tag["src"]) for tag in reader.named("img"))
    assert right[60, -5] > 80 > right[60, 5]
    assert left[60, 5] > 80 > left[60, -5]
    lines = [tag["d"] for tag in reader.named("path") if tag["class"] == "line"]
    assert [_middle(line) for line in lines] == pytest.approx([SHAPE[1] - 16, 16], abs=1)
    tags = [tag for tag in reader.named("a") if "tag" in tag.get("class", "")]
    assert [float(re.findall(r"left:([\d.]+)", tag["style"])[0]) for tag in tags] == pytest.approx(
        [100 * 68 / 90, 100 * 22 / 90] if "turned" in tags[0]["class"] else [100 * 80 / 90, 100 * 22 / 90], abs=0.1
    )
    assert text.count("shown mirrored") == 1


def _picture(uri: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,")), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def _middle(path: str) -> float:
    columns = [float(value) for value in re.findall(r"[ML]([\d.]+)", path)]
    return (min(columns) + max(columns)) / 2


def test_the_page_stands_alone_and_is_accessible(tmp_path: Path) -> None:
    (page,) = write_study_pages(_study(tmp_path, _image(tmp_path, "L_CC")))
    text, reader = _read(page)
    assert "<script" not in text
    assert not re.search(r"https?:|url\(|@import|//\w", re.sub(r"base64,[\w+/=]+", "", text))
    assert "default-src 'none'" in text
    assert reader.named("html")[0]["lang"] == "en"
    assert all(tag["alt"].startswith("Mammogram left CC, 1 finding") for tag in reader.named("img"))
    (box,) = reader.named("input")
    assert box["type"] == "checkbox"
    assert "checked" in box
    assert box["id"] in {tag.get("for") for tag in reader.named("label")}
    targets = {tag["id"] for tag in (found.attributes for found in reader.tags) if "id" in tag}
    links = {tag["href"].removeprefix("#") for tag in reader.named("a")}
    assert links <= targets
    assert "Research use only" in text


def test_findings_and_files_are_listed(tmp_path: Path) -> None:
    bad = ImageResult(
        id="bad", input="bad<1>.dcm", status="failed", reason="bad<1>.dcm is empty & none", path=tmp_path / "DOE.dcm"
    )
    unknown = _image(tmp_path, "film", laterality="", view_position="", findings=())
    (page,) = write_study_pages(_study(tmp_path, _image(tmp_path, "L_CC"), unknown, bad))
    text, reader = _read(page)
    for cell in ("10, 40, 22, 55", "1 180", "11.8", "0.912", "bad&lt;1&gt;.dcm is empty &amp; none", "a_bundle 1.2.3"):
        assert cell in text
    assert "DOE" not in text
    assert [tag["id"] for tag in reader.named("figure")] == ["v-L_CC", "v-film"]
    assert "Further views" in text
    assert "<strong>film.png</strong>no findings" in text
    assert "R CC: none" in text
    assert "R MLO" not in text


def test_a_page_a_study_and_unassigned_files_on_each(tmp_path: Path) -> None:
    bad = ImageResult(id="bad", input="bad.dcm", status="failed", reason="empty", path=tmp_path / "bad.dcm")
    second = _image(tmp_path, "R_CC", study=2)
    pages = write_study_pages(_study(tmp_path, _image(tmp_path, "L_CC"), second, bad))
    assert [page.name for page in pages] == ["study_1.html", "study_2.html"]
    for page, own, other in zip(pages, ("v-L_CC", "v-R_CC"), ("v-R_CC", "v-L_CC"), strict=True):
        text = page.read_text()
        assert own in text
        assert other not in text
        assert "bad.dcm" in text


def test_nothing_read_and_nothing_found(tmp_path: Path) -> None:
    bad = ImageResult(id="bad", input="bad.dcm", status="failed", reason="empty", path=tmp_path / "bad.dcm")
    (page,) = write_study_pages(_study(tmp_path, bad))
    assert "no images with no findings. 1 file could not be used" in _read(page)[0]
    (page,) = write_study_pages(_study(tmp_path, _image(tmp_path, "L_CC", findings=())))
    assert "No finding at threshold 0.5." in _read(page)[0]


def test_a_classifier_shows_its_probability(tmp_path: Path) -> None:
    image = _image(tmp_path, "L_CC", findings=(), probability=0.731)
    text, _ = _read(write_study_pages(_study(tmp_path, image))[0])
    assert "probability 0.73, positive" in text
    assert ">Findings</h2>" not in text


def test_very_many_findings_are_cut_and_counted(tmp_path: Path) -> None:
    image = _image(tmp_path, "L_CC", findings=(FINDING,) * (MAX_FINDINGS + 7))
    text, _ = _read(write_study_pages(_study(tmp_path, image))[0])
    assert "7 further findings" in text
    assert text.count(">10, 40, 22, 55<") == MAX_FINDINGS


def test_flagged_and_repeated_views_do_not_take_the_place_of_the_standard_one(tmp_path: Path) -> None:
    magnified = _image(tmp_path, "L_CC", flags=("magnified",))
    plain = _image(tmp_path, "L_CC", id="plain")
    assert hanging_places([magnified, plain, plain]) == {("CC", "L"): 1}
    assert hanging_places([_image(tmp_path, "_")]) == {}


def test_large_images_are_reduced_and_small_ones_are_not(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.zeros((300, 100), np.uint8))
    picture = view_picture(tmp_path / "a.png", tmp_path / "none.png", max_side=150)
    assert (picture.width, picture.height, picture.scale, picture.outline) == (50, 150, 0.5, "")
    assert view_picture(tmp_path / "a.png", tmp_path / "none.png").height == 300


def test_the_outline_leaves_the_lesion_free() -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[20:30, 30:50] = 1
    points = [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", outline_path(mask))]
    assert points
    assert not any(30 <= x < 50 and 20 <= y < 30 for x, y in points)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """Whatever a file name, a manifest or a bundle says, the page's markup is its own."""
    nasty = "<script>alert(1)</script>\"' onload=x {{ 7 * 7 }}"
    image = _image(tmp_path, "L_CC", input=nasty, flags=(nasty,), notes=(nasty,), view_position=nasty, laterality=nasty)
    bad = ImageResult(id="bad", input=nasty, status="failed", reason=nasty, path=tmp_path / "bad.dcm")
    study = replace(_study(tmp_path, image, bad), bundle=nasty, version=nasty, weights_sha256=nasty)
    text, reader = _read(write_study_pages(study)[0])
    assert "<script" not in text
    assert "{{ 7 * 7 }}" in text
    assert not any(name.startswith("on") for tag in reader.tags for name in tag.attributes)


def test_a_view_can_be_enlarged_with_what_lies_on_it(tmp_path: Path) -> None:
    (page,) = write_study_pages(_study(tmp_path, _image(tmp_path, "L_CC"), _image(tmp_path, "R_CC")))
    text, reader = _read(page)
    assert [tag["href"] for tag in reader.named("a") if tag.get("class") == "open"] == ["#z-R_CC", "#z-L_CC"]
    assert [tag["href"] for tag in reader.named("a") if tag.get("class") == "close"] == ["#v-R_CC", "#v-L_CC"]
    enlarged = text[text.index('id="z-L_CC"') :]
    sheet = enlarged[: enlarged.index("</figure>")]
    for part in ("<img", "<svg", 'class="tag overlay'):
        assert part in sheet
