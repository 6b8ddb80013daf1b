# SPDX-License-Identifier: Apache-2.0
"""The public names: one list, every one importable from its package, nothing imported before it is asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("public_api.txt")
PACKAGES = (
    "bundle", "data", "engines", "functional", "io", "losses", "metrics", "networks", "phantom", "report", "stats",
    "transforms",
)  # fmt: skip


def _names() -> list[str]:
    modules = ["mammozoo", *(f"mammozoo.{package}" for package in PACKAGES)]
    return [f"{module}.{name}" for module in modules for name in sorted(importlib.import_module(module).__all__)]


def test_the_list_is_what_the_packages_export() -> None:
    assert LIST.read_text(encoding="utf-8").splitlines() == _names()


@pytest.mark.parametrize("name", _names())
def test_a_name_is_importable_and_documented(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute)
    assert attribute == "__version__" or found.__doc__


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    packages = ", ".join(f"mammozoo.{package}" for package in PACKAGES)
    heavy = ("torch", "monai", "numpy", "cv2", "pydicom")
    code = f"import sys, {packages}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
