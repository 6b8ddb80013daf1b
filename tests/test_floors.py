# SPDX-License-Identifier: Apache-2.0
"""Imports run downward only (the floors of the library)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "mammozoo"
# io stands half a floor above functional: reading DICOM uses the pure grey-scale functions, never the reverse.
FLOOR = {
    "_errors": 0, "_optional": 0, "_paths": 0.5, "_typing": 0,
    "functional": 1, "io": 1.5,
    "transforms": 2, "networks": 2, "losses": 2, "metrics": 2, "stats": 2, "data": 2,
    "phantom": 1.8, "engines": 3,
    "bundle": 4, "report": 4, "label": 4, "cli": 5, "__main__": 6,
}  # fmt: skip
# Packages that one floor keeps to itself (label.py's server side lives in an environment of its own).
HOME = {
    "pydicom": {"io"}, "nibabel": {"io"}, "itk": {"io"}, "highdicom": {"io"},
    "matplotlib": {"report"}, "monailabel": {"label"}, "ignite": {"engines"},
}  # fmt: skip
NOWHERE = {"torchvision", "timm"}
MODULES = sorted(LIBRARY.rglob("*.py"))


def _imports(path: Path) -> list[str]:
    """Full names of everything a file imports, also inside functions."""
    package = ["mammozoo", *path.relative_to(LIBRARY).parts[:-1]]
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            names += [".".join([*base, *filter(None, [node.module]), alias.name]) for alias in node.names]
    return names


def _home(path: Path) -> str:
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downward(path: Path) -> None:
    here = _home(path)
    for name in _imports(path):
        parts = name.split(".")
        assert parts[0] not in NOWHERE, f"{path} imports {name}"
        if parts[0] in HOME:
            assert here in HOME[parts[0]], f"{path} imports {name}, which lives in {HOME[parts[0]]}"
        if parts[0] != "mammozoo" or len(parts) == 1 or parts[1] not in FLOOR or here not in FLOOR:
            continue
        there = parts[1]
        downward = FLOOR[there] < FLOOR[here] or there == here
        assert downward, f"{path} (floor {FLOOR[here]}) imports {name} (floor {FLOOR[there]})"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_module_is_over_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_function_body_is_over_60_lines(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = node.end_lineno - body[0].lineno + 1 if body and node.end_lineno else 0
            assert lines <= 60, f"{path}:{node.name} has {lines} body lines"
