# SPDX-License-Identifier: Apache-2.0
"""A fault that a person can mend is one line, not a traceback through MONAI."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mammozoo._errors import UserError
from mammozoo.engines.training.command import Command, running
from mammozoo.engines.training.failures import check_command, error_line, require_images
from mammozoo.io.errors import MammogramError

ROOT = Path(__file__).resolve().parents[3]


def _raised(*errors: BaseException, context: bool = False) -> BaseException:
    """The last of a chain, each raised from (or while handling) the one before."""
    found: BaseException | None = None
    for error in errors:
        if context:
            error.__context__ = found
        else:
            error.__cause__ = found
        found = error
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("--lr is 'high'"), "--lr is 'high'"),
        (_raised(UserError("mend\n  this"), RuntimeError("Failed to instantiate"), RuntimeError("run")), "mend this"),
        (_raised(UserError("mend this"), RuntimeError("x"), context=True), "mend this"),
        (_raised(MammogramError("a.dcm: no pixels"), RuntimeError("transform")), "a.dcm: no pixels"),
        (_raised(FileNotFoundError("no file x.csv"), RuntimeError("x")), "no file x.csv"),
        (_raised(KeyError("a key"), UserError("row 3: no column 'id'"), RuntimeError("x")), "row 3: no column 'id'"),
        (_raised(UserError("the inner fault"), UserError("outer")), "the inner fault"),
        (_raised(ValueError("shapes differ"), RuntimeError("x")), "shapes differ"),
        (_raised(ZeroDivisionError("division by zero"), RuntimeError("x")), "ZeroDivisionError: division by zero ("),
        (PermissionError(13, "Permission denied", "/x"), "PermissionError: [Errno 13] Permission denied: '/x' ("),
        (KeyError("lr"), "KeyError: lr ("),
    ],
    ids=str,
)
def test_one_line_says_the_cause(error: BaseException, line: str) -> None:
    found = error_line(error)
    assert found == line or (line.endswith("(") and found == f"{line}MAMMOZOO_DEBUG=1 shows the traceback)")
    assert "\n" not in found


def test_a_circle_of_causes_ends() -> None:
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__context__, second.__context__ = second, first
    assert "second" in error_line(first)


def test_an_evaluation_without_images_is_refused() -> None:
    require_images([1])
    with pytest.raises(UserError, match="the test part holds no image: check --dataset"):
        require_images([])


def test_keys_are_checked_where_a_command_is_known(tmp_path: Path) -> None:
    file = tmp_path / "train.json"
    file.write_text('{"epochs": 1}')
    check_command()
    hook = sys.excepthook
    with running(Command("training", (file,), {"epoch": 2})), pytest.raises(UserError, match="did you mean --epochs"):
        check_command()
    assert sys.excepthook is hook, "only MONAI's own program ends with one line"


def _run(*arguments: str, cwd: Path, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m monai.bundle run ...`, as a person types it."""
    start = [sys.executable, "-m", "monai.bundle"] if not code else [sys.executable, "-c", code]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", **environment}
    env |= {"CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [*start, "run", *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300
    )


#: MONAI's program once for several commands, since each start imports PyTorch.
MANY = """
import json, runpy, sys, traceback
hook = sys.excepthook
for words in json.load(open(sys.argv[2])):
    sys.argv, sys.excepthook = ["monai.bundle", "run", *words], hook
    print("==", *words[-2:], file=sys.stderr)
    try:
        runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
"""
MISTAKES: dict[tuple[str, str], str] = {
    ("--epoch", "3"): "error: unknown key --epoch: did you mean --epochs?",
    ("--network_def::droput", "0.1"): "error: unknown key --network_def::droput: did you mean --network_def::dropout?",
    ("--lr", "high"): "error: --lr is 'high'; expected a number",
    ("--epochs", "ten"): "error: --epochs is 'ten'; expected a number",
    ("--spatial_size", "128"): "error: --spatial_size is 128; expected a list such as [224, 224]",
    ("--resume", "true"): "error: --resume is 'true'; expected True or False, with a capital letter",
    ("--lr", "None"): "error: --lr None: MONAI drops a key without a value; write --lr '$None'",
    ("--dataset_dir", "absent"): "error: ",
}


def test_mistakes_on_the_command_line_are_one_line_each(tmp_path: Path) -> None:
    config = ROOT / "bundles" / "mammo_abnormal_unet_segmentation" / "configs" / "train.json"
    start = ["training", "--config_file", str(config), "--bundle_root", str(config.parents[1])]
    start += ["--dataset", "cbis_ddsm", "--device", "cpu"]
    commands = [[*start, *words] for words in MISTAKES]
    (tmp_path / "commands.json").write_text(json.dumps(commands))
    done = _run(str(tmp_path / "commands.json"), cwd=tmp_path, code=MANY)
    said = dict(zip(MISTAKES, re.split(r"^== .*\n", done.stderr, flags=re.MULTILINE)[1:], strict=True))
    for words, message in MISTAKES.items():
        (line,) = [text for text in said[words].splitlines() if text.startswith("error: ")]
        assert line.startswith(message), said[words]
        assert "Traceback" not in said[words]
    assert "absent" in said["--dataset_dir", "absent"]
    assert not (tmp_path / "runs").exists(), "nothing is written before the data were found"


@pytest.mark.slow
def test_the_program_itself_ends_with_one_line_and_a_status(tmp_path: Path) -> None:
    config = ROOT / "bundles" / "mammo_aunet_segmentation" / "configs" / "train.json"
    words = ["training", "--config_file", str(config), "--bundle_root", str(config.parents[1]), "--epoch", "3"]
    done = _run(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == "error: unknown key --epoch: did you mean --epochs?"
    assert "Traceback" not in done.stderr
    debugged = _run(*words, cwd=tmp_path, MAMMOZOO_DEBUG="1")
    assert "Traceback" in debugged.stderr


@pytest.mark.slow
def test_a_stop_by_hand_ends_with_the_command_that_resumes(phantom_dir: Path, tmp_path: Path) -> None:
    config = ROOT / "bundles" / "mammo_abnormal_unet_segmentation" / "configs" / "train.json"
    keys: dict[str, Any] = {"width": 4, "spatial_size": "[64,64]", "pretrain_epochs": 1, "epochs": 500, "patience": 0}
    keys |= {"dataset_dir": phantom_dir, "run_dir": tmp_path / "run", "device": "cpu"}
    command = [sys.executable, "-m", "monai.bundle", "run", "training", "--config_file", str(config)]
    keys |= {"bundle_root": config.parents[1]}
    command += [word for key, value in keys.items() for word in (f"--{key}", str(value))]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as training:
        for _ in range(1200):
            if (tmp_path / "run" / "models" / "checkpoint.pt").is_file():
                break
            time.sleep(0.25)
        training.send_signal(signal.SIGINT)
        said = training.communicate(timeout=60)[1]
    resume = "python -m monai.bundle run training --config_file run/configs/train.json --resume True"
    assert said.strip().splitlines()[-2:] == ["stopped; continue with", f"  {resume}"]
    assert "Traceback" not in said
    done = _run(*resume.split()[4:], "--epochs", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "The trained bundle lies in run." in done.stdout
