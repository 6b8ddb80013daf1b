# SPDX-License-Identifier: Apache-2.0
"""What the documentation says can be done: commands, keys, links, and the example of the front page."""

from __future__ import annotations

import argparse
import ast
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import mammozoo
from mammozoo.cli.main import _parser
from mammozoo.engines.training.command import check_keys, parse_command

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bundles").glob("*/docs/README.md")])
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def _commands(page: Path) -> Iterator[list[str]]:
    """Words of every command in the page's blocks; lines that end with a backslash continue."""
    for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith(("mammozoo ", ".venv/bin/mammozoo ", "python -m monai.bundle run ", "torchrun ")):
                words = shlex.split(line, comments=True)
                if "..." not in words:
                    yield words


@EVERY_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not link.startswith(("http", "mailto:")):
            assert (page.parent / link).exists(), link


@EVERY_PAGE
def test_keys_of_monai_commands_exist(page: Path) -> None:
    for words in _commands(page):
        if "monai.bundle" not in words:
            continue
        command = parse_command(words[words.index("run") + 1 :])
        files = [_known(file) for file in command.files]
        check_keys(command.overrides, files=files)
        known = set().union(*(json.loads(file.read_text()) for file in files))
        assert command.run_id in known, command.run_id


def _known(file: Path) -> Path:
    """The file that a page names; for a placeholder (RUN, NAME) that of the bundle with the most keys."""
    if file.is_file():
        return file
    assert re.search(r"/(RUN|NAME|runs/first)/configs/\w+\.json$", str(file)), file
    return ROOT / "bundles" / "mammo_two_stage_segmentation" / "configs" / file.name


@EVERY_PAGE
def test_options_of_our_commands_exist(page: Path) -> None:
    parsers = _subparsers()
    for words in _commands(page):
        if not words[0].endswith("mammozoo"):
            continue
        assert words[1] in parsers, words
        known = set(parsers[words[1]]._option_string_actions)
        if words[1] == "label":
            (choices,) = (action.choices for action in parsers["label"]._actions if action.nargs == "A...")
            known = set(dict(choices or {})[words[2]]._option_string_actions)
        assert {word for word in words if word.startswith("--")} <= known, words


@cache
def _subparsers() -> dict[str, argparse.ArgumentParser]:
    (choices,) = (action.choices for action in _parser()._actions if action.nargs == "A...")
    return dict(choices or {})  # type: ignore[call-overload]


@EVERY_PAGE
def test_python_of_the_pages_names_what_there_is(page: Path) -> None:
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module: Any = __import__(str(node.module), fromlist=["x"])
                assert all(hasattr(module, alias.name) for alias in node.names)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mammozoo":
                assert node.attr in mammozoo.__all__


@EVERY_PAGE
def test_pages_use_plain_words(page: Path) -> None:
    """The worst patterns of the glossary, which itself names them."""
    if page.name == "glossary.md":
        return
    worst = r"(?<!here )\bis no (?!longer)|\bwants? an? |\bstands? (?:in|twice) |\b(?:row|page|file) an? [a-z]+"
    assert re.findall(worst, page.read_text(encoding="utf-8")) == []


def test_the_front_page_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_the_example_of_the_front_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert 8 <= len(block.splitlines()) <= 15
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "L CC (256, 208)"
    assert sum(" ok " in line for line in lines) == 8
    assert (tmp_path / "runs" / "example" / "predictions" / "p000_L_CC" / "overlay.png").is_file()
