# SPDX-License-Identifier: Apache-2.0
"""The two-stage paper's tables: run what the data at hand allow, and print all five beside ours.

References
----------
Yan et al., arXiv:2002.12079, 2020, Tables 1-5, Figures 4 and 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ..._typing import PathLike
from ...engines.experiments.grid import cell_result
from ...engines.experiments.two_stage_cell import run_two_stage_cell
from ..tables import markdown_table
from ..text import signed, span
from ..two_stage import HIT
from .comparisons import case_values, comparison_table
from .run import Row, TableRun, paper_page, run_cells, table_spec
from .two_stage_figures import write_paper_figures

FPPI = (0.5, 1.0, 2.0, 4.0)  # of the paired differences
HEADER = [
    "Ours, mean ± SE", "Ours, each split", "Paper, mean ± SE", "Paper, T1-T5", "Difference", "n (ours)", "n (paper)",
]  # fmt: skip


def print_two_stage_tables(*, root: PathLike, run: TableRun) -> str:
    """Return Tables 1-5 and the paired differences as Markdown, after running what was asked for."""
    spec = table_spec(root, "two_stage")
    run_cells(spec["cells"], bundle=Path(root, "bundles", spec["bundle"]), run=run, runner=run_two_stage_cell)
    found = {cell: _finished(run, cell) for cell in spec["cells"]}
    detector = found[spec["reference"]] or next((runs for runs in found.values() if runs), [])
    sections = {
        "Table 1. Average precision (IoU of at least 0.5)": _average_precision(spec, detector),
        "Table 2. Fused detections at each λ": _lambdas(spec, detector),
        "Table 3. Other detectors, and ours at λ = 0.5": _others(spec, detector),
        "Table 4. Dice of crops around true masses": _crops(spec, found),
        "Table 5. Dice of whole mammograms": _whole(spec, found),
        "Paired differences, bootstrap by patient": _paired(spec, found),
        "Segmenters against each other, fused, first split": _segmenters(spec, run),
        "Figures 4 and 5": _figures(run, spec),
        "Not run": _commands(spec, found, run),
    }
    title = "two_stage: the paper's tables beside ours"
    return paper_page(title, _setting(detector), sections, reasons=spec["reasons"], run=run)


def _finished(run: TableRun, cell: str) -> list[dict[str, Any]]:
    """Metrics of a cell's finished splits."""
    return [metrics for metrics in map(cell_result, run.folders(cell)) if metrics is not None]


def _setting(runs: Sequence[Row]) -> str:
    """At which resolution the runs were scored, and why some of them carry no headline."""
    if not runs:
        return "Nothing was run yet."
    reasons = dict.fromkeys(metrics.get("headline_reason") for metrics in runs)
    leaks = [f"> **No headline figure:** {reason}" for reason in reasons if reason]
    return "\n\n".join([f"Ours: {runs[0]['resolution']}.", *leaks])


def _cells(runs: Sequence[Row], read: Callable[[Row], float | None], paper: Row | None, *, n: int) -> list[str]:
    """The columns of `HEADER` for one figure."""
    ours = [value for value in map(read, runs) if value is not None and math.isfinite(value)]
    counts = sorted({f"{metrics['n_images']}" for metrics in runs})
    expected = None if paper is None else paper.get("mean", mean(paper["values"]))
    return [
        _with_error(ours) or "not run",
        ", ".join(f"{value:.3f}" for value in ours) or "-",
        "-" if paper is None else _printed(paper),
        "-" if paper is None else ", ".join(f"{value:.3f}" for value in paper["values"]),
        f"{mean(ours) - expected:+.3f}" if ours and expected is not None else "-",
        f"{len(ours)} x {'/'.join(counts)} images" if ours else "-",
        "-" if paper is None else f"{len(paper['values'])} x {n} images",
    ]


def _with_error(values: Sequence[float]) -> str:
    """Mean and standard error of the mean; without an error where there is one value."""
    if len(values) < 2:
        return "".join(f"{value:.3f}" for value in values)
    return f"{mean(values):.3f} ± {stdev(values) / math.sqrt(len(values)):.3f}"


def _printed(paper: Row) -> str:
    """What the paper prints, or the values' mean and standard error where it prints none."""
    return f"{paper['mean']:.3f} ± {paper['spread']:.3f}" if "mean" in paper else _with_error(paper["values"])


def _average_precision(spec: Row, runs: Sequence[Row]) -> str:
    def read(metrics: Row, *, boxes: str) -> float | None:
        found = metrics["detection"][HIT][boxes].get("average_precision")
        return None if found is None else float(found["estimate"])

    body = [
        ["one scale", *_cells(runs, partial(read, boxes="single_scale"), spec["table_1"], n=spec["n"])],
        ["fused", *_cells(runs, partial(read, boxes="fused"), None, n=spec["n"])],
    ]
    return markdown_table(["Boxes", *HEADER], body)


def _point(metrics: Row, *, value: float, key: str) -> float | None:
    """Sensitivity or false positives per image at one lambda; None where it was not evaluated."""
    points = {point["lambda"]: point[key] for point in metrics["lambdas"][HIT]}
    return points.get(value)


def _lambdas(spec: Row, runs: Sequence[Row]) -> str:
    body = []
    keys = {"sensitivity": ("TPR", "sensitivity"), "false_positives": ("FP/image", "false_positives_per_image")}
    for row in spec["table_2"]:
        for printed, (title, key) in keys.items():
            read = partial(_point, value=row["lambda"], key=key)
            body.append([f"{row['lambda']:g}", title, *_cells(runs, read, {"values": row[printed]}, n=spec["n"])])
    return markdown_table(["λ", "Figure", *HEADER], body)


def _others(spec: Row, runs: Sequence[Row]) -> str:
    body = [
        [row["name"], f"{row['sensitivity']:.2f}@{row['false_positives']:.2f}", row["data"]] for row in spec["table_3"]
    ]
    ours = [
        [value for metrics in runs if (value := _point(metrics, value=0.5, key=key)) is not None]
        for key in ("sensitivity", "false_positives_per_image")
    ]
    if all(ours):
        n = f"{len(runs)} x {runs[0]['n_images']} images"
        gap = _against(ours, spec["table_3"][-1])
        body.append(["ours, fused", f"{mean(ours[0]):.2f}@{mean(ours[1]):.2f} ({gap} against Yan et al.)", n])
    else:
        body.append(["ours, fused", "not run", "-"])
    return markdown_table(["Detector", "TPR@FP/image", "Data"], body)


def _against(ours: Sequence[Sequence[float]], paper: Row) -> str:
    """Differences in sensitivity and in false positives per image."""
    return f"{mean(ours[0]) - paper['sensitivity']:+.2f} TPR, {mean(ours[1]) - paper['false_positives']:+.2f} FP"


def _dice(metrics: Row, *, setup: str) -> float | None:
    """Mean Dice of one setup; None where it was not run."""
    value: float | None = metrics["dice"][setup]["mean"]
    return value


def _crops(spec: Row, found: Mapping[str, Sequence[Row]]) -> str:
    body = []
    for row in spec["table_4"]:
        cells = _cells(found[row["cell"]], partial(_dice, setup="crops"), row, n=spec["n"])
        body.append([spec["names"][row["cell"]], *cells])
    return markdown_table(["Segmenter", *HEADER], body)


def _whole(spec: Row, found: Mapping[str, Sequence[Row]]) -> str:
    body = []
    for row in spec["table_5"]:
        cells = _cells(found[row["cell"]], partial(_dice, setup=row["setup"]), row, n=spec["n"])
        body.append([spec["names"][row["cell"]], spec["names"][row["setup"]], *cells])
    return markdown_table(["Segmenter", "Setup", *HEADER], body)


def _paired(spec: Row, found: Mapping[str, Sequence[Row]]) -> str:
    body = []
    for cell, runs in found.items():
        for metrics in runs:
            n = f"{metrics['n_images']} images, {metrics['n_patients']} patients"
            name = [spec["names"][cell], str(metrics["seed"])]
            for pair, gap in metrics["dice_differences"].items():
                first, second = (spec["names"][part] for part in pair.split(" - "))
                body.append([*name, f"Dice, {first} minus {second}", *_gap(gap), n])
            for point in metrics["lambdas"][HIT]:
                title = f"TPR, fused at λ = {point['lambda']:g} minus one scale at as many FP"
                body.append([*name, title, *_gap(point["minus_single_scale"]), n])
            for gap in metrics["froc_differences"][HIT]:
                if gap["false_positives_per_image"] in FPPI:
                    title = f"TPR at {gap['false_positives_per_image']:g} FP/image, fused minus one scale"
                    body.append([*name, title, *_gap(gap), n])
    header = ["Segmenter", "Seed", "Difference of", "Estimate", "95 % CI", "n"]
    return markdown_table(header, [row for row in body if row[3] != "-"]) if body else ""


def _gap(gap: Row) -> list[str]:
    """Estimate and interval; "-" where they are not defined (NaN, which JSON keeps as null)."""
    return [signed(gap["estimate"]), span(gap["interval"], sign=True)]


def _segmenters(spec: Row, run: TableRun) -> str:
    cases = {cell: case_values([run.results / cell], "dice_fused") for cell in spec["cells"]}
    rows = [{"id": cell, "name": spec["names"][cell]} for cell in spec["cells"]]
    return comparison_table(rows, cases, reference=spec["reference"])


def _figures(run: TableRun, spec: Row) -> str:
    folders = [folder for folder in run.folders(spec["reference"]) if (folder / "boxes.csv").is_file()]
    return "\n".join(f"- {file}" for file in write_paper_figures(folders, output_dir=run.results)) if folders else ""


def _commands(spec: Row, found: Mapping[str, Sequence[Row]], run: TableRun) -> str:
    missing = [cell for cell, runs in found.items() if len(runs) < spec["splits"]]
    if not missing:
        return ""
    cells = " ".join(missing)
    pretraining = (
        "python -m monai.bundle run training_detector "
        f"--config_file bundles/{spec['bundle']}/configs/train.json --dataset cbis_ddsm --dataset_dir DDSM "
        "--run_dir PRE"
    )
    tables = f"mammozoo tables two_stage --results {run.results} --data"
    options = "dataset=inbreast dataset_dir=INBREAST detector_pretrained_path=PRE/models/detector.pt"
    return "\n".join(
        [
            f"Fewer than {spec['splits']} splits: {', '.join(missing)}. On a manifest:",
            "",
            f"    {tables} MANIFEST --repeats {spec['splits']} --run {cells}",
            "",
            "On the paper's data, after a detector trained on CBIS-DDSM:",
            "",
            f"    {pretraining}",
            f"    {tables} INBREAST --set {options} --repeats {spec['splits']} --run {cells}",
        ]
    )
