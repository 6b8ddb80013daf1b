# SPDX-License-Identifier: Apache-2.0
"""The small grammar of ``$`` expressions that is accepted unseen: references, arithmetic, listed calls.

MONAI evaluates whatever stands after a ``$`` with Python's ``eval``. Here it is parsed, never executed, and every node
that is not known to be harmless is named. What is named is not always an attack; it is what a person has to read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from .allow_list import BUILTINS, IMPORTS, MEMBERS, NAMES
from .target import target_fault

REFERENCES = "__local_refs"
# Names that MONAI gives every expression.
DEFAULT_NAMES = {"monai": "monai", "torch": "torch", "np": "numpy", "numpy": "numpy"}
_NODES = (
    ast.Expression, ast.Constant, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Tuple, ast.List,
    ast.Dict, ast.Set, ast.Slice, ast.Subscript, ast.Starred, ast.keyword, ast.JoinedStr, ast.FormattedValue,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip
_REFERENCE = re.compile(r"@\w*(?:::\w*)*")
_LARGEST_POWER = 64


def references(text: str) -> list[str]:
    """Ids that a configuration string refers to, as MONAI finds them (``#`` read as ``::``)."""
    text = text.replace("#", "::")
    found = _REFERENCE.findall(text)
    return [item[1:] for item in found if text.startswith("$") or item == text]


def is_import(text: str) -> bool:
    """Whether MONAI takes a ``$`` string for an import: its first statement decides."""
    try:
        first = ast.parse(text[1:].strip()).body[:1]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return bool(first) and isinstance(first[0], ast.Import | ast.ImportFrom)


def imported_names(text: str) -> dict[str, str]:
    """Name that an ``$import`` binds, with the full name of what it stands for."""
    statement = ast.parse(text[1:].strip()).body[0]
    names: dict[str, str] = {}
    if isinstance(statement, ast.ImportFrom):
        for item in statement.names:
            names[item.asname or item.name] = f"{'.' * statement.level}{statement.module or ''}.{item.name}"
    elif isinstance(statement, ast.Import):
        for item in statement.names:
            names[item.asname or item.name.split(".")[0]] = item.name if item.asname else item.name.split(".")[0]
    return names


def expression_faults(text: str, *, names: Mapping[str, str] | None = None) -> list[str]:
    """Say what in a ``$`` expression or ``$import`` is outside the grammar."""
    names = DEFAULT_NAMES if names is None else names
    if is_import(text):
        return _import_faults(text)
    code = text[1:].replace("#", "::").strip()
    for item in sorted(_REFERENCE.findall(code), key=len, reverse=True):
        code = code.replace(item, f"{REFERENCES}['{item[1:]}']")
    try:
        tree = ast.parse(code, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [f"cannot be parsed ({type(error).__name__})"]
    judge = _Judge(names)
    try:
        judge.visit(tree)
    except RecursionError:
        return ["is nested too deeply to be read"]
    return list(dict.fromkeys(judge.faults))


def _import_faults(text: str) -> list[str]:
    statements = ast.parse(text[1:].strip()).body
    faults = ["more than one statement; MONAI reads the first only"] if len(statements) > 1 else []
    for name, full in imported_names(text).items():
        top = full.split(".")[0]
        if name.startswith("_"):
            faults.append(f"binds the private name '{name}'")
        if top == "mammozoo":
            faults.append("mammozoo is imported before bundle_root is on the path; name it by _target_")
        elif top not in IMPORTS:
            faults.append(f"imports '{full}', which is not on the list")
    return faults


class _Judge(ast.NodeVisitor):
    """Collect what is outside the grammar; names bound by a lambda or a comprehension are known inside it."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        self.local: frozenset[str] = frozenset()
        self.faults: list[str] = []

    def generic_visit(self, node: ast.AST) -> None:
        if not isinstance(node, _NODES):
            self.faults.append(f"{type(node).__name__} is not in the grammar")
        super().generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self.local or (node.id in BUILTINS and node.id not in self.names):
            return
        fault = self._dotted_fault(self.names[node.id]) if node.id in self.names else None
        if node.id not in self.names:
            fault = f"'{node.id}' is not a listed name"
        if fault is not None:
            self.faults.append(fault)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        named = isinstance(node.value, ast.Name) and node.value.id == REFERENCES
        if not (named and isinstance(node.slice, ast.Constant)):
            self.visit(node.value)
        self.visit(node.slice)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        dotted = self._dotted(node)
        if dotted is not None:
            fault = self._dotted_fault(dotted)
            if fault is not None:
                self.faults.append(fault)
            return
        if node.attr not in MEMBERS:
            self.faults.append(f"'.{node.attr}' is not a listed member")
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        name = self._dotted(node.func) if isinstance(node.func, ast.Attribute) else None
        if not (_is_path_insert(name, node) or _is_safe_load(name, node)):
            self.visit(node.func)
        for item in (*node.args, *node.keywords):
            self.visit(item)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        # Whole numbers grow without end; a float overflows at once.
        left, right = (item.value if isinstance(item, ast.Constant) else None for item in (node.left, node.right))
        small = isinstance(left, float) or (isinstance(right, int | float) and abs(right) <= _LARGEST_POWER)
        if isinstance(node.op, ast.Pow | ast.LShift) and not small:
            self.faults.append(f"a power whose exponent is not a number up to {_LARGEST_POWER}")
        self.generic_visit(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        arguments = node.args
        given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for default in (*arguments.defaults, *filter(None, arguments.kw_defaults)):
            self.visit(default)
        self._inside(frozenset(item.arg for item in given if item is not None), node.body)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        bound = {
            item.id
            for part in node.generators
            for item in ast.walk(part.target)
            if isinstance(item, ast.Name)
        }  # fmt: skip
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        conditions = [condition for part in node.generators for condition in part.ifs]
        self._inside(frozenset(bound), *(part.iter for part in node.generators), *conditions, *results)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension  # noqa: N815

    def _inside(self, bound: frozenset[str], *nodes: ast.AST) -> None:
        before = self.local
        self.local = before | bound
        for node in nodes:
            self.visit(node)
        self.local = before

    def _dotted(self, node: ast.expr) -> str | None:
        """Full name of a chain of attributes that begins at an imported name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in self.local or node.id not in self.names:
            return None
        return ".".join([self.names[node.id], *reversed(parts)])

    def _dotted_fault(self, name: str) -> str | None:
        if name in NAMES:
            return None
        if "." in name and name.split(".")[0] in {"ignite", "mammozoo", "monai", "torch"}:
            return target_fault(name)
        return f"'{name}' is not a listed name"


def _is_path_insert(name: str | None, node: ast.Call) -> bool:
    """The one path insert: ``sys.path.insert(1, @bundle_root)``."""
    arguments = [ast.unparse(item) for item in node.args]
    return name == "sys.path.insert" and arguments == ["1", f"{REFERENCES}['bundle_root']"] and not node.keywords


def _is_safe_load(name: str | None, node: ast.Call) -> bool:
    """``torch.load(..., weights_only=True)``."""
    given = {item.arg: ast.unparse(item.value) for item in node.keywords}
    plain = len(node.args) == 1 and set(given) <= {"weights_only", "map_location"}
    return name == "torch.load" and plain and given.get("weights_only") == "True"
