# SPDX-License-Identifier: Apache-2.0
"""What a check of a bundle found, and where."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, unsafe or cannot be judged."""

    rule: str
    file: str
    message: str
    key: str = ""

    def __str__(self) -> str:
        place = f"{self.file} {self.key}".strip()
        return f"{place}: [{self.rule}] {self.message}"


@dataclass(frozen=True)
class BundleReport:
    """The findings of one bundle."""

    bundle: str
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def text(self) -> str:
        """The report in lines for a person."""
        if self.clean:
            return f"{self.bundle}: clean"
        lines = [f"{self.bundle}: {len(self.findings)} finding{'s' * (len(self.findings) > 1)}"]
        return "\n".join(lines + [f"  {finding}" for finding in self.findings])

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data for JSON."""
        return {"bundle": self.bundle, "clean": self.clean, "findings": [asdict(item) for item in self.findings]}
