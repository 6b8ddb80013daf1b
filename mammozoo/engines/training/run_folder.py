# SPDX-License-Identifier: Apache-2.0
"""A run is a bundle: training writes a folder that predicts, evaluates and ships as it stands."""

from __future__ import annotations

import copy
import fcntl
import json
import logging
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ... import __version__
from ..._errors import UserError
from ..._typing import PathLike
from ...io.config_json import get_item, has_item, read_json, set_item, write_config
from ...io.weights import file_sha256
from ...io.write import write_text
from ..results.split_record import Source, write_split
from .command import Command, check_keys, current_command

__all__ = ["finish_run", "is_main_process", "new_run_dir", "resume_line", "start_run"]

logger = logging.getLogger(__name__)

_OVERLAYS = ("evaluate.json", "multi_gpu_train.json")
_HELD: dict[Path, int] = {}  # the run folders of this process and their locks, until it ends


def new_run_dir(bundle: str, *, parent: PathLike = "runs") -> str:
    """Name a folder for a new run: ``runs/<bundle>-<date>-<time>``; nothing is written.

    Parameters
    ----------
    bundle : str
        The bundle's name.
    parent : path

    Returns
    -------
    str
    """
    name = [str(Path(parent, f"{bundle}-{time.strftime('%Y%m%d-%H%M%S')}"))]
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.broadcast_object_list(name)  # the second may differ between processes
    return name[0]


def start_run(
    run_dir: PathLike,
    *,
    bundle_root: PathLike,
    source: Source | None = None,
    resume: bool = False,
    record: Mapping[str, Any] | None = None,
) -> None:
    """Check the keys, prepare the data and make the run's folder; the first item of every training.

    Parameters
    ----------
    run_dir : path
        Receives ``configs/`` with the keys of this run written into them, ``models/`` and ``history.csv``. It becomes a
        bundle: ``monai.bundle run``, `mammozoo.load`, ``mammozoo predict --bundle RUN`` and ``package`` take it.
    bundle_root : path
        The bundle that trains.
    source : mammozoo.data.DataSource, optional
        Prepared and checked; the ids of its parts go to ``split.json``.
    resume : bool
        Go on in a folder that holds a run.
    record : mapping, optional
        Keys whose values are written into the run's files though nobody gave them (``dataset_dir``, fitted anchors).

    Raises
    ------
    UserError
        If a key is unknown or of the wrong type, the folder holds another run, or another process trains in it.
    """
    if not isinstance(resume, bool):
        raise UserError(f"--resume is {resume!r}; expected True or False, with a capital letter")
    if "::" in str(run_dir):
        raise UserError(f"--run_dir {str(run_dir).replace('::', '#')}: MONAI reads # as a separator; take another name")
    run, configs = Path(run_dir).absolute(), Path(bundle_root).absolute() / "configs"
    command = current_command()
    if command is None:
        logger.warning("this run was not started by monai.bundle run or mammozoo.train: only its files are recorded")
        command = Command("training", (configs / "train.json",))
    check_keys(command.overrides, files=command.files, typed=command.typed)
    if source is not None:
        source.prepare()
    if not is_main_process():
        return
    if (run / "models").is_dir() and any((run / "models").iterdir()) and not resume:
        raise UserError(f"{run_dir} holds a run: --resume True continues it, another --run_dir begins a new one")
    _lock(run)
    if configs.parent != run:
        _refuse_forgotten(run, {**(record or {}), **command.overrides})
    _write_configs(run, configs, command, record or {})
    write_split(source, run)
    logger.info("the run is written to %s", run_dir)


def is_main_process() -> bool:
    """Whether this is the process that writes: the only one, or the first of several."""
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0


def _lock(run: Path) -> None:
    """Let one process train in a folder; the lock ends with the process, however it ends."""
    if run in _HELD:
        return
    run.mkdir(parents=True, exist_ok=True)
    file = os.open(run / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        raise UserError(f"another process trains in {run}: wait for it, or give another --run_dir") from error
    _HELD[run] = file


def _refuse_forgotten(run: Path, given: Mapping[str, Any]) -> None:
    """Refuse to go on without keys that a run was begun with: its files would say what its network is not."""
    file = run / "configs" / "metadata.json"
    begun = read_json(file).get("run", {}).get("keys", {}) if file.is_file() else {}
    forgotten = sorted(begun.keys() - given.keys() - {"bundle_root", "run_dir", "resume", "device"})
    if forgotten:
        raise UserError(
            f"{_shown(run)} was begun with --{forgotten[0]} {begun[forgotten[0]]}: give it again, or continue by the "
            f"run's own file, which has its keys: --config_file {_shown(run)}/configs/train.json"
        )


def _write_configs(run: Path, configs: Path, command: Command, record: Mapping[str, Any]) -> None:
    """Copy the bundle's files with this run's keys in them; a run that continues by its own files gets the new keys."""
    overrides = {key: _portable(key, value) for key, value in {**record, **command.overrides}.items()}
    base = command.files[0] if command.files else configs / "train.json"
    train = read_json(base)
    overlays = [read_json(file) for file in command.files[1:] if file.name not in _OVERLAYS]
    for name in ("train.json", "inference.json"):
        config = train if name == "train.json" else read_json(configs / name)
        shared = {key for key, value in train.items() if config.get(key) == value}  # what both have, both keep
        for overlay in overlays:
            taken = {key: item for key, item in overlay.items() if name == "train.json" or _top(key) in shared}
            config = _merge(config, taken)
        mine = {key: value for key, value in overrides.items() if _same_kind(_top(key), train, config)}
        _resolve(config, mine, run)
        write_config(run / "configs" / name, config)
    for name in ("configs/logging.conf", "LICENSE", *(f"configs/{overlay}" for overlay in _OVERLAYS)):
        if (configs.parent / name).is_file() and configs.parent != run:
            shutil.copyfile(configs.parent / name, run / name)
    _write_metadata(run, configs, command, overrides)


def _top(key: str) -> str:
    return key.lstrip("+").replace("#", "::").partition("::")[0]


def _same_kind(key: str, train: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Whether a key means the same in both: ``dataset`` is a name in train.json, an object in inference.json."""
    return key not in train or key not in config or isinstance(train[key], dict) == isinstance(config[key], dict)


def _merge(config: dict[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(config)
    for key, value in overlay.items():
        if key.startswith("+"):
            place = get_item(merged, key[1:])
            place.update(value) if isinstance(place, dict) else place.extend(value)
        else:
            set_item(merged, key, value)
    return merged


def _resolve(config: dict[str, Any], overrides: Mapping[str, Any], run: Path) -> None:
    """Write the keys of a run into one of its files; those that the file does not have are another file's."""
    for key, value in overrides.items():
        parent = key.rpartition("::")[0]
        if has_item(config, key) or (parent and has_item(config, parent)):
            set_item(config, key, value)
    config["bundle_root"] = str(run)
    if "run_dir" in config:
        config["run_dir"] = "@bundle_root"
    if "resume" in config:
        config["resume"] = False


def _portable(key: str, value: Any) -> Any:
    """A path as an absolute one, so that the run's files work from every folder."""
    is_path = isinstance(value, str) and key.rpartition("::")[2].endswith(("_dir", "_file", "_path"))
    return str(Path(value).absolute()) if is_path and value[:1] not in ("$", "@", "%") else value


def _write_metadata(run: Path, configs: Path, command: Command, overrides: Mapping[str, Any]) -> None:
    metadata = read_json(configs / "metadata.json")
    released = ("weights", "eval_metrics", "changelog")
    before = metadata.get("run", {})  # of a run that continues
    kept = {key: value for key, value in metadata.items() if key not in released}
    kept["changelog"] = {metadata["version"]: "trained by the user; see run"}
    kept["run"] = {
        "bundle": before.get("bundle", configs.parent.resolve().name),
        "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        "run_id": command.run_id,
        "keys": {**before.get("keys", {}), **json.loads(json.dumps(dict(overrides), default=str))},
        "mammozoo": __version__,
    }
    write_config(run / "configs" / "metadata.json", kept)
    _write_card(run, kept)


def _write_card(run: Path, metadata: Mapping[str, Any]) -> None:
    """Say on the run's own model card what was trained with which keys; a bundle has one."""
    record = metadata["run"]
    rows = "".join(f"| `{key}` | `{json.dumps(value)}` |\n" for key, value in record["keys"].items())
    write_text(
        run / "docs" / "README.md",
        f"# A run of {record['bundle']}\n\n`run {record['run_id']}`, started {record['started']} with MammoZoo "
        f"{record['mammozoo']}. Research use only; not a medical device, not for diagnosis.\n\n"
        f"| key | value |\n|---|---|\n{rows}",
    )


def finish_run(run_dir: PathLike, *, keys: Mapping[str, Any] | None = None) -> None:
    """Record the weights' hashes in the run's metadata and print where the run lies and what comes next.

    Parameters
    ----------
    run_dir : path
    keys : mapping, optional
        Keys that training decided (``threshold``, ``members``), written into the run's files that have them.

    Notes
    -----
    The last item of every training.
    """
    run = Path(run_dir).absolute()
    if not is_main_process() or not (run / "configs" / "metadata.json").is_file():
        return
    for name in ("train.json", "inference.json") if keys else ():
        config = read_json(run / "configs" / name)
        config.update({key: value for key, value in (keys or {}).items() if key in config})
        write_config(run / "configs" / name, config)
    metadata = read_json(run / "configs" / "metadata.json")
    finals = [path for path in sorted((run / "models").glob("*.pt")) if "checkpoint" not in path.stem]
    metadata["weights"] = {path.name: {"sha256": file_sha256(path)} for path in finals}
    write_config(run / "configs" / "metadata.json", metadata)
    where = _shown(run)
    print(
        f"\nThe trained bundle lies in {where}. What comes next:\n"
        f"  evaluate:  python -m monai.bundle run evaluating "
        f"--config_file \"['{where}/configs/train.json','{where}/configs/evaluate.json']\"\n"
        f"  predict:   mammozoo predict STUDY --bundle {where} --out OUT\n"
        f"  package:   mammozoo package {where} --out dist"
    )


def _shown(path: Path) -> Path:
    """A path as a person in this folder would write it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def resume_line() -> str | None:
    """The command that continues the run of this process; None where none has begun."""
    if not _HELD:
        return None
    command = current_command()
    run_id = command.run_id if command else "training"
    where = _shown(list(_HELD)[-1])
    return f"python -m monai.bundle run {run_id} --config_file {where}/configs/train.json --resume True"
