# SPDX-License-Identifier: Apache-2.0
"""Which images were in which part, kept in the run's folder and beside an evaluation's figures."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Protocol

from ...data.auditing.leaks import AuditReport
from ...data.splits import PARTS
from ...io.write import write_json


class Source(Protocol):
    """What a run needs of a data set (`mammozoo.data.DataSource`)."""

    def prepare(self) -> None:
        """Write or check its files."""

    def items(self, part: str) -> list[dict[str, Any]]:
        """List the images of a part."""

    def audit(self) -> AuditReport:
        """Audit the split."""


def write_split(source: Source | None, output_dir: Path) -> str | None:
    """Write the ids of every part to ``split.json``; return the SHA-256 of that, None without a source."""
    if source is None:
        return None
    parts = {part: sorted(item["id"] for item in source.items(part)) for part in PARTS}
    write_json(output_dir / "split.json", parts)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
