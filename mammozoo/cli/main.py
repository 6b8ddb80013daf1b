# SPDX-License-Identifier: Apache-2.0
"""The command line: ``mammozoo COMMAND``. Every command imports what it needs when it runs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ..label.commands import label_command, label_options
from .release import bundles, bundles_options, check, check_options, package, package_options
from .tables import parse_value, tables, tables_options
from .weights import export, export_options, weights, weights_options

Command = Callable[[argparse.Namespace], int]
_EXAMPLE = "mammo_mass_segmentation"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status (0 well, 1 a finding or failure, 2 wrong usage)."""
    args = _parser().parse_args(argv)
    command: Command = args.command
    try:
        return command(args)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except Exception as error:
        if not _is_expected(error):
            raise
        print(f"mammozoo: {error}", file=sys.stderr)
        return 1


def _is_expected(error: Exception) -> bool:
    """Errors that are the user's to mend come without a traceback."""
    from ..io.errors import MammogramError

    return isinstance(error, MammogramError | ValueError | FileNotFoundError | NotADirectoryError | PermissionError)


class _Entry(NamedTuple):
    """One command: how it is asked for and what it does."""

    name: str
    options: Callable[[argparse.ArgumentParser], None]
    command: Command
    summary: str
    example: str


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mammozoo", description="Tools of the MammoZoo bundles. Research use only, not for diagnosis."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for entry in _entries():
        sub = commands.add_parser(
            entry.name,
            help=entry.summary,
            description=entry.summary,
            epilog=f"example:\n  mammozoo {entry.name} {entry.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        entry.options(sub)
        sub.set_defaults(command=entry.command)
    return parser


def _entries() -> list[_Entry]:
    return [
        _Entry("phantom", _phantom_options, _phantom, "write synthetic exams with known truth", "--out D --patients 4"),
        _Entry("inspect", _inspect_options, _inspect, "say what the reader understands of files", "*.dcm --json"),
        _Entry("mask", _mask_options, _mask, "write breast masks and overlays", "STUDY OUT --pectoral"),
        _Entry("index", _index_options, _index, "say what a data set holds and what is odd", "cbis_ddsm DIR"),
        _Entry("audit", _audit_options, _audit, "look for leaks between a split's parts", "manifest data.csv --fold 0"),
        _Entry("anchors", _anchors_options, _anchors, "cluster the lesions' sizes for a detector", "manifest data.csv"),
        _Entry("predict", _predict_options, _predict, "run a bundle on a study", "STUDY --out OUT --html"),
        _Entry("evaluate", _evaluate_options, _evaluate, "score predictions", "--pred OUT --truth data.csv --out D"),
        _Entry("tables", tables_options, tables, "print a paper's tables beside ours", "aunet --results runs"),
        _Entry("label", label_options, label_command, "annotate with MONAI Label", "start --studies D --bundles A,B"),
        _Entry("bundles", bundles_options, bundles, "list the bundles that come with the library", ""),
        _Entry("check", check_options, check, "check bundles, folders or zips, without running them", "bundles/*"),
        _Entry("weights", weights_options, weights, "put trained weights into a bundle", "bundles/NAME model.pt"),
        _Entry("export", export_options, export, "TorchScript, ONNX, torch.export", f"{_EXAMPLE} --out model.onnx"),
        _Entry("package", package_options, package, "pack bundles as release zips", "--out dist"),
    ]


def _data_options(parser: argparse.ArgumentParser) -> None:
    names = ("manifest", "phantom", "cbis_ddsm", "inbreast", "dmid", "cdd_cesm", "mias")
    parser.add_argument("dataset", choices=names, help="kind of data set; manifest is a CSV of your own")
    parser.add_argument("root", type=Path, help="its folder, or the CSV file")


def _phantom_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder to write; a complete one is kept")
    parser.add_argument("--patients", type=int, default=24, help="four views each (default: 24)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, nargs=2, default=(1024, 832), metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--modality", choices=("mammography", "cem"), default="mammography")


def _phantom(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from ..phantom.write import write_phantom

    with tqdm(total=args.patients, desc="exams", unit="exam") as bar:
        folder = write_phantom(
            args.out,
            patients=args.patients,
            seed=args.seed,
            size=tuple(args.size),
            modality=args.modality,
            progress=bar.update,
        )
    print(f"{folder}/manifest.csv")
    return 0


def _inspect_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")


def _inspect(args: argparse.Namespace) -> int:
    from ..io.inspect import inspect_file, inspect_table

    rows = [inspect_file(path) for path in args.files]
    print(json.dumps(rows, indent=2) if args.json else inspect_table(rows))
    return int(any(row.get("error") for row in rows))


def _mask_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="folder, file, zip or manifest")
    parser.add_argument("out", type=Path, help="folder to write, outside the source: a folder an image, summary.json")
    parser.add_argument("--include", nargs="+", default=[], metavar="KIND", help="kinds that are no screening view")
    parser.add_argument("--method", choices=("line", "libra"), default="line", help="default: line")
    parser.add_argument("--pectoral", action="store_true", help="remove the pectoral muscle of MLO views")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a file could not be read")


def _mask(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from ..report.breast_masks import write_breast_masks

    rows = write_breast_masks(
        args.source,
        args.out,
        method=args.method,
        pectoral=args.pectoral,
        include=args.include,
        progress=lambda inputs: tqdm(inputs, desc="masks", unit="image"),
    )
    failed = [row for row in rows if row["status"] not in ("ok", "skipped")]
    masks = sum(row["status"] == "ok" for row in rows)
    for row in rows:
        if row["reason"]:
            print(f"{row['input']}: {row['reason']}", file=sys.stderr)
    flagged = sum(bool(row.get("flags")) for row in rows)
    print(f"{masks} masks ({flagged} flagged), {len(failed)} failed: {args.out / 'summary.json'}")
    return int(not masks or (args.strict and bool(failed)))


def _index_options(parser: argparse.ArgumentParser) -> None:
    _data_options(parser)
    parser.add_argument("--check-pixels", action="store_true", help="open every file; broken ones are listed")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="write the datalist JSON here")


def _index(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from ..data.datalist_json import write_datalist
    from ..data.indexing.report import index_report
    from ..data.lists import load_records

    records = load_records(dataset=args.dataset, dataset_dir=args.root)
    with tqdm(total=len(records), unit="image", disable=not args.check_pixels) as bar:
        report = index_report(
            records,
            check_pixels=args.check_pixels,
            workers=args.workers,
            progress=lambda done, _: bar.update(done - bar.n),
        )
    print(report.text())
    if args.out:
        print(write_datalist(args.out, {"all": records}))
    return 0


def _audit_options(parser: argparse.ArgumentParser) -> None:
    _data_options(parser)
    parser.add_argument("--split-file", type=Path, help="default: drawn from the seed")
    parser.add_argument("--fold", type=int, help="k-th of five; default: 60/20/20")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--task", choices=("segmentation", "detection", "classification"), default="segmentation")
    parser.add_argument("--json", action="store_true", help="the whole report as JSON")


def _audit(args: argparse.Namespace) -> int:
    from ..data.lists import audit_split

    report = audit_split(
        dataset=args.dataset,
        dataset_dir=args.root,
        split_file=args.split_file,
        fold=args.fold,
        seed=args.seed,
        task=args.task,
    )
    print(json.dumps(report.to_dict(), indent=2) if args.json else report.text())
    return int(not report.clean)


def _anchors_options(parser: argparse.ArgumentParser) -> None:
    _data_options(parser)
    parser.add_argument("--split-file", type=Path, help="its training part is used; default: drawn from the seed")
    parser.add_argument("--fold", type=int, help="k-th of five; default: 60/20/20")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=9)
    parser.add_argument("--size", type=int, nargs=2, default=(320, 640), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument(
        "--framing", choices=("padded", "stretched", "whole"), default="padded", help="of the breast, to 1:2"
    )
    parser.add_argument("--out", type=Path, help="write them as JSON here")


def _anchors(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from ..data.anchor_sizes import find_anchors
    from ..data.lists import datalist
    from ..io.write import write_json

    items = datalist(
        part="train",
        dataset=args.dataset,
        dataset_dir=args.root,
        split_file=args.split_file,
        fold=args.fold,
        seed=args.seed,
        task="detection",
        with_lesion_only=True,
    )
    with tqdm(total=len(items), unit="image") as bar:
        found = find_anchors(
            items,
            size=tuple(args.size),
            count=args.count,
            seed=args.seed,
            framing=args.framing,
            progress=bar.update,
        )
    print(json.dumps(found.to_dict()))
    if args.out:
        print(write_json(args.out, found.to_dict()))
    return 0


def _predict_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", nargs="+", help="folder, zip, manifest CSV or files, of mixed vendors and formats")
    parser.add_argument(
        "--bundle", help="name (`mammozoo bundles`), unzipped bundle, or run folder (default: mammo_mass_segmentation)"
    )
    parser.add_argument("--out", type=Path, default=Path("predictions"), help="folder (default: predictions)")
    parser.add_argument("--weights", type=Path, help="other weights than the bundle's own")
    parser.add_argument("--seg", action="store_true", help="DICOM segmentation, OUT/<id>/seg.dcm")
    parser.add_argument("--sr", action="store_true", help="DICOM measurement report (TID 1500), OUT/<id>/sr.dcm")
    parser.add_argument("--cad", action="store_true", help="DICOM mammography CAD report of a study, OUT/cad_sr.dcm")
    parser.add_argument("--overlay", action="store_true", help="DICOM secondary capture, OUT/<id>/overlay.dcm")
    parser.add_argument("--json", action="store_true", help="everything in one file, OUT/study.json")
    parser.add_argument("--html", action="store_true", help="a page a study, OUT/study.html")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="inference.json's keys, as width=16")
    parser.add_argument("--strict", action="store_true", help="exit 1 at the end when any input failed")
    kinds = "read these images too, as stereotactic, specimen, synthetic, recombined, tomosynthesis"
    parser.add_argument("--include", nargs="+", default=[], metavar="KIND", help=kinds)
    parser.add_argument("--trust", action="store_true", help="run a bundle from elsewhere that the check objects to")


def _predict(args: argparse.Namespace) -> int:
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    from ..bundle.inference import FLAGSHIP
    from ..bundle.predict import predict_study
    from ..engines.inference.study_result import NOTICE
    from ..io.write import write_json

    print(NOTICE, file=sys.stderr)
    objects = [name for name in ("seg", "sr", "cad", "overlay") if getattr(args, name)]
    bars: dict[str, tqdm[object]] = {}

    def progress(stage: str, done: int, total: int) -> None:
        if stage not in bars:
            bars[stage] = tqdm(total=total, desc=stage)
        bars[stage].update(done - bars[stage].n)
        if done == total:
            bars[stage].close()

    with logging_redirect_tqdm():
        result = predict_study(
            args.study if len(args.study) > 1 else args.study[0],
            args.out,
            bundle=args.bundle or FLAGSHIP,
            weights=args.weights,
            objects=objects,
            include=args.include,
            options={key: parse_value(text) for key, _, text in (item.partition("=") for item in args.set)},
            trust=args.trust,
            progress=progress,
        )
    for image in result.images:
        print(f"{image.status:<10} {image.id}  {image.reason or image.said}")
    done, skipped = (sum(image.status == status for image in result.images) for status in ("ok", "skipped"))
    left_out = f", {skipped} left out" if skipped else ""
    print(f"{done} of {len(result.images)} inputs without a problem{left_out}")
    written = [write_json(result.output_dir / "study.json", result.to_dict())] if args.json else []
    if args.html:
        from ..report.study.page import write_study_pages

        written += write_study_pages(result)
    for path in (result.output_dir / "summary.json", *written):
        print(path)
    nothing = all(not image.predicted for image in result.images)
    return int(nothing or (args.strict and bool(result.failures)))


def _evaluate_options(parser: argparse.ArgumentParser) -> None:
    add, names = parser.add_argument, lambda text: tuple(text.split(","))
    add("--pred", type=Path, required=True, help="folder of masks (ours, nnU-Net's, any), COCO .json, .csv of scores")
    add("--truth", type=Path, required=True, help="datalist JSON, manifest CSV, or a data set's folder")
    add("--out", type=Path, default=Path("scored"), help="per_case.csv, metrics.json, report.html (default: scored)")
    add("--dataset", help="kind of a data set's folder, as cbis_ddsm")
    add("--split-file", type=Path, help="with --part; the split is audited too")
    add("--part", help="train, validation or test of the split file, or a list of the datalist")
    add("--fold", type=int, help="of the split file")
    add("--compare", type=Path, metavar="OTHER_PRED", help="other predictions of the same images")
    add("--hit", choices=("iou50", "iou20", "iou10", "centre", "centre_in_mask"), default="iou50")
    add("--strata", type=names, help="columns to divide by, as density,view_position (default: those that fit)")
    add("--threshold", type=float, help="score of a positive box or image; choose it on validation data")
    add("--mask-threshold", type=float, help="the masks are probability maps, lesion from this share of full scale")
    add("--positive", type=names, default=(), help="classes that are positive, as malignant")
    add("--class-column", help="column of the class (default: label, else pathology)")
    add("--resamples", type=int, default=2000, help="of the bootstrap by patient (default: 2000)")
    add("--keep-ids", action="store_true", help="patients' ids in per_case.csv as they are (default: hashed)")
    add("--seed", type=int, default=0)


def _evaluate(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from ..data.truth import audit_truth, load_truth
    from ..report.score.run import ScoreOptions, evaluate, score_lines

    where = {"dataset": args.dataset, "split_file": args.split_file, "fold": args.fold}
    records = load_truth(args.truth, part=args.part, **where)
    with tqdm(total=len(records) * (1 + (args.compare is not None)), unit="image") as bar:
        score = evaluate(
            records,
            pred=args.pred,
            output_dir=args.out,
            compare=args.compare,
            options=ScoreOptions(**{name: getattr(args, name) for name in ScoreOptions.__dataclass_fields__}),
            audit=audit_truth(args.truth, **where) if args.split_file else None,
            keep_ids=args.keep_ids,
            progress=bar.update,
        )
    print("\n".join([*score_lines(score), str(args.out / "report.html")]))
    return int(score.metrics["headline_reason"] is not None)
