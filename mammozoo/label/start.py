# SPDX-License-Identifier: Apache-2.0
"""Start the annotation server: check, prepare the workspace, hand over to the other environment."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._typing import PathLike
from .environment import environment_python
from .import_segs import import_segmentations
from .workspace import BundleChoice, Workspace, prepare_workspace

__all__ = ["ServerPlan", "choose_bundles", "plan_server", "run_server"]

_HOST = "127.0.0.1"
_WORKSPACE = "annotation"


@dataclass(frozen=True)
class ServerPlan:
    """How the server is started.

    Attributes
    ----------
    command : list of str
    environment : mapping of str to str
        Complete: MONAI Label reads its settings there, and so do the processes it starts.
    url : str
        What to open in the browser; it carries the token.
    imported : int
        Number of DICOM segmentations that became labels.
    refused : tuple of (str, str)
        Segmentations that could not, with the reason.
    """

    command: list[str]
    environment: Mapping[str, str] = field(repr=False)
    url: str = ""
    imported: int = 0
    refused: tuple[tuple[str, str], ...] = ()


def choose_bundles(
    names: Sequence[str], *, bundle_dir: PathLike, weights: Mapping[str, PathLike], weights_dir: PathLike | None
) -> list[BundleChoice]:
    """Find the bundles and the weights they begin with.

    Parameters
    ----------
    names : sequence of str
    bundle_dir : path
        Folder that holds the bundles' folders.
    weights : mapping of str to path
        Weights by bundle.
    weights_dir : path or None
        Folder with ``NAME.pt`` or ``NAME/model.pt`` for the other bundles.

    Returns
    -------
    list of BundleChoice

    Raises
    ------
    FileNotFoundError
        If a bundle is not there.
    ValueError
        If weights are named for a bundle that is not served.

    Examples
    --------
    >>> choose_bundles([], bundle_dir="bundles", weights={}, weights_dir=None)
    []
    """
    stray = sorted(set(weights) - set(names))
    if stray:
        msg = f"--weights names {', '.join(stray)}, which --bundles does not"
        raise ValueError(msg)
    choices = []
    for name in names:
        source = Path(bundle_dir, name)
        if not source.is_dir():
            here = sorted(path.parent.parent.name for path in Path(bundle_dir).glob("*/configs/inference.json"))
            msg = f"no bundle {name} in {bundle_dir}; it has {', '.join(here) or 'none'}"
            raise FileNotFoundError(msg)
        found = weights.get(name)
        if found is None and weights_dir is not None:
            candidates = (Path(weights_dir, f"{name}.pt"), Path(weights_dir, name, "model.pt"))
            found = next((path for path in candidates if path.is_file()), None)
        choices.append(BundleChoice(name, source, None if found is None else Path(found)))
    return choices


def plan_server(
    studies: PathLike,
    bundles: Sequence[BundleChoice],
    *,
    port: int = 8000,
    workspace: PathLike | None = None,
    options: Mapping[str, Any] | None = None,
    fresh_weights: bool = False,
    env: PathLike = ".label-env",
) -> ServerPlan:
    """Prepare everything that the server needs; nothing is started.

    Parameters
    ----------
    studies : path
        Folder with the images; only the workspace is ever written there.
    bundles : sequence of BundleChoice
    port : int
        On 127.0.0.1; there is no way to listen on another address.
    workspace : path, optional
        Default: ``annotation`` in the studies' folder.
    options, fresh_weights
        As in `mammozoo.label.workspace.prepare_workspace`.
    env : path
        Environment that ``mammozoo label setup`` made.

    Returns
    -------
    ServerPlan

    Raises
    ------
    FileNotFoundError, NotADirectoryError, ValueError
        With what is missing and how to mend it.
    """
    root = Path(studies).resolve()
    if not root.is_dir():
        msg = f"--studies {studies} is no folder"
        raise NotADirectoryError(msg)
    if not bundles:
        msg = "name at least one bundle (--bundles)"
        raise ValueError(msg)
    python = environment_python(env)
    _check_port(port)
    place = prepare_workspace(
        Path(workspace).resolve() if workspace else root / _WORKSPACE,
        bundles,
        options=options,
        fresh_weights=fresh_weights,
    )
    imported, refused = import_segmentations(root, place.root)
    token = secrets.token_urlsafe(24)
    return ServerPlan(
        command=[str(python), "-m", "mammozoo.label.server"],
        environment=_environment(root, place, port=port, token=token),
        url=f"http://{_HOST}:{port}/?token={token}",
        imported=imported,
        refused=refused,
    )


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            msg = f"port {port} is taken ({error.strerror}): choose another (--port)"
            raise ValueError(msg) from error


def _environment(studies: Path, place: Workspace, *, port: int, token: str) -> dict[str, str]:
    """Hardened settings; nothing of MONAI Label's own defaults that reach beyond this machine is left."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MONAI_", "PYTHON"))}
    settings = {
        "MONAI_LABEL_APP_DIR": str(place.app),
        "MONAI_LABEL_STUDIES": str(studies),
        "MONAI_LABEL_APP_CONF": json.dumps({"models": ",".join(place.bundles)}),
        "MONAI_LABEL_SERVER_PORT": str(port),
        "MONAI_LABEL_AUTO_UPDATE_SCORING": "false",
        "MONAI_LABEL_SESSIONS": "false",
        "MONAI_LABEL_TASKS_SCORING": "false",
        "MONAI_LABEL_TASKS_BATCH_INFER": "false",
        "MONAI_LABEL_TRACKING_ENABLED": "false",
        "MAMMOZOO_LABEL_WORKSPACE": str(place.root),
        "MAMMOZOO_LABEL_TOKEN": token,
        "MAMMOZOO_LABEL_SEG_PYTHON": sys.executable,
        "BUNDLE_DOWNLOAD_SRC": "local",
        "PYTHONPATH": "",  # MONAI Label's training reads it without asking whether it is there
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
    }
    return kept | settings


def run_server(plan: ServerPlan) -> int:
    """Run the server until it ends; return its exit status."""
    process = subprocess.Popen(plan.command, env=dict(plan.environment), cwd=Path(plan.command[0]).parents[1])
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        return process.wait()
    except KeyboardInterrupt:
        return process.wait(timeout=20)  # Ctrl+C has reached the server too
    finally:
        process.kill()
        signal.signal(signal.SIGTERM, before)
