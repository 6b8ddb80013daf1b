# SPDX-License-Identifier: Apache-2.0
"""Search of a bundle's hyper-parameters with Optuna: resumable, and blind to the test part."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import shutil
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..._optional import optional_import
from ..._typing import PathLike
from ...io.write import write_json
from .crossvalidation import shared_options
from .grid import run_workflow, training_keys

__all__ = ["suggest", "tune"]

logger = logging.getLogger(__name__)

Space = Mapping[str, Mapping[str, Any]]


def tune(
    *,
    bundle: PathLike,
    folder: PathLike,
    space: Space,
    trials: int,
    folds: Sequence[int | None],
    seed: int = 0,
) -> dict[str, Any]:
    """Search with Optuna's TPE for the keys that give the highest mean validation AUROC over folds.

    Parameters
    ----------
    bundle : path
        Bundle folder; the keys given to the running workflow hold for every trial.
    folder : path
        Receives ``study.db`` (SQLite), a folder a trial and ``tuning.json``. A search that was killed goes on: finished
        trials and folds are read, the interrupted trial is taken up with its own values.
    space : mapping of str to mapping
        Key of ``train.json`` -> ``low, high`` and perhaps ``log``, or ``choices``.
    trials : int
        Finished trials in all, over every call. The first has the configuration's own values.
    folds : sequence of int or None
        None stands for the hold-out split's validation part.
    seed : int
        Trial k is drawn with seed + k, so an interruption does not change what is drawn.

    Returns
    -------
    dict
        The content of ``tuning.json``: ``trials, default`` (mean validation AUROC of the first trial), ``best, gain``
        and ``best_values``.

    Raises
    ------
    ImportError
        Without Optuna; the message names the extra.
    ValueError
        If the folder holds a study of other keys, folds or space.

    Notes
    -----
    Only training and validation parts are read; the test part is never opened. A fold whose validation part holds one
    class has no AUROC and is left out; a trial without any is failed. Networks of trials are not kept.

    References
    ----------
    Bergstra et al., Algorithms for hyper-parameter optimization, NeurIPS 2011; Akiba et al., KDD 2019,
    doi:10.1145/3292500.3330701.
    """
    optuna = optional_import("optuna", extra="tune")
    folder, options = Path(folder), shared_options()
    folder.mkdir(parents=True, exist_ok=True)
    study = _study(optuna, folder, {"options": options, "space": space, "folds": list(folds), "seed": seed})
    train = json.loads((Path(bundle) / "configs" / "train.json").read_text(encoding="utf-8"))
    _enqueue(optuna, study, defaults={key: {**train, **options}[key] for key in space})
    failed = optuna.trial.TrialState.FAIL
    while (finished := _finished(optuna, study)) < trials:
        study.sampler = optuna.samplers.TPESampler(seed=seed + finished)
        trial = study.ask()
        values = suggest(trial, space)
        logger.info("trial %d of %d: %s", finished + 1, trials, values)
        found = [
            score
            for fold in folds
            if math.isfinite(score := _train(Path(bundle), folder, {**options, **values, "fold": fold, "members": 1}))
        ]
        if not found:
            study.tell(trial, state=failed)
            msg = "no fold's validation part holds both classes, so there is no AUROC to search by"
            raise ValueError(msg)
        study.tell(trial, statistics.fmean(found))
        write_json(folder / "tuning.json", _summary(optuna, study))
    return _summary(optuna, study)


def suggest(trial: Any, space: Space) -> dict[str, Any]:
    """Draw a value for every key of a search space."""
    return {
        key: trial.suggest_categorical(key, list(entry["choices"]))
        if "choices" in entry
        else trial.suggest_float(key, entry["low"], entry["high"], log=bool(entry.get("log", False)))
        for key, entry in space.items()
    }


def _study(optuna: Any, folder: Path, settings: Mapping[str, Any]) -> Any:
    """Open or make the study; refuse one with other settings."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'study.db'}")
    study = optuna.create_study(storage=storage, study_name="tuning", direction="maximize", load_if_exists=True)
    wanted = json.loads(json.dumps(settings))
    if study.user_attrs.get("settings", wanted) != wanted:
        msg = f"{folder} holds a search with other settings: {study.user_attrs['settings']}; name another output_dir"
        raise ValueError(msg)
    study.set_user_attr("settings", wanted)
    return study


def _enqueue(optuna: Any, study: Any, *, defaults: Mapping[str, Any]) -> None:
    """Line up the configuration's own values first, and what a killed run left unfinished."""
    states = optuna.trial.TrialState
    for stale in study.get_trials(states=(states.RUNNING,)):
        study.tell(stale.number, state=states.FAIL)
        study.enqueue_trial(stale.params or dict(defaults))
    if not study.trials:
        study.enqueue_trial(dict(defaults))


def _finished(optuna: Any, study: Any) -> int:
    return len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)))


def _train(bundle: Path, folder: Path, overrides: Mapping[str, Any]) -> float:
    """Best validation AUROC of one training, read where it is finished and resumed where it was stopped."""
    text = json.dumps(dict(overrides), sort_keys=True, default=str)
    cell = folder / "trials" / hashlib.sha256(text.encode()).hexdigest()[:16]
    done = cell / "validation.json"
    if done.is_file():
        return _number(json.loads(done.read_text(encoding="utf-8"))["auroc"])
    run_workflow([bundle / "configs" / "train.json"], "training", training_keys(bundle, cell, overrides))
    checkpoint = cell / "models" / "checkpoint.pt"
    progress = torch.load(checkpoint, map_location="cpu", weights_only=True)["progress"]
    write_json(done, {"auroc": progress["best_metric"], "overrides": dict(overrides)})
    shutil.rmtree(cell / "models")
    return _number(progress["best_metric"])


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _summary(optuna: Any, study: Any) -> dict[str, Any]:
    complete = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    default, best = complete[0].value, study.best_value
    return {
        "objective": "mean validation AUROC (images) over the folds; the test part was not opened",
        "trials": len(complete),
        "default": default,
        "best": best,
        "gain": best - default,
        "best_values": study.best_params,
    }
