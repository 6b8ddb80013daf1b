# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mammozoo.cli.main import main
from mammozoo.data.anchor_sizes import find_anchors, lesion_sizes
from mammozoo.io.write import write_png


def test_sizes_in_the_frame(tmp_path: Path) -> None:
    image = np.zeros((100, 50), np.uint8)
    image[10:90, :40] = 200
    file = str(write_png(tmp_path / "a.png", image))
    items = [{"image": file, "box": [[5, 20, 15, 40], [0, 0, 5, 5]]}, {"image": file, "box": []}]
    plain = lesion_sizes(items, size=(100, 200), framing="whole")
    np.testing.assert_allclose(plain, [[20, 40], [10, 10]])
    cropped = lesion_sizes(items, size=(100, 200))
    assert (cropped > plain).all(), "the frame is the breast, which is smaller than the image"
    assert cropped[1, 0] == pytest.approx(cropped[1, 1]), "padding does not squash"


def test_distinct_boxes_return_themselves(tmp_path: Path) -> None:
    file = str(write_png(tmp_path / "a.png", np.full((640, 320), 9, np.uint8)))
    boxes = [[0, 0, 10 * n, 12 * n] for n in range(1, 10)]
    found = find_anchors([{"image": file, "box": boxes}], framing="whole")
    assert found.anchors == tuple((10.0 * n, 12.0 * n) for n in range(1, 10))
    assert (found.mean_best_iou, found.boxes, found.images) == (1.0, 9, 1)


def test_the_command_prints_and_writes_them(
    phantom_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "anchors.json"
    command = ["anchors", "manifest", str(phantom_dir / "manifest.csv"), "--count", "3", "--out", str(out)]
    assert main(command) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[0])
    assert printed == json.loads(out.read_text())
    assert len(printed["anchors"]) == 3
    assert printed["size"] == [320, 640]
    assert main([*command, "--count", "99"]) == 1
    assert "99 anchors need" in capsys.readouterr().err
