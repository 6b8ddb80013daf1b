# SPDX-License-Identifier: Apache-2.0
"""The images of a study folder, one item an image: what an annotator works through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..._typing import PathLike
from ...io.errors import MammogramError
from ...io.inputs import InputImage, list_inputs
from ...io.raster.read import is_raster
from ...io.reader import MammogramReader
from ...io.summary import HeaderSummary, header_summary
from ...io.write import path_digest, safe_id

_NIFTI = (".nii", ".nii.gz")


@dataclass(frozen=True)
class StudyImage:
    """One image that can be annotated."""

    id: str  # SOPInstanceUID, or a name made of the relative path
    path: Path  # may hold a patient's name: not for logs or answers
    name: str  # for a screen; free of patient data
    group: str  # images of one study share it; training and validation never do
    kind: str
    laterality: str = ""
    view_position: str = ""
    pixel_spacing: tuple[float, float] | None = None  # row and column in mm
    rows: int = 0
    columns: int = 0
    series: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Studies:
    """What a study folder holds."""

    images: tuple[StudyImage, ...]
    segmentations: tuple[Path, ...]
    left_out: tuple[tuple[str, str], ...]  # name and reason of every file that is not an image to annotate


def list_studies(root: PathLike, *, exclude: PathLike | None = None) -> Studies:
    """List the mammograms below a folder, each SOPInstanceUID once; several views in one series are several items."""
    root = Path(root).resolve()
    if not root.is_dir():
        msg = f"no such folder: {root}"
        raise MammogramError(msg)
    hidden = None if exclude is None else Path(exclude).resolve()
    images: dict[str, StudyImage] = {}
    segmentations: list[Path] = []
    left_out: list[tuple[str, str]] = []
    for item in _files(root, hidden):
        try:
            found = _item(item)
        except MammogramError as error:
            left_out.append((item.name, str(error)))
            continue
        if isinstance(found, Path):
            segmentations.append(found)
        elif found.id in images:
            left_out.append((item.name, f"the same image as {images[found.id].name} (SOPInstanceUID)"))
        else:
            images[found.id] = found
    ordered = tuple(sorted(images.values(), key=lambda image: image.name))
    return Studies(ordered, tuple(segmentations), tuple(left_out))


def _files(root: Path, hidden: Path | None) -> Iterator[InputImage]:
    """Every file that may be an image; NIfTI files too, which predictions do not take."""
    try:
        listed = list_inputs(root)
    except MammogramError as error:
        if "no image in" not in str(error):
            raise
        listed = []
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.name.endswith(_NIFTI) and path.is_file() and not any(part.startswith(".") for part in relative.parts):
            name = safe_id(relative.as_posix().removesuffix(".gz").removesuffix(".nii"), keep_suffix=True)
            listed.append(InputImage(id=name, path=path, name=relative.as_posix()))
    for item in listed:
        if hidden is None or not item.path.resolve().is_relative_to(hidden):
            yield item


def _item(item: InputImage) -> StudyImage | Path:
    """Make an item of a file, or hand back a segmentation's path."""
    if item.error:
        raise MammogramError(item.error)
    group = path_digest(item.path.parent)[:16]
    if item.path.name.endswith(_NIFTI):
        (_, mammogram, _), *_ = MammogramReader().read(item.path)
        shape = mammogram.pixels.shape
        if len(shape) != 2 and not (len(shape) == 3 and shape[2] == 1):
            msg = f"{item.path.name} is {shape}; expected one slice, (W, H) or (W, H, 1)"
            raise MammogramError(msg)
        return StudyImage(item.id, item.path, item.name, group, "nifti", "", "", mammogram.pixel_spacing, *shape[1::-1])
    if is_raster(item.path):
        return StudyImage(item.id, item.path, item.name, group, "raster", item.laterality, item.view_position)
    header = header_summary(item.path)
    if header.is_segmentation:
        return item.path
    check_header(header, item.path.name)
    study = path_digest(header.study_instance_uid)[:16] if header.study_instance_uid else group
    return dicom_image(header, path=item.path, name=item.name, group=study)


def dicom_image(
    header: HeaderSummary, *, path: Path, name: str, group: str, series: tuple[str, str] = ("", "")
) -> StudyImage:
    """Make an item of a checked header (`check_header`)."""
    return StudyImage(
        id=header.sop_instance_uid,
        path=path,
        name=name,
        group=group,
        kind="dicom",
        laterality=header.laterality,
        view_position=header.view_position,
        pixel_spacing=header.pixel_spacing,
        rows=header.rows,
        columns=header.columns,
        series=series,
    )


def check_header(header: HeaderSummary, name: str) -> None:
    """Refuse what is not a single 2-D mammogram."""
    if header.modality not in ("MG", ""):
        msg = f"{name}: Modality is {header.modality!r}; expected 'MG'"
    elif header.rows < 1 or header.columns < 1:
        msg = f"{name} has no pixels"
    elif header.frames > 1:
        msg = f"{name} has {header.frames} frames; 2-D mammograms are annotated here"
    elif not header.sop_instance_uid or not set(header.sop_instance_uid) <= set("0123456789."):
        msg = f"{name} has no valid SOPInstanceUID"
    else:
        return
    raise MammogramError(msg)
