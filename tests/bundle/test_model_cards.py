# SPDX-License-Identifier: Apache-2.0
"""Every bundle's model card says what a reader must know before using it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mammozoo.bundle.compose import find_bundles

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = (
    "Authors", "Tags", "Model description", "Data", "Use", "Performance", "System configuration",
    "Intended use and what is out of scope", "Limitations", "Citation and references", "Licence",
)  # fmt: skip


@pytest.mark.parametrize("bundle", find_bundles(ROOT), ids=lambda path: path.name)
def test_the_card_is_complete(bundle: Path) -> None:
    text = (bundle / "docs" / "README.md").read_text(encoding="utf-8")
    parts = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)+)", text, re.MULTILINE))
    for section in SECTIONS:
        assert len(parts[section].split()) >= 3, section
    assert "Research use only; not a medical device, not for diagnosis." in text
    assert "Out of scope:" in parts["Intended use and what is out of scope"]
    assert "doi" in parts["Citation and references"].lower() or "arXiv" in parts["Citation and references"]
    for license_name in ("Apache-2.0", "Data sets keep their own licences"):
        assert license_name in parts["Licence"]
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    assert "not for diagnosis" in metadata["intended_use"]


@pytest.mark.parametrize("bundle", find_bundles(ROOT), ids=lambda path: path.name)
def test_commands_of_the_card_name_files_and_keys_that_exist(bundle: Path) -> None:
    text = (bundle / "docs" / "README.md").read_text(encoding="utf-8")
    files = [bundle / "configs" / f"{name}.json" for name in ("train", "evaluate", "inference")]
    known = {key for file in files for key in json.loads(file.read_text())}
    for line in re.findall(r"^python -m monai.bundle run.*$", text, re.MULTILINE):
        for option in re.findall(r" --(\w+)", line):
            assert option in known | {"config_file"}, line
        for file in re.findall(r"configs/[\w.]+", line):
            assert (bundle / file).is_file(), line
