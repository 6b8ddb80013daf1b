# SPDX-License-Identifier: Apache-2.0
"""Routes of the annotator's page, and the training route with its question answered beforehand."""

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.staticfiles import StaticFiles
from monailabel.endpoints.train import run_model
from monailabel.interfaces.exception import MONAILabelException
from monailabel.interfaces.utils.app import app_instance
from monailabel.utils.async_tasks.task import AsyncTask

from .._typing import Array
from ..functional.breast_mask import find_chest_side
from ..io.errors import MammogramError
from .datastore import MammogramDatastore

# No `from __future__ import annotations` here: FastAPI reads the annotations of its routes when they are defined.

__all__ = ["page_files", "router"]

router = APIRouter()


def page_files() -> StaticFiles:
    """The page's HTML, script and style."""
    return StaticFiles(directory=Path(__file__).parent / "web", html=True)


def _store() -> MammogramDatastore:
    store = app_instance().datastore()
    assert isinstance(store, MammogramDatastore)
    return store


def _known(image_id: str) -> str:
    if image_id not in _store().images:
        raise HTTPException(404, "no such image")
    return image_id


def _raw(array: Array, facts: dict[str, Any]) -> Response:
    """Pixels row by row, little-endian, with their description in a header."""
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    rows, columns = array.shape
    described = {"rows": rows, "columns": columns, "bytes": little.itemsize, **facts}
    return Response(
        little.tobytes(), media_type="application/octet-stream", headers={"x-pixels": json.dumps(described)}
    )


@router.get("/api/items")  # type: ignore[untyped-decorator]
def items() -> dict[str, Any]:
    """All images with what is known of them, the models and what was left out."""
    store, app = _store(), app_instance()
    rows = []
    for image in store.images.values():
        final = store.labels.info(image.id, "final")
        info = store.get_image_info(image.id)
        rows.append(
            {
                "id": image.id,
                "name": image.name,
                "group": image.group,
                "kind": image.kind,
                "laterality": image.laterality,
                "view": image.view_position,
                "pixel_spacing": image.pixel_spacing,
                "status": "final" if store.labels.path(image.id, "final").is_file() else "none",
                "lesion_pixels": final.get("lesion_pixels"),
                "source": final.get("source", ""),
                "dicom_seg": final.get("dicom_seg", ""),
                "entropy": info.get("entropy", {}).get("score"),
            }
        )
    return {
        "items": rows,
        "models": list(app._infers),
        "trainable": list(app._trainers),
        "strategies": list(app._strategies),
        "left_out": [{"name": name, "reason": reason} for name, reason in store.left_out],
    }


@router.get("/api/image/{image_id}")  # type: ignore[untyped-decorator]
def image(image_id: str) -> Response:
    """Native pixels (bright is tissue) and the window in which the breast is seen at first."""
    store = _store()
    try:
        pixels = store.pixels(_known(image_id))
    except MammogramError as error:
        raise HTTPException(422, str(error)) from error
    if pixels.dtype not in (np.uint8, np.uint16):
        low, high = float(pixels.min()), float(pixels.max())
        pixels = np.rint((pixels - low) * (65535 / max(high - low, 1e-12))).astype(np.uint16)
    small = pixels[:: max(1, pixels.shape[0] // 512), :: max(1, pixels.shape[1] // 512)]
    inside = small[small > small.min()]
    low, high = (float(v) for v in np.percentile(inside, (0.5, 99.8))) if inside.size else (0.0, 1.0)
    facts = {
        "window": [low, max(high, low + 1)],
        "range": [int(pixels.min()), int(pixels.max())],
        "chest_side": find_chest_side(small),
    }
    return _raw(pixels, facts)


@router.get("/api/label/{image_id}")  # type: ignore[untyped-decorator]
def label(image_id: str) -> Response:
    """The final label's mask, 0 and 1."""
    try:
        return _raw(_store().labels.read(_known(image_id), "final"), {})
    except FileNotFoundError as error:
        raise HTTPException(404, "no final label yet") from error


@router.put("/api/label/{image_id}")  # type: ignore[untyped-decorator]
async def save_label(image_id: str, request: Request, model: str = "", seconds: float = 0.0) -> dict[str, Any]:
    """Keep a mask as the final label: one byte a pixel, row by row."""
    store = _store()
    rows, columns = await run_in_threadpool(store.shape, _known(image_id))
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > rows * columns:
            break
    if len(body) != rows * columns:
        raise HTTPException(422, f"the mask must be {rows} x {columns} bytes")
    mask = np.frombuffer(bytes(body), np.uint8).reshape(rows, columns)
    info = {"source": "page", "model": model[:100], "seconds": max(0.0, seconds)}
    await run_in_threadpool(store.save_mask, image_id, "final", mask, info)
    return {"saved": image_id, "lesion_pixels": int(np.count_nonzero(mask))}


@router.delete("/api/label/{image_id}")  # type: ignore[untyped-decorator]
def remove_label(image_id: str) -> dict[str, Any]:
    """Take the final label back."""
    _store().remove_label(_known(image_id), "final")
    return {"removed": image_id}


@router.post("/api/suggest/{model}/{image_id}")  # type: ignore[untyped-decorator]
def suggest(model: str, image_id: str) -> Response:
    """A model's mask of an image, 0 and 1."""
    request = {"model": model, "image": _known(image_id), "result_extension": ".png"}
    try:
        result = app_instance().infer(request)
    except MONAILabelException as error:
        raise HTTPException(404, error.msg) from error
    except MammogramError as error:
        raise HTTPException(422, str(error)) from error
    path = Path(result["file"])
    mask = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    path.unlink()
    return _raw((mask != 0).astype(np.uint8), {"seconds": result["params"]["latencies"]["total"]})


@router.get("/api/training")  # type: ignore[untyped-decorator]
def training() -> dict[str, Any]:
    """How the last training of this server goes or went."""
    task, _ = AsyncTask.status("train")
    labels = len(_store().get_labeled_images())
    if task is None:
        return {"status": "none", "labels": labels}
    model = task["request"]["model"]
    history = _history(Path(app_instance().bundles[model], "eval", "history.csv"), since=task["start_ts"])
    lines = [line for line in task.get("details", []) if line.strip()]
    return {
        "status": task["status"].lower(),
        "labels": labels,
        "model": model,
        "epochs": task["request"].get("max_epochs"),
        "history": history,
        "message": lines[-1] if task["status"] == "ERROR" and lines else "",
    }


def _history(path: Path, *, since: str) -> list[dict[str, float]]:
    """Epochs that this training has written; the file of an earlier one counts for nothing."""
    from datetime import datetime

    if not path.is_file() or path.stat().st_mtime < datetime.strptime(since, "%Y-%m-%d %H:%M:%S").timestamp():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {key: float(row[key]) for key in ("epoch", "train_loss", "val_dice") if key in row}
            for row in csv.DictReader(file)
        ]


@router.post("/train/{model}")  # type: ignore[untyped-decorator]
def train(model: str, params: dict[str, Any] | None = None, run_sync: bool = False, enqueue: bool = False) -> Any:
    """MONAI Label's own route, which would start a process only to fail without a label."""
    if model not in app_instance()._trainers:
        raise HTTPException(404, f"no model {model!r} that can be trained")
    if not _store().get_labeled_images():
        raise HTTPException(409, "there is no final label yet: annotate and save at least one image, then train")
    return run_model(model, params, run_sync, enqueue)
