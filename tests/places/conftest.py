# SPDX-License-Identifier: Apache-2.0
"""Released bundles, unzipped, and a way to run them in a process that cannot see this clone."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mammozoo.bundle.package import Release, package_bundle
from mammozoo.io.archive import extract_zip

ROOT = Path(__file__).resolve().parents[2]
# An editable installation of the clone is found through a finder of its own; both it and the clone's path go.
AWAY = """
import sys
from pathlib import Path
CLONE = Path({clone!r})
sys.meta_path[:] = [item for item in sys.meta_path if "editable" not in repr(item)]
sys.path[:] = [item for item in sys.path if "__editable__" not in item and (not item or Path(item).resolve() != CLONE)]
if {hide_here!r}:
    sys.path[:] = [item for item in sys.path if item not in ("", ".")]
"""
Run = Callable[..., Any]


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Release]:
    """Pack a bundle by its name, once."""
    out = tmp_path_factory.mktemp("dist")
    return functools.cache(lambda name: package_bundle(ROOT / "bundles" / name, out=out))


@pytest.fixture
def unzip(release: Callable[[str], Release], tmp_path: Path) -> Callable[[str], Path]:
    """Extract a release under `tmp_path/zoo`; return the bundle's folder."""

    def _unzip(name: str) -> Path:
        extract_zip(release(name).path, tmp_path / f"{name}.tmp")
        (tmp_path / "zoo").mkdir(exist_ok=True)
        return (tmp_path / f"{name}.tmp" / name).rename(tmp_path / "zoo" / name)

    return _unzip


@pytest.fixture
def run_away() -> Run:
    """Run code in a process that sees neither the clone nor its installation; return what it printed as JSON last."""

    def _run(code: str, *, cwd: Path, hide_here: bool = True) -> Any:
        start = AWAY.format(clone=str(ROOT), hide_here=hide_here)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment |= {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run(
            [sys.executable, "-c", start + code],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return json.loads(done.stdout.strip().splitlines()[-1])

    return _run
