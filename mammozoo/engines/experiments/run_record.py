# SPDX-License-Identifier: Apache-2.0
"""What a training cost and what it ran on, kept beside its results."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch

from ... import __version__
from ...io.write import write_json


@contextmanager
def recorded_run(file: Path) -> Iterator[None]:
    """Add the minutes of what runs inside to a JSON file, with hardware and versions."""
    before = json.loads(file.read_text(encoding="utf-8"))["minutes"] if file.is_file() else 0.0
    begun = time.monotonic()
    try:
        yield
    finally:
        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
        record = {
            "minutes": round(before + (time.monotonic() - begun) / 60, 2),
            "hardware": gpu or f"{os.cpu_count()} CPU cores",
            "versions": {name: version(name) for name in ("torch", "monai", "numpy")},
            "mammozoo": __version__,
            "python": platform.python_version(),
        }
        write_json(file, record)
