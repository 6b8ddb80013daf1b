# SPDX-License-Identifier: Apache-2.0
"""An inference data set in which a bad file is reported and the rest goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import IterableDataset

from ..io.errors import MammogramError
from ..io.inputs import list_inputs

__all__ = ["InputStatus", "ReadableImages"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class InputStatus:
    """What became of one input.

    Attributes
    ----------
    id : str
        The safe name under which its results stand.
    input : str
        Path relative to the source.
    status : str
        ``"ok"`` or ``"failed"``.
    reason : str
        Empty when ``"ok"``.
    """

    id: str
    input: str
    status: str
    reason: str = ""


class ReadableImages(IterableDataset):  # type: ignore[type-arg]
    """Transform each readable image of a source; remember the others with their reason.

    The source is listed when iteration begins, so that building the data set touches no file. It has no
    length: how many files are readable is known at the end.

    Parameters
    ----------
    data : path or list of dict
        A folder, file, zip archive or manifest (see `mammozoo.io.inputs.list_inputs`), or
        ``[{"image": path, "id": name}]`` (``id`` may be left out).
    transform : callable
        Applied to ``{"image": path, "id": name}``.

    Attributes
    ----------
    statuses : list of InputStatus
        One entry an input, in order, filled during iteration.
    """

    def __init__(self, data: str | Path | Sequence[Mapping[str, Any]], transform: Callable[[Any], Any]) -> None:
        super().__init__()
        self.data = data
        self.transform = transform
        self.statuses: list[InputStatus] = []

    def __iter__(self) -> Iterator[Any]:
        """Yield the transformed images that could be read."""
        self.statuses.clear()
        for identifier, name, path, error in self._inputs():
            try:
                if error:
                    raise MammogramError(error)
                item = self.transform({"image": str(path), "id": identifier})
            except (MammogramError, RuntimeError) as failure:
                reason = str(_root_cause(failure))
                logger.warning("%s: %s", name, reason)
                self.statuses.append(InputStatus(identifier, name, "failed", reason))
                continue
            self.statuses.append(InputStatus(identifier, name, "ok"))
            yield item

    def _inputs(self) -> list[tuple[str, str, Path, str]]:
        if isinstance(self.data, str | Path):
            found = list_inputs(self.data)
            return [(item.id, item.name, item.path, item.error) for item in found]
        paths = [Path(str(item["image"])) for item in self.data]
        names = [str(item.get("id", path.stem)) for item, path in zip(self.data, paths, strict=True)]
        return [(name, path.name, path, "") for name, path in zip(names, paths, strict=True)]


def _root_cause(error: BaseException) -> BaseException:
    """Compose wraps what a transform raises in RuntimeError; the cause says what is wrong with the file."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
