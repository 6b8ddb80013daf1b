# SPDX-License-Identifier: Apache-2.0
"""A study folder with known masks, bundles with weights, and a real annotation server on loopback."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser

from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
from mammozoo.phantom.write import write_phantom

ROOT = Path(__file__).resolve().parents[2]
ENV = ROOT / ".label-env"
UNET, AUNET, CUT = "mammo_abnormal_unet_segmentation", "mammo_aunet_segmentation", "mammo_cut_segmentation"
TWO_STAGE = "mammo_two_stage_segmentation"
OPTIONS = {"width": 16, "detector_width": 2}
START_WITHIN = 600  # seconds; twenty on an idle machine
SHAPE = (96, 70)  # rows, columns


def picture(shift: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A grey image (12 bits) and the mask of what is brighter than half its range; no symmetry anywhere."""
    image = np.full(SHAPE, 200, np.uint16)
    image[:, : SHAPE[1] // 2] = 900
    image[10 + shift : 40, 5:22] = 4000
    image[60:71, 50 + shift : 66] = 4000
    return image, (image > 2100).astype(np.uint8)


@dataclass
class StudyFolder:
    """Files and what the cutting bundle should find in them."""

    root: Path
    masks: dict[str, np.ndarray] = field(default_factory=dict)


def make_study(root: Path) -> StudyFolder:
    """Nested and mixed: DICOM of both polarities and sides (one series), PNG, NIfTI, and files that are no images."""
    import nibabel

    study = StudyFolder(root)
    dicom = root / "P1" / "visit" / "one series"
    dicom.mkdir(parents=True)
    for number, (side, view, polarity, name) in enumerate(
        [("L", "CC", 2, "a.dcm"), ("R", "CC", 1, "b"), ("L", "MLO", 1, "c.dcm"), ("R", "MLO", 2, "d.DCM")]
    ):
        image, mask = picture(number)
        header = MammogramHeader(
            patient_id="SYNTHETIC-1", laterality=side, view_position=view, pixel_spacing=(0.1, 0.2),
            uid_key=f"label {number}", study_key="label study",
        )  # fmt: skip
        (dicom / name).write_bytes(mammogram_bytes(image, header, photometric=f"MONOCHROME{polarity}"))
        study.masks[f"P1/visit/one series/{name}"] = mask
    (root / "rasters").mkdir()
    image, mask = picture(5)
    cv2.imwrite(str(root / "rasters" / "eight.png"), (image // 16).astype(np.uint8))
    cv2.imwrite(str(root / "rasters" / "sixteen.png"), image)
    affine = np.diag([0.2, 0.1, 1.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(image.T.astype(np.int16), affine), root / "rasters" / "flat.nii.gz")
    nibabel.save(nibabel.Nifti1Image(image.T.astype(np.int16)[..., None], affine), root / "rasters" / "slice.nii.gz")
    for name in ("eight.png", "sixteen.png", "flat.nii.gz", "slice.nii.gz"):
        study.masks[f"rasters/{name}"] = mask
    (root / "notes.txt").write_text("no image")
    (root / "broken.dcm").write_bytes(b"not DICOM")
    return study


def make_bundles(folder: Path) -> dict[str, Path]:
    """The segmentation bundles, narrow and untrained, and one that cuts at half the grey range; their weights."""
    weights = {}
    for name in (UNET, AUNET, TWO_STAGE):
        hidden = shutil.ignore_patterns("models", "data", "evaluation")
        shutil.copytree(ROOT / "bundles" / name, folder / name, ignore=hidden)
        parser = ConfigParser(json.loads((folder / name / "configs" / "inference.json").read_text()))
        parser.update({key: value for key, value in OPTIONS.items() if key in parser.get()})
        torch.manual_seed(0)
        weights[name] = folder / "weights" / name / "model.pt"
        weights[name].parent.mkdir(parents=True)
        torch.save(parser.get_parsed_content("network_def").state_dict(), weights[name])
        if name == TWO_STAGE:
            torch.save(parser.get_parsed_content("detector_def").state_dict(), weights[name].with_name("detector.pt"))
    shutil.copytree(folder / UNET, folder / CUT)
    config = json.loads((folder / CUT / "configs" / "inference.json").read_text())
    steps = config["preprocessing"]["transforms"]  # grey levels and size as they are
    config["preprocessing"]["transforms"] = [
        step for step in steps if step["_target_"].rpartition(".")[2] not in ("CLAHEd", "AreaResized")
    ]
    config["network_def"] = {"_target_": "torch.nn.Conv2d", "in_channels": 1, "out_channels": 1, "kernel_size": 1}
    (folder / CUT / "configs" / "inference.json").write_text(json.dumps(config))
    weights[CUT] = folder / "weights" / f"{CUT}.pt"
    torch.save({"weight": torch.full((1, 1, 1, 1), 100.0), "bias": torch.tensor([-50.0])}, weights[CUT])
    return weights


class Server:
    """A server started by the command line, and requests to it."""

    def __init__(
        self,
        studies: Path | str,
        bundles: Path,
        weights: dict[str, Path],
        *,
        workspace: Path | None = None,
        login: dict[str, str] | None = None,
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [sys.executable, "-m", "mammozoo", "label", "start", "--studies", str(studies)]
        command += ["--bundles", ",".join(weights), "--bundle-dir", str(bundles), "--port", str(self.port)]
        keys = {key for name in weights for key in json.loads((bundles / name / "configs/inference.json").read_text())}
        command += [word for key in keys & OPTIONS.keys() for word in ("--set", f"{key}={OPTIONS[key]}")]
        command += ["--weights-dir", str(bundles / "weights"), "--env", str(ENV)]
        self.workspace = workspace or Path(studies) / "annotation"
        command += ["--workspace", str(self.workspace)]
        environment = {**os.environ, **(login or {})}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment
        )
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self._wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)

    def _wait(self) -> None:
        end = time.monotonic() + START_WITHIN
        while time.monotonic() < end:
            found = re.search(r"open (\S+token=(\S+))", "".join(self.lines))
            if found:
                self.url, self.token = found.groups()
                try:
                    self.ask("GET", "/info/")
                    return
                except OSError:
                    pass
            if self.process.poll() is not None:
                break
            time.sleep(0.5)
        pytest.fail("the server did not start:\n" + "".join(self.lines[-30:]))

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, bytes]:
        """Status, headers and body; an error status is no exception."""
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def json(self, method: str, path: str, content: Any = None) -> Any:
        """Body of a successful answer."""
        body = None if content is None else json.dumps(content).encode()
        status, _, answer = self.ask(method, path, body, {"content-type": "application/json"})
        assert status == 200, answer.decode(errors="replace")[:500]
        return json.loads(answer)

    def stop(self) -> None:
        """End it as a service manager would."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.reader.join(timeout=60)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyFolder, Path, dict[str, Path]]:
    """Study folder, folder of bundles, weights."""
    root = tmp_path_factory.mktemp("label")
    study = make_study(root / "studies")
    exams = write_phantom(root / "phantom", patients=2, seed=3, size=(256, 208))
    shutil.copytree(exams / "images", study.root / "exams")
    shutil.copytree(exams / "masks", root / "truth")
    return study, root / "bundles", make_bundles(_made(root / "bundles"))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def server(
    workplace: tuple[StudyFolder, Path, dict[str, Path]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The running server of a test file, with a workspace of its own."""
    study, bundles, weights = workplace
    running = Server(study.root, bundles, weights, workspace=tmp_path_factory.mktemp("workspace"))
    yield running
    running.stop()


@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    """Start further servers; all are stopped at the end."""
    started: list[Server] = []

    def start(*args: Any, **kwargs: Any) -> Server:
        started.append(Server(*args, **kwargs))
        return started[-1]

    yield start
    for running in started:
        running.stop()
