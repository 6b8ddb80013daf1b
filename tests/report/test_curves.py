# SPDX-License-Identifier: Apache-2.0
"""Training curves."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammozoo.io.write import write_csv
from mammozoo.report.curves import curves_figure, read_history, write_curves

HISTORY = [
    {
        "epoch": epoch,
        "train_loss": 1 / epoch,
        "val_loss": 1.1 / epoch,
        "train_dice": 0.1 * epoch,
        "val_iou": 0.05 * epoch,
    }
    for epoch in range(1, 9)
]


def test_panels_show_what_was_recorded() -> None:
    loss, dice, iou = curves_figure(HISTORY, best_epoch=7).axes
    lines = {line.get_label(): line for line in loss.get_lines()}
    np.testing.assert_allclose(lines["training"].get_ydata(), [1 / epoch for epoch in range(1, 9)])
    np.testing.assert_allclose(lines["validation"].get_xdata(), range(1, 9))
    assert list(lines["kept: epoch 7"].get_xdata()) == [7, 7]
    assert next(line.get_label() for line in dice.get_lines()) == "training"
    assert next(line.get_label() for line in iou.get_lines()) == "validation"
    assert dice.get_ylim() == iou.get_ylim() == (0, 1)


def test_panel_without_data_says_so() -> None:
    texts = [[text.get_text() for text in axes.texts] for axes in curves_figure(HISTORY[:1]).axes]
    assert texts == [[], [], []]
    assert curves_figure([]).axes[0].texts[0].get_text() == "not recorded"


def test_history_from_csv(tmp_path: Path) -> None:
    rows = [{"epoch": 1, "train_loss": 0.5, "note": "warm-up"}, {"epoch": 2, "train_loss": None, "note": ""}]
    history = read_history(write_csv(tmp_path / "log.csv", rows))
    assert history[0] == {"epoch": 1.0, "train_loss": 0.5}
    assert np.isnan(history[1]["train_loss"])
    drawn = curves_figure(history).axes[0].get_lines()[0].get_ydata()
    np.testing.assert_array_equal(drawn, [0.5, np.nan])


@pytest.mark.parametrize("as_file", [False, True])
def test_write_is_reproducible(tmp_path: Path, as_file: bool) -> None:
    history = write_csv(tmp_path / "log.csv", HISTORY) if as_file else HISTORY
    one = write_curves(tmp_path / "1.png", history, title="Demo").read_bytes()
    assert one == write_curves(tmp_path / "2.png", history, title="Demo").read_bytes()
    assert cv2.imread(str(tmp_path / "1.png")).shape == (510, 1800, 3)


def test_no_global_figure_state() -> None:
    curves_figure(HISTORY)
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
