# SPDX-License-Identifier: Apache-2.0
"""Where a ``_target_`` leads, found in the installed packages' source without importing them."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from .allow_list import ALLOWED_TARGETS, BUILTINS, DENIED_TARGETS, KNOWN_TARGETS

_TOPS = frozenset({"ignite", "mammozoo", "monai", "torch"})
_DEPTH = 12


def target_fault(name: str) -> str | None:
    """Say why a ``_target_`` is not on the list, or None if it is."""
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
        return f"{name!r} is not a plain name"
    parts = name.split(".")
    if any(part.startswith("_") for part in parts):
        return f"{name!r} has a private part"
    if len(parts) == 1:
        return _bare_fault(name)
    if name in KNOWN_TARGETS:
        return None
    if not _listed(name):
        return f"{name!r} is not under a listed package"
    places = _resolve(tuple(parts), _DEPTH)
    if places is None:
        return f"{name!r} is not defined where it points"
    return None if _listed(places) else f"{name!r} leads to {places!r}, which is not under a listed package"


def _bare_fault(name: str) -> str | None:
    """A bare name is MONAI's if MONAI has it, else Python's own."""
    modules = _monai_names().get(name, ())
    if modules:
        off = [module for module in modules if not _listed(f"{module}.{name}")]
        return f"{name!r} is {off[0]}.{name}, which is not under a listed package" if off else None
    if name in BUILTINS:
        return None
    return f"{name!r} is {'a builtin that is not listed' if hasattr(builtins, name) else 'no class of MONAI'}"


def _listed(name: str) -> bool:
    allowed = any(name == item or (item.endswith(".") and name.startswith(item)) for item in ALLOWED_TARGETS)
    return allowed and not name.startswith(DENIED_TARGETS)


@cache
def _monai_names() -> dict[str, tuple[str, ...]]:
    """Top-level classes and functions of MONAI (aliases too), by name."""
    root = _package("monai")
    found: dict[str, set[str]] = {}
    if root is None:
        return {}
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = file.read_text(encoding="utf-8")
        names = re.findall(r"^(?:class|def) ([A-Za-z]\w*)", text, re.MULTILINE)
        for chain in re.findall(r"^([A-Z]\w+(?: = [A-Z]\w+)+)$", text, re.MULTILINE):
            names += chain.split(" = ")
        for name in names:
            found.setdefault(name, set()).add(module)
    return {name: tuple(sorted(modules)) for name, modules in found.items()}


@cache
def _package(top: str) -> Path | None:
    """Folder of an installed top-level package (found, not imported)."""
    if top not in _TOPS:
        return None
    spec = importlib.util.find_spec(top)
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) if places else None


@cache
def _module_file(parts: tuple[str, ...]) -> Path | None:
    root = _package(parts[0])
    if root is None:
        return None
    folder = root.joinpath(*parts[1:])
    # A package that imports lazily says in its stub what it exports.
    files = [folder / "__init__.pyi", folder / "__init__.py"]
    for file in [*files, folder.with_suffix(".py")] if len(parts) > 1 else files:
        if file.is_file():
            return file
    return None


@cache
def _resolve(parts: tuple[str, ...], depth: int) -> str | None:
    """Full name of where something is defined; None if that is not to be found in the known packages."""
    if depth == 0 or parts[0] not in _TOPS:
        return None
    for cut in range(len(parts), 0, -1):
        file = _module_file(parts[:cut])
        if file is not None:
            break
    else:
        return None
    module, rest = parts[:cut], parts[cut:]
    if not rest:
        return None  # a module, which nothing can call
    bindings = _bindings(file)
    bound = bindings.get(rest[0])
    if bound in ("class", "def", "value"):
        # One public member of a class at most: `Class.from_file`.
        fits = len(rest) == 1 or (len(rest) == 2 and bound == "class")
        return ".".join((*module, *rest)) if fits else None
    package = module if file.stem == "__init__" else module[:-1]
    if bound is not None and bound.startswith("="):
        return _resolve((*module, *bound[1:].split("."), *rest[1:]), depth - 1)
    if bound is not None:
        return _resolve((*_absolute(bound, package), *rest[1:]), depth - 1)
    for source in bindings.get("*", "").split():
        found = _resolve((*_absolute(source, package), *rest), depth - 1)
        if found is not None:
            return found
    return None


def _absolute(name: str, package: tuple[str, ...]) -> tuple[str, ...]:
    """``..a.b`` seen from a package, as a full name."""
    dots = len(name) - len(name.lstrip("."))
    parts = tuple(part for part in name[dots:].split(".") if part)
    return (*package[: len(package) - dots + 1], *parts) if dots else parts


@cache
def _bindings(file: Path) -> dict[str, str]:
    """What a module's top level binds: ``class``, ``def``, ``value``, ``=alias`` or the name an import stands for."""
    found: dict[str, str] = {}
    for node in _statements(ast.parse(file.read_text(encoding="utf-8")).body):
        if isinstance(node, ast.ClassDef):
            found[node.name] = "class"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = "def"
        elif isinstance(node, ast.Assign):
            found |= {item.id: _assigned(node.value) for item in node.targets if isinstance(item, ast.Name)}
        elif isinstance(node, ast.Import):
            found |= {item.asname or item.name.split(".")[0]: _imported(item) for item in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for item in node.names:
                if item.name == "*":
                    found["*"] = f"{found.get('*', '')} {base}".strip()
                else:
                    found[item.asname or item.name] = f"{base}.{item.name}" if node.module else f"{base}{item.name}"
    return found


def _assigned(value: ast.expr) -> str:
    """An alias (``LoadImageD = LoadImaged``), a value, or an optional import, which leads anywhere."""
    if isinstance(value, ast.Name | ast.Attribute):
        return f"={ast.unparse(value)}"
    foreign = any(isinstance(node, ast.Name) and "import" in node.id for node in ast.walk(value))
    return "foreign" if foreign else "value"


def _imported(item: ast.alias) -> str:
    return item.name if item.asname else item.name.split(".")[0]


def _statements(body: Iterable[ast.stmt]) -> Iterable[ast.stmt]:
    """Statements of a module's top level, those under ``if``, ``try`` and ``with`` included."""
    for node in body:
        yield node
        for field in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _statements(getattr(node, field, []))
        for handler in getattr(node, "handlers", []):
            yield from _statements(handler.body)
