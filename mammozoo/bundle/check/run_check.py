# SPDX-License-Identifier: Apache-2.0
"""Check a MONAI bundle, a folder or a zip, without importing or running anything of it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..._typing import PathLike
from ...io.archive import ArchiveLimits, extract_zip
from ...io.errors import MammogramError
from ...io.weights import file_sha256
from ..findings import BundleReport, Finding
from .config import check_completeness, check_content, load_configs
from .files import SUMS, check_code, check_required_files, check_sums, check_versions, list_files
from .logging_config import check_logging
from .metadata import FILE, check_metadata
from .weights import check_weight_files, check_weight_hashes

__all__ = ["check_bundle", "check_bundles"]

LIMITS = ArchiveLimits(max_entries=20_000, max_total_bytes=8 << 30, max_ratio=200.0)


def check_bundles(paths: Sequence[PathLike], *, run: bool = False) -> list[BundleReport]:
    """Check several bundles; see `check_bundle`."""
    return [check_bundle(path, run=run) for path in paths]


def check_bundle(path: PathLike, *, run: bool = False) -> BundleReport:
    """Check one bundle.

    Parameters
    ----------
    path : path
        A bundle's folder, or its zip.
    run : bool
        Also build the workflows and send a tensor through the network. **This executes the bundle**: for bundles
        that you trust. A zip whose static check finds something is not run.

    Returns
    -------
    BundleReport
        Nothing in it means: every required file is there, configurations are complete and name only what is on the
        list (`mammozoo.bundle.check.allow_list`), no file can run code when it is read, and versions and hashes agree.

    Notes
    -----
    The static part reads JSON, YAML and Python's syntax trees. It imports nothing of the bundle, evaluates no
    expression, loads no weights and applies no logging configuration. A zip is extracted to a temporary folder, after
    every entry was judged harmless.

    References
    ----------
    MONAI advisories GHSA-873f-pvrv-4x83 (configurations execute), GHSA-wvpx-5qmp-46g3 (logging.conf),
    GHSA-x6ww-pf9m-m73m (archives), GHSA-6vm5-6jv9-rjpj (checkpoints).

    Examples
    --------
    >>> print(check_bundle("no_such_bundle").text())
    no_such_bundle: 1 finding
      .: [files] is neither a folder nor a zip file
    """
    path = Path(path)
    if path.is_dir():
        findings = _check_folder(path, released=not (path.parent / "../pyproject.toml").is_file())
        findings += _run_findings(path) if run else []
    elif path.suffix.lower() == ".zip" and path.is_file():
        findings = _check_zip(path, run=run)
    else:
        findings = [Finding("files", ".", "is neither a folder nor a zip file")]
    return BundleReport(bundle=str(path), findings=tuple(findings))


def _check_zip(path: Path, *, run: bool) -> list[Finding]:
    """Extract a zip where it can do no harm, and check what was in it."""
    beside = path.with_name(f"{path.name}.sha256")
    if beside.is_file() and beside.read_text(encoding="utf-8", errors="replace").split()[:1] != [file_sha256(path)]:
        return [Finding("archive", ".", f"has another SHA-256 than {beside.name} says; it was not opened")]
    with tempfile.TemporaryDirectory() as folder:
        try:
            extract_zip(path, Path(folder) / "zip", limits=LIMITS)
        except MammogramError as error:
            return [Finding("archive", ".", str(error))]
        tops = sorted((Path(folder) / "zip").iterdir()) if (Path(folder) / "zip").is_dir() else []
        if len(tops) != 1 or not tops[0].is_dir():
            return [Finding("archive", ".", f"has {len(tops)} entries at its top, expected one folder")]
        findings = _check_folder(tops[0], released=True)
        version = _metadata(load_configs(tops[0])[0]).get("version")
        if path.name != f"{tops[0].name}_v{version}.zip":
            wanted = f"{tops[0].name}_v{version}.zip"
            findings.append(Finding("version", ".", f"the file is named {path.name}, MONAI looks for {wanted}"))
        return findings + (_run_findings(tops[0]) if run and not findings else [])


def _check_folder(bundle: Path, *, released: bool) -> list[Finding]:
    files, findings = list_files(bundle)
    configs, unreadable = load_configs(bundle)
    here = str(bundle.resolve())  # a run names its own folder
    configs = {
        file: {**config, "bundle_root": "."} if config.get("bundle_root") == here else config
        for file, config in configs.items()
    }
    metadata = _metadata(configs)
    released = released and "run" not in metadata  # a run keeps its checkpoints, of which nothing is recorded
    ours = "mammozoo" in (metadata.get("required_packages_version") or {})
    findings += check_required_files(bundle, ours=ours)
    findings += unreadable
    findings += check_metadata(metadata) if FILE in configs else []
    findings += check_content(configs)
    findings += check_completeness({name: content for name, content in configs.items() if name != FILE})
    findings += _run_id_findings(configs) if ours else []
    for name, path in files.items():
        if name.endswith(".conf"):
            findings += check_logging(path, file=name)
    findings += check_weight_files(files)
    findings += check_weight_hashes(bundle, metadata=metadata, released=released)
    findings += check_code(files)
    findings += check_versions(files, metadata)
    findings += check_sums(files) if SUMS in files else []
    return findings


def _metadata(configs: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    return configs.get(FILE, {})


def _run_id_findings(configs: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Ours have, beside MONAI's `run`, an id that says what is done, and guard their library's version."""
    findings = []
    for stem, name in (("train", "training"), ("evaluate", "evaluating")):
        file = f"configs/{stem}.json"
        config = configs.get(file)
        if config is not None and (name not in config or config.get("run") != f"%{name}"):
            findings.append(Finding("run-id", file, f"wanted '{name}', and 'run' to be \"%{name}\""))
    for stem in ("train", "inference"):
        file = f"configs/{stem}.json"
        start = configs.get(file, {}).get("initialize") or []
        guard = {"_target_": "mammozoo.require"}
        guarded = any(isinstance(item, dict) and guard.items() <= item.items() for item in start)
        if file in configs and (start[:1] != ["$sys.path.insert(1, @bundle_root)"] or not guarded):
            message = "must begin with the path insert of bundle_root, then mammozoo.require"
            findings.append(Finding("run-id", file, message, "initialize"))
    return findings


def _run_findings(bundle: Path) -> list[Finding]:
    from .dry_run import check_run

    return check_run(bundle)
