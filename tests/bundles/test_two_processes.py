# SPDX-License-Identifier: Apache-2.0
"""Every bundle trains in two processes (gloo on the CPU) with its multi-GPU overlay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mammozoo.bundle.compose import find_bundles

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("bundle", find_bundles(ROOT), ids=lambda path: path.name)
def test_two_processes_train_one_network(bundle: Path, phantom_dir: Path, tmp_path: Path) -> None:
    configs = bundle.relative_to(ROOT) / "configs"
    options = {
        "config_file": f"['{configs}/train.json','{configs}/multi_gpu_train.json']", "dataset_dir": phantom_dir,
        "width": 4, "epochs": 1, "dist_backend": "gloo", "spatial_size": "[64,64]", "ckpt_dir": tmp_path / "m",
        "output_dir": tmp_path / "e",
    }  # fmt: skip
    if "detector_width" in json.loads((bundle / "configs" / "train.json").read_text(encoding="utf-8")):
        options |= {"detector_width": 2, "detector_epochs": 1, "training_widths": "[64]", "frame_size": "[64,128]"}
        options |= {"single_scale": "[64,128]"}
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port=29517"]
    command += ["-m", "monai.bundle", "run", "training"]
    for key, value in options.items():
        command += [f"--{key}", str(value)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "m" / "model.pt").is_file()
    assert len((tmp_path / "e" / "history.csv").read_text().splitlines()) == 2
