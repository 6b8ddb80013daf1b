# SPDX-License-Identifier: Apache-2.0
"""How reports and pages write their numbers: names, digits, intervals and tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Value = float | None
#: Metrics of masks.
TITLES = {
    "dice": "Dice",
    "iou": "IoU",
    "accuracy": "Pixel accuracy",
    "sensitivity": "Sensitivity (pixels)",
    "specificity": "Specificity (pixels)",
    "precision": "Precision (pixels)",
    "area_difference": "Relative area difference",
    "hausdorff": "Hausdorff distance (px)",
    "hd95": "HD95 (px)",
    "assd": "ASSD (px)",
    "nsd": "NSD at 1 px",
    "hausdorff_mm": "Hausdorff distance (mm)",
    "hd95_mm": "HD95 (mm)",
    "assd_mm": "ASSD (mm)",
    "row_hausdorff": "Hausdorff of rows (legacy)",
}
#: Size bins of Huang et al., Cureus 18(3):e105360 (2026), Methods: pixels of the 224 x 224 grid.
SIZE_TITLES = {"small": "Small (< 500 px)", "medium": "Medium (500-1500 px)", "large": "Large (> 1500 px)"}
#: Figures of a classifier.
CLASS_TITLES = {
    "auroc": "AUROC",
    "auprc": "Average precision (AUPRC)",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "mcc": "MCC",
    "brier": "Brier score",
    "ece": "Calibration error (ECE)",
}
#: Names of thresholds.
THRESHOLDS = {"stated": "stated", "validation": "validation", "half": "0.5", "ranking": "none"}


def number(value: Value, *, digits: int = 3) -> str:
    """Show a number; a dash where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def signed(value: Value, *, digits: int = 3) -> str:
    """Show a difference with its sign; a dash where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:+.{digits}f}"


def span(interval: Sequence[Value] | None, *, digits: int = 3, scale: float = 1.0, sign: bool = False) -> str:
    """Show an interval; a dash where there is none."""
    if interval is None or any(bound is None or not math.isfinite(bound) for bound in interval):
        return "-"
    show = signed if sign else number
    return " to ".join(show(scale * (bound or 0.0), digits=digits) for bound in interval)


def mean_sd(found: Mapping[str, Value]) -> str:
    """Show a mean with its standard deviation, where there is one."""
    mean, sd = number(found["mean"]), number(found["sd"])
    return mean if sd == "-" else f"{mean} ± {sd}"


def digits_of(name: str) -> int:
    """Decimals of a metric: two of distances, three of shares."""
    return 2 if name.startswith(("hausdorff", "hd95", "assd", "row_")) else 3


def p_text(value: Value) -> str:
    """Show a p-value."""
    return "< 0.0001" if value is not None and value < 1e-4 else number(value, digits=4)


def plural(count: int, noun: str) -> str:
    """Show a count with its noun: "no files", "1 file", "2 files"."""
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def sentence(test: Mapping[str, Any], *, with_n: bool = True) -> str:
    """One sentence about a test: its name, statistic, p and n."""
    n = f" (n: {', '.join(f'{name} {count}' for name, count in test['n'].items())})" if with_n else ""
    if test["note"]:
        return f"{test['name']}: {test['note']}{n}."
    return f"{test['name']}: statistic {test['statistic']:.3f}, p {p_text(test['p'])}{n}."
