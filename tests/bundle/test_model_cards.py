# SPDX-License-Identifier: Apache-2.0
"""Every bundle's model card says what a reader must know before using it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mammozoo.bundle.inference import own_bundles

SECTIONS = (
    "Authors", "Tags", "Model description", "Data", "Training", "Performance", "System configuration", "Intended use",
    "Limitations", "Citation", "References", "Licence of the data", "Licence",
)  # fmt: skip
EVERY_CARD = pytest.mark.parametrize("bundle", own_bundles(), ids=lambda path: path.name)


def _text(bundle: Path) -> str:
    return (bundle / "docs" / "README.md").read_text(encoding="utf-8")


@EVERY_CARD
def test_the_card_is_complete(bundle: Path) -> None:
    text = _text(bundle)
    found = re.findall(r"^## (.+)\n((?:(?!## ).*\n)+)", text, re.MULTILINE)
    assert tuple(title for title, _ in found) == SECTIONS
    parts = dict(found)
    assert all(len(part.split()) >= 3 for part in parts.values())
    assert "Research use only; not a medical device, not for diagnosis." in " ".join(text.split())
    assert "Out of scope:" in parts["Intended use"]
    assert "doi" in parts["Citation"] + parts["References"] or "arXiv" in parts["Citation"]
    assert "Data sets keep their own licences" in parts["Licence of the data"]
    assert "Apache-2.0" in parts["Licence"]
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    assert "not for diagnosis" in metadata["intended_use"]


@EVERY_CARD
def test_defaults_of_the_card_are_those_of_the_bundle(bundle: Path) -> None:
    """The tables of keys: `a`, `b` | 1, 2 | meaning."""
    config = json.loads((bundle / "configs" / "train.json").read_text(encoding="utf-8"))
    config |= json.loads((bundle / "configs" / "evaluate.json").read_text(encoding="utf-8"))
    table = _text(bundle).partition("| key | default | meaning |\n|---|---|---|\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    assert len(rows) >= 4
    for names, defaults, _ in rows:
        keys = re.findall(r"`(\w+)`", names)
        assert set(keys) <= set(config)
        given = re.findall(r"\[[^]]*\]|[^,\s][^,]*", defaults)
        for key, text in zip(keys, given, strict=False):
            if "..." not in text and "sizes" not in text:
                assert _same(config[key], text.strip("`")), f"{key}: {text} is not {config[key]!r}"


def _same(value: object, text: str) -> bool:
    if value is None or isinstance(value, bool | str):
        return text == ("null" if value is None else str(value))
    return bool(json.loads(text) == value)


@EVERY_CARD
def test_a_card_that_promises_weights_has_none(bundle: Path) -> None:
    promised = "Weights of this network follow." in _text(bundle)
    assert promised == (not list((bundle / "models").glob("*.safetensors")))
