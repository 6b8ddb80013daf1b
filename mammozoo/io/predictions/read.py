# SPDX-License-Identifier: Apache-2.0
"""What a model predicted for a data set: folders of masks, boxes as COCO JSON, scores as CSV."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..._errors import UserError
from ..._typing import PathLike
from ..errors import MammogramError
from ..table import read_json
from .masks import PredictedMask, read_predicted_mask, read_probability

__all__ = [
    "PredictedCase", "Predictions", "ScoredBox", "find_predictions", "image_name", "match_names",
    "read_case_mask", "stem",
]  # fmt: skip

_MASK_SUFFIXES = (
    ".nii.gz", ".nii", ".png", ".dcm", ".tif", ".tiff", ".bmp", ".gif", ".pgm", ".jpg", ".jpeg",
)  # fmt: skip
# What nnU-Net v2 leaves beside its predictions.
_NNUNET_FILES = ("predict_from_raw_data_args.json", "dataset.json", "plans.json")


@dataclass(frozen=True)
class ScoredBox:
    """One detection."""

    box_xyxy: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True, kw_only=True)
class PredictedCase:
    """What was predicted for one image; nothing is opened before it is needed."""

    id: str
    mask: Path | None = None
    probability: Path | None = None
    boxes: tuple[ScoredBox, ...] | None = None
    score: float | None = None
    shape: tuple[int, int] | None = None
    failure: str = ""


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Predictions by the name of the image."""

    layout: str
    cases: Mapping[str, PredictedCase] = field(hash=False)
    threshold: float | None = None
    names_all: bool = True

    @property
    def has_masks(self) -> bool:
        """Whether any case has a mask."""
        return any(case.mask is not None for case in self.cases.values())

    @property
    def has_boxes(self) -> bool:
        """Whether any case has boxes."""
        return any(case.boxes is not None for case in self.cases.values())

    @property
    def has_scores(self) -> bool:
        """Whether any case has a score of the whole image."""
        return any(case.score is not None for case in self.cases.values())


def find_predictions(path: PathLike) -> Predictions:
    r"""Find out what a folder or file of predictions holds.

    Parameters
    ----------
    path : path
        A folder: ours (``<id>/mask.png`` with ``findings.json``), nnU-Net's (``<id>.nii.gz`` or ``.png`` beside its
        ``dataset.json``), or any of masks ``<id>.png``, ``.nii.gz``, ``.dcm``... also in sub-folders; or a
        ``.json`` of COCO boxes, or a ``.csv`` of scores ``id,score[,x1,y1,x2,y2]``.

    Returns
    -------
    Predictions

    Raises
    ------
    UserError
        If there is nothing at `path`, or nothing in it, the file is malformed, or two masks have one name.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "scores.csv"
    ...     _ = file.write_text("id,score\na,0.9\n")
    ...     find_predictions(file).cases["a"].score
    0.9
    """
    source = Path(path)
    if not source.exists():
        raise UserError(f"there are no predictions at {source}; give a folder of masks, a COCO JSON or a CSV of scores")
    if source.is_dir():
        return _folder(source)
    from .tables import read_coco, read_scores

    readers = {".json": read_coco, ".csv": read_scores}
    if source.suffix.lower() not in readers:
        raise UserError(
            f"{source.name} is neither a folder nor a .json (COCO boxes) nor a .csv (id,score[,x1,y1,x2,y2])"
        )
    return readers[source.suffix.lower()](source)


def _folder(folder: Path) -> Predictions:
    own = sorted(folder.glob("*/mask.png"))
    if own:
        return _own(folder, own)
    files = [file for file in sorted(folder.rglob("*")) if _is_mask(file, folder)]
    if not files and (folder / "predictions.csv").is_file():
        from .tables import read_scores

        return read_scores(folder / "predictions.csv")
    if not files:
        raise UserError(f"{folder} holds no mask ({', '.join(_MASK_SUFFIXES)}), no */mask.png and no predictions.csv")
    nnunet = any((folder / name).is_file() for name in _NNUNET_FILES)
    layout = "nnU-Net's output folder" if nnunet else "folder of masks"
    cases: dict[str, PredictedCase] = {}
    for file in files:
        name = stem(file.relative_to(folder).as_posix())
        if name in cases:
            raise UserError(f"{folder}: {file.name} and {cases[name].mask} are masks of one name; keep one of them")
        beside = file.with_name(f"{stem(file.name)}.npz")
        probability = beside if nnunet and beside.is_file() else None
        cases[name] = PredictedCase(id=name, mask=file, probability=probability)
    return Predictions(layout=layout, cases=cases)


def _is_mask(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not hidden and file.name.lower().endswith(_MASK_SUFFIXES) and file.is_file()


def image_name(text: str) -> str:
    r"""Path of an image as a name: separators of any system, no drive, no suffix of an image."""
    return re.sub(r"^([A-Za-z]:)?/+|^(\./)+", "", stem(text.replace("\\", "/")))


def match_names(wanted: Mapping[str, Sequence[str]], given: Iterable[str]) -> dict[str, str]:
    """Pair images with the names that a source gives them, by the ends of their paths, where that is unique."""
    paths = {name: tuple(image_name(name).split("/")) for name in given}
    targets = [(image, tuple(image_name(text).split("/"))) for image, texts in wanted.items() for text in texts]
    found: dict[str, str] = {}
    for length in range(max(map(len, paths.values()), default=0), 0, -1):
        keys = {name: path[-length:] for name, path in paths.items() if name not in found.values()}
        twice = Counter(keys.values())
        ends: dict[tuple[str, ...], set[str]] = {}
        for image, path in targets:
            for size in {len(key) for key in keys.values()}:
                ends.setdefault(path[-size:], set()).add(image)
        for name, key in keys.items():
            images = ends.get(key, set()) - found.keys()
            if len(images) == 1 and twice[key] == 1:
                found[images.pop()] = name
    return found


def stem(name: str) -> str:
    """Name of a mask file without the suffix, ``.nii.gz`` as one."""
    suffix = next((suffix for suffix in _MASK_SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)]


def _own(folder: Path, masks: Iterable[Path]) -> Predictions:
    """Folders as our bundles' inference writes them, and the inputs of which its summary says that they failed."""
    cases = {file.parent.name: _own_case(file) for file in masks}
    summary = folder / "summary.json"
    for item in read_json(summary) if summary.is_file() else []:
        if item.get("status") != "ok" and item["id"] not in cases:
            reason = str(item.get("reason") or "failed")
            cases[item["id"]] = PredictedCase(id=item["id"], failure=reason)
    return Predictions(layout="mammozoo's output folder", cases=cases)


def _own_case(mask: Path) -> PredictedCase:
    folder = mask.parent
    probability = folder / "probability.png"
    findings = folder / "findings.json"
    boxes = None
    if findings.is_file():
        boxes = tuple(ScoredBox(tuple(item["box_xyxy"]), float(item["score"])) for item in read_json(findings))
    return PredictedCase(
        id=folder.name,
        mask=mask,
        probability=probability if probability.is_file() else None,
        boxes=boxes,
    )


def read_case_mask(case: PredictedCase, *, threshold: float | None = None) -> PredictedMask:
    """Read the mask of a case and the probabilities beside it."""
    if case.mask is None:
        msg = f"{case.id}: {case.failure or 'no mask was predicted'}"
        raise MammogramError(msg)
    found = read_predicted_mask(case.mask, threshold=threshold)
    if case.probability is None:
        return found
    probability = read_probability(case.probability)
    if probability.shape != found.mask.shape:
        msg = f"{case.id}: the mask is {found.mask.shape}, its probabilities {probability.shape}"
        raise MammogramError(msg)
    return PredictedMask(found.mask, probability, found.source_uid)
