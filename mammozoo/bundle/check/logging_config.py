# SPDX-License-Identifier: Apache-2.0
"""Check a ``logging.conf``: Python's ``fileConfig`` evaluates its ``class`` and ``args`` as code."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..findings import Finding

# Handlers that write to a stream or a file; those that send records elsewhere (sockets, mail) are listed.
_HANDLERS = frozenset({"StreamHandler", "FileHandler", "NullHandler", "Formatter"})
_ROTATING = frozenset({"RotatingFileHandler", "TimedRotatingFileHandler", "WatchedFileHandler"})
_CLASSES = (
    _HANDLERS
    | {f"logging.{name}" for name in _HANDLERS}
    | {f"{prefix}.{name}" for prefix in ("handlers", "logging.handlers") for name in _ROTATING}
)
_STREAMS = ("sys", "sys.stdout", "sys.stderr")
_LITERALS = (ast.Expression, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Load)


def check_logging(path: Path, *, file: str) -> list[Finding]:
    """Judge one logging configuration without applying it."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (configparser.Error, UnicodeDecodeError) as error:
        return [Finding("logging", file, f"cannot be read: {type(error).__name__}")]
    findings = []
    for section in parser.sections():
        for field in ("class", "args", "kwargs"):
            value = parser.get(section, field, fallback="").strip()
            if not value:
                continue
            faults = _class_faults(value) if field == "class" else _argument_faults(value)
            findings += [Finding("logging", file, fault, f"{section}::{field}") for fault in faults]
    return findings


def _class_faults(value: str) -> Iterator[str]:
    if value not in _CLASSES:
        yield f"{value!r} is evaluated; expected one of {', '.join(sorted(_HANDLERS | _ROTATING))}"


def _argument_faults(value: str) -> Iterator[str]:
    try:
        tree = ast.parse(value, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield f"{value!r} is evaluated and cannot be parsed"
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            if ast.unparse(node) not in _STREAMS:
                yield f"{ast.unparse(node)!r} is evaluated; expected literals, sys.stdout or sys.stderr"
        elif not isinstance(node, _LITERALS):
            yield f"{ast.unparse(node)!r} is evaluated; expected literals, sys.stdout or sys.stderr"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _leaves(node.value):
            yield f"{node.value!r} lies outside the folder in which the bundle runs"


def _leaves(text: str) -> bool:
    paths = PurePosixPath(text), PureWindowsPath(text)
    return any(path.is_absolute() or ".." in path.parts for path in paths) or text.startswith("~")
