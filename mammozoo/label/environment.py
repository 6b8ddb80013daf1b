# SPDX-License-Identifier: Apache-2.0
"""The environment of MONAI Label: its own, because it needs pydicom 2 and NumPy 1.26; this library needs newer ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .._typing import PathLike
from . import torchvision_shim

#: Folder of the environment, in the current directory.
DEFAULT_FOLDER = ".label-env"
TORCH = "2.13.0"
_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
#: MONAI Label 0.8.5 starts only with pydicom 2 (pydicom-seg) and NumPy 1.26 (numpymaxflow).
PINS: Mapping[str, str] = {
    "torch": TORCH,
    "torchvision": "0.28.0",
    "monai": "1.6.1",
    "monailabel": "0.8.5",
    "pydicom": "2.4.5",
    "pynetdicom": "2.1.1",
    "dicomweb-client": "0.60.1",
    "numpy": "1.26.4",
    "numpymaxflow": "0.0.7",
    "jsonschema": "3.2.0",
    "opencv-python-headless": "4.11.0.86",
    "imagecodecs": "2026.1.14",
    "safetensors": "0.8.0",
    "sam2": "1.1.0",
}
_PACKAGES = ("monailabel", "dicomweb-client", "imagecodecs", "opencv-python-headless", "safetensors")
_TEST_PACKAGES = ("pytest", "selenium")
_STAMP = ".mammozoo-label"

Run = Callable[[Sequence[str]], None]


def environment_python(folder: PathLike = DEFAULT_FOLDER) -> Path:
    """Python of a finished environment; FileNotFoundError, with the command, where it is none or has other pins."""
    python = _python(Path(folder))
    stamp = Path(folder, _STAMP)
    if not python.is_file() or not stamp.is_file() or stamp.read_text(encoding="utf-8") != stamp_of(PINS):
        msg = f"{folder} is not a finished MONAI Label environment: run `mammozoo label setup --env {folder}`"
        raise FileNotFoundError(msg)
    return python.absolute()


def stamp_of(pins: Mapping[str, str]) -> str:
    """Text by which a finished environment is known, and its constraint file; other pins, another text."""
    return "".join(f"{name}=={version}\n" for name, version in pins.items())


def set_up(
    folder: PathLike = DEFAULT_FOLDER,
    *,
    say: Callable[[str], None],
    tests: bool = False,
    run: Run | None = None,
) -> Path:
    """Make the environment, or leave a finished one as it is."""
    folder, run = Path(folder), run or _run
    python, stamp = _python(folder), folder / _STAMP
    extra = _TEST_PACKAGES if tests else ()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == stamp_of(PINS):
        if extra and not all(_has(folder, name) for name in extra):
            run([*_pip(python), "-c", str(folder / "constraints.txt"), *extra])
        say(f"{folder} is ready")
        return python.absolute()
    stamp.unlink(missing_ok=True)
    if not python.is_file():
        run([sys.executable, "-m", "venv", str(folder)])
    constraints = folder / "constraints.txt"
    constraints.write_text(stamp_of(PINS), encoding="utf-8")
    pip = [*_pip(python), "-c", str(constraints)]
    say("pip")
    run([*_pip(python), "--upgrade", "pip"])
    say(f"torch {TORCH}, CPU build")
    _install_torch(pip, run)
    say("monailabel and what it needs (about four minutes)")
    # Packages built from source would else get the newest torch, with CUDA, in their build environments.
    built = ["--build-constraint", str(constraints)]
    run([*pip, *built, *(f"{name}=={PINS[name]}" for name in _PACKAGES), *extra])
    _link(folder)
    _check_torch(python, run)
    stamp.write_text(stamp_of(PINS), encoding="utf-8")
    say(f"{folder} is ready")
    return python.absolute()


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _pip(python: Path) -> list[str]:
    return [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def _run(command: Sequence[str]) -> None:
    subprocess.run(list(command), check=True)


def _install_torch(pip: list[str], run: Run) -> None:
    wanted = f"torch=={TORCH}+cpu"
    try:
        run([*pip, wanted])
    except subprocess.CalledProcessError:
        run([*pip, "--index-url", _CPU_INDEX, wanted])


def _check_torch(python: Path, run: Run) -> None:
    code = f"import sys, torch; sys.exit(torch.__version__ != '{TORCH}+cpu')"
    try:
        run([str(python), "-W", "ignore", "-c", code])
    except subprocess.CalledProcessError as error:
        msg = f"the environment's torch is not {TORCH}+cpu; remove its folder and run the command again"
        raise ValueError(msg) from error


def _site_packages(folder: Path) -> Path:
    if os.name == "nt":
        return folder / "Lib" / "site-packages"
    return next(folder.glob("lib/python3*/site-packages"))


def _has(folder: Path, package: str) -> bool:
    return (_site_packages(folder) / package).is_dir()


def _link(folder: Path) -> None:
    """Make this library and the torchvision shim part of the environment."""
    site = _site_packages(folder)
    package = Path(__file__).resolve().parents[1]
    link = site / "mammozoo"
    if link.is_symlink():
        link.unlink()
    if not link.exists():
        link.symlink_to(package, target_is_directory=True)
    shutil.copyfile(Path(torchvision_shim.__file__), site / "mammozoo_torchvision_shim.py")
    start = "import mammozoo_torchvision_shim; mammozoo_torchvision_shim.install()\n"
    (site / "mammozoo_torchvision_shim.pth").write_text(start, encoding="utf-8")
