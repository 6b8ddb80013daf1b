# SPDX-License-Identifier: Apache-2.0
"""Every bundle trains in two processes (gloo on the CPU) with its multi-GPU overlay."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mammozoo.bundle.inference import own_bundles

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("bundle", own_bundles(), ids=lambda path: path.name)
def test_two_processes_train_one_network(
    bundle: Path, tiny: Callable[[str], dict[str, Any]], exams: Callable[[str], Path], tmp_path: Path
) -> None:
    configs = bundle.relative_to(ROOT) / "configs"
    options = {
        **{key: value for key, value in tiny(bundle.name).items() if key != "device"},
        "config_file": f"['{configs}/train.json','{configs}/multi_gpu_train.json']", "dist_backend": "gloo",
        "dataset_dir": exams(bundle.name), "run_dir": tmp_path / "run",
    }  # fmt: skip
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port=29517"]
    command += ["-m", "monai.bundle", "run", "training"]
    for key, value in options.items():
        command += [f"--{key}", str(value).replace(" ", "")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "run" / "models" / "model.pt").is_file()
    assert (tmp_path / "run" / "configs" / "inference.json").is_file()
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 2
    assert done.stdout.count("What comes next") == 1
