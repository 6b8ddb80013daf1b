# SPDX-License-Identifier: Apache-2.0
"""Build a trusted bundle's workflows and send a tensor through its network."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monai.bundle import ConfigWorkflow, verify_net_in_out

from ..findings import Finding


def check_run(bundle: Path) -> list[Finding]:
    """Execute a bundle as far as MONAI's own checks do: required properties, and tensor in, tensor out."""
    findings: list[Finding] = []
    inference = bundle / "configs" / "inference.json"
    with _quiet():
        for kind in ("train", "inference"):
            config = bundle / "configs" / f"{kind}.json"
            if config.is_file():
                findings += _property_findings(bundle, config, kind=kind)
        if inference.is_file():
            findings += _tensor_findings(bundle, inference)
    return findings


@contextmanager
def _quiet() -> Iterator[None]:
    """MONAI logs to standard output, where the report goes."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _property_findings(bundle: Path, config: Path, *, kind: str) -> list[Finding]:
    file = f"configs/{config.name}"
    with tempfile.TemporaryDirectory() as folder:
        places = {"dataset_dir": f"{folder}/absent", "output_dir": folder}
        try:
            workflow = ConfigWorkflow(
                str(config), workflow_type=kind, logging_file=False, bundle_root=str(bundle), device="cpu", **places
            )
            workflow.initialize()
            missing = workflow.check_properties() or []
        except (Exception, SystemExit) as error:
            return [Finding("run", file, f"cannot be built: {_cause(error)}")]
    return [Finding("run", file, "is a required property and missing", str(name)) for name in missing]


def _tensor_findings(bundle: Path, config: Path) -> list[Finding]:
    try:
        verify_net_in_out(
            net_id="network_def",
            meta_file=str(bundle / "configs" / "metadata.json"),
            config_file=str(config),
            device="cpu",
            n=4,
            bundle_root=str(bundle),
        )
    except (Exception, SystemExit) as error:
        return [Finding("run", "configs/metadata.json", f"does not fit the network: {_cause(error)}")]
    return []


def _cause(error: BaseException) -> str:
    """The first cause, in one line: MONAI wraps what a configuration raises."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:200]
