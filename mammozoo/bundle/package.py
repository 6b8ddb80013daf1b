# SPDX-License-Identifier: Apache-2.0
"""Pack bundles as the zip files that ``monai.bundle.download`` takes: the same input gives the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from .._typing import PathLike
from ..io.config_json import config_text
from ..io.weights import file_sha256
from ..io.write import write_bytes, write_text
from .check.files import SUMS, library_files
from .check.run_check import check_bundle
from .weights import torch_bytes

__all__ = ["Release", "package_bundle", "package_bundles"]

# The first moment that a zip file can hold; real times would make every build another file.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644


@dataclass(frozen=True)
class Release:
    """One packed bundle."""

    name: str
    version: str
    path: Path
    sha256: str
    weights: tuple[str, ...]


def package_bundles(bundles: Sequence[PathLike], *, out: PathLike, url: str | None = None) -> list[Release]:
    """Pack bundles, and list them in ``model_info.json`` and ``SHA256SUMS``."""
    releases = [package_bundle(bundle, out=out) for bundle in bundles]
    file = Path(out) / "model_info.json"
    info = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for release in releases:
        info[release.path.stem] = {
            "checksum": hashlib.sha1(release.path.read_bytes(), usedforsecurity=False).hexdigest(),
            "sha256": release.sha256,
            "source": f"{url.rstrip('/')}/{release.path.name}" if url else release.path.name,
        }
    write_text(file, json.dumps(dict(sorted(info.items())), indent=4) + "\n")
    sums = sorted(Path(out).glob("*.zip.sha256"))
    write_text(Path(out) / SUMS, "".join(path.read_text(encoding="utf-8") for path in sums))
    return releases


def package_bundle(bundle: PathLike, *, out: PathLike) -> Release:
    """Pack one bundle.

    Parameters
    ----------
    bundle : path
        The bundle's folder.
    out : path
        Folder for the zip.

    Returns
    -------
    Release

    Raises
    ------
    ValueError
        As in `package_bundles`.

    Notes
    -----
    The zip has one folder, the bundle's name, with ``configs/``, ``docs/``, ``LICENSE``, ``large_files.yml`` where
    there is one, those ``models/`` that the metadata record, this library under ``mammozoo/`` and ``SHA256SUMS``.
    Entries are sorted, have one time and are stored, not compressed: a compressor's version would show in the bytes.
    """
    bundle, out = Path(bundle).resolve(), Path(out)
    report = check_bundle(bundle)
    if not report.clean:
        msg = f"not packed, since the check is not clean:\n{report.text()}"
        raise ValueError(msg)
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    wanted = metadata["required_packages_version"].get("mammozoo")
    if wanted != __version__:
        msg = f"{bundle.name} asks for mammozoo {wanted}, this is {__version__}: mend required_packages_version"
        raise ValueError(msg)
    recorded = metadata.get("weights", {})
    weights = {name: _weights_bytes(bundle / "models" / name, entry["sha256"]) for name, entry in recorded.items()}
    weights = {name: data for name, data in weights.items() if data}
    content = {name: path.read_bytes() for name, path in _chosen(bundle).items()}
    content |= {name: _from_here(data, bundle) for name, data in content.items() if name.startswith("configs/")}
    content |= {f"models/{name}": data for name, data in weights.items()}
    sums = "".join(f"{hashlib.sha256(content[name]).hexdigest()}  {name}\n" for name in sorted(content))
    content[SUMS] = sums.encode("utf-8")
    version = str(metadata["version"])
    path = write_bytes(out / f"{bundle.name}_v{version}.zip", _zipped(bundle.name, content))
    digest = file_sha256(path)
    write_text(path.with_name(f"{path.name}.sha256"), f"{digest}  {path.name}\n")
    return Release(name=bundle.name, version=version, path=path, sha256=digest, weights=tuple(sorted(weights)))


def _weights_bytes(path: Path, sha256: str) -> bytes:
    """The recorded file, or what its safetensors copy stands for; empty for what users download (large_files.yml)."""
    canonical = path.with_suffix(".safetensors")
    if path.is_file() and file_sha256(path) == sha256:
        return path.read_bytes()
    if path.suffix != ".pt" or not canonical.is_file():
        return b""
    data = torch_bytes(canonical)
    if hashlib.sha256(data).hexdigest() != sha256:
        msg = f"{path.name}: this PyTorch writes {canonical.name} with another SHA-256 than recorded; release it again"
        raise ValueError(msg)
    return data


def _from_here(data: bytes, bundle: Path) -> bytes:
    """A configuration of a run without the place where it was trained."""
    config = json.loads(data) if data[:1] == b"{" else {}
    return config_text({**config, "bundle_root": "."}).encode() if config.get("bundle_root") == str(bundle) else data


def _chosen(bundle: Path) -> dict[str, Path]:
    """The files of a release, but for its weights: their names in it, and where they are."""
    files: dict[str, Path] = {}
    for folder in ("configs", "docs"):
        for path in sorted((bundle / folder).rglob("*")):
            if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in path.parts[-2:]):
                files[path.relative_to(bundle).as_posix()] = path
    for name in ("LICENSE", "large_files.yml", "models/README.md"):
        if (bundle / name).is_file():
            files[name] = bundle / name
    return files | library_files()


def _zipped(top: str, content: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(content):
            info = zipfile.ZipInfo(f"{top}/{name}", date_time=_TIME)
            info.create_system = 3  # the system that wrote the zip is part of its bytes
            info.external_attr = _MODE << 16
            archive.writestr(info, content[name])
    return buffer.getvalue()
