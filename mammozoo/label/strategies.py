# SPDX-License-Identifier: Apache-2.0
"""Which image to annotate next."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from monailabel.interfaces.tasks.strategy import Strategy

from ..io.errors import MammogramError
from .store.datastore import MammogramDatastore
from .tasks import MammogramInferTask
from .uncertainty import breast_entropy

logger = logging.getLogger(__name__)


class First(Strategy):  # type: ignore[misc]
    """The first image of the list that has no final label."""

    def __init__(self) -> None:
        super().__init__("First image without a label, in the order of the list")

    def __call__(self, request: Mapping[str, Any], datastore: MammogramDatastore) -> dict[str, Any] | None:
        """Return the id, or None when all are done."""
        waiting = datastore.get_unlabeled_images()
        return {"id": waiting[0]} if waiting else None


class Entropy(Strategy):  # type: ignore[misc]
    """The image of which the model is least sure: highest mean entropy of its probabilities inside the breast."""

    def __init__(self, tasks: Mapping[str, MammogramInferTask], *, seconds: float = 10.0) -> None:
        super().__init__("Image of which the model is least sure (entropy inside the breast)")
        self.tasks = tasks
        self.seconds = seconds

    def __call__(self, request: Mapping[str, Any], datastore: MammogramDatastore) -> dict[str, Any] | None:
        """Return the id, its score and how many images are scored; None when all are done."""
        model = str(request.get("model") or next(iter(self.tasks)))
        if model not in self.tasks:
            msg = f"there is no model {model!r}; it has {', '.join(self.tasks)}"
            raise ValueError(msg)
        waiting = datastore.get_unlabeled_images()
        version = f"{model} {self.tasks[model].weights_version()}"
        end = time.monotonic() + float(request.get("seconds", self.seconds))
        scores: dict[str, float] = {}
        for image_id in waiting:
            kept = datastore.get_image_info(image_id).get("entropy", {})
            if kept.get("version") == version:
                scores[image_id] = kept["score"]
        for image_id in waiting:
            if image_id in scores or (scores and time.monotonic() > end):
                continue
            score = self._score(model, image_id, datastore)
            datastore.update_image_info(image_id, {"entropy": {"score": score, "version": version}})
            scores[image_id] = score
        if not scores:
            return None
        best = max(scores, key=lambda image_id: scores[image_id])
        return {"id": best, "score": scores[best], "scored": len(scores), "waiting": len(waiting), "model": model}

    def _score(self, model: str, image_id: str, datastore: MammogramDatastore) -> float:
        try:
            pixels = datastore.pixels(image_id)
            return breast_entropy(pixels, self.tasks[model].probability(datastore.get_image_uri(image_id)))
        except MammogramError as error:
            logger.warning("an image cannot be scored: %s", error)
            return -1.0
