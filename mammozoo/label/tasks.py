# SPDX-License-Identifier: Apache-2.0
"""MONAI Label's bundle tasks for 2-D mammograms: inference in the image's geometry, training on few labels."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monailabel.interfaces.datastore import Datastore
from monailabel.tasks.infer.bundle import BundleInferTask
from monailabel.tasks.train.bundle import BundleTrainTask

from .._typing import Array
from ..engines.training.stages import load_weights
from ..io.raster.nifti import write_mask_nifti
from ..io.write import write_json, write_png
from ..networks.transfer import load_state

logger = logging.getLogger(__name__)

#: Beside the history of a training: how many labels it learns from, and how many are held out.
SPLIT_RECORD = "annotation_split.json"
_OWN = (".png", ".nii.gz")


class MammogramInferTask(BundleInferTask):  # type: ignore[misc]
    """A bundle's inference; masks come back in the shape and with the spacing of the image's file."""

    def __init__(self, path: str, conf: Mapping[str, str]) -> None:
        # The bundles load with a reader of their own and end in RestoreShaped: MONAI Label's loader and its Restored
        # would undo both (a mask resized to (H, 1), answered as a success).
        super().__init__(path, conf, extend_load_image=False, add_post_restore=False, load_strict=True)
        self.lock = threading.RLock()
        self._detector_waits = self.valid and self.bundle_config.get("detector_weights") is not None
        if self.valid:
            self._config["model_filename"] = ["model.pt"]
            load_state(self.network, self.path[0])  # what does not fit is told at the start, not at a request

    def __call__(self, request: Mapping[str, Any], callbacks: Any = None) -> Any:
        """Run the pipeline, one request at a time: the parsed configuration is shared."""
        with self.lock:
            return super().__call__(request, callbacks)

    def pre_transforms(self, data: Any = None) -> Sequence[Callable[..., Any]]:
        """The bundle's, with the loader giving MetaTensors as it was configured to."""
        transforms = super().pre_transforms(data)
        for transform in transforms:
            loader = getattr(transform, "_loader", None)
            if loader is not None:
                loader.image_only = True
        return transforms

    def inferer(self, data: Any = None) -> Any:
        """The bundle's; that of a two-stage system with its detector's weights, which MONAI Label knows nothing of."""
        found = super().inferer(data)
        if self._detector_waits:
            path = self.bundle_config.get_parsed_content("detector_weights")
            load_weights(self.bundle_config.get_parsed_content("detector_net"), path=path)
            self._detector_waits = False
        return found

    def probability(self, image: str) -> Array:
        """Lesion probability (H, W) of an image file, float32."""
        _, data = self({"image": image, "skip_writer": True})
        values = data["probability"]
        array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
        return np.ascontiguousarray(array.reshape(array.shape[-2:]).T, np.float32)

    def weights_version(self) -> str:
        """Changes whenever the weights do."""
        status = os.stat(self.get_path())
        return f"{status.st_mtime_ns:x}-{status.st_size:x}"

    def writer(self, data: dict[str, Any], extension: Any = None, dtype: Any = None) -> tuple[Any, Any]:
        """Write the mask (0 and 1): PNG for raster images, NIfTI for DICOM, else as the client asks."""
        source = str(data.get("image_path", ""))
        wanted = extension or data.get("result_extension") or _default_extension(source)
        image = data[self.input_key]
        mask = _mask(data[self.output_label_key], shape=image.meta["spatial_shape"])
        nifti_source = source.endswith((".nii", ".nii.gz"))
        if wanted in _OWN and not (nifti_source and wanted == ".nii.gz"):
            return _write(mask, image, wanted), dict(data.get(self.output_json_key) or {})
        affine = torch.as_tensor(image.meta["original_affine"]).clone()
        if not nifti_source:  # as ITK and 3D Slicer open an image without orientation: see mammozoo.io.raster.nifti
            affine[:2] *= -1
        # The stock writer keeps the affine of three axes only.
        data[self.output_label_key] = MetaTensor(torch.from_numpy(mask.T.copy())[..., None], affine=affine)
        return super().writer(data, wanted, dtype)


def _default_extension(source: str) -> str:
    if source.endswith((".nii", ".nii.gz")):
        return ".nii.gz"
    return ".png" if source.lower().endswith((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".pgm")) else ".nii.gz"


def _mask(pred: Any, *, shape: Any) -> Array:
    """Mask (H, W), 0 and 1, of a prediction with axes of length one around (W, H), the file's shape."""
    width, height = (int(n) for n in np.asarray(shape).ravel()[:2])
    array = np.asarray(pred.detach().cpu() if isinstance(pred, torch.Tensor) else pred).reshape(width, height)
    return np.ascontiguousarray(array.T != 0).astype(np.uint8)


def _write(mask: Array, image: Any, extension: str) -> str:
    handle, name = tempfile.mkstemp(suffix=extension)
    os.close(handle)
    if extension == ".png":
        write_png(name, mask)
    else:
        row, column = (float(value) for value in image.meta.get("pixel_spacing", (np.nan, np.nan)))
        write_mask_nifti(name, mask, pixel_spacing=(row, column) if row > 0 and column > 0 else None)
    return name


class AnnotationTrainTask(BundleTrainTask):  # type: ignore[misc]
    """Train a bundle's last stage on the final labels; the weights before stay under ``models/earlier/``."""

    def __init__(self, path: str, conf: Mapping[str, str]) -> None:
        super().__init__(path, conf, load_strict=True)

    def __call__(self, request: dict[str, Any], datastore: Datastore) -> Any:
        """Train; see the class."""
        self._keep_earlier()
        return super().__call__({"tracking": "none", **request}, datastore)

    def config(self) -> dict[str, Any]:
        """Options of a request."""
        return {**super().config(), "max_epochs": 10, "model_filename": ["model.pt"], "tracking": ["None"]}

    def _fetch_datalist(self, request: Mapping[str, Any], datastore: Datastore) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = datastore.datalist()
        if not found:
            msg = "there is no final label yet: annotate and save at least one image, then train"
            raise ValueError(msg)
        return found

    def _partition_datalist(
        self, datalist: list[dict[str, Any]], request: Mapping[str, Any], shuffle: bool = False
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        train, validation = split_by_group(datalist, share=max(0.0, float(request.get("val_split", 0.2))))
        held_out = 0 if train is validation else len(validation)
        if not held_out:
            logger.warning("all labels are of one study (or none is held out): validation runs on the training images")
        logger.info("training on %d labels, %d held out", len(train), held_out)
        write_json(Path(self.bundle_path, SPLIT_RECORD), {"training": len(train), "held_out": held_out})
        return _plain(train), _plain(validation)

    def _load_checkpoint(self, model_pytorch: str, pretrained: bool, train_handlers: list[Any]) -> None:
        if pretrained:
            super()._load_checkpoint(model_pytorch, True, train_handlers)

    def _keep_earlier(self) -> None:
        model = Path(self.bundle_path, "models", "model.pt")
        if model.is_file():
            earlier = model.parent / "earlier"
            earlier.mkdir(exist_ok=True)
            shutil.copyfile(model, earlier / f"model-{time.strftime('%Y%m%d-%H%M%S')}.pt")


def split_by_group(
    datalist: Sequence[Mapping[str, Any]], *, share: float
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Part a list so that images of one study stay together; the whole twice where nothing can be held out."""
    ordered = sorted({str(item["group"]) for item in datalist}, key=lambda name: hashlib.sha256(name.encode()).digest())
    held: set[str] = set()
    for group in ordered[:-1] if share > 0 else []:
        if held and sum(str(item["group"]) in held for item in datalist) >= share * len(datalist):
            break
        held.add(group)
    train = [item for item in datalist if str(item["group"]) not in held]
    validation = [item for item in datalist if str(item["group"]) in held]
    return (train, validation) if validation else (train, train)


def _plain(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"image": item["image"], "label": item["label"]} for item in items]
