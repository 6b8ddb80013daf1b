# SPDX-License-Identifier: Apache-2.0
"""An inference data set in which a bad file is reported and the rest goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import IterableDataset

from ...io.dicom.kinds import DEFAULT_KINDS, KINDS, file_kind, kind_refusal
from ...io.errors import MammogramError
from ...io.inputs import InputImage, list_inputs

__all__ = ["InputStatus", "ReadableImages", "without_path"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class InputStatus:
    """What became of one input."""

    id: str
    input: str
    status: str
    reason: str = ""
    dropped: int = 0
    note: str = ""


class ReadableImages(IterableDataset):  # type: ignore[type-arg]
    """Transform each readable image of a source; remember the others with their reason.

    The source is listed when iteration begins, so that building the data set touches no file. It has no
    length: how many files are readable is known at the end.

    Parameters
    ----------
    data : path, sequence of InputImage or list of dict
        A folder, file, zip archive or manifest (see `mammozoo.io.inputs.list_inputs`), what that lists, or
        ``[{"image": path, "id": name}]`` (``id`` may be left out).
    transform : callable
        Applied to ``{"image": path, "id": name}``.
    accepts : sequence of str
        Kinds of images (`mammozoo.io.dicom.kinds.KINDS`) that the network was made for; others are skipped with their
        reason. What does not say its kind, as PNG files, is accepted.
    include : sequence of str
        Further kinds that the user accepts.
    progress : callable, optional
        Called with the number of inputs that are done, the unreadable ones included.

    Attributes
    ----------
    statuses : list of InputStatus
        One entry an input, in order, filled during iteration.

    Raises
    ------
    ValueError
        If a kind is unknown.
    """

    def __init__(
        self,
        data: str | Path | Sequence[Mapping[str, Any] | InputImage],
        transform: Callable[[Any], Any],
        *,
        accepts: Sequence[str] = DEFAULT_KINDS,
        include: Sequence[str] = (),
        progress: Callable[[int], object] | None = None,
    ) -> None:
        super().__init__()
        unknown = sorted({*accepts, *include} - set(KINDS))
        if unknown:
            msg = f"no kind of image {', '.join(unknown)}; there are {', '.join(KINDS)}"
            raise ValueError(msg)
        self.accepts, self.include = tuple(accepts), tuple(include)
        self.data = data
        self.transform = transform
        self.progress = progress
        self.statuses: list[InputStatus] = []

    def __iter__(self) -> Iterator[Any]:
        """Yield the transformed images that could be read."""
        self.statuses.clear()
        for done, given in enumerate(self._inputs(), start=1):
            item, status, reason = self._read(given)
            if reason:
                logger.log(logging.INFO if status == "skipped" else logging.WARNING, "%s: %s", given.name, reason)
            self.statuses.append(InputStatus(given.id, given.name, status, reason))
            if status == "ok":
                yield item
            if self.progress is not None:
                self.progress(done)

    def _read(self, given: InputImage) -> tuple[Any, str, str]:
        """The transformed image, its status and the reason of another status than ok."""
        try:
            if given.error:
                raise MammogramError(given.error)
            refusal = kind_refusal(file_kind(given.path), self.accepts, self.include)
            if refusal:
                return None, "skipped", refusal
            item = self.transform({"image": str(given.path), "id": given.id})
        except (MammogramError, RuntimeError) as failure:
            return None, "failed", without_path(_root_cause(failure), given.path, name=given.name)
        if _is_flat(item):
            return None, "incomplete", "the image is flat after reading: nearly all of its pixels have one value"
        return item, "ok", ""

    def _inputs(self) -> list[InputImage]:
        if isinstance(self.data, str | Path):
            return list_inputs(self.data)
        return [item if isinstance(item, InputImage) else _input(item) for item in self.data]


def _is_flat(item: Any) -> bool:
    """Whether the reader flagged the image of an item as flat."""
    image = item.get("image") if isinstance(item, Mapping) else None
    return "flat" in str(getattr(image, "meta", {}).get("flags", "")).split()


def _input(item: Mapping[str, Any]) -> InputImage:
    path = Path(str(item["image"]))
    return InputImage(str(item.get("id", path.stem)), path, path.name)


def without_path(error: BaseException, path: Path, *, name: str) -> str:
    """Message of an error with the input's name in place of its path, which may hold a patient's name."""
    return str(error).replace(str(path), name).replace(path.name, name)


def _root_cause(error: BaseException) -> BaseException:
    """Compose wraps what a transform raises in RuntimeError; the cause says what is wrong with the file."""
    while error.__cause__ is not None and not isinstance(error, MammogramError):
        error = error.__cause__
    return error
