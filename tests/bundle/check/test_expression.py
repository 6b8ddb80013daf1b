# SPDX-License-Identifier: Apache-2.0
"""The grammar of `$` expressions: what is accepted unseen, and what is listed."""

from __future__ import annotations

import pytest

from mammozoo.bundle.check.expression import DEFAULT_NAMES, expression_faults, imported_names, is_import, references

NAMES = {**DEFAULT_NAMES, "os": "os", "sys": "sys"}


@pytest.mark.parametrize(
    "text",
    [
        "$@lr * 2",
        "$sys.path.insert(1, @bundle_root)",
        "$'bundles/x' if os.path.isdir('bundles/x') else '.'",
        "$torch.device('cuda:' + os.environ['LOCAL_RANK'] if torch.cuda.is_available() else 'cpu')",
        "$@train#handlers[: None if torch.distributed.get_rank() == 0 else 3]",
        "$lambda epoch: @factors[sum(epoch >= m for m in @milestones)]",
        "$monai.handlers.from_engine(['loss'], first=True)",
        "$[n // 16 for n in @spatial_size]",
        '$f"{@output_dir}/{@fold}"',
        "$torch.load(@path, map_location='cpu', weights_only=True)",
        "$0.1 ** (3 * @epoch)",
        "$import os",
        "$from functools import partial",
    ],
)
def test_ordinary_expressions_are_accepted(text: str) -> None:
    assert expression_faults(text, names=NAMES) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("$__import__('os').system('id')", "'__import__' is not a listed name"),
        ("$os.system('id')", "'os.system' is not a listed name"),
        ("$os", "'os' is not a listed name"),
        ("$torch.serialization.os.system('id')", "not under a listed package"),
        ("$torch.load(@path)", "not under a listed package"),
        ("$torch.load(@path, weights_only=False)", "not under a listed package"),
        ("$torch.hub.load('a/b', 'c')", "not under a listed package"),
        ("$eval('1')", "'eval' is not a listed name"),
        ("$getattr(@x, 'y')", "'getattr' is not a listed name"),
        ("$open('/etc/passwd').read()", "'open' is not a listed name"),
        ("$().__class__.__base__.__subclasses__()", "'.__subclasses__' is not a listed member"),
        ("$(lambda f: f.__globals__)(@run)", "'.__globals__' is not a listed member"),
        ("$@path.unlink()", "'.unlink' is not a listed member"),
        ("$[x for x in @y if x.__dict__]", "'.__dict__' is not a listed member"),
        ("$(y := 1)", "NamedExpr is not in the grammar"),
        ("$sys.path.insert(0, '/tmp/evil')", "'sys.path.insert' is not a listed name"),
        ("$9 ** 9 ** 9", "a power"),
        ("$1 +", "cannot be parsed"),
        ("$import subprocess", "imports 'subprocess'"),
        ("$import os; os.system('id')", "more than one statement"),
        ("$import mammozoo", "before bundle_root is on the path"),
        ("$" + "(" * 300 + ")" * 300, "cannot be parsed"),
        # MONAI replaces references inside string literals too, which ends the literal.
        ("$'@system'", "cannot be parsed"),
    ],
)
def test_everything_else_is_named(text: str, reason: str) -> None:
    assert any(reason in fault for fault in expression_faults(text, names=NAMES)), expression_faults(text, names=NAMES)


def test_an_alias_does_not_hide_what_it_stands_for() -> None:
    names = {**NAMES, **imported_names("$from os import system as max")}
    assert names["max"] == "os.system"
    assert expression_faults("$max('id')", names=names) == ["'os.system' is not a listed name"]


def test_references_are_found_as_monai_finds_them() -> None:
    assert references("@train#dataset#data") == ["train::dataset::data"]
    assert references("someone@example.org") == []
    assert references("$@a + '@b'") == ["a", "b"]
    assert is_import("$import os")
    assert not is_import("$important")
