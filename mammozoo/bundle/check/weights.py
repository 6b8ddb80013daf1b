# SPDX-License-Identifier: Apache-2.0
"""Check weights and arrays without loading them: their hashes, and whether their pickles could run code."""

from __future__ import annotations

import io
import json
import pickletools
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...io.weights import file_sha256
from ..findings import Finding
from .allow_list import PICKLE_GLOBALS

WEIGHT_SUFFIXES = frozenset({".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".ts", ".onnx"})
_TORCH = frozenset({".pt", ".pth", ".ckpt", ".bin"})
_PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".dill"})
_MAX_PICKLE = 64 << 20
_MAX_HEADER = 100 << 20  # the limit of the safetensors format
_STRINGS = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING",
                      "SHORT_BINSTRING"})  # fmt: skip
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def check_weight_files(files: Mapping[str, Path]) -> list[Finding]:
    """Look into every file that a framework would unpickle or execute."""
    findings = []
    for name, path in files.items():
        try:
            findings += [Finding("weights", name, fault) for fault in _faults(path)]
        except _DAMAGE as error:
            findings.append(Finding("weights", name, f"is damaged or of another kind ({type(error).__name__})"))
    return findings


def _faults(path: Path) -> Iterator[str]:
    suffix = path.suffix.lower()
    if suffix in _TORCH:
        yield from _torch_faults(path)
    elif suffix == ".ts":
        yield "is TorchScript, which is code; it cannot be judged without running it"
    elif suffix in _PICKLES:
        yield "is a pickle, which runs code when it is read"
    elif suffix == ".safetensors":
        yield from _safetensors_faults(path)
    elif suffix == ".npy":
        with path.open("rb") as file:
            yield from _numpy_faults(file.read(1 << 16))
    elif suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            for item in archive.infolist():
                with archive.open(item) as member:
                    yield from _numpy_faults(member.read(1 << 16))


def _torch_faults(path: Path) -> Iterator[str]:
    if not zipfile.is_zipfile(path):
        yield "is no zip-based PyTorch file: a bare pickle; save it again with torch.save, or as safetensors"
        return
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if any("/code/" in name or name.endswith("/constants.pkl") for name in names):
            yield "is TorchScript, which is code; it cannot be judged without running it"
        pickles = [item for item in archive.infolist() if item.filename.endswith(".pkl")]
        if not pickles:
            yield "is a zip file without a pickle: no PyTorch file"
        for item in pickles:
            if item.file_size > _MAX_PICKLE:
                yield f"holds a pickle of {item.file_size:,} bytes; a state dict's has a few thousand"
                continue
            off = sorted(pickle_globals(archive.read(item)) - PICKLE_GLOBALS)
            if off:
                yield f"its pickle names {', '.join(off[:5])}; a state dict names tensors only"


def pickle_globals(data: bytes) -> set[str]:
    """Everything that a pickle would import, found without loading it."""
    found: set[str] = set()
    # Strings in the order in which they are pushed, None for anything else: a name counts only if both its parts
    # were pushed just before, since a pickle can push harmless ones and drop them again.
    pushed: list[str | None] = [None, None]
    stored: dict[int, str] = {}
    for opcode, argument, _ in pickletools.genops(io.BytesIO(data)):
        name = opcode.name
        if name in ("FRAME", "PROTO"):
            continue
        if name == "MEMOIZE":
            stored[len(stored)] = pushed[-1] or "?"
            continue
        if name in ("BINPUT", "LONG_BINPUT", "PUT"):
            stored[int(str(argument))] = pushed[-1] or "?"
            continue
        if name in ("GLOBAL", "INST"):
            found.add(str(argument).replace(" ", "."))
        elif name == "STACK_GLOBAL":
            found.add(f"{pushed[-2] or '?'}.{pushed[-1] or '?'}")
        elif name in ("EXT1", "EXT2", "EXT4"):
            found.add("?")
        if name in ("BINGET", "LONG_BINGET", "GET"):
            pushed.append(stored.get(int(str(argument)), "?"))
        else:
            pushed.append(str(argument) if name in _STRINGS else None)
    return found


def _safetensors_faults(path: Path) -> Iterator[str]:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else _MAX_HEADER + 1
        if length > min(_MAX_HEADER, size - 8):
            yield "its header is longer than the file: no safetensors file"
            return
        header: dict[str, Any] = json.loads(file.read(length))
    ends = [item["data_offsets"][1] for name, item in header.items() if name != "__metadata__"]
    if max(ends, default=0) != size - 8 - length:
        yield "its tensors do not fill the file: damaged, or something is appended"


def _numpy_faults(start: bytes) -> Iterator[str]:
    if not start.startswith(b"\x93NUMPY"):
        yield "is no numpy array"
        return
    header = start[: start.find(b"\n") + 1]
    if re.search(rb"'descr':\s*[^,]*O", header):
        yield "holds Python objects, which run code when they are read"


def check_weight_hashes(bundle: Path, *, metadata: Mapping[str, Any], released: bool) -> list[Finding]:
    """Compare the files in ``models/`` with what ``metadata.json`` records of them."""
    findings: list[Finding] = []
    recorded = metadata.get("weights") if isinstance(metadata.get("weights"), dict) else {}
    assert isinstance(recorded, dict)
    present = {path.name for path in (bundle / "models").glob("*") if path.suffix.lower() in WEIGHT_SUFFIXES}
    large = bundle / "large_files.yml"
    downloaded = large.read_text(encoding="utf-8") if large.is_file() else ""
    for name, entry in recorded.items():
        key = f"weights::{name}"
        if not released and name.endswith(".pt") and name[:-3] + ".safetensors" in recorded:
            continue
        for fault in _record_faults(bundle, name, entry, downloaded=name in downloaded):
            findings.append(Finding("weights", "configs/metadata.json", fault, key))
    if released:
        findings += [
            Finding("weights", f"models/{name}", "has no SHA-256 in the metadata's weights")
            for name in sorted(present - set(recorded))
        ]
    return findings


def _record_faults(bundle: Path, name: str, entry: Any, *, downloaded: bool) -> Iterator[str]:
    path = bundle / "models" / name
    if "/" in name or "\\" in name or name in ("", ".", ".."):
        yield "is not a plain file name"
        return
    if not isinstance(entry, dict) or not _SHA256.fullmatch(str(entry.get("sha256"))):
        yield "has no SHA-256 of 64 hex digits"
        return
    if not path.is_file():
        if not downloaded:
            yield f"models/{name} is not there, nor does large_files.yml name it"
    elif file_sha256(path) != entry["sha256"].lower():
        yield f"models/{name} has another SHA-256: it was damaged, replaced or retrained"
