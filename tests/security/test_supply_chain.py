# SPDX-License-Identifier: Apache-2.0
"""What a release brings in: every package pinned with its hashes, listed as CycloneDX, above the secure floors."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
# Below these lie known weaknesses of reading weights, bundles and DICOMDIRs.
FLOORS = {"monai": "1.6.1", "torch": "2.10", "pydicom": "3.0.2"}


def _locked() -> dict[str, list[tuple[Requirement, int]]]:
    """Package to its pinned lines (one a platform or Python) and their numbers of hashes."""
    text = LOCK.read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, list[tuple[Requirement, int]]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line.split("--hash")[0].strip())
            hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}(?= |$)", line)
            found.setdefault(requirement.name.lower(), []).append((requirement, len(hashes)))
    return found


def _wanted() -> list[Requirement]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = parser["options.extras_require"]
    texts = (parser["options"]["install_requires"], extras["clinic"], extras["archive"], extras["tune"])
    return [Requirement(line) for text in texts for line in text.split("\n") if line.strip()]


def test_every_package_is_pinned_with_hashes() -> None:
    for name, lines in _locked().items():
        for requirement, hashes in lines:
            assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), requirement
            assert hashes > 0, name


def test_the_lock_names_no_place() -> None:
    assert not re.search(r"https?:|file:|index|find-links|@ |/(opt|home|tmp|work)/", LOCK.read_text(encoding="utf-8"))


def test_the_lock_satisfies_the_requirements() -> None:
    locked = _locked()
    for wanted in _wanted():
        for requirement, _ in locked[canonicalize_name(wanted.name)]:
            (pin,) = requirement.specifier
            assert wanted.specifier.contains(pin.version), f"{wanted} and {requirement}: run `make lock`"


@pytest.mark.parametrize("name", FLOORS)
def test_nothing_below_the_secure_floors_is_accepted(name: str) -> None:
    (wanted,) = [item for item in _wanted() if item.name == name]
    floors = [Version(item.version) for item in wanted.specifier if item.operator == ">="]
    assert max(floors) >= Version(FLOORS[name])


@pytest.mark.slow
def test_the_bill_of_materials_lists_the_lock(tmp_path: Path) -> None:
    pytest.importorskip("cyclonedx_py")
    out = tmp_path / "sbom.cdx.json"
    command = ["-m", "cyclonedx_py", "requirements", str(LOCK), "--output-reproducible", "--of", "JSON", "-o", str(out)]
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    content = json.loads(out.read_text())
    assert content["bomFormat"] == "CycloneDX"
    assert {item["name"].lower() for item in content["components"]} == set(_locked())
    assert all(item["externalReferences"][0]["hashes"] for item in content["components"])


def test_how_to_report_a_weakness_is_said() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    for words in ("Report a vulnerability", "72 hours"):
        assert words in text
    guide = (ROOT / "docs" / "how-to" / "secure_a_deployment.md").read_text(encoding="utf-8")
    for words in ("--require-hashes", "make sbom", "VEX", "cosign"):
        assert words in guide
