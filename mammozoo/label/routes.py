# SPDX-License-Identifier: Apache-2.0
"""Routes of the annotator's page, and the training route with its question answered beforehand."""

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from monailabel.endpoints.train import run_model
from monailabel.interfaces.exception import MONAILabelException
from monailabel.interfaces.utils.app import app_instance
from monailabel.utils.async_tasks.task import AsyncTask

from .._typing import Array
from ..functional.breast.segment import find_chest_side
from ..io.errors import MammogramError
from .store.datastore import MammogramDatastore
from .tasks import SPLIT_RECORD

# No `from __future__ import annotations` here: FastAPI reads the annotations of its routes when they are defined.


router = APIRouter()
_MAX_EPOCHS = 1000
# What a client may say of a training; MONAI Label would take a path for Python's modules too.
_TRAIN_KEYS = ("max_epochs", "pretrained", "val_split", "device", "client_id")


def page_files() -> StaticFiles:
    """The page's HTML, script and style."""
    return StaticFiles(directory=Path(__file__).parent / "web", html=True)


def add_error_answers(application: FastAPI) -> None:
    """Answer known errors with a status and a reason instead of 500 and nothing."""
    for kind, status in ((MONAILabelException, 404), (MammogramError, 422)):
        application.add_exception_handler(kind, lambda _, error, status=status: _reason(error, status))


def _reason(error: Exception, status: int) -> JSONResponse:
    return JSONResponse({"detail": str(getattr(error, "msg", error))}, status)


def resume_segmentations() -> None:
    """Go on with DICOM segmentations that an earlier run could not finish."""
    _store().resume_segmentations()


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
    pixels = store.pixels(_known(image_id))
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
    """The final label's mask, 0 and 1; no content (204) where there is none."""
    try:
        return _raw(_store().labels.read(_known(image_id), "final"), {})
    except FileNotFoundError:
        return Response(status_code=204)


@router.get("/api/record/{image_id}")  # type: ignore[untyped-decorator]
def record(image_id: str) -> dict[str, Any]:
    """What is known of the final label: who saved it and when, and what became of its DICOM segmentation."""
    return _store().labels.info(_known(image_id), "final")


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
    state = store.labels.info(image_id, "final").get("dicom_seg", "")
    return {"saved": image_id, "lesion_pixels": int(np.count_nonzero(mask)), "dicom_seg": state}


@router.delete("/api/label/{image_id}")  # type: ignore[untyped-decorator]
def remove_label(image_id: str) -> dict[str, Any]:
    """Take the final label back."""
    _store().remove_label(_known(image_id), "final")
    return {"removed": image_id}


@router.post("/api/suggest/{model}/{image_id}")  # type: ignore[untyped-decorator]
def suggest(model: str, image_id: str) -> Response:
    """A model's mask of an image, 0 and 1."""
    request = {"model": model, "image": _known(image_id), "result_extension": ".png"}
    result = app_instance().infer(request)
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
    place = Path(app_instance().bundles[model])
    lines = [line for line in task.get("details", []) if line.strip()]
    return {
        "status": task["status"].lower(),
        "labels": labels,
        "model": model,
        "epochs": task["request"].get("max_epochs"),
        "split": _split(place / SPLIT_RECORD, since=task["start_ts"]),
        "history": _history(place / "history.csv", since=task["start_ts"]),
        "message": lines[-1] if task["status"] == "ERROR" and lines else "",
    }


def _is_new(path: Path, since: str) -> bool:
    """Whether this training wrote the file; that of an earlier one counts for nothing."""
    return path.is_file() and path.stat().st_mtime >= datetime.strptime(since, "%Y-%m-%d %H:%M:%S").timestamp()


def _split(path: Path, *, since: str) -> dict[str, int]:
    """How many labels it learns from and how many are held out."""
    content: dict[str, int] = json.loads(path.read_text(encoding="utf-8")) if _is_new(path, since) else {}
    return content


def _history(path: Path, *, since: str) -> list[dict[str, float]]:
    """Epochs that this training has written."""
    if not _is_new(path, since):
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
    epochs = (params or {}).get("max_epochs", 1)
    if not isinstance(epochs, int) or not 1 <= epochs <= _MAX_EPOCHS:
        raise HTTPException(422, f"max_epochs is {str(epochs)[:20]!r}; expected a whole number from 1 to {_MAX_EPOCHS}")
    allowed = {key: value for key, value in (params or {}).items() if key in _TRAIN_KEYS}
    return run_model(model, allowed, run_sync, enqueue)


def stop_training() -> None:
    """End a training with the server: nobody would be told of what it does."""
    AsyncTask.stop("train")
