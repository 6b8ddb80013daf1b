# SPDX-License-Identifier: Apache-2.0
"""Final labels as DICOM segmentations: ``python -m mammozoo.label.store.seg_files`` in the environment with highdicom.

The server's environment cannot have highdicom (it needs pydicom 3); so the server starts this module in the main one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ... import __version__
from ...io.clinical.seg import write_segmentation
from ...io.errors import MammogramError
from .labels import LabelStore

if TYPE_CHECKING:  # its imports take seconds, and this module starts anew for every label
    from .sources import Source


def write_label_segmentation(labels: Path, image_id: str, source: Path) -> Path:
    """Write one final label as a DICOM SEG beside it, ``labels/final/<id>.dcm``."""
    store = LabelStore(labels)
    mask = store.read(image_id, "final")
    return write_segmentation(
        store.path(image_id, "final", suffix=".dcm"),
        mask,
        source,
        algorithm_name=None,  # a person answers for a final label, also where a model suggested it
        algorithm_version=__version__,
    )


def export_segmentations(source: Source, labels: Path) -> tuple[list[Path], list[tuple[str, str]]]:
    """Write a DICOM SEG for every final label of a DICOM image that has none, and deliver what was not."""
    store = LabelStore(labels)
    done, failed = [], []
    for image in source.list().images:
        if image.kind != "dicom" or not store.path(image.id, "final").is_file():
            continue
        target, info = store.path(image.id, "final", suffix=".dcm"), store.info(image.id, "final")
        if info.get("source") == "DICOM SEG" or (target.is_file() and info.get("dicom_seg") in ("written", "stored")):
            continue
        try:
            write_label_segmentation(store.root, image.id, source.file(image))
            store.update_info(image.id, "final", {"dicom_seg": source.deliver(target)})
            done.append(target)
        except (MammogramError, ValueError) as error:
            failed.append((image.name, str(error)))
    return done, failed


def main(argv: Sequence[str] | None = None) -> int:
    """Write one segmentation; the answer is one line of JSON, free of the image's path."""
    parser = argparse.ArgumentParser(description="write a final label as DICOM SEG")
    parser.add_argument("labels", type=Path)
    parser.add_argument("image_id")
    parser.add_argument("source", type=Path)
    args = parser.parse_args(argv)
    try:
        path = write_label_segmentation(args.labels, args.image_id, args.source)
    except (MammogramError, ValueError, OSError, ImportError) as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        return 1
    sys.stdout.write(json.dumps({"written": path.name}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
