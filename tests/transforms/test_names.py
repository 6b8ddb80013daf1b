# SPDX-License-Identifier: Apache-2.0
"""Public names: imported from the package, lazily."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "monai", "numpy", "cv2")


def _stub(package: str) -> dict[str, str]:
    """Name -> module of a package's stub."""
    tree = ast.parse(Path(importlib.import_module(package).__file__ + "i").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: f"{package}.{node.module}" for node in imports for alias in node.names}


@pytest.mark.parametrize("package", ["mammozoo.transforms", "mammozoo.metrics"])
def test_every_name_is_the_one_of_its_module(package: str) -> None:
    names = _stub(package)
    whole = importlib.import_module(package)
    assert sorted(names) == sorted(whole.__all__) == sorted(dir(whole))
    for name, module in names.items():
        there = importlib.import_module(module)
        assert getattr(whole, name) is getattr(there, name)
        assert name in there.__all__
        assert getattr(whole, name).__module__ == module


@pytest.mark.parametrize("package", ["mammozoo.transforms", "mammozoo.metrics"])
def test_every_dictionary_transform_metric_and_array_form_has_a_name(package: str) -> None:
    folder = Path(importlib.import_module(package).__file__).parent
    classes = {
        node.name
        for path in folder.rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name.endswith(("d", "Metric")) and not node.name.startswith("_")
    }
    functions = {
        node.name
        for path in folder.rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("compute_")
    }
    assert classes | functions <= set(_stub(package))


@pytest.mark.parametrize("package", ["mammozoo.transforms", "mammozoo.metrics"])
def test_the_package_itself_imports_nothing_heavy(package: str) -> None:
    code = f"import sys, {package}; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_name_that_is_none() -> None:
    import mammozoo.transforms

    with pytest.raises(AttributeError, match="CLAHEE"):
        mammozoo.transforms.CLAHEE  # noqa: B018
