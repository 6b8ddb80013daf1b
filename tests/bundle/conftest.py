# SPDX-License-Identifier: Apache-2.0
"""A clean bundle in the manner of MONAI's model zoo, for tests that plant faults in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

TENSOR = {
    "type": "image", "format": "magnitude", "num_channels": 1, "spatial_shape": ["16*n", "16*n"], "dtype": "float32",
    "value_range": [0, 1],
}  # fmt: skip
METADATA: dict[str, Any] = {
    "schema": "https://example.org/meta_schema.json",
    "version": "0.1.0",
    "changelog": {"0.1.0": "first"},
    "monai_version": "1.6.1",
    "pytorch_version": "2.13.0",
    "numpy_version": "2.4.6",
    "required_packages_version": {},
    "task": "a task",
    "description": "a description",
    "authors": "somebody",
    "copyright": "somebody's",
    "network_data_format": {"inputs": {"image": TENSOR}, "outputs": {"pred": TENSOR}},
}
INFERENCE: dict[str, Any] = {
    "imports": ["$import os"],
    "bundle_root": ".",
    "device": "$torch.device('cpu')",
    "dataset_dir": "data",
    "network_def": {
        "_target_": "monai.networks.nets.BasicUNet",
        "spatial_dims": 2,
        "in_channels": 1,
        "out_channels": 1,
        "features": [4, 4, 4, 4, 4, 4],
    },
    "preprocessing": {"_target_": "Compose", "transforms": [{"_target_": "EnsureTyped", "keys": "image"}]},
    "dataset": {"_target_": "Dataset", "data": [], "transform": "@preprocessing"},
    "dataloader": {"_target_": "DataLoader", "dataset": "@dataset"},
    "inferer": {"_target_": "SimpleInferer"},
    "evaluator": {
        "_target_": "SupervisedEvaluator",
        "device": "@device",
        "val_data_loader": "@dataloader",
        "network": "$@network_def.to(@device)",
        "inferer": "@inferer",
    },
    "run": ["$@evaluator.run()"],
}
LOGGING = (
    "[loggers]\nkeys=root\n[handlers]\nkeys=console\n[formatters]\nkeys=full\n[logger_root]\nlevel=INFO\n"
    "handlers=console\n[handler_console]\nclass=StreamHandler\nlevel=INFO\nformatter=full\nargs=(sys.stdout,)\n"
    "[formatter_full]\nformat=%(message)s\n"
)


@pytest.fixture
def zoo_bundle(tmp_path: Path) -> Path:
    """A clean inference bundle, small enough to run."""
    bundle = tmp_path / "some_segmentation"
    (bundle / "configs").mkdir(parents=True)
    (bundle / "models").mkdir()
    (bundle / "docs").mkdir()
    (bundle / "LICENSE").write_text("Apache-2.0")
    (bundle / "docs" / "README.md").write_text("# A model card")
    (bundle / "configs" / "metadata.json").write_text(json.dumps(METADATA))
    (bundle / "configs" / "inference.json").write_text(json.dumps(INFERENCE))
    (bundle / "configs" / "logging.conf").write_text(LOGGING)
    return bundle


@pytest.fixture
def change():  # type: ignore[no-untyped-def]
    """Change top-level keys of a JSON file; None removes one."""

    def _change(file: Path, **keys: Any) -> None:
        content = json.loads(file.read_text())
        content |= keys
        file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))

    return _change
