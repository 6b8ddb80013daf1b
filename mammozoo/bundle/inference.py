# SPDX-License-Identifier: Apache-2.0
"""Find a bundle, make sure of its weights, and run its ``inference.json`` on a list of inputs."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai.bundle import ConfigWorkflow

from .._errors import UserError
from .._paths import config_path
from .._typing import PathLike
from ..engines.training.command import Command, check_keys, running
from ..io.errors import MammogramError
from ..io.inputs import InputImage
from ..io.weights import file_sha256, require_recorded_weights

#: Where the library's own bundles are: in a clone beside the package, in an installation inside it.
HOMES = (Path(__file__).resolve().parents[2] / "bundles", Path(__file__).resolve().parents[1] / "_bundles")
FLAGSHIP = "mammo_mass_segmentation"
_READER = "mammozoo.engines.ReadableImages"
_PROGRESS_BAR = "mammozoo.engines.ProgressBar"
_EXPECTED = (MammogramError, ValueError, OSError)


@dataclass(frozen=True)
class Bundle:
    """A bundle's folder and what its metadata say."""

    path: Path
    version: str
    weights: tuple[str, ...]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def config(self) -> Path:
        """Its inference configuration."""
        return self.path / "configs" / "inference.json"

    @property
    def foreign(self) -> bool:
        """Whether it came from elsewhere than this library."""
        return self.path.parent not in HOMES


@dataclass(frozen=True)
class Inference:
    """What a run used."""

    threshold: float | None
    weights_sha256: str


def find_bundle(bundle: PathLike) -> Bundle:
    """Find a bundle by its folder, or one of the library's own by its name.

    Parameters
    ----------
    bundle : path
        ``"mammo_aunet_segmentation"``, the folder of an unzipped bundle, or a run folder that training wrote.

    Returns
    -------
    Bundle

    Raises
    ------
    UserError
        If there is none (the message names those there are), or its metadata cannot be read.

    Examples
    --------
    >>> find_bundle("mammo_abnormal_unet_segmentation").version.count(".")
    2
    """
    for folder in (Path(bundle), *(home / bundle for home in HOMES)):
        if (folder / "configs" / "inference.json").is_file():
            return _bundle(folder.resolve())
    known = ", ".join(path.name for path in own_bundles())
    raise UserError(f"no bundle '{bundle}': expected a folder with configs/inference.json, or one of {known}")


def own_bundles() -> list[Path]:
    """Folders of the bundles that come with the library, the flagship first."""
    found = {path.parents[1].name: path.parents[1] for home in HOMES for path in home.glob("*/configs/inference.json")}
    return [found[name] for name in sorted(found, key=lambda name: (name != FLAGSHIP, name))]


def _bundle(folder: Path) -> Bundle:
    file = folder / "configs" / "metadata.json"
    try:
        metadata = json.loads(file.read_text(encoding="utf-8"))
        return Bundle(folder, str(metadata["version"]), tuple(metadata.get("weights") or ()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{folder.name}: configs/metadata.json cannot be read or names no version ({type(error).__name__})"
        raise ValueError(msg) from error


def check_weights(bundle: Bundle, *, path: PathLike | None = None) -> tuple[Path, str]:
    """Find the weights of a run, and make sure that the bundle's own are those that its metadata record."""
    models = bundle.path / "models"
    own = models / ("model.safetensors" if "model.safetensors" in bundle.weights else "model.pt")
    if not own.is_file():
        own = models / "model.pt"
    file = (own if path is None else Path(path)).resolve()
    if not file.is_file():
        raise UserError(f"no weights at {file}: train them (`monai.bundle run training ...`) or give --weights PATH")
    check_hashes(bundle, but=None if path is None else own.stem)
    return file, file_sha256(file)


def check_hashes(bundle: Bundle, *, but: str | None = None) -> None:
    """Stop where a file of ``models/`` is not the recorded one; files named `but` may differ."""
    for recorded in (bundle.path / "models" / name for name in bundle.weights):
        if recorded.is_file() and recorded.stem != but:
            require_recorded_weights(recorded)


def run_inference(
    bundle: Bundle,
    items: Sequence[InputImage],
    output_dir: Path,
    *,
    weights: PathLike | None = None,
    options: Mapping[str, Any],
    include: Sequence[str] = (),
    progress: Callable[[int], object] | None = None,
) -> Inference:
    """Run a bundle's ``inference.json``; its files and ``summary.json`` go to `output_dir`."""
    config = json.loads(bundle.config.read_text(encoding="utf-8"))
    if config.get("dataset", {}).get("_target_") != _READER:
        msg = f"{bundle.name}: its inference does not read through {_READER}; run it with `python -m monai.bundle run`"
        raise ValueError(msg)
    check_keys(options, files=[bundle.config])
    file, digest = check_weights(bundle, path=weights)
    overrides: dict[str, Any] = {
        "bundle_root": config_path(bundle.path),
        "output_dir": config_path(output_dir),
        "weights": config_path(file),
        # A tuple: MONAI evaluates strings in lists and dictionaries, and a file's name may begin with a dollar sign.
        "dataset::data": tuple(items),
        **options,
    }
    if include:
        overrides["dataset::include"] = tuple(include)
    if progress is not None:
        handlers = [item for item in config.get("handlers", []) if item.get("_target_") != _PROGRESS_BAR]
        overrides |= {"dataset::progress": progress, "handlers": handlers}
    with _quiet_workflow():
        try:
            workflow = ConfigWorkflow(str(bundle.config), workflow_type="inference", logging_file=False, **overrides)
            with running(Command("run", (bundle.config,))):
                workflow.initialize()
                workflow.run()
                workflow.finalize()
        except RuntimeError as error:
            raise users_cause(error) from error
        threshold = workflow.parser.get_parsed_content("threshold", default=None)
    return Inference(threshold if isinstance(threshold, float | int) else None, digest)


@contextmanager
def _quiet_workflow() -> Iterator[None]:
    """Without MONAI's remarks on running a configuration at all, and with the import path as it was."""
    loggers = [logging.getLogger(name) for name in ("monai.bundle.workflows", "monai.engines", "ignite")]
    before, path = [item.level for item in loggers], list(sys.path)
    for item in loggers:
        item.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*(execute|arbitrary code).*", category=UserWarning)
            yield
    finally:
        sys.path[:] = path
        for item, level in zip(loggers, before, strict=True):
            item.setLevel(level)


def users_cause(error: BaseException) -> BaseException:
    """What went wrong inside the configuration, where that is the user's to mend."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, _EXPECTED):
        inner = inner.__cause__
    return inner or error
