# SPDX-License-Identifier: Apache-2.0
"""One command from a study to masks, DICOM objects and a page, with bad files among the good and nobody named."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
import torch

from mammozoo.bundle.clinical import CAD_FILE, CLINICAL_FILES, MAX_SEGMENTS
from mammozoo.bundle.inference import check_weights, find_bundle
from mammozoo.bundle.predict import predict_study
from mammozoo.bundle.weights import restore_weights
from mammozoo.cli.main import main
from mammozoo.engines.inference.study_result import StudyResult
from mammozoo.io.clinical.seg import read_segmentation
from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
from mammozoo.io.errors import MammogramError
from mammozoo.io.write import write_png
from mammozoo.networks.segmentation.abnormal_unet import AbnormalUNet

BUNDLE = "mammo_abnormal_unet_segmentation"
OPTIONS: dict[str, Any] = {
    "width": 4, "spatial_size": [64, 64], "device": "cpu", "threshold": 0.4504
}  # fmt: skip
SET = [f"{key}={value}".replace(" ", "") for key, value in OPTIONS.items()]
CANARIES = {
    "PatientName": "CANARYSSON^MATHILDA",
    "PatientID": "CANARY-77013",
    "PatientBirthDate": "19431207",
    "AccessionNumber": "ACC4410927",
    "StudyDate": "20170923",
    "SeriesDate": "20170924",
    "AcquisitionDate": "20170925",
    "ContentDate": "20170926",
    "ReferringPhysicianName": "CANARYDOC^HUGO",
}
WORDS = re.compile(r"canary|mathilda|77013|1943.?12.?07|4410927|2017.?09.?2[3-6]|hugo", re.IGNORECASE)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network of fixed random values; the threshold lies among its probabilities."""
    torch.manual_seed(0)
    network = AbnormalUNet(in_channels=1, out_channels=1, width=4, dropout=0.3)
    path = tmp_path_factory.mktemp("weights") / "model.pt"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def views(phantom_dir: Path) -> list[Path]:
    """The four views of one synthetic patient."""
    first = sorted((phantom_dir / "images").glob("*.dcm"))[0].name.split("_")[0]
    return sorted((phantom_dir / "images").glob(f"{first}_*.dcm"))


def _rewritten(source: Path, target: Path, **elements: Any) -> Path:
    dataset = pydicom.dcmread(source)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    target.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(target)
    return target


def _twenty_files(folder: Path, views: list[Path]) -> Path:
    """Eleven images of several kinds and nine files that are none, or no good ones."""
    folder.mkdir()
    for path in views:
        shutil.copy(path, folder)
        pixels = pydicom.dcmread(path).pixel_array
        write_png(folder / f"{path.stem}_copy.png", (pixels // 16).astype(np.uint8))
    header = MammogramHeader(
        patient_id="SYNTHETIC-9", laterality="L", view_position="CC", pixel_spacing=(0.1, 0.1), uid_key="9",
        study_key="9",
    )  # fmt: skip
    pixels = (np.random.default_rng(0).random((80, 60)) * 4095).astype(np.uint16)
    for syntax in ("rle", "jpeg_lossless", "jpeg2000_lossless"):
        data = mammogram_bytes(pixels, header, photometric="MONOCHROME1", transfer_syntax=syntax)
        (folder / f"vendor_{syntax}").write_bytes(data)
    whole = views[0].read_bytes()
    (folder / "text.dcm").write_text("no image at all")
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "truncated.dcm").write_bytes(whole[: len(whole) // 2])
    (folder / "header_only.dcm").write_bytes(whole[:300])
    (folder / "broken.png").write_bytes((folder / f"{views[0].stem}_copy.png").read_bytes()[:200])
    (folder / "inner.zip").write_bytes(b"PK\3\4")
    (folder / "dangling.dcm").symlink_to(folder / "absent.dcm")
    _rewritten(views[0], folder / "zero_rows.dcm", Rows=0)
    _rewritten(views[0], folder / "ultrasound.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1", Modality="US")
    return folder


@pytest.fixture(scope="module")
def twenty(views: list[Path], weights: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyResult, list[Any]]:
    folder = tmp_path_factory.mktemp("twenty")
    calls: list[Any] = []
    study = _twenty_files(folder / "study", views)
    result = predict_study(
        study, folder / "out", bundle=BUNDLE, weights=weights, objects=(*CLINICAL_FILES, "cad"), options=OPTIONS,
        progress=lambda *done: calls.append(done),
    )  # fmt: skip
    return result, calls


def test_twenty_mixed_files_end_with_twenty_listed_results(twenty: tuple[StudyResult, list[Any]]) -> None:
    result, calls = twenty
    summary = json.loads((result.output_dir / "summary.json").read_text())
    assert len(result.images) == len(summary) == 20
    assert [row["id"] for row in summary] == [image.id for image in result.images]
    assert {image.input for image in result.failures} == {
        "text.dcm", "empty.dcm", "truncated.dcm", "header_only.dcm", "broken.png", "inner.zip", "dangling.dcm",
        "zero_rows.dcm", "ultrasound.dcm",
    }  # fmt: skip
    assert all(image.status == "failed" and image.reason for image in result.failures)
    assert calls[19] == ("images", 20, 20)
    assert calls[-1] == ("DICOM objects", 20, 20)


def test_an_image_has_its_files_and_a_failed_one_has_none(twenty: tuple[StudyResult, list[Any]]) -> None:
    result, _ = twenty
    masks = {"mask.png", "mask.nii.gz", "probability.png", "overlay.png", "findings.json"}
    for image in result.images:
        files = {path.name for path in (result.output_dir / image.id).glob("*")}
        expected = masks | set(CLINICAL_FILES.values()) if image.dicom else masks
        assert files == set(image.files) == (expected if image.status == "ok" else set())
    assert sum(image.dicom for image in result.images) == 7


def test_segmentation_reads_back_pixel_equal_and_its_lesions_are_those_of_the_report(
    twenty: tuple[StudyResult, list[Any]],
) -> None:
    result, _ = twenty
    found = 0
    for image in result.images:
        if not image.dicom:
            continue
        folder = result.output_dir / image.id
        mask = np.asarray(cv2.imread(str(folder / "mask.png"), cv2.IMREAD_UNCHANGED))
        seg = read_segmentation(folder / "seg.dcm")
        np.testing.assert_array_equal(seg.mask > 0, mask > 0)
        found += len(image.findings)
        for number, finding in enumerate(image.findings if len(image.findings) <= MAX_SEGMENTS else (), start=1):
            x1, y1, x2, y2 = finding["box_xyxy"]
            assert np.count_nonzero(seg.mask[y1:y2, x1:x2] == number) == finding["area_px"]
            tracking = seg.tracking[number - 1]
            assert tracking is not None
            assert tracking.uid in _tracking_uids(folder / "sr.dcm")
    assert found > 0


def _tracking_uids(path: Path) -> set[str]:
    return {str(item.UID) for _, item in _walk(pydicom.dcmread(path)) if "UID" in item}


def _walk(dataset: pydicom.Dataset, depth: int = 0) -> Any:
    yield depth, dataset
    for child in dataset.get("ContentSequence", []):
        yield from _walk(child, depth + 1)


def test_each_study_has_one_report_of_its_views(twenty: tuple[StudyResult, list[Any]]) -> None:
    result, _ = twenty
    assert result.reports == tuple(f"study_{number}/{CAD_FILE}" for number in (1, 2))
    assert result.to_dict()["reports"] == result.reports
    for number, path in enumerate(result.reports, start=1):
        root = pydicom.dcmread(result.output_dir / path)
        listed = [
            item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in root.ContentSequence[1].ContentSequence
        ]
        predicted = [image for image in result.images if image.study == number and image.dicom]
        uids = [pydicom.dcmread(image.path).SOPInstanceUID for image in predicted]
        assert set(uids) <= set(listed)
        impressions = root.ContentSequence[2].get("ContentSequence", [])
        assert len(impressions) == sum(len(image.findings) for image in predicted)
    # The truncated copy and the one of no rows say whose they are no more, or are no image: no view of the report.
    assert "Failed" not in str(pydicom.dcmread(result.output_dir / result.reports[1]))


def test_series_of_a_study_are_one_a_kind_and_a_second_run_replaces(
    views: list[Path], weights: Path, tmp_path: Path
) -> None:
    def identifiers(folder: Path) -> set[tuple[str, ...]]:
        headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in folder.rglob("*.dcm")]
        return {(str(h.Modality), str(h.SeriesInstanceUID), str(h.SOPInstanceUID)) for h in headers}

    for name in ("one", "two"):
        result = predict_study(
            views, tmp_path / name, bundle=BUNDLE, weights=weights, objects=["seg", "sr", "cad"], options=OPTIONS
        )
        assert result.reports == (CAD_FILE,)
    found = identifiers(tmp_path / "one")
    assert found == identifiers(tmp_path / "two")
    assert len(found) == 9
    assert len({series for _, series, _ in found}) == 3
    numbers = {int(pydicom.dcmread(path).InstanceNumber) for path in (tmp_path / "one").rglob("seg.dcm")}
    assert numbers == {1, 2, 3, 4}


def test_a_view_that_failed_is_in_the_report(views: list[Path], weights: Path, tmp_path: Path) -> None:
    study = tmp_path / "in"
    for path in views[:2]:
        _rewritten(path, study / path.name)
    broken = pydicom.dcmread(views[2])
    broken.PixelData = broken.PixelData[: len(broken.PixelData) // 2]
    broken.save_as(study / "broken.dcm")
    os.mkfifo(study / "pipe.dcm")  # is refused, and stays closed
    result = predict_study(study, tmp_path / "out", bundle=BUNDLE, weights=weights, objects=["cad"], options=OPTIONS)
    assert [image.status for image in result.images].count("failed") == 2
    report = pydicom.dcmread(tmp_path / "out" / CAD_FILE)
    assert report.ContentSequence[3].ConceptCodeSequence[0].CodeMeaning == "Partially Succeeded"
    assert len(report.ContentSequence[1].ContentSequence) == 3


def test_same_study_same_number(twenty: tuple[StudyResult, list[Any]]) -> None:
    result, _ = twenty
    numbers = {image.input: image.study for image in result.images if image.status == "ok"}
    assert {numbers[name] for name in numbers if name.startswith("vendor")} == {2}
    assert {numbers[name] for name in numbers if name.endswith("_copy.png")} == {0}
    assert sorted(set(numbers.values())) == [0, 1, 2]


def _canary_study(folder: Path, views: list[Path]) -> Path:
    """Four views under paths that name the patient, and damaged neighbours that no longer say whose they are."""
    names = [
        "CANARYSSON_MATHILDA/left.dcm", "2017-09-23/right.dcm", "canary 77013.dcm", "x/ACC4410927_1.dcm",
    ]  # fmt: skip
    study = folder / "study"
    for name, path in zip(names, views, strict=True):
        _rewritten(path, study / name, **CANARIES)
    (study / "CANARYSSON_MATHILDA/empty.dcm").write_bytes(b"")
    (study / "CANARYSSON_MATHILDA/link.dcm").symlink_to(study / "absent.dcm")
    (study / "Mathilda_notes.dcm").write_text("text")
    whole = (study / names[0]).read_bytes()
    (study / "19431207.dcm").write_bytes(whole[: len(whole) // 2])
    return study


def test_nobody_is_named_in_names_logs_pages_or_tables(
    views: list[Path],
    weights: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    study = _canary_study(tmp_path, views)
    out = tmp_path / "out"
    with caplog.at_level(logging.DEBUG):
        status = main([
            "predict", str(study), "--bundle", BUNDLE, "--weights", str(weights), "--out", str(out),
            "--seg", "--sr", "--cad", "--overlay", "--json", "--html",
            "--set", *SET,
        ])  # fmt: skip
    assert status == 0
    printed = capfd.readouterr()
    texts = {"log": caplog.text, "stdout": printed.out, "stderr": printed.err}
    files = [path for path in out.rglob("*") if path.is_file()]
    for path in files:
        texts[f"name of {path.name}"] = str(path.relative_to(out))
        if path.suffix in (".json", ".html", ".csv"):
            texts[path.name] = path.read_text(encoding="utf-8")
        elif path.suffix != ".dcm":  # what goes into the patient's study must say whose it is
            texts[str(path)] = path.read_bytes().decode("latin-1")
    for where, text in texts.items():
        assert not WORDS.search(text.replace(str(tmp_path), "")), where
    rows = json.loads((out / "summary.json").read_text())
    assert [row["status"] for row in rows].count("ok") == 4
    assert len(rows) == 8
    seg = pydicom.dcmread(next(out.rglob("seg.dcm")))
    assert seg.PatientID == CANARIES["PatientID"]


def test_strict_fails_at_the_end_and_the_results_are_there(
    views: list[Path], weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.dcm").write_text("text")
    command = [
        "predict", str(views[0]), str(tmp_path / "bad.dcm"), "--bundle", BUNDLE, "--weights", str(weights),
        "--out", str(tmp_path / "out"), "--set", *SET,
    ]  # fmt: skip
    assert main(command) == 0
    assert main([*command, "--strict"]) == 1
    printed = capsys.readouterr()
    assert "1 of 2 inputs" in printed.out
    assert "Research use only" in printed.err
    assert len(list((tmp_path / "out").rglob("mask.png"))) == 1


def test_nothing_readable_is_a_failure_with_a_list(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.dcm").write_text("text")
    arguments = ["predict", str(tmp_path / "in"), "--bundle", BUNDLE, "--weights", str(weights), "--html"]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--set", "width=4", "device=cpu"]) == 1
    assert json.loads((tmp_path / "out" / "summary.json").read_text())[0]["status"] == "failed"
    assert "bad.dcm" in (tmp_path / "out" / "study.html").read_text()


def test_zip_and_manifest(views: list[Path], weights: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        archive.write(views[0], "a/view.dcm")
    write_png(tmp_path / "film.png", np.tile(np.arange(60, dtype=np.uint8), (80, 1)))
    (tmp_path / "list.csv").write_text("id,image,patient_id,laterality,view\nfilm,film.png,P1,right,mlo\n")
    options: dict[str, Any] = {"bundle": BUNDLE, "weights": weights, "options": OPTIONS}
    zipped = predict_study(tmp_path / "study.zip", tmp_path / "out", **options)
    assert [(image.id, image.status, image.laterality) for image in zipped.images] == [("a__view", "ok", "L")]
    (film,) = predict_study(tmp_path / "list.csv", tmp_path / "out", objects=["seg"], **options).images
    assert (film.laterality, film.view_position, film.study, film.dicom) == ("R", "MLO", 1, False)
    assert film.notes[-1].startswith("no DICOM objects")
    assert not (tmp_path / "out" / "film" / "seg.dcm").exists()


def test_objects_of_an_earlier_run_do_not_stay(views: list[Path], weights: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"bundle": BUNDLE, "weights": weights, "options": OPTIONS}
    predict_study(views[0], tmp_path, objects=["seg"], **options)
    (image,) = predict_study(views[0], tmp_path, **options).images
    assert not (tmp_path / image.id / "seg.dcm").exists()


def test_an_image_without_identifiers_is_predicted_but_incomplete(
    views: list[Path], weights: Path, tmp_path: Path
) -> None:
    _rewritten(views[0], tmp_path / "in" / "DOE.dcm", StudyInstanceUID="", PatientName="DOE")
    (image,) = predict_study(
        tmp_path / "in", tmp_path / "out", bundle=BUNDLE, weights=weights, objects=["seg"], options=OPTIONS
    ).images
    assert image.status == "incomplete"
    assert "StudyInstanceUID" in image.reason
    assert "DOE" not in image.reason
    assert "mask.png" in image.files


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bundle": "no_such_bundle"}, "or one of mammo_mass_segmentation, .*mammo_abnormal_unet_segmentation"),
        ({"options": {"widht": 4}}, "did you mean --width"),
        ({"options": {"amp": "true"}}, "--amp is 'true'; expected True or False"),
        ({"options": {"width": 8, "device": "cpu"}}, "does not fit the network"),
        ({"weights": "absent.pt"}, "run training"),
        ({"objects": ["segmentation"]}, "no DICOM object"),
        ({"include": ["stereo"]}, "no kind of image stereo; there are screening, spot"),
        ({"options": OPTIONS | {"threshold": 4}}, "threshold is 4; expected a number from 0 to 1"),
        ({"options": OPTIONS | {"threshold": "high"}}, "--threshold is 'high'; expected a number"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    views: list[Path], weights: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    arguments: dict[str, Any] = {"bundle": BUNDLE, "weights": weights, "options": OPTIONS} | change
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        predict_study(views[0], tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


def test_output_inside_the_input_is_refused(views: list[Path], weights: Path) -> None:
    with pytest.raises(ValueError, match="inside the input"):
        predict_study(views[0].parent, views[0].parent / "out", bundle=BUNDLE, weights=weights)


def test_kinds_that_are_left_out_and_flat_images(
    views: list[Path], weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "in"
    _rewritten(views[0], study / "scout.dcm", ImageType=["DERIVED", "PRIMARY", "STEREO", "LEFT"])
    _rewritten(views[0], study / "slice.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    command = ["predict", str(study), "--bundle", BUNDLE, "--weights", str(weights), "--set", *SET, "--out"]
    assert main([*command, str(tmp_path / "none")]) == 1  # nothing was predicted
    shutil.copy(views[0], study / "view.dcm")
    flat = np.full_like(pydicom.dcmread(views[0]).pixel_array, 900)
    _rewritten(views[0], study / "flat.dcm", PixelData=flat.tobytes())
    assert main([*command, str(tmp_path / "some"), "--html", "--seg"]) == 0
    assert "1 of 4 inputs without a problem, 2 left out" in capsys.readouterr().out
    rows = {row["id"]: row for row in json.loads((tmp_path / "some" / "summary.json").read_text())}
    found = [rows[name]["status"] for name in ("flat", "scout", "slice", "view")]
    assert found == ["incomplete", "skipped", "skipped", "ok"]
    assert "--include stereotactic" in rows["scout"]["reason"]
    assert {path.parent.name for path in (tmp_path / "some").rglob("mask.png")} == {"view"}
    assert main([*command, str(tmp_path / "all"), "--strict", "--include", "stereotactic", "tomosynthesis"]) == 1
    assert {path.parent.name for path in (tmp_path / "all").rglob("mask.png")} == {"scout", "slice", "view"}
    (study / "flat.dcm").unlink()
    assert main([*command, str(tmp_path / "strict"), "--strict"]) == 0  # what is left out has not failed


def test_names_that_look_like_expressions_are_names(views: list[Path], weights: Path, tmp_path: Path) -> None:
    """MONAI evaluates strings that begin with a dollar sign; an input's name must never get there."""
    study = tmp_path / "$__import__('os').mkdir('evil')"
    study.mkdir()
    shutil.copy(views[0], study / "$@network.dcm")
    (image,) = predict_study(study, tmp_path / "out", bundle=BUNDLE, weights=weights, options=OPTIONS).images
    assert image.status == "ok"
    assert not Path("evil").exists()


def test_weights_other_than_the_listed_ones_are_refused_unless_named(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(find_bundle(BUNDLE).path / "configs", folder / "configs")
    (folder / "models").mkdir()
    shutil.copy(weights, folder / "models" / "model.pt")
    metadata = json.loads((folder / "configs" / "metadata.json").read_text())
    metadata.pop("weights", None)
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    file, digest = check_weights(find_bundle(folder))
    assert file == folder / "models" / "model.pt"
    for listed, refused in ((digest, False), ("0" * 64, True)):
        metadata["weights"] = {"model.pt": {"sha256": listed}}
        (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
        with pytest.raises(MammogramError, match="SHA-256") if refused else nullcontext():
            check_weights(find_bundle(folder))
        assert check_weights(find_bundle(folder), path=weights)[1] == digest


def test_a_bundle_from_elsewhere_is_read_before_it_runs(
    views: list[Path], weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of it runs before the check has nothing to say, or the user has read what it says."""
    folder, mark = tmp_path / BUNDLE, tmp_path / "mark"
    shutil.copytree(find_bundle(BUNDLE).path, folder, ignore=shutil.ignore_patterns("*.pt", "data", "eval"))
    restore_weights(folder)
    options: dict[str, Any] = {"bundle": folder, "weights": weights, "options": OPTIONS}
    assert predict_study(views[0], tmp_path / "clean", **options).images[0].status == "ok"
    file = folder / "configs" / "inference.json"
    attack = {"initialize": [*json.loads(file.read_text())["initialize"], f"$__import__('os').mkdir({str(mark)!r})"]}
    file.write_text(json.dumps(json.loads(file.read_text()) | attack))
    with pytest.raises(ValueError, match=r"initialize::3: \[expression\] '.mkdir' is not a listed member"):
        predict_study(views[0], tmp_path / "out", **options)
    assert not mark.exists()
    assert not (tmp_path / "out").exists()
    command = ["predict", str(views[0]), "--bundle", str(folder), "--weights", str(weights), "--set", *SET]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    assert "`--trust` runs the bundle all the same" in capsys.readouterr().err
    assert main([*command, "--out", str(tmp_path / "out"), "--trust"]) == 0
    assert mark.exists()
