# SPDX-License-Identifier: Apache-2.0
"""Row 9: how long a command takes before it does anything."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from common import Row, duration, interleaved

BUNDLE = "bundles/mammo_abnormal_unet_segmentation/configs/inference.json"
EMPTY = "an empty monai.bundle run"


def children() -> float:
    """CPU seconds of the processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def call(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def main() -> None:
    row = Row(9, "Start-up, CPU time of the process")
    taken = interleaved({"": lambda: call("-m", "mammozoo", "--help")}, repeats=7, clock=children)[""]
    row.add("mammozoo --help", duration(taken), wanted="<= 600 ms", met=taken <= 0.6)
    heavy = "import sys, mammozoo.cli.main; mammozoo.cli.main.main(['--help'])"
    check = f"try:\n {heavy}\nexcept SystemExit: sys.exit(bool({{'torch', 'monai'}} & set(sys.modules)))"
    light = subprocess.run([sys.executable, "-c", check], capture_output=True, check=False).returncode == 0
    row.add("mammozoo --help imports neither torch nor monai", "yes" if light else "no", wanted="yes", met=light)
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder, "empty.json")
        empty.write_text(json.dumps({"run": []}))
        ours, theirs = (
            lambda file=file: call("-m", "monai.bundle", "run", "nothing", "--config_file", file, "--nothing", "[]")
            for file in (BUNDLE, str(empty))
        )
        row.compare("a bundle's configuration, nothing run", ours, {EMPTY: theirs}, {EMPTY: 1.15}, clock=children)
    row.print()


if __name__ == "__main__":
    main()
