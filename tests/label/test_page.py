# SPDX-License-Identifier: Apache-2.0
"""The annotator's page in a headless Chromium (``make label-test``)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.label

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def seen(server: Any) -> dict[str, Any]:
    """What happened on the page."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        pytest.fail("the page is tested in Chromium: apt-get install chromium chromium-driver")
    shots = ROOT / ".demo" / "label-page"
    shots.mkdir(parents=True, exist_ok=True)
    python = ROOT / ".label-env" / "bin" / "python"
    command = [str(python), str(Path(__file__).with_name("drive_page.py")), server.url, str(shots)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_editing(seen: dict[str, Any]) -> None:
    steps = seen["annotate"]
    assert "mm a pixel" in steps["facts"]
    assert steps["mark"] in ("L CC", "R CC", "L MLO", "R MLO")
    assert steps["suggested"] > 0
    assert steps["brushed"] > steps["suggested"] == steps["undone"]
    assert steps["redone"] == steps["brushed"]
    assert steps["polygon"] > steps["redone"]
    assert steps["erased"] < steps["polygon"]
    assert steps["removed"] < steps["erased"]
    assert steps["state_edited"] == "Changes not saved"
    assert steps["state_saved"].startswith("Final label saved")


def test_what_was_drawn_is_what_was_saved(server: Any, seen: dict[str, Any]) -> None:
    label = server.ask("GET", f"/api/label/{seen['annotate']['image']}")[2]
    assert sum(label) == seen["annotate"]["removed"]


def test_looking(seen: dict[str, Any]) -> None:
    steps = seen["look"]
    assert steps["native"] == 1
    assert steps["zoomed"] > 1.5
    assert steps["window_changed"] != steps["window"] == steps["window_reset"]


def test_every_button_can_be_reached(seen: dict[str, Any]) -> None:
    assert seen["look"]["hidden"] == {"860": [], "1920": []}


def test_unsaved_changes_are_asked_about(seen: dict[str, Any]) -> None:
    assert seen["leave"] == {"asked": True, "stayed": True, "left": True}


def test_training_from_the_page(server: Any, seen: dict[str, Any]) -> None:
    assert seen["train"]["training"].startswith("Trained: the model is up to date")
    assert "epoch 2 of 2" in seen["train"]["training"]
    final = sum(item["status"] == "final" for item in server.json("GET", "/api/items")["items"])
    assert final >= 3


def test_the_browser_complains_of_nothing(seen: dict[str, Any]) -> None:
    assert seen["errors"] == []
