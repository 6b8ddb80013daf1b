# SPDX-License-Identifier: Apache-2.0
"""One kind of trouble in a data set, with its count and examples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Issue", "issue"]

_EXAMPLES = 5


@dataclass(frozen=True)
class Issue:
    """One kind of trouble.

    Parameters
    ----------
    kind : str
        Short name, for example ``"patient"`` or ``"unreadable"``.
    detail : str
        What it means, in one sentence without a full stop.
    count : int
    examples : tuple of str
        At most five.

    Examples
    --------
    >>> str(Issue("patient", "patients in train and test", 2, ("p1", "p2")))
    'patient: 2 patients in train and test (p1, p2)'
    """

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
