# SPDX-License-Identifier: Apache-2.0
"""Score anybody's predictions of a data set: ``per_case.csv``, ``metrics.json`` and ``report.html``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._typing import PathLike
from ...data.auditing.leaks import AuditReport
from ...data.record import Record
from ...engines.detection.lesion_detection import summarise_detection
from ...io.predictions.read import Predictions, find_predictions
from ...io.write import hide_patients, write_csv, write_json
from ...metrics.matching import HitRule
from ...stats.summary import summarise_segmentation
from .cases import Pairing, ScoredCase, pair, score_cases
from .classes import class_scores, summarise_classes
from .compare import compare_scores
from .page import score_page
from .result import Score

_LISTED = 20  # names of missing or extra predictions in metrics.json


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """How to score.

    Attributes
    ----------
    hit : str
        Rule by which a box hits a lesion (`mammozoo.metrics.matching.match_boxes`).
    strata : tuple of str or None
        Columns to divide by, every value listed; None finds them.
    threshold : float or None
        Score from which a box or an image is positive; choose it on validation data.
    mask_threshold : float or None
        The masks are probability maps, lesion from this share of their full scale.
    positive : tuple of str
        Class names that are positive; others are negative.
    class_column : str or None
        Column of the class.
    resamples, seed : int
        Of the bootstrap.
    """

    hit: HitRule = "iou50"
    strata: tuple[str, ...] | None = None
    threshold: float | None = None
    mask_threshold: float | None = None
    positive: tuple[str, ...] = ()
    class_column: str | None = None
    resamples: int = 2000
    seed: int = 0


def score_predictions(
    records: Sequence[Record],
    predictions: Predictions,
    *,
    name: str,
    options: ScoreOptions,
    audit: AuditReport | None = None,
    progress: Callable[[], object] | None = None,
) -> Score:
    """Score predictions image by image and sum up what the kind of predictions allows."""
    pairing = pair(records, predictions)
    cases = score_cases(
        records,
        predictions,
        pairing.found,
        hit=options.hit,
        mask_threshold=options.mask_threshold,
        progress=progress,
    )
    classes = class_scores(
        cases,
        positive=options.positive,
        column=options.class_column,
        of_images=predictions.has_scores,
    )
    draw = {"resamples": options.resamples, "seed": options.seed}
    parts: dict[str, Any] = {"segmentation": None, "detection": None, "classification": None}
    segmented = [case.row for case in cases if case.segmented]
    if segmented:
        parts["segmentation"] = summarise_segmentation(segmented, strata=options.strata, **draw)
    matched = [case for case in cases if case.match is not None]
    if matched:
        parts["detection"] = summarise_detection(
            [case.match for case in matched if case.match is not None],
            [case.record.patient_id for case in matched],
            hit=options.hit,
            threshold=options.threshold,
            **draw,
        )
    if classes is not None:
        stated = options.threshold if options.threshold is not None else predictions.threshold
        parts["classification"] = summarise_classes(classes, threshold=stated, **draw)
    if not any(parts.values()):
        msg = (
            f"nothing to compare: {predictions.layout}, and the truth has no masks, boxes or classes that fit; "
            "for scores name the positive class (--positive malignant) and its column (--class-column)"
        )
        raise ValueError(msg)
    metrics = {
        **_headline(parts, audit),
        "resolution": _resolution(cases),
        "inputs": _inputs(predictions, pairing, cases),
        **parts,
        "audit": audit.to_dict() if audit else None,
    }
    return Score(name, predictions, pairing, cases, classes, metrics, options.mask_threshold)


def _headline(parts: Mapping[str, Any], audit: AuditReport | None) -> dict[str, Any]:
    """The one number to quote, what it is, and why there is none."""
    name: str | None = None
    value: float | None = None
    interval: list[float] | None = None
    if parts["segmentation"] and parts["segmentation"]["n_with_lesion"]:
        found = parts["segmentation"]["overall"]["dice"]
        name, value, interval = "Dice, mean over images with a lesion", found["mean"], found["interval"]
    elif parts["detection"] and "average_precision" in parts["detection"]:
        found = parts["detection"]["average_precision"]
        name = f"Average precision over lesions, {parts['detection']['hit']}"
        value, interval = found["estimate"], found["interval"]
    elif parts["classification"]:
        summary = parts["classification"]
        found = next(iter(summary["units"][summary["headline"]]["figures"].values()))["auroc"]
        name, value, interval = "AUROC per patient", found["estimate"], found["interval"]
    leak = audit is not None and not audit.clean
    return {
        "headline": None if leak else value,
        "headline_name": name,
        "headline_interval": None if leak else interval,
        "headline_reason": audit.reason if leak and audit else None,
    }


def _resolution(cases: Sequence[ScoredCase]) -> str:
    sizes = Counter(case.size for case in cases if case.size is not None)
    if not sizes:
        return "no masks were compared"
    (rows, columns), _ = sizes.most_common(1)[0]
    first = f"{rows} x {columns} (rows x columns), the truth's own grid"
    return first if len(sizes) == 1 else f"{len(sizes)} sizes, most often {first}"


def _inputs(predictions: Predictions, pairing: Pairing, cases: Sequence[ScoredCase]) -> dict[str, Any]:
    failed = [case for case in cases if case.status == "failed"]
    missing = [case.record.id for case in cases if case.status == "missing"]
    absent = [case for case in cases if case.status != "ok"]
    return {
        "layout": predictions.layout,
        "predictions": len(predictions.cases),
        "images": len(cases),
        "patients": len({case.record.patient_id for case in cases}),
        "scored": len(cases) - len(absent),
        "absent_without_lesion": sum(not case.record.has_lesion for case in absent),
        "resized": sum(case.status == "ok" and bool(case.note) for case in cases),
        "missing": {"count": len(missing), "examples": missing[:_LISTED]},
        "failed": {"count": len(failed), "examples": [f"{case.record.id}: {case.note}" for case in failed[:_LISTED]]},
        "extra": {"count": len(pairing.extra), "examples": list(pairing.extra[:_LISTED])},
    }


def write_score(
    score: Score,
    output_dir: PathLike,
    *,
    other: Score | None = None,
    title: str | None = None,
    keep_ids: bool = False,
) -> Path:
    """Write ``per_case.csv`` (patients hashed unless told), ``metrics.json`` and ``report.html``, which is returned."""
    folder = Path(output_dir)
    write_csv(folder / "per_case.csv", score.rows() if keep_ids else hide_patients(score.rows()))
    write_json(folder / "metrics.json", score.metrics)
    return score_page(folder / "report.html", score, other=other, title=title or f"Evaluation of {score.name}")


def evaluate(
    records: Sequence[Record],
    *,
    pred: PathLike,
    output_dir: PathLike,
    compare: PathLike | None = None,
    options: ScoreOptions | None = None,
    audit: AuditReport | None = None,
    keep_ids: bool = False,
    progress: Callable[[], object] | None = None,
) -> Score:
    """Score predictions, compare them with others where wanted, and write the results.

    Parameters
    ----------
    records : sequence of Record
        See `mammozoo.data.truth.load_truth`.
    pred : path
        See `mammozoo.io.predictions.read.find_predictions`.
    output_dir : path
    compare : path, optional
        Other predictions of the same images.
    options, audit, progress
        See `score_predictions`; progress is called for the other predictions too.
    keep_ids : bool
        Write the patients' ids as they are, and not hashes of them.

    Returns
    -------
    Score

    Examples
    --------
    ``evaluate(load_truth("test.csv"), pred="out", output_dir="scored")``
    """
    chosen = options or ScoreOptions()
    score = score_predictions(
        records, find_predictions(pred), name=_name(pred), options=chosen, audit=audit, progress=progress
    )
    other = None
    if compare is not None:
        name = _name(compare)
        other = score_predictions(
            records,
            find_predictions(compare),
            name=f"{name} (other)" if name == score.name else name,
            options=chosen,
            progress=progress,
        )
        score.metrics["comparison"] = compare_scores(score, other, resamples=chosen.resamples, seed=chosen.seed)
    write_score(score, output_dir, other=other, keep_ids=keep_ids)
    return score


def score_lines(score: Score) -> list[str]:
    """Sum a score up in a few lines for a terminal."""
    metrics, inputs = score.metrics, score.metrics["inputs"]
    lines = [
        f"{inputs['layout']}: {inputs['scored']} of {inputs['images']} images scored; grid: {metrics['resolution']}"
    ]
    lines += [f"{key}: {found['count']} ({', '.join(found['examples'][:3])}...)"
              for key in ("missing", "failed", "extra") if (found := inputs[key])["count"]]  # fmt: skip
    if metrics["headline_reason"]:
        return [*lines, f"no headline figure: {metrics['headline_reason']}"]
    if metrics["headline"] is not None:
        low, high = metrics["headline_interval"]
        lines.append(f"{metrics['headline_name']}: {metrics['headline']:.4f} (95 %: {low:.4f} to {high:.4f})")
    compared = metrics.get("comparison", {}).get("segmentation", {}).get("dice")
    if compared:
        low, high = compared["interval"]
        lines.append(
            f"Dice minus {metrics['comparison']['other']}'s: {compared['difference']:.4f} ({low:.4f} to {high:.4f}), "
            f"Wilcoxon p {compared['test']['p']:.4g}, n {compared['n']}"
        )
    return lines


def _name(path: PathLike) -> str:
    return Path(path).resolve().name
