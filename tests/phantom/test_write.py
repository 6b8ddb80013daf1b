# SPDX-License-Identifier: Apache-2.0
"""The synthetic exams: truth, anatomy, statistics, and the data set on disk."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

from mammozoo._errors import UserError
from mammozoo.data.manifest import index
from mammozoo.phantom import write as phantom
from mammozoo.phantom.anatomy import Grid, build_anatomy, draw_shape, muscle_edge, smoothstep
from mammozoo.phantom.image import burn_tag
from mammozoo.phantom.lesions import draw_mass, mass_mask, mass_radius, place_masses, plan_lesions
from mammozoo.phantom.texture import coarse_field, fine_detail, refine
from mammozoo.phantom.write import COLUMNS, PhantomView, ensure_phantom, make_exam, write_phantom

SIZE = (160, 130)


@pytest.fixture(scope="module")
def exams() -> list[tuple[PhantomView, ...]]:
    return [make_exam(patient, size=SIZE) for patient in range(24)]


def _with_lesion(exam: tuple[PhantomView, ...]) -> list[PhantomView]:
    return [view for view in exam if view.class_name != "normal"]


def test_four_views_of_12_bits(exams: list[tuple[PhantomView, ...]]) -> None:
    for exam in exams:
        assert [v.laterality + v.view_position for v in exam] == ["LCC", "LMLO", "RCC", "RMLO"]
        for view in exam:
            assert view.pixels.dtype == np.uint16
            assert view.pixels.max() < 4096
            for array in (view.pixels, view.lesion_mask, view.breast_mask, view.pectoral_mask):
                assert array.shape == SIZE
                assert array.flags.c_contiguous


def test_masks_lie_inside_the_breast(exams: list[tuple[PhantomView, ...]]) -> None:
    for view in (view for exam in exams for view in exam):
        assert not (view.lesion_mask & ~view.breast_mask).any()
        assert not (view.pectoral_mask & ~view.breast_mask).any()
        assert view.pectoral_mask.any() == (view.view_position == "MLO")
        assert not (view.lesion_mask & view.pectoral_mask).any()
        assert 0.12 < view.breast_mask.mean() < 0.75
        components, _ = cv2.connectedComponents(view.breast_mask.astype(np.uint8))
        assert components == 2


def test_boxes_match_the_masks(exams: list[tuple[PhantomView, ...]]) -> None:
    for view in (view for exam in exams for view in exam):
        assert bool(view.boxes) == view.lesion_mask.any() == (view.class_name != "normal")
        covered = np.zeros(SIZE, dtype=bool)
        for x1, y1, x2, y2 in view.boxes:
            covered[y1:y2, x1:x2] = True
            part = view.lesion_mask[y1:y2, x1:x2]
            assert part[0].any() and part[-1].any() and part[:, 0].any() and part[:, -1].any()  # noqa: PT018
        assert not (view.lesion_mask & ~covered).any()


def test_mix_of_the_default_patients(exams: list[tuple[PhantomView, ...]]) -> None:
    views = [view for exam in exams for view in exam]
    assert Counter(v.class_name for v in views) == {"normal": 64, "benign": 16, "malignant": 16}
    sizes = Counter(v.lesion_size for v in views)
    assert min(sizes[name] for name in ("small", "medium", "large")) >= 8
    assert {v.density for v in views if v.boxes} == set("ABCD")
    malignant = Counter(v.margin for v in views if v.class_name == "malignant")
    benign = Counter(v.margin for v in views if v.class_name == "benign")
    assert malignant["spiculated"] == 8
    assert benign["spiculated"] == 0 < benign["circumscribed"]
    assert max(len(v.boxes) for v in views) == 2


def test_size_class_is_that_of_the_224_grid(exams: list[tuple[PhantomView, ...]]) -> None:
    for view in (view for exam in exams for view in exam):
        area = view.lesion_mask.mean() * 224 * 224
        wanted = "none" if area == 0 else "small" if area < 500 else "medium" if area <= 1500 else "large"
        assert view.lesion_size == wanted
        if len(view.boxes) == 1:
            assert view.lesion_size == plan_lesions(view.patient).size


def test_lesion_is_in_both_views_at_the_same_distance(exams: list[tuple[PhantomView, ...]]) -> None:
    for exam in exams:
        affected = _with_lesion(exam)
        if not affected:
            continue
        assert [v.view_position for v in affected] == ["CC", "MLO"]
        assert len({v.laterality for v in affected}) == 1
        np.testing.assert_allclose(affected[0].nipple_distances, affected[1].nipple_distances, atol=10.0)


def test_masses_are_brighter_than_their_surroundings(exams: list[tuple[PhantomView, ...]]) -> None:
    contrasts = []
    for view in (view for exam in exams for view in _with_lesion(exam)):
        near = cv2.dilate(view.lesion_mask.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
        ring = near & ~view.lesion_mask & view.breast_mask & ~view.pectoral_mask
        contrasts.append(view.pixels[view.lesion_mask].mean() - view.pixels[ring].mean())
    assert np.mean(np.array(contrasts) > 0) > 0.9
    assert 200 < np.median(contrasts) < 1500


def test_right_views_are_mirrored(exams: list[tuple[PhantomView, ...]]) -> None:
    for view in (view for exam in exams for view in exam):
        wall, far = (0, -1) if view.laterality == "L" else (-1, 0)
        assert view.breast_mask[:, wall].any()
        assert not view.breast_mask[:, far].any()


def test_the_two_breasts_resemble_each_other() -> None:
    def low(view: PhantomView) -> np.ndarray:
        pixels = view.pixels[:, ::-1] if view.laterality == "R" else view.pixels
        return cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 3.0)[:, :60].ravel()

    normal = [n for n in range(24) if plan_lesions(n).class_name == "normal"][:4]
    pairs = [make_exam(n, size=SIZE) for n in normal]
    own = [np.corrcoef(low(e[0]), low(e[2]))[0, 1] for e in pairs]
    strange = [np.corrcoef(low(a[0]), low(b[2]))[0, 1] for a in pairs for b in pairs if a is not b]
    assert np.mean(own) > np.mean(strange)


def test_air_is_dark_and_the_tag_lies_in_it(exams: list[tuple[PhantomView, ...]]) -> None:
    for view in (view for exam in exams[:6] for view in exam):
        air = view.pixels[~view.breast_mask]
        assert np.median(air) < 120
        assert air.max() > 2500  # the letters
        assert np.median(view.pixels[view.breast_mask]) > 800


def test_density_brightens_the_breast(exams: list[tuple[PhantomView, ...]]) -> None:
    level = {d: [] for d in "ABCD"}
    for view in (view for exam in exams for view in exam if not view.boxes):
        level[view.density].append(view.pixels[view.breast_mask & ~view.pectoral_mask].mean())
    means = [np.mean(level[d]) for d in "ABCD"]
    assert means == sorted(means)


def _slope(pixels: np.ndarray, first: int, last: int) -> float:
    """Exponent of the radial power spectrum of a square region."""
    side = pixels.shape[0]
    window = np.hanning(side)
    power = np.abs(np.fft.fft2((pixels - pixels.mean()) * window * window[:, None])) ** 2
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) * side
    rings = np.arange(first, last)
    radial = [power[np.abs(radius - ring) < 0.5].mean() for ring in rings]
    return float(-np.polyfit(np.log(rings), np.log(radial), 1)[0])


def test_power_spectrum_inside_the_breast() -> None:
    slopes = []
    for patient in (1, 2, 5, 8):
        for view in make_exam(patient, size=(512, 416)):
            inside = (view.breast_mask & ~view.pectoral_mask).astype(np.float32)
            share = cv2.boxFilter(inside, -1, (128, 128), borderType=cv2.BORDER_CONSTANT)
            row, column = np.unravel_index(share.argmax(), share.shape)
            top, left = np.clip(row - 64, 0, 384), np.clip(column - 64, 0, 288)
            slopes.append(_slope(view.pixels[top : top + 128, left : left + 128].astype(float), 4, 32))
    assert 2.5 <= np.mean(slopes) <= 3.5  # Burgess et al. 2001: about 3


@pytest.mark.parametrize("beta", [2.5, 3.0])
def test_field_follows_its_power_law(beta: float) -> None:
    rng = np.random.default_rng(0)
    field = refine(rng, coarse_field(rng, beta=beta), 512, beta=beta)
    assert _slope(field, 8, 200) == pytest.approx(beta, abs=0.35)


def test_shared_field_sets_the_kinship() -> None:
    rng = np.random.default_rng(0)
    shared = coarse_field(rng)
    own = coarse_field(rng, shared=shared, kinship=0.8)
    assert np.corrcoef(shared.ravel(), own.ravel())[0, 1] == pytest.approx(0.8, abs=0.1)


def test_seed_decides_every_pixel() -> None:
    first, again, other = (make_exam(3, seed=seed, size=(96, 80))[3] for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.lesion_mask, again.lesion_mask)
    assert (first.pixels != other.pixels).mean() > 0.5


@pytest.mark.parametrize("size", [(256, 208), (128, 128), (200, 100), (64, 96)])
def test_any_size_shows_the_same_anatomy(size: tuple[int, int]) -> None:
    for patient in (6, 10):  # large masses
        for view in make_exam(patient, size=size):
            assert view.pixels.shape == size
            assert view.pixel_spacing[0] == pytest.approx(240.0 / size[0])
            assert view.lesion_size in ("none", "large")
            assert not (view.lesion_mask & ~view.breast_mask).any()


def test_same_anatomy_in_finer_pixels() -> None:
    coarse, fine = make_exam(1, size=(128, 104)), make_exam(1, size=(256, 208))
    for a, b in zip(coarse, fine, strict=True):
        shrunk = cv2.resize(b.pixels.astype(np.float32), (104, 128), interpolation=cv2.INTER_AREA)
        assert np.corrcoef(shrunk.ravel(), a.pixels.ravel())[0, 1] > 0.95
        np.testing.assert_allclose(np.array(b.boxes) / 2.0, np.array(a.boxes), atol=1.5)


@pytest.mark.slow
def test_full_size_adds_detail_only() -> None:
    for view in make_exam(1, size=(2048, 1664)):
        area = view.pixels[900:1000, 200:300] if view.laterality == "L" else view.pixels[900:1000, -300:-200]
        assert area.std() > 5
        assert view.lesion_size in ("none", "medium")


def test_contrast_exam_shows_malignant_masses_brightest() -> None:
    uptake: dict[str, list[float]] = {"benign": [], "malignant": []}
    for patient in range(0, 12):
        low = make_exam(patient, size=SIZE, kind="low_energy")
        subtracted = make_exam(patient, size=SIZE, kind="subtracted")
        for a, b in zip(low, subtracted, strict=True):
            np.testing.assert_array_equal(a.lesion_mask, b.lesion_mask)
            if b.boxes:
                rest = b.pixels[b.breast_mask & ~b.lesion_mask]
                uptake[b.class_name].append(b.pixels[b.lesion_mask].mean() - rest.mean())
    assert min(uptake["malignant"]) > 150
    assert np.mean(uptake["malignant"]) > 2 * np.mean(uptake["benign"])


def test_low_energy_image_is_the_mammogram() -> None:
    mammogram, low = make_exam(0, size=(96, 80))[0], make_exam(0, size=(96, 80), kind="low_energy")[0]
    np.testing.assert_array_equal(mammogram.pixels, low.pixels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patient": -1}, "negative"),
        ({"patient": 0, "seed": -1}, "negative"),
        ({"patient": 0, "size": (63, 63)}, "64 or more"),
        ({"patient": 0, "size": (256, 64)}, "columns / rows"),
        ({"patient": 0, "kind": "tomo"}, "none of mammography"),
    ],
)
def test_exam_refuses(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_exam(**arguments)


def test_mass_has_the_wanted_area() -> None:
    grid = Grid(480, 400)
    mass = draw_mass(np.random.default_rng(0), plan=plan_lesions(0), size="medium", frame_area=48000.0)
    mass = type(mass)(**{**vars(mass), "center": (60.0, 120.0)})
    assert mass_mask(mass, grid).sum() * grid.spacing**2 == pytest.approx(mass.area, rel=0.01)
    assert mass_radius(mass, np.linspace(0, 6.3, 50)).min() > 5.0


def test_place_falls_back_to_the_roomiest_spot() -> None:
    anatomy = build_anatomy(
        draw_shape(np.random.default_rng(0), frame_width=120.0), view_position="CC", grid=Grid(60, 30)
    )
    mass = draw_mass(np.random.default_rng(0), plan=plan_lesions(0), size="large", frame_area=200000.0)
    (center,) = place_masses(np.random.default_rng(0), [mass], anatomy, np.ones(anatomy.breast.shape), distances=None)
    assert anatomy.breast[int(center[1] / 4), int(center[0] / 4)]


def test_small_parts() -> None:
    assert smoothstep(np.array([-1.0, 0.5, 2.0]), 0.0, 1.0).tolist() == [0.0, 0.5, 1.0]
    shape = draw_shape(np.random.default_rng(0), frame_width=195.0)
    assert muscle_edge(shape, np.array([[0.0]]))[0, 0] == pytest.approx(shape.muscle_width)
    assert fine_detail(np.random.default_rng(0), (64, 64), from_side=16, std=1.0).std() > 0.5
    full = np.zeros((64, 64), dtype=np.uint16)
    burn_tag(full, np.ones((64, 64), dtype=bool), text="LCC")  # no free corner: nothing written
    assert not full.any()


# --- on disk -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    calls: list[int] = []
    out = tmp_path_factory.mktemp("data") / "phantom"
    write_phantom(out, patients=3, size=(96, 80), progress=calls.append)
    assert calls == [1, 1, 1]
    return out


def test_manifest_and_files(folder: Path) -> None:
    rows = list(csv.DictReader((folder / "manifest.csv").read_text().splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len({row["id"] for row in rows}) == 12
    for row, view in zip(rows, (v for n in range(3) for v in make_exam(n, size=(96, 80))), strict=True):
        dataset = pydicom.dcmread(folder / row["image"])
        np.testing.assert_array_equal(dataset.pixel_array, view.pixels)
        assert (dataset.ImageLaterality, dataset.ViewPosition) == (row["laterality"], row["view"])
        assert dataset.PatientID == row["patient_id"] == view.patient_id
        for column, truth in (
            ("mask", view.lesion_mask),
            ("breast_mask", view.breast_mask),
            ("pectoral_mask", view.pectoral_mask),
        ):
            stored = cv2.imread(str(folder / row[column]), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(stored, truth.astype(np.uint8) * 255)
        boxes = [(x, y, x + w, y + h) for x, y, w, h in json.loads(row["boxes_xywh"])]
        assert boxes == list(view.boxes)
        assert row["label"] == view.class_name


def test_manifest_reads_as_records(folder: Path) -> None:
    records = index(folder / "manifest.csv")
    assert Counter(record.class_name for record in records) == {"normal": 8, "malignant": 2, "benign": 2}
    assert all(record.label_path is not None for record in records)
    assert {record.strata["lesion_size"] for record in records} == {"none", "small", "medium"}


def test_uids_tell_files_apart_and_group_them(folder: Path) -> None:
    headers = [pydicom.dcmread(f, stop_before_pixels=True) for f in sorted((folder / "images").iterdir())]
    assert len({h.SOPInstanceUID for h in headers}) == 12
    assert len({h.StudyInstanceUID for h in headers}) == len({h.PatientID for h in headers}) == 3
    assert all("SYNTHETIC" in str(h.PatientName) for h in headers)


def test_complete_set_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phantom, "make_exam", None)  # would fail if called
    assert write_phantom(folder, patients=3, size=(96, 80)) == folder
    assert ensure_phantom(folder) == folder
    assert ensure_phantom(folder, patients=3) == folder


def test_other_parameters_are_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="name another folder"):
        write_phantom(folder, patients=4, size=(96, 80))
    with pytest.raises(UserError, match="'seed': 1"):
        ensure_phantom(folder, seed=1)


def test_strange_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="something else"):
        write_phantom(tmp_path, patients=1, size=(64, 64))
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_phantom(tmp_path / "out", patients=1, size=(64, 64), progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_second_writer_takes_the_first_ones_set(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def race(_: int) -> None:
        write_phantom(out, patients=1, size=(64, 64))

    assert write_phantom(out, patients=1, size=(64, 64), progress=race) == out
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_empty_folder_is_filled_with_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    files = []
    for name in ("a", "b"):
        out = ensure_phantom(tmp_path / name, patients=1, size=(64, 64))
        files.append({p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()})
    assert files[0] == files[1]


def test_contrast_set_has_two_images_a_view(tmp_path: Path) -> None:
    out = write_phantom(tmp_path / "cem", patients=1, size=(64, 64), modality="cem")
    records = index(out / "manifest.csv")
    assert Counter(record.modality for record in records) == {"low_energy": 4, "subtracted": 4}
    assert len({record.label_path for record in records}) == 4
    dataset = pydicom.dcmread(records[-1].image)
    assert dataset.ImageType[-1] == "RECOMBINED"
    assert dataset.ContrastBolusAgent == "SYNTHETIC"


@pytest.mark.parametrize(
    ("options", "message"), [({"patients": 0}, "1 or more"), ({"modality": "us"}, "none of mammography")]
)
def test_write_refuses(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_phantom(tmp_path / "out", **options)
