# SPDX-License-Identifier: Apache-2.0
"""A network is shown the same tensor in validation, in evaluation and in prediction."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
import torch
from monai.bundle import ConfigParser

from mammozoo.bundle.inference import own_bundles

#: Two stages cut their input inside the inferer, which both workflows share; what goes into it is read here.
_PLACES = {"mammo_two_stage_segmentation": {"evaluate.json": "whole#preprocessing", "train.json": None}}


def _parser(bundle: Path, *files: str) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config([str(bundle / "configs" / file) for file in files])
    parser["bundle_root"] = str(bundle)
    return parser


@pytest.mark.parametrize("form", ["dicom", "png"])
@pytest.mark.parametrize("bundle", own_bundles(), ids=lambda path: path.name)
def test_one_image_through_every_workflow(bundle: Path, form: str, phantom_dir: Path, tmp_path: Path) -> None:
    file = sorted((phantom_dir / "images").glob("*.dcm"))[1]
    mask = phantom_dir / "masks" / f"{file.stem}.png"
    if form == "png":
        pixels = pydicom.dcmread(file).pixel_array
        file = tmp_path / "film.png"
        cv2.imwrite(str(file), (pixels // 16).astype(np.uint8))
    item = {"image": str(file), "label": str(mask) if mask.is_file() and "cem" not in bundle.name else 0, "id": "a"}
    inference = _parser(bundle, "inference.json")
    predicted = torch.as_tensor(inference.get_parsed_content("preprocessing")({"image": str(file), "id": "a"})["image"])
    assert predicted.float().std() > 0
    for overlay in ("train.json", "evaluate.json"):
        place = _PLACES.get(bundle.name, {}).get(overlay, "validate#preprocessing")
        if place is None:
            continue
        scored = _parser(bundle, *dict.fromkeys(("train.json", overlay))).get_parsed_content(place)(dict(item))["image"]
        torch.testing.assert_close(torch.as_tensor(scored), predicted, rtol=0, atol=1e-6)
