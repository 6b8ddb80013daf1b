# SPDX-License-Identifier: Apache-2.0
"""A network is shown the same tensor in evaluation and in prediction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
import torch
from monai.bundle import ConfigParser

from mammozoo.bundle.compose import find_bundles
from mammozoo.engines.training.model_keys import evaluated_keys

ROOT = Path(__file__).resolve().parents[2]
#: Two stages cut their input inside the inferer, which both workflows share; what goes into it is read here.
_EVALUATION = {"mammo_two_stage_segmentation": "whole#preprocessing"}


def _parser(bundle: Path, *files: str) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config([str(bundle / "configs" / file) for file in files])
    parser["bundle_root"] = str(bundle)
    return parser


def _model_keys(bundle: Path, inference: ConfigParser) -> dict[str, Any]:
    """What a training with the released weights' keys would have left beside them."""
    train = json.loads((bundle / "configs" / "train.json").read_text(encoding="utf-8"))
    return evaluated_keys(inference, [*train["model_keys"], *train.get("detector_keys", [])])


@pytest.mark.parametrize("form", ["dicom", "png"])
@pytest.mark.parametrize("bundle", find_bundles(ROOT), ids=lambda path: path.name)
def test_one_image_through_both_workflows(bundle: Path, form: str, phantom_dir: Path, tmp_path: Path) -> None:
    file = sorted((phantom_dir / "images").glob("*.dcm"))[1]
    mask = phantom_dir / "masks" / f"{file.stem}.png"
    if form == "png":
        pixels = pydicom.dcmread(file).pixel_array
        file = tmp_path / "film.png"
        cv2.imwrite(str(file), (pixels // 16).astype(np.uint8))
    inference = _parser(bundle, "inference.json")
    evaluation = _parser(bundle, "train.json", "evaluate.json")
    for key, value in _model_keys(bundle, inference).items():
        evaluation[key] = value
    place = _EVALUATION.get(bundle.name, "validate#preprocessing")
    item = {"image": str(file), "label": str(mask) if mask.is_file() and "cem" not in bundle.name else 0, "id": "a"}
    scored = evaluation.get_parsed_content(place)(dict(item))["image"]
    predicted = inference.get_parsed_content("preprocessing")({"image": str(file), "id": "a"})["image"]
    assert scored.shape == predicted.shape
    torch.testing.assert_close(torch.as_tensor(scored), torch.as_tensor(predicted), rtol=0, atol=1e-6)
    assert torch.as_tensor(predicted).float().std() > 0
