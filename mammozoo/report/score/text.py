# SPDX-License-Identifier: Apache-2.0
"""How an evaluation's page writes its numbers: names, digits, intervals and tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["CLASS_TITLES", "THRESHOLDS", "TITLES", "digits_of", "number", "p_text", "sentence", "span"]

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
#: Figures of a classifier.
CLASS_TITLES = {
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "auroc": "AUROC",
    "auprc": "Average precision",
    "balanced_accuracy": "Balanced accuracy",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "mcc": "MCC",
    "brier": "Brier score",
    "ece": "Calibration error (ECE)",
}
#: Names of thresholds.
THRESHOLDS = {"stated": "stated", "validation": "validation", "half": "0.5", "ranking": "none"}


def number(value: float | None, *, digits: int = 3) -> str:
    """Show a number; a dash where there is none.

    Examples
    --------
    >>> number(0.12345), number(None)
    ('0.123', '-')
    """
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def span(interval: Sequence[float | None] | None, *, digits: int = 3, scale: float = 1.0) -> str:
    """Show an interval; a dash where there is none.

    Examples
    --------
    >>> span([0.1, 0.25], digits=0, scale=100)
    '10 to 25'
    """
    if interval is None or any(bound is None or not math.isfinite(bound) for bound in interval):
        return "-"
    return " to ".join(number(scale * (bound or 0.0), digits=digits) for bound in interval)


def digits_of(name: str) -> int:
    """Decimals of a metric: two of distances, three of shares."""
    return 2 if name.startswith(("hausdorff", "hd95", "assd", "row_")) else 3


def p_text(value: float | None) -> str:
    """Show a p-value."""
    if value is None or not math.isfinite(value):
        return "-"
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def sentence(test: Mapping[str, Any], *, with_n: bool = True) -> str:
    """One sentence about a test: its name, statistic, p and n."""
    n = f" (n: {', '.join(f'{name} {count}' for name, count in test['n'].items())})" if with_n else ""
    if test["note"]:
        return f"{test['name']}: {test['note']}{n}."
    return f"{test['name']}: statistic {test['statistic']:.3f}, p {p_text(test['p'])}{n}."
