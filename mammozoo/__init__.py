# SPDX-License-Identifier: Apache-2.0
"""MammoZoo: MONAI bundles for mammography and the library they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundle.front import LoadedBundle, load, predict, train
    from .io.dicom.read import Mammogram
    from .io.dicom.read import read_mammogram as read
    from .report.score.run import evaluate

__all__ = ["LoadedBundle", "Mammogram", "__version__", "evaluate", "load", "predict", "read", "require", "train"]

__version__ = "0.2.0"

_FRONT = {
    "LoadedBundle": ("bundle.front", "LoadedBundle"),
    "Mammogram": ("io.dicom.read", "Mammogram"),
    "evaluate": ("report.score.run", "evaluate"),
    "load": ("bundle.front", "load"),
    "predict": ("bundle.front", "predict"),
    "read": ("io.dicom.read", "read_mammogram"),
    "train": ("bundle.front", "train"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for; ``import mammozoo`` itself imports nothing."""
    if name not in _FRONT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _FRONT[name]
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def require(version: str) -> None:
    """Stop when this library is not of the release series that a bundle was made for."""
    wanted = version.split(".")[:2]
    if wanted != __version__.split(".")[:2]:
        msg = (
            f"this bundle was made for mammozoo {'.'.join(wanted)}, but mammozoo {__version__} is imported from "
            f"{__path__[0]}; use a bundle and a library of the same release, or run the bundles in two processes"
        )
        raise RuntimeError(msg)
