# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from mammozoo.engines.results.score_table import score_with_thresholds
from mammozoo.report.classification import classification_report
from mammozoo.report.figures import score_curves_figure
from mammozoo.stats.summary_classification import Unit

ROWS = [
    {"id": f"{part}{n}", "part": part, "patient_id": f"{part}{n}", "laterality": "L", "label": n % 2, "probability": p}
    for part in ("validation", "test")
    for n, p in enumerate((0.1, 0.8, 0.3, 0.6))
]


def test_the_report_puts_the_patient_first_and_names_both_thresholds() -> None:
    summary = {"resolution": "64 x 64", **score_with_thresholds(ROWS, resamples=20)}
    text = classification_report(summary, title="demo")
    assert text.index("Per patient, the headline") < text.index("Per breast") < text.index("Per image")
    assert "At 0.600 (validation)" in text
    assert "At 0.5" in text
    assert "DeLong" in text
    assert "No headline figure" not in text
    leaky = classification_report({**summary, "headline_reason": "a leak"}, title="demo")
    assert "**No headline figure:** a leak" in leaky


def test_curves_of_one_class_say_so() -> None:
    figure = score_curves_figure({"image": Unit([0.2, 0.4], [1, 1], ["a", "b"])}, title="one class")
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts == ["one class only", "one class only"]


def test_curves_carry_their_areas() -> None:
    probabilities, labels, patients = ([row[name] for row in ROWS] for name in ("probability", "label", "patient_id"))
    scores = Unit(probabilities, labels, patients)
    roc, precision, calibration = score_curves_figure({"image": scores, "patient": scores}).axes
    assert [text.get_text() for text in roc.get_legend().get_texts()] == ["image: 1.000", "patient: 1.000"]
    assert precision.get_legend().get_texts()[0].get_text() == "image: 1.000"
    assert "ECE" in calibration.get_legend().get_texts()[0].get_text()
