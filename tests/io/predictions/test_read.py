# SPDX-License-Identifier: Apache-2.0
"""Predictions in every layout that people have them in."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammozoo._errors import UserError
from mammozoo.io.errors import MammogramError
from mammozoo.io.predictions.masks import read_predicted_mask, sop_instance_uid
from mammozoo.io.predictions.read import find_predictions, match_names, read_case_mask, stem
from mammozoo.io.raster.nifti import write_mask_nifti
from mammozoo.io.write import write_json, write_png

MASK = np.zeros((12, 8), np.uint8)
MASK[2:5, 1:3] = 1


def test_our_output_folder(tmp_path: Path) -> None:
    write_png(tmp_path / "a" / "mask.png", MASK * np.uint8(255))
    write_png(tmp_path / "a" / "probability.png", MASK * np.uint16(65535))
    write_png(tmp_path / "a" / "overlay.png", np.zeros((12, 8, 3), np.uint8))
    write_json(tmp_path / "a" / "findings.json", [{"box_xyxy": [1, 2, 3, 5], "score": 0.7}])
    write_json(tmp_path / "summary.json", [{"id": "a", "status": "ok"}, {"id": "b", "status": "failed", "reason": "x"}])
    found = find_predictions(tmp_path)
    assert found.layout.startswith("mammozoo")
    assert set(found.cases) == {"a", "b"}
    assert (found.has_masks, found.has_boxes, found.has_scores) == (True, True, False)
    assert found.cases["a"].boxes[0].box_xyxy == (1, 2, 3, 5)
    assert found.cases["b"].failure == "x"
    read = read_case_mask(found.cases["a"])
    np.testing.assert_array_equal(read.mask, MASK != 0)
    np.testing.assert_array_equal(read.probability, MASK)
    with pytest.raises(MammogramError, match="b: x"):
        read_case_mask(found.cases["b"])


@pytest.mark.parametrize("ending", [".png", ".nii.gz"])
def test_nnunet_folder(tmp_path: Path, ending: str) -> None:
    """Labels 0, 1, 2 and probabilities (classes, 1, H, W) beside them."""
    (tmp_path / "dataset.json").write_text("{}")
    if ending == ".png":
        write_png(tmp_path / "case_1.png", MASK * np.uint8(2))
    else:
        write_mask_nifti(tmp_path / "case_1.nii.gz", MASK, pixel_spacing=None)
    probabilities = np.stack([1 - 0.75 * MASK, 0.5 * MASK, 0.25 * MASK])[:, None].astype(np.float16)
    np.savez_compressed(tmp_path / "case_1.npz", probabilities=probabilities)
    found = find_predictions(tmp_path)
    assert found.layout.startswith("nnU-Net")
    read = read_case_mask(found.cases["case_1"])
    np.testing.assert_array_equal(read.mask, MASK != 0)
    np.testing.assert_array_equal(read.probability, np.float32(0.75) * MASK)


def test_folder_of_masks_in_subfolders(tmp_path: Path) -> None:
    write_png(tmp_path / "x" / "a.png", MASK)
    write_mask_nifti(tmp_path / "b.nii.gz", MASK, pixel_spacing=(0.1, 0.1))
    (tmp_path / "notes.txt").write_text("no mask")
    found = find_predictions(tmp_path)
    assert set(found.cases) == {"x/a", "b"}
    for case in found.cases.values():
        np.testing.assert_array_equal(read_case_mask(case).mask, MASK != 0)
    write_mask_nifti(tmp_path / "x" / "a.nii.gz", MASK, pixel_spacing=None)
    with pytest.raises(ValueError, match="one name"):
        find_predictions(tmp_path)


@pytest.mark.parametrize(
    ("names", "matched"),
    [
        (["images/im0.png", "images/im1.png"], {"im0": 0, "im1": 1}),
        (["images\\im0.png", "images\\im1.png"], {"im0": 0, "im1": 1}),
        (["C:\\study\\im0.PNG", "./im1.jpg"], {"im0": 0, "im1": 1}),
        (["x/view.dcm", "y/view.dcm"], {"im0": 0, "im1": 1}),
        (["a/b/x/view", "a/b/y/view"], {"im0": 0, "im1": 1}),
        (["one/im0", "two/im0"], {}),
        (["other", "im"], {}),
        ([], {}),
    ],
)
def test_names_with_folders(names: list[str], matched: dict[str, int]) -> None:
    wanted = {"im0": ["im0", "/data/x/view.dcm"], "im1": ["im1", "/data/y/view.dcm"]}
    assert match_names(wanted, names) == {image: names[number] for image, number in matched.items()}


def test_soft_masks_and_other_formats(tmp_path: Path) -> None:
    """Predicted masks are read as true ones are: one rule."""
    disk = cv2.circle(np.zeros((60, 40), np.uint8), (20, 30), 12, 255, -1)
    write_png(tmp_path / "soft.png", cv2.GaussianBlur(disk, (0, 0), 1.5))
    for name in ("a.bmp", "b.jpg"):
        cv2.imwrite(str(tmp_path / name), disk)
    for name, case in find_predictions(tmp_path).cases.items():
        found = read_case_mask(case)
        assert np.count_nonzero(found.mask) == pytest.approx(np.count_nonzero(disk), rel=0.03), name
        assert bool(found.note) == (name != "a")


def test_dicom_segmentation(tmp_path: Path) -> None:
    from mammozoo.io.clinical.seg import write_segmentation
    from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes

    header = MammogramHeader(
        patient_id="SYNTHETIC-1", laterality="L", view_position="CC", pixel_spacing=(0.1, 0.1), uid_key="1",
        study_key="1",
    )  # fmt: skip
    source = tmp_path / "image.dcm"
    source.write_bytes(mammogram_bytes(np.zeros((12, 8), np.uint16), header))
    options = {"algorithm_name": "test", "algorithm_version": "1"}
    (tmp_path / "out").mkdir()
    write_segmentation(tmp_path / "out" / "seg.dcm", MASK, source, **options)
    probability = (0.25 + 0.5 * MASK).astype(np.float32)
    write_segmentation(tmp_path / "out" / "soft.dcm", probability, source, kind="fractional", **options)
    found = find_predictions(tmp_path / "out")
    read = read_case_mask(found.cases["seg"])
    np.testing.assert_array_equal(read.mask, MASK != 0)
    assert read.source_uid == sop_instance_uid(source) != ""
    soft = read_case_mask(found.cases["soft"])
    np.testing.assert_array_equal(soft.mask, MASK != 0)
    np.testing.assert_allclose(soft.probability, probability, atol=1 / 255)


def test_a_gray_image_is_no_mask_until_a_threshold_is_given(tmp_path: Path) -> None:
    gray = np.arange(96, dtype=np.uint8).reshape(12, 8) * np.uint8(2)
    file = write_png(tmp_path / "a.png", gray)
    with pytest.raises(MammogramError, match="--mask-threshold"):
        read_predicted_mask(file)
    read = read_predicted_mask(file, threshold=0.5)
    np.testing.assert_array_equal(read.mask, gray >= 127.5)
    np.testing.assert_allclose(read.probability, gray / 255, rtol=1e-6)
    plain = read_predicted_mask(write_png(tmp_path / "b.png", MASK * np.uint8(255)), threshold=0.5)
    np.testing.assert_array_equal(plain.mask, MASK != 0)
    low = read_predicted_mask(write_png(tmp_path / "c.png", MASK * np.uint8(9)), threshold=0.5)
    assert not low.mask.any()


def test_nifti_of_probabilities(tmp_path: Path) -> None:
    import nibabel as nib

    values = (MASK * 0.8 + 0.1).astype(np.float32)
    nib.save(nib.Nifti1Image(values.T[..., None], np.eye(4)), tmp_path / "a.nii.gz")
    read = read_predicted_mask(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read.mask, MASK != 0)
    assert not read_predicted_mask(tmp_path / "a.nii.gz", threshold=0.95).mask.any()
    nib.save(nib.Nifti1Image(values.T[..., None] * 7, np.eye(4)), tmp_path / "b.nii.gz")
    with pytest.raises(MammogramError, match="0 to 1"):
        read_predicted_mask(tmp_path / "b.nii.gz")


def test_damaged_masks_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (tmp_path / "b.nii.gz").write_bytes(b"broken")
    (tmp_path / "c.dcm").write_bytes(b"broken")
    for case in find_predictions(tmp_path).cases.values():
        with pytest.raises((MammogramError, OSError), match=r"[abc]\."):
            read_case_mask(case)


def test_coco_results_and_documents(tmp_path: Path) -> None:
    file = tmp_path / "boxes.json"
    result = {"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
    file.write_text(json.dumps([result]))
    found = find_predictions(file)
    assert found.cases["7"].boxes[0].box_xyxy == (1, 2, 4, 6)
    assert not found.names_all
    images = [{"id": 7, "file_name": "x/a.png", "height": 12, "width": 8}, {"id": 8, "file_name": "b.png"}]
    file.write_text(json.dumps({"images": images, "annotations": [result]}))
    found = find_predictions(file)
    assert {name: len(case.boxes) for name, case in found.cases.items()} == {"x/a": 1, "b": 0}
    assert found.cases["x/a"].shape == (12, 8)
    assert found.names_all


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "no JSON"),
        ("3", "neither a list"),
        ('[{"image_id": 1, "bbox": [1, 2, 3, 4]}]', "result 1.*score"),
        ('[{"image_id": 1, "bbox": [1, 2, 0, 4], "score": 1}]', "x2 > x1"),
        ('{"images": [{"id": 2, "file_name": "a.png"}], "annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4], '
         '"score": 1}]}', "image_id 1"),
    ],
)  # fmt: skip
def test_bad_coco(tmp_path: Path, document: str, message: str) -> None:
    file = tmp_path / "boxes.json"
    file.write_text(document)
    with pytest.raises(ValueError, match=message):
        find_predictions(file)


def test_csv_of_scores_and_of_boxes(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text("id,probability,threshold,prediction\na,0.9,0.4,1\nb,0.1,0.4,0\n")
    found = find_predictions(file)
    assert {name: case.score for name, case in found.cases.items()} == {"a": 0.9, "b": 0.1}
    assert found.threshold == 0.4
    assert find_predictions(file.rename(tmp_path / "predictions.csv").parent).has_scores
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("id,score,x1,y1,x2,y2\na,0.9,1,2,3,4\na,0.5,5,6,7,8\nb,,,,,\n")
    found = find_predictions(boxes)
    assert [len(case.boxes) for case in found.cases.values()] == [2, 0]
    assert not found.has_scores
    file.write_text("id;score;threshold\na;0,9;0,4\n", encoding="utf-16")  # as a German spreadsheet saves it
    found = find_predictions(file)
    assert (found.cases["a"].score, found.threshold) == (0.9, 0.4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id\na\n", "columns id,score"),
        ("id,score,x1\na,1,2\n", "columns id,score"),
        ("id,score\na,high\n", "line 2: score is 'high'"),
        ("id,score\na,nan\n", "finite"),
        ("id,score\na,1\na,2\n", "line 3: duplicate id 'a'"),
        ("id,score\n,1\n", "id is empty"),
        ("id,score,x1,y1,x2,y2\na,1,5,2,3,4\n", "x2 > x1"),
    ],
)
def test_bad_csv(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "scores.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        find_predictions(file)


def test_what_is_no_prediction(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(UserError, match="no"):
            find_predictions(path)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match="neither"):
        find_predictions(tmp_path / "a.txt")


@pytest.mark.parametrize(("name", "wanted"), [("a.nii.gz", "a"), ("x/a.b.png", "x/a.b"), ("a", "a"), ("A.PNG", "A")])
def test_stem(name: str, wanted: str) -> None:
    assert stem(name) == wanted
