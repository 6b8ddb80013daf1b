# SPDX-License-Identifier: Apache-2.0
"""The front door: a bundle as one object, a study as one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from torch import nn

from .._typing import PathLike
from ..engines.experiments.grid import cell_result, run_workflow
from ..engines.inference.study_result import StudyResult
from ..engines.training.run_folder import new_run_dir
from ..io.config_json import read_json
from ..networks.transfer import load_state
from .inference import FLAGSHIP, check_weights, find_bundle, users_cause
from .predict import predict_study

__all__ = ["LoadedBundle", "load", "predict", "train"]


@dataclass(frozen=True)
class LoadedBundle:
    """A bundle or a run folder, ready to use (`mammozoo.load`).

    Attributes
    ----------
    path : pathlib.Path
        Its folder.
    metadata : dict
        ``configs/metadata.json``.
    """

    path: Path
    metadata: dict[str, Any]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def card(self) -> str:
        """The model card, Markdown; empty for a run of one's own."""
        file = self.path / "docs" / "README.md"
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    @cached_property
    def network(self) -> nn.Module:
        """The network with its weights, in evaluation mode; takes (B, C, W, H), gives logits."""
        config = read_json(self.path / "configs" / "inference.json") | {"bundle_root": str(self.path)}
        network: nn.Module = ConfigParser(config).get_parsed_content("network_def")
        load_state(network, check_weights(find_bundle(self.path))[0])
        return network.eval()

    def predict(
        self, study: PathLike | Sequence[PathLike], out: PathLike = "predictions", **options: Any
    ) -> StudyResult:
        """Run on a folder, a zip archive, a manifest or files.

        Parameters
        ----------
        study : path or sequence of paths
        out : path
            Receives a folder per image with mask, probability, overlay and findings, and ``summary.json``.
        **options
            As of `mammozoo.bundle.predict.predict_study`: ``objects``, ``options``, ``weights``, ``trust``.

        Returns
        -------
        StudyResult
        """
        return predict_study(study, out, bundle=self.path, **options)

    def evaluate(self, manifest: PathLike, out: PathLike = "evaluation", **keys: Any) -> dict[str, Any]:
        """Score all images of a manifest.

        Parameters
        ----------
        manifest : path
            CSV with ``id, image, patient_id`` and ``mask`` or ``label``.
        out : path
            Receives ``per_case.csv``, ``metrics.json``, ``report.html`` and pictures.
        **keys
            Keys of ``train.json`` or ``evaluate.json``.

        Returns
        -------
        dict
            The content of ``metrics.json``.
        """
        given: dict[str, Any] = {"dataset": "manifest", "dataset_dir": str(Path(manifest).absolute())}
        given["table::source"] = None  # no split, nothing to audit
        files = [self.path / "configs" / name for name in ("train.json", "evaluate.json")]
        places = {"bundle_root": str(self.path), "output_dir": str(Path(out).absolute())}
        parts = read_json(files[1])
        given |= {"part": "all"} if "part" in parts else {"scored_parts": ["all"]}
        places["weights"] = str(check_weights(find_bundle(self.path))[0])
        _run(files, "evaluating", {**given, **places, **keys})
        result = cell_result(out)
        assert result is not None
        return result


def load(bundle: PathLike = FLAGSHIP) -> LoadedBundle:
    """Load one of the library's bundles by name, or a bundle or run folder.

    Parameters
    ----------
    bundle : str or path
        See ``mammozoo bundles``; default: the flagship.

    Returns
    -------
    LoadedBundle

    Raises
    ------
    UserError
        If there is none; the message names those there are.

    Examples
    --------
    >>> load("mammo_aunet_segmentation").metadata["task"].startswith("Segmentation")
    True
    """
    found = find_bundle(bundle)
    return LoadedBundle(found.path, read_json(found.path / "configs" / "metadata.json"))


def predict(
    study: PathLike | Sequence[PathLike], out: PathLike = "predictions", *, bundle: PathLike = FLAGSHIP, **options: Any
) -> StudyResult:
    """Find masses in a study; as ``mammozoo predict``.

    Parameters
    ----------
    study, out, **options
        As of `LoadedBundle.predict`.
    bundle : str or path
        As of `load`.

    Returns
    -------
    StudyResult
    """
    return load(bundle).predict(study, out, **options)


def train(bundle: PathLike, *, run_id: str = "training", **keys: Any) -> Path:
    """Train a bundle; as ``python -m monai.bundle run training``.

    Parameters
    ----------
    bundle : str or path
        As of `load`.
    run_id : str
        Of ``train.json``.
    **keys
        Keys of ``train.json``, for example ``lr=1e-3``; deep ones as ``{"network_def::dropout": 0.2}``.

    Returns
    -------
    pathlib.Path
        The run folder, itself a bundle.
    """
    path = find_bundle(bundle).path
    overrides: Mapping[str, Any] = {"bundle_root": str(path), "run_dir": new_run_dir(path.name), **keys}
    _run([path / "configs" / "train.json"], run_id, overrides)
    return Path(overrides["run_dir"])


def _run(files: Sequence[Path], run_id: str, keys: Mapping[str, Any]) -> None:
    """Run a workflow; what the user can mend is raised as it was, not as MONAI wraps it."""
    try:
        run_workflow(files, run_id, keys)
    except RuntimeError as error:
        raise users_cause(error) from error
