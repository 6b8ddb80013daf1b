# SPDX-License-Identifier: Apache-2.0
"""Synthetic exams with known truth: the data set that every bundle runs on by default."""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .._errors import UserError
from .._typing import Mask, PathLike
from ..io.dicom.writer import MammogramHeader, mammogram_bytes
from ..io.write import write_csv, write_json
from .exam import KINDS, PhantomView, make_exam, patient_name

__all__ = ["COLUMNS", "KINDS", "PhantomView", "ensure_phantom", "make_exam", "patient_name", "write_phantom"]

logger = logging.getLogger(__name__)

#: Columns of manifest.csv; a contrast data set has ``modality`` besides.
COLUMNS = (
    "id",
    "image",
    "mask",
    "patient_id",
    "laterality",
    "view",
    "label",
    "boxes_xywh",
    "density",
    "lesion_size",
    "margin",
    "breast_mask",
    "pectoral_mask",
)
#: Counted up whenever the same seed would give other pictures.
VERSION = 2
_STAMP = "phantom.json"
_MODALITIES = {"mammography": ("mammography",), "cem": ("low_energy", "subtracted")}
_SUFFIX = {"mammography": "", "low_energy": "_LE", "subtracted": "_SUB"}
_IMAGE_TYPE = {
    "mammography": ("DERIVED", "PRIMARY"),
    "low_energy": ("DERIVED", "PRIMARY", "", "LOW_ENERGY"),
    "subtracted": ("DERIVED", "PRIMARY", "", "RECOMBINED"),
}
_WINDOWS = {
    "mammography": ((1850.0, 3500.0, "NORMAL"), (1950.0, 2600.0, "HARDER"), (1850.0, 4600.0, "SOFTER")),
    "subtracted": ((1500.0, 2900.0, "NORMAL"), (1500.0, 2000.0, "HARDER")),
}


def write_phantom(
    out: PathLike,
    *,
    patients: int = 24,
    seed: int = 0,
    size: tuple[int, int] = (1024, 832),
    modality: str = "mammography",
    progress: Callable[[int], object] | None = None,
) -> Path:
    """Write a data set of synthetic exams: DICOM files, PNG masks and a manifest.

    Parameters
    ----------
    out : path
        Folder to make. It appears only when it is complete.
    patients : int
        Four views each; a third of them has no lesion.
    seed : int
        The same seed gives the same bytes.
    size : (int, int)
        (rows, columns) of the images.
    modality : {"mammography", "cem"}
        ``"cem"`` writes a low-energy and a subtracted image of every view; their manifest has the further
        column ``modality``.
    progress : callable, optional
        Called with 1 after each patient.

    Returns
    -------
    pathlib.Path
        The folder; ``manifest.csv`` in it is what `mammozoo.data.manifest.index` reads.

    Raises
    ------
    UserError
        If `out` holds anything else than the same data set, `patients` is below 1, or the modality is unknown.

    Notes
    -----
    Built in a temporary folder beside `out` and renamed, so an interrupted run leaves no half data set. A
    complete one with the same parameters is kept. Of several processes that write at once, the first wins.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     out = write_phantom(f"{folder}/exams", patients=1, size=(64, 64))
    ...     len(list(out.glob("images/*.dcm")))
    4
    """
    target = Path(out)
    size = (int(size[0]), int(size[1]))
    wanted = _parameters(patients=patients, seed=seed, size=size, modality=modality)
    if _is_there(target, wanted):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        _build(temporary, patients=patients, seed=seed, size=size, modality=modality, progress=progress)
        write_json(temporary / _STAMP, wanted)
        _move(temporary, target, wanted)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def ensure_phantom(
    dataset_dir: PathLike,
    *,
    patients: int | None = None,
    seed: int | None = None,
    size: tuple[int, int] | None = None,
    modality: str | None = None,
) -> Path:
    """Make sure that a folder holds synthetic exams: take those that are there, else write them.

    Parameters
    ----------
    dataset_dir : path
    patients, seed, size, modality : optional
        See `write_phantom`. What is None may be anything in a data set that is already there, and has the
        default of `write_phantom` (24 patients, seed 0, 1024 x 832, mammography) in a new one.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    UserError
        If the folder holds anything else, or exams with other parameters than those asked for.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first = ensure_phantom(f"{folder}/exams", patients=1, size=(64, 64))
    ...     ensure_phantom(f"{folder}/exams") == first
    True
    """
    asked = {"patients": patients, "seed": seed, "size": size, "modality": modality}
    given: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
    target = Path(dataset_dir)
    found = _stamp(target)
    if found is not None:
        given = {**{key: found[key] for key in asked}, **given}
    else:
        logger.info("writing synthetic exams into %s (once; about a second a patient)", target)
    return write_phantom(target, **given)


def _parameters(*, patients: int, seed: int, size: tuple[int, int], modality: str) -> dict[str, Any]:
    if patients < 1:
        msg = f"patients is {patients}; expected 1 or more"
        raise UserError(msg)
    if modality not in _MODALITIES:
        msg = f"modality {modality!r} is none of {', '.join(_MODALITIES)}"
        raise UserError(msg)
    return {"version": VERSION, "patients": patients, "seed": seed, "size": list(size), "modality": modality}


def _stamp(folder: Path) -> dict[str, Any] | None:
    """Parameters of the complete data set in a folder; None where there is none."""
    try:
        stamp = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(stamp, dict) and {"version", "patients", "seed", "size", "modality"} <= set(stamp)
    return stamp if known and (folder / "manifest.csv").is_file() else None


def _is_there(folder: Path, wanted: dict[str, Any]) -> bool:
    """Whether the wanted data set is complete; False only where the folder may be written."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    found = _stamp(folder)
    if found == wanted:
        return True
    holds = "something else" if found is None else f"synthetic exams with {found}"
    way = "name another folder, or delete this one to have it written anew"
    msg = f"{folder} holds {holds}; expected {wanted}: {way}"
    raise UserError(msg)


def _move(temporary: Path, target: Path, wanted: dict[str, Any]) -> None:
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()  # some systems rename onto no folder, not even an empty one
    try:
        os.rename(temporary, target)
    except OSError:
        if not _is_there(target, wanted):  # else another process was faster, with the same data set
            raise


def _build(
    folder: Path,
    *,
    patients: int,
    seed: int,
    size: tuple[int, int],
    modality: str,
    progress: Callable[[int], object] | None,
) -> None:
    for name in ("images", "masks", "breast_masks", "pectoral_masks"):
        (folder / name).mkdir(parents=True)
    kinds = _MODALITIES[modality]
    rows = []
    for patient in range(patients):
        for kind in kinds:
            for number, view in enumerate(make_exam(patient, seed=seed, size=size, kind=kind), start=1):
                rows.append(_write_view(folder, view, seed=seed, number=number))
        if progress is not None:
            progress(1)
    columns = COLUMNS if modality == "mammography" else (*COLUMNS, "modality")
    write_csv(folder / "manifest.csv", [{key: row[key] for key in columns} for row in rows], columns=columns)


def _write_view(folder: Path, view: PhantomView, *, seed: int, number: int) -> dict[str, Any]:
    """Write the files of one view and return its line of the manifest."""
    # The file's name repeats no value of the patient module, so that ids made from paths stay readable.
    name = f"p{view.patient:03d}_{view.laterality}_{view.view_position}"
    image = f"images/{name}{_SUFFIX[view.kind]}.dcm"
    (folder / image).write_bytes(mammogram_bytes(view.pixels, _header(view, seed=seed, number=number)))
    masks = {
        f"{key}s/{name}.png": mask
        for key, mask in (
            ("mask", view.lesion_mask),
            ("breast_mask", view.breast_mask),
            ("pectoral_mask", view.pectoral_mask),
        )
    }
    if view.kind != "subtracted":  # both images of a contrast exam share the truth
        for file, mask in masks.items():
            (folder / file).write_bytes(_png(mask))
    mask_file, breast_file, pectoral_file = masks
    return {
        "id": name + _SUFFIX[view.kind],
        "image": image,
        "mask": mask_file,
        "patient_id": view.patient_id,
        "laterality": view.laterality,
        "view": view.view_position,
        "label": view.class_name,
        "boxes_xywh": json.dumps([[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in view.boxes]),
        "density": view.density,
        "lesion_size": view.lesion_size,
        "margin": view.margin,
        "breast_mask": breast_file,
        "pectoral_mask": pectoral_file,
        "modality": view.kind,
    }


def _header(view: PhantomView, *, seed: int, number: int) -> MammogramHeader:
    rows, columns = view.pixels.shape
    study = f"phantom {VERSION} {seed} {rows}x{columns} {view.patient} {view.kind == 'mammography'}"
    return MammogramHeader(
        patient_id=view.patient_id,
        laterality=view.laterality,
        view_position=view.view_position,
        pixel_spacing=view.pixel_spacing,
        uid_key=f"{study} {view.kind} {view.laterality} {view.view_position}",
        study_key=study,
        windows=_WINDOWS["subtracted" if view.kind == "subtracted" else "mammography"],
        image_type=_IMAGE_TYPE[view.kind],
        series=f"SIMULATED {view.kind.upper()}",
        instance_number=number,
        patient_age=f"{40 + view.patient * 7 % 35:03d}Y",
        contrast_agent="SYNTHETIC" if view.kind != "mammography" else "",
    )


def _png(mask: Mask) -> bytes:
    return bytes(cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes())
