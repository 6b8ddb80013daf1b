# SPDX-License-Identifier: Apache-2.0
"""The MONAI Label app: bundles of this zoo on a folder of mammograms."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.exception import MONAILabelError, MONAILabelException
from monailabel.tasks.activelearning.random import Random

from .. import __version__
from .store.datastore import MammogramDatastore
from .store.sources import open_source
from .strategies import Entropy, First
from .tasks import AnnotationTrainTask, MammogramInferTask

_EXTENSIONS = (".png", ".nii.gz", ".nii", ".nrrd")
# What a client may say of an inference; everything else of a request would reach MONAI Label's own switches.
_INFER_KEYS = ("model", "image", "device", "result_extension", "result_dtype", "save_label", "label_tag")


class MammographyApp(MONAILabelApp):  # type: ignore[misc]
    """MONAI Label's bundle app with a datastore, tasks and strategies that know 2-D mammograms."""

    def __init__(self, app_dir: str, studies: str, conf: Mapping[str, str]) -> None:
        self.bundles = {name: str(Path(app_dir, "model", name)) for name in conf["models"].split(",")}
        super().__init__(
            app_dir=app_dir,
            studies=studies,
            conf=dict(conf),
            name="MammoZoo",
            description="Annotation of 2-D mammograms. Research use only, not for diagnosis.",
            version=__version__,
        )

    def init_datastore(self) -> MammogramDatastore:
        """Images of the folder or server, labels of the workspace."""
        python = os.environ.get("MAMMOZOO_LABEL_SEG_PYTHON", "")
        workspace = os.environ["MAMMOZOO_LABEL_WORKSPACE"]
        source = open_source(os.environ["MAMMOZOO_LABEL_STUDIES"], workspace, os.environ)
        return MammogramDatastore(source, workspace, seg_python=python)

    def init_infers(self) -> dict[str, MammogramInferTask]:
        """One task a bundle."""
        tasks = {name: MammogramInferTask(path, self.conf) for name, path in self.bundles.items()}
        for name, task in tasks.items():
            if not task.valid:
                msg = f"the bundle {name} cannot be served: it lacks weights or configs/inference.json"
                raise ValueError(msg)
        return tasks

    def infer(self, request: dict[str, Any], datastore: Any = None) -> Any:
        """Run a model on an image of the list; paths and uploads, which the stock app takes too, are refused."""
        if request.get("image") not in self.datastore().images:
            raise MONAILabelException(MONAILabelError.INVALID_INPUT, "no such image in the list")
        if request.get("result_extension", ".png") not in _EXTENSIONS:  # it ends the name of a temporary file
            raise MONAILabelException(MONAILabelError.INVALID_INPUT, f"masks are written as {', '.join(_EXTENSIONS)}")
        return super().infer({key: request[key] for key in _INFER_KEYS if key in request}, datastore)

    def init_trainers(self) -> dict[str, AnnotationTrainTask]:
        """One task a bundle that learns from masks alone (`mammozoo.label.store.workspace.Workspace.trainable`)."""
        names = [name for name in self.conf["trainable"].split(",") if name]
        tasks = {name: AnnotationTrainTask(self.bundles[name], self.conf) for name in names}
        return {name: task for name, task in tasks.items() if task.is_valid()}

    def init_strategies(self) -> dict[str, Any]:
        """Random, first, and the entropy of the first bundle (or the one a request names)."""
        return {"random": Random(), "first": First(), "entropy": Entropy(self._infers)}
