# SPDX-License-Identifier: Apache-2.0
"""Let the stock torchvision import beside a CPU build of PyTorch; ``mammozoo label setup`` installs this file.

The torchvision that package indexes offer is built for CUDA. Beside a CPU torch its operators cannot be loaded and
``import torchvision`` fails on the first one it describes, although MONAI Label only draws grids of images with it.
Two empty definitions suffice; calling ``torchvision.ops.nms`` still fails. This file stands by itself: it imports
nothing of the library, since it runs at the start of every Python process of that environment.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


class TorchvisionShim(MetaPathFinder):
    """Finds nothing itself; defines the operators when torchvision is about to be imported, once."""

    library: object = None  # the definitions live as long as this object

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Define the operators before the import of torchvision goes on."""
        if fullname == "torchvision":
            sys.meta_path.remove(self)
            self._define()
        return None

    def _define(self) -> None:
        import torch

        if torch.version.cuda is not None or _is_cpu_build():
            return
        self.library = library = torch.library.Library("torchvision", "DEF")
        for operator in _OPERATORS:
            library.define(operator)
        _kept.append(library)


_kept: list[object] = []


def _is_cpu_build() -> bool:
    try:
        return version("torchvision").endswith("+cpu")
    except PackageNotFoundError:
        return False


def install() -> None:
    """Put the shim first among the finders."""
    if not any(isinstance(finder, TorchvisionShim) for finder in sys.meta_path):
        sys.meta_path.insert(0, TorchvisionShim())
