# SPDX-License-Identifier: Apache-2.0
"""The images of a study folder, and the segmentations among them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest

from mammozoo.io.clinical.seg import segmented_images, write_segmentation
from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
from mammozoo.label.store.import_segs import import_segmentations
from mammozoo.label.store.labels import LabelStore
from mammozoo.label.store.seg_files import export_segmentations, main
from mammozoo.label.store.seg_queue import SegQueue
from mammozoo.label.store.sources import FolderSource
from mammozoo.label.store.studies import list_studies

SHAPE = (12, 9)


def _dicom(path: Path, number: int, *, study: str = "s") -> Path:
    header = MammogramHeader(
        patient_id="SYNTHETIC-7", laterality="R", view_position="MLO", pixel_spacing=(0.1, 0.2),
        uid_key=f"studies {number}", study_key=study,
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mammogram_bytes(np.full(SHAPE, 100 + number, np.uint16), header))
    return path


def _segmentation(path: Path, source: Path, mask: np.ndarray) -> Path:
    return write_segmentation(path, mask, source, algorithm_name=None, algorithm_version="1")


def _mask(row: int) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[row, 2:6] = 1
    return mask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "studies"
    _dicom(root / "p" / "q" / "a", 1)
    _dicom(root / "p" / "q" / "b.dcm", 2)
    _dicom(root / "r" / "c.DCM", 3, study="t")
    shutil.copy(root / "p" / "q" / "a", root / "r" / "again.dcm")
    cv2.imwrite(str(root / "x.png"), np.zeros(SHAPE, np.uint8))
    nibabel.save(nibabel.Nifti1Image(np.zeros((9, 12, 1), np.int16), np.diag([0.2, 0.1, 1, 1])), root / "y.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.zeros((9, 12, 4), np.int16), np.eye(4)), root / "volume.nii.gz")
    (root / "broken.dcm").write_bytes(b"x")
    (root / "readme.txt").write_text("x")
    cv2.imwrite(str(_made(root / "annotation") / "label.png"), np.zeros(SHAPE, np.uint8))
    return root


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_nested_mixed_folder_gives_an_item_an_image(folder: Path) -> None:
    found = list_studies(folder, exclude=folder / "annotation")
    assert [(image.name, image.kind) for image in found.images] == [
        ("p/q/a", "dicom"), ("p/q/b.dcm", "dicom"), ("r/c.DCM", "dicom"), ("x.png", "raster"), ("y.nii.gz", "nifti"),
    ]  # fmt: skip
    a, b, c, _, nifti = found.images
    assert a.group == b.group != c.group
    assert (a.laterality, a.view_position, a.pixel_spacing, a.rows, a.columns) == ("R", "MLO", (0.1, 0.2), *SHAPE)
    assert nifti.pixel_spacing == pytest.approx((0.1, 0.2))
    assert (nifti.rows, nifti.columns) == SHAPE
    assert not any("SYNTHETIC" in str(replace(image, path=Path())) for image in found.images)


def test_what_is_left_out_has_its_reason(folder: Path) -> None:
    reasons = dict(list_studies(folder, exclude=folder / "annotation").left_out)
    assert reasons.keys() == {"r/again.dcm", "broken.dcm", "volume.nii.gz"}
    assert "same image as p/q/a" in reasons["r/again.dcm"]
    assert "expected (W, H) or (W, H, 1)" in reasons["volume.nii.gz"]


def test_segmentations_are_no_images_and_become_labels(folder: Path, tmp_path: Path) -> None:
    sources = [folder / "p" / "q" / "a", folder / "p" / "q" / "b.dcm"]
    _segmentation(folder / "p" / "q" / "seg_a.dcm", sources[0], _mask(3))
    _segmentation(folder / "seg_b.dcm", sources[1], _mask(5))
    elsewhere = _dicom(tmp_path / "other.dcm", 9)
    _segmentation(folder / "stray.dcm", elsewhere, _mask(1))
    found = list_studies(folder, exclude=folder / "annotation")
    assert len(found.images) == 5
    assert len(found.segmentations) == 3
    labels = folder / "annotation" / "labels"
    assert import_segmentations(found, labels) == (2, (("stray.dcm", "segments no image of this list"),))
    a, b = found.images[:2]
    np.testing.assert_array_equal(LabelStore(labels).read(a.id, "final"), _mask(3))
    np.testing.assert_array_equal(LabelStore(labels).read(b.id, "final"), _mask(5))
    LabelStore(labels).save(a.id, "final", _mask(7))
    assert import_segmentations(found, labels)[0] == 0, "what a person saved since stays"
    np.testing.assert_array_equal(LabelStore(labels).read(a.id, "final"), _mask(7))


def test_of_two_segmentations_the_newer_counts(folder: Path) -> None:
    import pydicom

    source = folder / "p" / "q" / "a"
    for name, day, row in (("1.dcm", "20200102", 2), ("2.dcm", "20240102", 4), ("3.dcm", "20220102", 6)):
        path = _segmentation(folder / name, source, _mask(row))
        dataset = pydicom.dcmread(path)
        dataset.ContentDate = day
        dataset.save_as(path)
        assert segmented_images(path)[1].startswith(day)
    found = list_studies(folder, exclude=folder / "annotation")
    assert import_segmentations(found, folder / "annotation" / "labels") == (1, ())
    np.testing.assert_array_equal(
        LabelStore(folder / "annotation" / "labels").read(found.images[0].id, "final"), _mask(4)
    )


def test_a_damaged_segmentation_does_not_stop_the_others(folder: Path) -> None:
    source = folder / "p" / "q" / "a"
    _segmentation(folder / "good.dcm", source, _mask(2))
    bad = _segmentation(folder / "bad.dcm", folder / "p" / "q" / "b.dcm", _mask(2))
    bad.write_bytes(bad.read_bytes()[:-20])
    count, refused = import_segmentations(list_studies(folder), folder / "annotation" / "labels")
    assert count == 1
    assert [name for name, _ in refused] == ["bad.dcm"]


def test_export_writes_what_is_missing_once(folder: Path) -> None:
    source, labels = FolderSource(folder, exclude=folder / "annotation"), folder / "annotation" / "labels"
    a, b, _, raster, _ = source.list().images
    store = LabelStore(labels)
    for image in (a, raster):
        store.save(image.id, "final", _mask(4))
    store.save(b.id, "final", np.zeros((3, 3), np.uint8))
    written, failed = export_segmentations(source, labels)
    assert [path.name for path in written] == [f"{a.id}.dcm"]
    assert segmented_images(written[0])[0] == (a.id,)
    assert [name for name, _ in failed] == [b.name]
    assert export_segmentations(source, labels)[0] == []


def test_the_writer_s_answer_is_one_line_without_the_path(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, source = folder / "annotation" / "labels", folder / "p" / "q" / "a"
    (image, *_) = list_studies(folder).images
    assert main([str(labels), image.id, str(source)]) == 1
    assert "no label" in capsys.readouterr().out
    LabelStore(labels).save(image.id, "final", _mask(1))
    assert main([str(labels), image.id, str(source)]) == 0
    out = capsys.readouterr().out
    assert out == f'{{"written": "{image.id}.dcm"}}\n'


@pytest.mark.parametrize(("program", "wanted"), [("absent-python", "failed: the writer ended with"), ("", None)])
def test_the_queue_says_what_became_of_it(folder: Path, program: str, wanted: str | None) -> None:
    store = LabelStore(folder / "annotation" / "labels")
    store.save("a", "final", _mask(1))
    waiting = SegQueue(store, python=program, deliver=lambda path: "stored")
    waiting.add("a", folder / "x.png")
    waiting.wait()
    state = store.info("a", "final").get("dicom_seg")
    assert state is None if wanted is None else state.startswith(wanted)
