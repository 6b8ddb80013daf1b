# SPDX-License-Identifier: Apache-2.0
"""Write a bundle's network as TorchScript, ONNX or torch.export, and compare what both forms compute."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from torch import nn

from .._optional import optional_import
from .._typing import PathLike
from ..engines.training.command import check_keys
from ..networks.transfer import load_state
from .inference import check_weights, find_bundle

__all__ = ["Exported", "export_module", "export_network"]

#: Largest difference of logits, relative to the largest logit (or to 1).
TOLERANCE = 1e-4
_OPSET = 18


@dataclass(frozen=True)
class Exported:
    """A network in another form."""

    path: Path
    form: str
    shape: tuple[int, ...]
    difference: float
    any_batch: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self) | {"path": str(self.path)}


def export_network(
    bundle: PathLike,
    path: PathLike,
    *,
    network_id: str = "network_def",
    weights: PathLike | None = None,
    options: Mapping[str, Any] | None = None,
) -> Exported:
    """Export a bundle's network with its weights.

    Parameters
    ----------
    bundle : path
        Name in ``bundles/``, or the folder of a bundle that is trusted: its configuration builds the network.
    path : path
        Its suffix is the form, see `export_module`.
    network_id : str
        ``"detector_def"`` for the detector of a two-stage bundle, whose weights must be named.
    weights : path, optional
        Other weights than the bundle's own, which must be the recorded ones.
    options : mapping, optional
        Keys of ``inference.json`` to set, as ``{"width": 16}``.

    Returns
    -------
    Exported

    Raises
    ------
    FileNotFoundError, MammogramError
        As of `mammozoo.bundle.inference.check_weights`.
    ValueError
        If an option is unknown, the weights do not fit, or the forms differ.
    """
    found = find_bundle(bundle)
    config = json.loads(found.config.read_text(encoding="utf-8"))
    check_keys(options or {}, files=[found.config])
    file = check_weights(found, path=weights)[0]
    parser = ConfigParser(config | {"bundle_root": str(found.path)} | dict(options or {}))
    network: nn.Module = parser.get_parsed_content(network_id)
    load_state(network, file)
    metadata = json.loads((found.path / "configs" / "metadata.json").read_text(encoding="utf-8"))
    channels = metadata["network_data_format"]["inputs"]["image"]["num_channels"]
    size = parser.get_parsed_content("spatial_size")
    return export_module(network, path, shape=(1, parser.get_parsed_content("in_channels", default=channels), *size))


def export_module(network: nn.Module, path: PathLike, *, shape: tuple[int, ...]) -> Exported:
    """Export a network, read the file back and compare both on random input."""
    path = Path(path)
    writers: dict[str, Callable[[nn.Module, torch.Tensor, Path], tuple[str, Any]]] = {
        ".ts": _torchscript, ".onnx": _onnx, ".pt2": _exported,
    }  # fmt: skip
    if path.suffix not in writers:
        msg = f"{path.name}: the suffix says the form, one of {', '.join(writers)}"
        raise ValueError(msg)
    network = network.eval().cpu()
    image = torch.rand((max(shape[0], 2), *shape[1:]), generator=torch.Generator().manual_seed(0))
    path.parent.mkdir(parents=True, exist_ok=True)
    with _quiet(), torch.no_grad():
        form, run = writers[path.suffix](network, image, path)
        any_batch = _same_shapes(run, image[:1], network) and _same_shapes(run, image, network)
        if not any_batch:
            form, run = writers[path.suffix](network, image[:1], path)
        compared = [image] if any_batch else list(image.split(1))
        wanted, found = ([item for part in compared for item in _flat(call(part))] for call in (network, run))
    difference = max(float((a - b).abs().max()) for a, b in zip(wanted, found, strict=True))
    if not difference <= TOLERANCE * max(1.0, *(float(item.abs().max()) for item in wanted)):
        msg = f"{path.name} computes something else: the outputs differ by up to {difference:.2e}"
        raise ValueError(msg)
    return Exported(path, form, tuple(image.shape), difference, any_batch)


def _same_shapes(run: Callable[[torch.Tensor], Any], image: torch.Tensor, network: nn.Module) -> bool:
    """Whether an exported network takes this number of images: some forms fix the one they were made with."""
    try:
        return [item.shape for item in _flat(run(image))] == [item.shape for item in _flat(network(image))]
    except Exception:  # every runtime has errors of its own
        return False


def _torchscript(network: nn.Module, image: torch.Tensor, path: Path) -> tuple[str, Any]:
    try:
        form, module = "script", torch.jit.script(network)
    except (RuntimeError, OSError, NotImplementedError, TypeError, ValueError):  # what scripting does not know
        form, module = "trace", torch.jit.trace(network, image)
    torch.jit.save(module, path)
    return form, torch.jit.load(path)


def _onnx(network: nn.Module, image: torch.Tensor, path: Path) -> tuple[str, Any]:
    optional_import("onnx", extra="export")
    runtime = optional_import("onnxruntime", extra="export")
    # The exporter that follows the traced calls: the newer one takes twenty times as long for the same graph.
    axes = {"image": {0: "batch"}}
    torch.onnx.export(
        network, (image,), path, input_names=["image"], dynamic_axes=axes, opset_version=_OPSET, dynamo=False
    )
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return "onnx", lambda given: [torch.from_numpy(item) for item in session.run(None, {"image": given.numpy()})]


def _exported(network: nn.Module, image: torch.Tensor, path: Path) -> tuple[str, Any]:
    program = torch.export.export(network, (image,), dynamic_shapes=({0: torch.export.Dim.AUTO},), strict=False)
    torch.export.save(program, path)
    return "export", torch.export.load(path).module()


def _flat(output: Any) -> list[torch.Tensor]:
    return [output] if isinstance(output, torch.Tensor) else [tensor for item in output for tensor in _flat(item)]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without remarks on sizes that a trace fixes, and on TorchScript's age."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
