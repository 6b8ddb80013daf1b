# SPDX-License-Identifier: Apache-2.0
"""Write and deliver DICOM segmentations in the background, in a process of the environment that has highdicom."""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from ...io.errors import MammogramError
from .labels import LabelStore

logger = logging.getLogger(__name__)

_TIMEOUT = 120


class SegQueue:
    """One worker that writes ``final/<id>.dcm`` after a label is saved."""

    def __init__(self, store: LabelStore, *, python: str, deliver: Callable[[Path], str]) -> None:
        self.store = store
        self.python = python
        self.deliver = deliver
        self._waiting: queue.Queue[tuple[str, Path]] = queue.Queue()
        if python:
            threading.Thread(target=self._work, name="dicom-seg", daemon=True).start()

    def add(self, image_id: str, source: Path) -> None:
        """Queue the final label of a DICOM image."""
        if self.python:
            self.store.update_info(image_id, "final", {"dicom_seg": "waiting"})
            self._waiting.put((image_id, source))

    def wait(self) -> None:
        """Return when everything queued has been written or has failed."""
        self._waiting.join()

    def _work(self) -> None:
        while True:
            image_id, source = self._waiting.get()
            try:
                self._write(image_id, source)
            except Exception:
                logger.exception("a DICOM segmentation could not be written")
            finally:
                self._waiting.task_done()

    def _write(self, image_id: str, source: Path) -> None:
        saved = self.store.info(image_id, "final").get("saved")
        if saved is None:  # removed meanwhile
            return
        outcome = self._run(image_id, source)
        segmentation = self.store.path(image_id, "final", suffix=".dcm")
        if self.store.info(image_id, "final").get("saved") != saved:
            segmentation.unlink(missing_ok=True)
            return
        if not outcome:
            try:
                outcome = self.deliver(segmentation)
            except (MammogramError, OSError) as error:
                outcome = f"failed: {error}"
        self.store.update_info(image_id, "final", {"dicom_seg": outcome})

    def _run(self, image_id: str, source: Path) -> str:
        """Write the file in the other environment; return why it failed, if it did."""
        command = [self.python, "-W", "ignore", "-m", "mammozoo.label.store.seg_files", str(self.store.root), image_id]
        root = Path(__file__).resolve().parents[3]  # a clone that is not installed is found from its root
        try:
            done = subprocess.run(
                [*command, str(source)], capture_output=True, text=True, timeout=_TIMEOUT, cwd=root, check=False
            )
            answer = json.loads(done.stdout.strip().splitlines()[-1])
        except (subprocess.TimeoutExpired, ValueError, IndexError, OSError) as error:
            return f"failed: the writer ended with {type(error).__name__}"
        return "" if "written" in answer else f"failed: {answer.get('error', 'unknown')}"
