# SPDX-License-Identifier: Apache-2.0
"""Loading released weights in a run: silent when they fit, with a warning in the log when they do not."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow

from mammozoo.io.weights_record import file_sha256, preprocessing_fingerprint

SOURCE = Path(__file__).resolve().parents[2] / "bundles" / "mammo_aunet_segmentation"
LOADING = {"_target_": "mammozoo.engines.training.stages.load_weights", "network": "@network", "path": "@weights"}


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A copy of a bundle with weights whose hash and preprocessing its metadata record."""
    bundle = tmp_path / SOURCE.name
    shutil.copytree(SOURCE / "configs", bundle / "configs")
    (bundle / "models").mkdir()
    config = json.loads((bundle / "configs" / "inference.json").read_text()) | {"width": 8}
    parser = ConfigParser(config)
    weights = bundle / "models" / "model.pt"
    torch.save(parser.get_parsed_content("network_def").state_dict(), weights)
    file = bundle / "configs" / "metadata.json"
    entry = {"sha256": file_sha256(weights), "preprocessing": preprocessing_fingerprint(config)}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"weights": {"model.pt": entry}}))
    return bundle


def _load(bundle: Path, caplog: pytest.LogCaptureFixture, **keys: Any) -> list[str]:
    workflow = ConfigWorkflow(
        str(bundle / "configs" / "inference.json"), workflow_type="inference", logging_file=False,
        bundle_root=str(bundle), device="cpu", width=8, run=[LOADING], **keys,
    )  # fmt: skip
    workflow.initialize()
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="mammozoo"):
        workflow.run()
    return [record.getMessage() for record in caplog.records if record.name.startswith("mammozoo")]


def test_released_weights_load_in_silence(released: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert _load(released, caplog) == []


def test_another_preprocessing_is_said(released: Path, caplog: pytest.LogCaptureFixture) -> None:
    (message,) = _load(released, caplog, spatial_size=[64, 96])
    assert "was released with another preprocessing" in message


def test_other_weights_are_said(released: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    weights = released / "models" / "model.pt"
    state = torch.load(weights, weights_only=True)
    torch.save({name: tensor + 1 for name, tensor in state.items()}, tmp_path / "mine.pt")
    assert _load(released, caplog, weights=str(tmp_path / "mine.pt")) == []
    shutil.copy(tmp_path / "mine.pt", weights)
    (message,) = _load(released, caplog)
    assert "is not the file that metadata.json records" in message
