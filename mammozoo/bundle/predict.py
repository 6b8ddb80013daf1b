# SPDX-License-Identifier: Apache-2.0
"""Run a bundle on a study: every input ends with a status, the rest of the results beside it.

The bundle's own ``inference.json`` runs through MONAI's ``ConfigWorkflow`` and writes masks and findings; what a
clinic asks for in addition (DICOM objects, one result file) is made here from those files.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .._typing import PathLike
from ..data.record import laterality_code, view_code
from ..engines.inference.readable import without_path
from ..engines.inference.study_result import ImageResult, StudyResult
from ..io.clinical.source import read_source
from ..io.dicom.read import read_mammogram
from ..io.errors import MammogramError
from ..io.inputs import InputImage, list_inputs, require_outside
from .check.run_check import check_bundle
from .clinical import CAD_FILE, CLINICAL_FILES, write_clinical_objects, write_examination_report
from .findings import BundleReport
from .inference import Bundle, check_hashes, find_bundle, run_inference

__all__ = ["predict_study"]

#: What a run leaves in an image's folder; an earlier run's files of these names are removed first.
_RESULTS = (
    "mask.png", "mask.nii.gz", "probability.png", "overlay.png", "findings.json", *CLINICAL_FILES.values()
)  # fmt: skip
_TABLES = ("summary.json", "predictions.csv", CAD_FILE)


def predict_study(
    source: PathLike | Sequence[PathLike],
    output_dir: PathLike,
    *,
    bundle: PathLike,
    weights: PathLike | None = None,
    objects: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
    include: Sequence[str] = (),
    trust: bool = False,
    progress: Callable[[str, int, int], object] | None = None,
) -> StudyResult:
    """Run a bundle on a folder, a zip, a manifest or files.

    Parameters
    ----------
    source : path or sequence of paths
        As of `mammozoo.io.inputs.list_inputs`; vendors and formats may be mixed.
    output_dir : path
        Not inside `source`. Receives ``<id>/`` with the bundle's files and ``summary.json``.
    bundle : path
        Name of a folder in ``bundles/``, or the folder of an unzipped bundle. Its configuration is code, and is
        executed; one from elsewhere is first checked (`mammozoo.bundle.check.run_check.check_bundle`), which executes
        nothing.
    weights : path, optional
        Other weights than the bundle's own, which must be the ones that its metadata list.
    objects : iterable of {"seg", "sr", "cad", "overlay"}
        DICOM objects to write: ``<id>/seg.dcm``, ``<id>/sr.dcm`` and ``<id>/overlay.dcm`` for every DICOM input, one
        ``cad_sr.dcm`` for a study (of several in ``study_1/``, ``study_2/``, ...).
    options : mapping, optional
        Keys of the bundle's ``inference.json`` to set, as ``{"width": 16}``.
    include : sequence of str
        Further kinds of images than the bundle accepts (`mammozoo.io.dicom.kinds.KINDS`), as ``["stereotactic"]``;
        others are skipped with their reason.
    trust : bool
        Run a bundle from elsewhere without that check.
    progress : callable, optional
        Called with the stage (``"images"``, then ``"DICOM objects"``) and the numbers of inputs done and of all.

    Returns
    -------
    StudyResult

    Raises
    ------
    MammogramError
        If the source as a whole cannot be used.
    FileNotFoundError
        If there is no such bundle, or no weights.
    ValueError
        If an option or a kind is unknown, weights do not fit or are not the listed ones, the output lies inside the
        source, or the check of a bundle from elsewhere finds something.

    Notes
    -----
    A file that cannot be read is listed with its reason and the rest goes on. Inputs that are no DICOM files get no
    DICOM objects, since there is no study to put them into; a note says so.
    """
    wanted = _checked(objects)
    folder = Path(output_dir).resolve()
    require_outside(folder, source)
    found = find_bundle(bundle)
    if found.foreign and not trust:
        _refuse_findings(found, named=weights is not None)
    items = list_inputs(source)
    for item in items:
        for name in _RESULTS:
            (folder / item.id / name).unlink(missing_ok=True)
    for path in (*(folder / name for name in _TABLES), *folder.glob(f"study_*/{CAD_FILE}")):
        path.unlink(missing_ok=True)
    ran = run_inference(
        found,
        items,
        folder,
        weights=weights,
        options=options or {},
        include=include,
        progress=None if progress is None else lambda done: progress("images", done, len(items)),
    )
    statuses = {row["id"]: row for row in json.loads((folder / "summary.json").read_text(encoding="utf-8"))}
    probabilities, saved = _probabilities(folder / "predictions.csv")
    threshold = ran.threshold if saved is None else saved
    studies: dict[str, int] = {}
    images = []
    for done, item in enumerate(items, start=1):
        row = statuses[item.id]
        image = ImageResult(id=item.id, input=item.name, status=row["status"], reason=row["reason"], path=item.path)
        if image.status == "ok":
            image = _described(image, item, folder / item.id, studies)
            notes = (*image.notes, *filter(None, [row.get("note")]))
            image = replace(image, probability=probabilities.get(item.id), dropped=row.get("dropped", 0), notes=notes)
            image = _with_objects(image, folder / item.id, wanted, found, done)
        images.append(image)
        if progress is not None and wanted:
            progress("DICOM objects", done, len(items))
    parameters = () if threshold is None else (f"threshold {threshold:g}",)
    opened = [index for index, item in enumerate(items) if not item.error]  # what was refused stays closed
    reports = _write_reports(images, opened, folder, found, parameters) if "cad" in wanted else ()
    return StudyResult(
        bundle=found.name,
        version=found.version,
        weights_sha256=ran.weights_sha256,
        threshold=threshold,
        output_dir=folder,
        images=tuple(images),
        reports=reports,
    )


def _refuse_findings(bundle: Bundle, *, named: bool) -> None:
    """Read a bundle before anything of it runs; who names weights does not ask for the recorded ones."""
    if not named:
        check_hashes(bundle)
    found = check_bundle(bundle.path).findings
    kept = tuple(item for item in found if not (named and item.key[:9] == "weights::"))
    report = BundleReport(str(bundle.path), kept)
    if not report.clean:
        msg = f"not run: {report.text()}\nread these places; `--trust` runs the bundle all the same"
        raise ValueError(msg)


def _checked(objects: Iterable[str]) -> tuple[str, ...]:
    wanted = tuple(objects)
    known = ("seg", "sr", "cad", "overlay")
    unknown = set(wanted) - set(known)
    if unknown:
        msg = f"no DICOM object {', '.join(sorted(unknown))}; there are {', '.join(known)}"
        raise ValueError(msg)
    if {"seg", "sr"} & set(wanted) and find_spec("highdicom") is None:
        msg = "segmentations and measurement reports need highdicom: pip install 'mammozoo[clinic]'"
        raise ValueError(msg)
    return wanted


def _described(image: ImageResult, item: InputImage, folder: Path, studies: dict[str, int]) -> ImageResult:
    """Add what the header and the findings say."""
    mammogram = read_mammogram(item.path)
    study = mammogram.uids.get("StudyInstanceUID", "") or item.patient_id
    findings = folder / "findings.json"
    return replace(
        image,
        study=studies.setdefault(study, len(studies) + 1) if study else 0,
        laterality=mammogram.laterality or _side(item.laterality),
        view_position=mammogram.view_position or view_code(item.view_position),
        shape=(mammogram.pixels.shape[0], mammogram.pixels.shape[1]),
        pixel_spacing=mammogram.pixel_spacing,
        dicom="SOPInstanceUID" in mammogram.uids,
        flags=mammogram.flags,
        notes=mammogram.warnings,
        findings=tuple(json.loads(findings.read_text(encoding="utf-8"))) if findings.is_file() else (),
        files=_files(folder),
    )


def _side(text: str) -> str:
    try:
        return laterality_code(text)
    except ValueError:  # a manifest's word that says no side
        return ""


def _probabilities(path: Path) -> tuple[dict[str, float], float | None]:
    """What a classification bundle writes: probabilities by id, and the threshold, which may be a saved one."""
    if not path.is_file():
        return {}, None
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {row["id"]: float(row["probability"]) for row in rows}, float(rows[0]["threshold"]) if rows else None


def _files(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in folder.iterdir())) if folder.is_dir() else ()


def _with_objects(image: ImageResult, folder: Path, wanted: Sequence[str], bundle: Bundle, number: int) -> ImageResult:
    """Write the DICOM objects of one image; what fails is its reason."""
    if not wanted:
        return image
    if not image.dicom:
        return replace(image, notes=(*image.notes, "no DICOM objects: the input is no DICOM file"))
    if "mask.png" not in image.files:
        image = replace(image, notes=(*image.notes, "no segmentation or report: this bundle writes no mask"))
        wanted = [kind for kind in wanted if kind == "overlay" and "overlay.png" in image.files]
    try:
        write_clinical_objects(
            folder,
            image.path,
            [kind for kind in wanted if kind in CLINICAL_FILES],
            algorithm_name=bundle.name,
            algorithm_version=bundle.version,
            instance_number=number,
        )
    except (MammogramError, OSError, ValueError) as error:
        return _incomplete(image, folder, error)
    return replace(image, files=_files(folder))


def _incomplete(image: ImageResult, folder: Path, error: Exception) -> ImageResult:
    reason = f"DICOM objects: {without_path(error, image.path, name=image.input)}"
    return replace(image, status="incomplete", reason=reason, files=_files(folder))


def _write_reports(
    images: list[ImageResult], opened: Sequence[int], folder: Path, bundle: Bundle, parameters: Sequence[str]
) -> tuple[str, ...]:
    """Write one CAD report a study; where one cannot be written, its images are incomplete in the list."""
    studies: dict[str, list[int]] = {}
    for index in opened:
        image = images[index]
        if image.status == "skipped" or (image.predicted and not _has_mask(image)):
            continue
        try:
            studies.setdefault(str(read_source(image.path).StudyInstanceUID), []).append(index)
        except (MammogramError, OSError) as error:
            if image.status == "ok":
                images[index] = _incomplete(image, folder / image.id, error)
    written = []
    predicted = [group for group in studies.values() if any(_has_mask(images[index]) for index in group)]
    for group in predicted:
        number = max(images[index].study for index in group)
        name = CAD_FILE if len(predicted) == 1 else f"study_{number}/{CAD_FILE}"
        views = [(images[i].path, folder / images[i].id if _has_mask(images[i]) else None) for i in group]
        algorithm = {"algorithm_name": bundle.name, "algorithm_version": bundle.version}
        try:
            write_examination_report(folder / name, views, parameters=parameters, **algorithm)
            written.append(name)
        except (MammogramError, OSError, ValueError) as error:
            for index in group:
                if images[index].status == "ok":
                    images[index] = _incomplete(images[index], folder / images[index].id, error)
    return tuple(written)


def _has_mask(image: ImageResult) -> bool:
    return image.dicom and "mask.png" in image.files
