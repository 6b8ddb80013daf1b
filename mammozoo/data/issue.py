# SPDX-License-Identifier: Apache-2.0
"""One kind of trouble in a data set, with its count and examples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_EXAMPLES = 5


@dataclass(frozen=True)
class Issue:
    """One kind of trouble."""

    kind: str
    detail: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(self.examples) + (", ..." if self.count > len(self.examples) else "")
        return f"{self.kind}: {self.count} {self.detail} ({shown})" if self.examples else f"{self.kind}: {self.detail}"


def issue(kind: str, detail: str, examples: Iterable[str]) -> list[Issue]:
    """Issue of all examples: a list of one, or of none where nothing is wrong."""
    found = sorted(set(examples))
    return [Issue(kind, detail, len(found), tuple(found[:_EXAMPLES]))] if found else []
