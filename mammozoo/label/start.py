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
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._typing import PathLike
from ..io.weights import released_file
from ..io.write import safe_id
from .environment import environment_python
from .store.dicomweb import DicomWeb, is_dicomweb
from .store.import_segs import import_segmentations
from .store.sources import open_source
from .store.workspace import BundleChoice, Workspace, prepare_workspace

_HOST = "127.0.0.1"
_WORKSPACE = "annotation"


@dataclass(frozen=True)
class ServerPlan:
    """How the server is started."""

    command: list[str]
    environment: Mapping[str, str] = field(repr=False)
    url: str = ""
    slicer_url: str = ""
    images: int = 0
    imported: int = 0
    refused: tuple[tuple[str, str], ...] = ()


def choose_bundles(
    names: Sequence[str], *, bundle_dir: PathLike, weights: Mapping[str, PathLike], weights_dir: PathLike | None
) -> list[BundleChoice]:
    """Find the bundles and the weights they begin with."""
    stray = sorted(set(weights) - set(names))
    if stray:
        msg = f"--weights names {', '.join(stray)}, which --bundles does not"
        raise ValueError(msg)
    choices = []
    for name in names:
        source = Path(bundle_dir, name)
        if Path(name).is_dir() and not source.is_dir():  # a run folder, or an unzipped release
            source, name = Path(name).resolve(), Path(name).resolve().name
        if not source.is_dir():
            here = sorted(path.parent.parent.name for path in Path(bundle_dir).glob("*/configs/inference.json"))
            msg = f"no bundle {name} in {bundle_dir}; it has {', '.join(here) or 'none'}"
            raise FileNotFoundError(msg)
        found = weights.get(name)
        if found is None and weights_dir is not None:
            files = (Path(weights_dir, f"{name}.pt"), Path(weights_dir, name, "model.pt"))
            candidates = [released_file(path) for path in files]
            found = next((path for path in candidates if path.is_file()), None)
        choices.append(BundleChoice(name, source, None if found is None else Path(found)))
    return choices


def default_workspace(studies: PathLike) -> Path:
    """Where labels go if nobody says: into the folder of the studies, or beside for those of a server."""
    if is_dicomweb(studies):
        return Path(f"{_WORKSPACE}-{safe_id(DicomWeb(str(studies)).where, keep_suffix=True)}")
    return Path(studies, _WORKSPACE)


def plan_server(
    studies: PathLike,
    bundles: Sequence[BundleChoice],
    *,
    port: int = 8000,
    workspace: PathLike | None = None,
    options: Mapping[str, Any] | None = None,
    fresh_weights: bool = False,
    env: PathLike = ".label-env",
    login: bool = True,
) -> ServerPlan:
    """Prepare everything that the server needs; nothing is started."""
    place = Path(workspace or default_workspace(studies)).resolve()
    studies = str(studies) if is_dicomweb(studies) else str(Path(studies).resolve())
    source = open_source(studies, place, os.environ)
    if not bundles:
        msg = "name at least one bundle (--bundles)"
        raise ValueError(msg)
    python = environment_python(env)
    _check_port(port)
    ready = prepare_workspace(place, bundles, options=options, fresh_weights=fresh_weights)
    found = source.list(again=True)
    imported, refused = import_segmentations(found, ready.labels)
    token = secrets.token_urlsafe(24) if login else ""
    address = f"http://{_HOST}:{port}"
    return ServerPlan(
        command=[str(python), "-m", "mammozoo.label.server"],
        environment=_environment(studies, ready, port=port, token=token),
        url=f"{address}/?token={token}" if login else address,
        slicer_url=f"{address}/key/{token}" if login else address,
        images=len(found.images),
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


def _environment(studies: str, place: Workspace, *, port: int, token: str) -> dict[str, str]:
    """Hardened settings; nothing of MONAI Label's own defaults that reach beyond this machine is left."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MONAI_", "PYTHON"))}
    settings = {
        "MONAI_LABEL_APP_DIR": str(place.app),
        "MONAI_LABEL_STUDIES": str(place.root),  # MONAI Label would open a DICOMweb address itself
        "MONAI_LABEL_APP_CONF": json.dumps({"models": ",".join(place.bundles), "trainable": ",".join(place.trainable)}),
        "MONAI_LABEL_SERVER_PORT": str(port),
        "MONAI_LABEL_AUTO_UPDATE_SCORING": "false",
        "MONAI_LABEL_SESSIONS": "false",
        "MONAI_LABEL_TASKS_SCORING": "false",
        "MONAI_LABEL_TASKS_BATCH_INFER": "false",
        "MONAI_LABEL_TRACKING_ENABLED": "false",
        "MAMMOZOO_LABEL_STUDIES": studies,
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
    except KeyboardInterrupt:  # Ctrl+C has reached the server too
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        return 0
    finally:
        process.kill()
        signal.signal(signal.SIGTERM, before)
