# SPDX-License-Identifier: Apache-2.0
"""From nothing to masks: synthetic exams, training, evaluation, inference. `make demo` calls it.

Every step is a public command, printed before it runs; its output goes to a log beside the results.
Example: python scripts/demo.py --out .demo
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import torch
from monai.bundle import ConfigParser

NAME = "mammo_abnormal_unet_segmentation"
CONFIGS = f"bundles/{NAME}/configs"
WIDTH = 8  # of 64: a network for two CPU cores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(".demo"), help="folder for everything (default: .demo)")
    parser.add_argument("--patients", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    out, start = args.out, time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    exams = ["--dataset_dir", f"{out}/phantom", "--width", str(WIDTH), "--batch_size", "4"]
    evaluate = ["evaluating", "--config_file", f"['{CONFIGS}/train.json','{CONFIGS}/evaluate.json']", *exams]

    run("synthetic exams", "mammozoo", ["phantom", "--out", f"{out}/phantom", "--patients", str(args.patients)])
    train = ["training", "--config_file", f"{CONFIGS}/train.json", *exams, "--lr", "1e-3", "--epochs", str(args.epochs)]
    train += ["--pretrain_epochs", str(args.epochs // 2)]
    folders = ["--ckpt_dir", f"{out}/models", "--output_dir", f"{out}/training"]
    run("training, both stages", "monai.bundle", [*train, *folders], log=out / "training.log")
    save_untrained(out / "untrained.pt")
    weights = ["--weights", f"{out}/untrained.pt", "--output_dir", f"{out}/untrained"]
    run("evaluation of the untrained network", "monai.bundle", [*evaluate, *weights], log=out / "untrained.log")
    weights = ["--weights", f"{out}/models/model.pt", "--output_dir", f"{out}/evaluation"]
    weights += ["--history", f"{out}/training/history.csv"]
    run("evaluation of the trained network", "monai.bundle", [*evaluate, *weights], log=out / "evaluation.log")
    study = copy_study(out)
    predict = ["predict", str(study), "--bundle", NAME, "--weights", f"{out}/models/model.pt", "--seg", "--html"]
    predict += ["--out", f"{out}/predictions"]
    run("inference on one patient", "mammozoo", predict, log=out / "inference.log")
    print_summary(out, minutes=(time.monotonic() - start) / 60)


def run(title: str, module: str, arguments: list[str], *, log: Path | None = None) -> None:
    """Print a command, run it; on failure show the end of its log."""
    verb = ["run"] if module == "monai.bundle" else []
    print(f"\n== {title}\npython -m {shlex.join([module, *verb, *arguments])}", flush=True)
    command = [sys.executable, "-m", module, *verb, *arguments]
    if log is None:
        subprocess.run(command, check=True)
        return
    with log.open("w") as file:
        failed = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode
    if failed:
        sys.exit("\n".join([*log.read_text().splitlines()[-30:], f"{title} failed; the whole log: {log}"]))


def save_untrained(path: Path) -> None:
    """Save the network as it is before training."""
    torch.manual_seed(0)
    parser = ConfigParser(ConfigParser.load_config_file(f"{CONFIGS}/train.json"))
    parser["width"] = WIDTH
    torch.save(parser.get_parsed_content("network_def").state_dict(), path)


def copy_study(out: Path) -> Path:
    """Copy the DICOM files of one test patient with a lesion, as a study from outside would come."""
    patient = json.loads((out / "evaluation" / "split.json").read_text())["test"][0].split("_")[0]
    study = out / "study"
    shutil.rmtree(study, ignore_errors=True)
    study.mkdir()
    for file in sorted((out / "phantom" / "images").glob(f"{patient}_*.dcm")):
        shutil.copy(file, study)
    return study


def print_summary(out: Path, *, minutes: float) -> None:
    """Print the tables, the two Dice values and where the pictures are."""
    print((out / "evaluation" / "report.md").read_text())
    for name in ("untrained", "evaluation"):
        dice = json.loads((out / name / "metrics.json").read_text())["overall"]["dice"]
        label = "trained" if name == "evaluation" else name
        print(f"{label:>9} network: test Dice {dice['mean']:.3f} (n = {dice['n']})")
    with (out / "evaluation" / "per_case.csv").open() as file:
        best = max(csv.DictReader(file), key=lambda row: float(row["dice"]))
    print(f"best case: {best['id']}, Dice {float(best['dice']):.3f}")
    print(f"curves:    {out}/evaluation/curves.png\npictures:  {out}/evaluation/pictures/")
    print(f"overlays:  {out}/predictions/*/overlay.png (masks, probabilities and findings beside them)")
    print(f"DICOM SEG: {out}/predictions/*/seg.dcm\nstudy:     {out}/predictions/study.html (open it in a browser)")
    print(f"{minutes:.1f} minutes")


if __name__ == "__main__":
    main()
