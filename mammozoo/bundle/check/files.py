# SPDX-License-Identifier: Apache-2.0
"""Check a bundle's folder: required files, links, code, the library that a release carries, its list of hashes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...io.weights import file_sha256
from ..findings import Finding

SUMS = "SHA256SUMS"
MAX_FILES = 20_000
_CODE = frozenset({".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".sh", ".bat", ".ps1", ".exe", ".pyx", ".egg"})
_SKIPPED = ("data/", "eval/")  # what a run writes into a working copy


def list_files(bundle: Path) -> tuple[dict[str, Path], list[Finding]]:
    """List a bundle's files without following links."""
    files: dict[str, Path] = {}
    findings: list[Finding] = []
    for folder, folders, names in _folders(bundle):
        for path in (folder / name for name in (*folders, *names)):
            relative = path.relative_to(bundle).as_posix()
            if path.is_symlink():
                findings.append(Finding("files", relative, "is a link; a bundle holds plain files only"))
            elif path.is_file():
                files[relative] = path
        if len(files) > MAX_FILES:
            return files, [*findings, Finding("files", ".", f"more than {MAX_FILES:,} files; the rest is not checked")]
    return files, findings


def _folders(bundle: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Every folder with the names of its folders and files, sorted; links are not entered."""
    waiting = [bundle]
    while waiting:
        folder = waiting.pop()
        entries = sorted(folder.iterdir())
        inner = [path for path in entries if path.is_dir() and not path.is_symlink() and path.name != "__pycache__"]
        inner = [path for path in inner if not f"{path.relative_to(bundle).as_posix()}/".startswith(_SKIPPED)]
        yield folder, [path.name for path in entries if path.is_symlink()], [p.name for p in entries if p.is_file()]
        waiting += reversed(inner)


def check_required_files(bundle: Path, *, ours: bool) -> list[Finding]:
    """Look for the files that MONAI, the model zoo and, for ours, this project want."""
    wanted = ["configs/metadata.json", "LICENSE", "docs/README.md"]
    if ours:
        wanted += [f"configs/{name}.json" for name in ("train", "evaluate", "inference", "multi_gpu_train")]
        wanted.append("configs/logging.conf")
    findings = [Finding("files", name, "is missing") for name in wanted if not (bundle / name).is_file()]
    workflows = [f"{name}.{end}" for name in ("train", "inference") for end in ("json", "yaml", "yml")]
    if not ours and not any((bundle / "configs" / name).is_file() for name in workflows):
        findings.append(Finding("files", "configs", "has neither a train nor an inference configuration"))
    if re.search(r"_v\d.*\.|\s", f"{bundle.name}."):
        findings.append(Finding("files", ".", f"the name {bundle.name!r} has a version or a space in it"))
    return findings


def library_files() -> dict[str, Path]:
    """The files of this library as a release carries them: ``mammozoo/...`` to file."""
    root = Path(__file__).resolve().parents[2]
    files = {f"mammozoo/{path.relative_to(root).as_posix()}": path for path in sorted(root.rglob("*"))}
    hidden = ("/.", "/__pycache__/", "/_bundles/")
    return {name: path for name, path in files.items() if path.is_file() and not any(part in name for part in hidden)}


def check_code(files: Mapping[str, Path]) -> list[Finding]:
    """List the code that a bundle carries."""
    own = library_files()
    carried = {name for name in files if name.startswith("mammozoo/")}
    findings = []
    for name, path in files.items():
        if path.suffix.lower() not in _CODE and name not in carried:
            continue
        if name in own and path.read_bytes() == own[name].read_bytes():
            continue
        if name in carried:
            message = "differs from this library's file: another version, or changed"
        else:
            message = "is code, which a configuration may run; it cannot be judged here"
        findings.append(Finding("code", name, message))
    if carried:
        missing = sorted(set(own) - carried)
        findings += [Finding("code", name, "is missing from the library that the release carries") for name in missing]
    return findings


def check_sums(files: Mapping[str, Path]) -> list[Finding]:
    """Compare a release with its own list of hashes, ``SHA256SUMS``, where there is one."""
    if SUMS not in files:
        return []
    listed: dict[str, str] = {}
    for line in files[SUMS].read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    findings = []
    for name in sorted({*listed, *files} - {SUMS}):
        if name not in files:
            findings.append(Finding("files", name, f"is listed in {SUMS} and is missing"))
        elif name not in listed:
            findings.append(Finding("files", name, f"does not stand in {SUMS}"))
        elif file_sha256(files[name]) != listed[name]:
            findings.append(Finding("files", name, f"has another SHA-256 than {SUMS} says"))
    return findings


def check_versions(files: Mapping[str, Path], metadata: Mapping[str, Any]) -> list[Finding]:
    """Compare the library that the metadata ask for with the one that the release carries."""
    if "mammozoo/__init__.py" not in files:
        return []
    wanted = (metadata.get("required_packages_version") or {}).get("mammozoo")
    text = files["mammozoo/__init__.py"].read_text(encoding="utf-8", errors="replace")
    found = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    carried = found.group(1) if found else None
    if carried == wanted:
        return []
    message = f"the release carries mammozoo {carried}, the metadata ask for {wanted}"
    return [Finding("version", "configs/metadata.json", message, "required_packages_version::mammozoo")]
