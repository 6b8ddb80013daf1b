# SPDX-License-Identifier: Apache-2.0
"""Annotation through a PACS: list, fetch, infer, save, store as SEG, read back (``make label-test``, needs Orthanc)."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammozoo.io.clinical.seg import read_segmentation, write_segmentation
from mammozoo.label.store.dicomweb import DicomWeb, value

pytestmark = pytest.mark.label

UNET, CUT = "mammo_abnormal_unet_segmentation", "mammo_cut_segmentation"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
LOGIN = {"MAMMOZOO_DICOMWEB_USER": "annotator", "MAMMOZOO_DICOMWEB_PASSWORD": "not a secret"}


class Orthanc:
    """Debian's Orthanc with its DICOMweb plugin, as a plain process on loopback."""

    def __init__(self, folder: Path) -> None:
        self.program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        if not self.program or not PLUGIN.is_file():
            pytest.skip("the PACS of this test is Orthanc: apt-get install orthanc orthanc-dicomweb")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/dicom-web"
        self.settings = folder / "orthanc.json"
        self.settings.write_text(
            json.dumps(
                {
                    "StorageDirectory": str(folder / "orthanc"),
                    "IndexDirectory": str(folder / "orthanc"),
                    "HttpPort": port,
                    "DicomServerEnabled": False,
                    "RemoteAccessAllowed": False,
                    "AuthenticationEnabled": True,
                    "RegisteredUsers": {LOGIN["MAMMOZOO_DICOMWEB_USER"]: LOGIN["MAMMOZOO_DICOMWEB_PASSWORD"]},
                    "Plugins": [str(PLUGIN)],
                    "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
                }
            )
        )
        self.client = DicomWeb.from_environment(self.url, LOGIN)
        self.start()

    def start(self) -> None:
        command = [str(self.program), str(self.settings)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(240):
            time.sleep(0.5)
            try:
                list(self.client.studies(modality="MG"))
                return
            except Exception as error:
                last = error
        pytest.fail(f"Orthanc did not start: {last}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)

    def segmentations(self, folder: Path) -> list[Any]:
        """Every SEG that is stored."""
        found = []
        for study in self.client.studies(modality="SEG"):
            for series, modality in self.client.series(study):
                for header in self.client.metadata(study, series) if modality == "SEG" else ():
                    path = folder / f"{value(header, '00080018')}.dcm"
                    path.write_bytes(self.client.retrieve(study, series, path.stem))
                    found.append(read_segmentation(path))
        return found


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    running = Orthanc(tmp_path)
    yield running
    running.stop()


def _wait_for(server: Any, image: str, wanted: str) -> None:
    for _ in range(300):
        state = server.json("GET", f"/api/record/{image}").get("dicom_seg", "")
        if state.startswith(wanted):
            return
        time.sleep(1)
    pytest.fail(f"the segmentation is {state!r}, not {wanted!r}")


def _label(server: Any, image: str, shape: tuple[int, int]) -> np.ndarray:
    return np.frombuffer(server.ask("GET", f"/api/label/{image}")[2], np.uint8).reshape(shape)


def test_annotation_through_a_pacs(orthanc: Orthanc, workplace: Any, tmp_path: Path, start_server: Any) -> None:
    study, bundles, weights = workplace
    names = [name for name in study.masks if name.startswith("P1/")]
    for name in names:
        orthanc.client.store(study.root / name)
    known = write_segmentation(
        tmp_path / "known.dcm", study.masks[names[0]], study.root / names[0], algorithm_name=None, algorithm_version="1"
    )
    orthanc.client.store(known)
    chosen = {name: weights[name] for name in (UNET, CUT)}

    server = start_server(orthanc.url, bundles, chosen, workspace=tmp_path / "first", login=LOGIN)
    items = server.json("GET", "/api/items")["items"]
    by_view = {(item["laterality"], item["view"]): item for item in items}
    assert len(items) == len(by_view) == 4  # one series, four items
    assert all(item["pixel_spacing"] == [0.1, 0.2] for item in items)
    first = by_view["L", "CC"]
    assert (first["status"], first["source"]) == ("final", "DICOM SEG")
    np.testing.assert_array_equal(_label(server, first["id"], study.masks[names[0]].shape), study.masks[names[0]])

    second = by_view["R", "CC"]["id"]
    mask = study.masks[names[1]]
    found = np.frombuffer(server.ask("POST", f"/api/suggest/{CUT}/{second}")[2], np.uint8).reshape(mask.shape)
    np.testing.assert_array_equal(found, mask)
    assert server.ask("PUT", f"/api/label/{second}", mask.tobytes())[0] == 200
    _wait_for(server, second, "stored")
    stored = {item.source_sop_instance_uid: item for item in orthanc.segmentations(tmp_path)}
    assert set(stored) == {first["id"], second}
    np.testing.assert_array_equal(stored[second].mask > 0, mask > 0)

    server.json("POST", f"/train/{UNET}", {"max_epochs": 2})
    for _ in range(900):
        time.sleep(1)
        status = server.json("GET", "/api/training")
        if status["status"] not in ("submitted", "running"):
            break
    assert status["status"] == "done", status
    assert status["split"] == {"training": 2, "held_out": 0}
    third = server.json("POST", "/activelearning/entropy", {"model": UNET, "seconds": 600})
    assert third["scored"] == third["waiting"] == 2
    assert server.ask("POST", f"/api/suggest/{UNET}/{third['id']}")[0] == 200

    # The server goes away: the label is kept, and sent later.
    orthanc.stop()
    mask = np.zeros((96, 70), np.uint8)
    mask[3:9, 4:20] = 1
    assert server.ask("PUT", f"/api/label/{third['id']}", mask.tobytes())[0] == 200
    _wait_for(server, third["id"], "failed")
    server.stop()
    orthanc.start()
    command = [sys.executable, "-W", "ignore", "-m", "mammozoo", "label", "export", "--studies", orthanc.url]
    done = subprocess.run(
        [*command, "--workspace", str(tmp_path / "first")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **LOGIN},
    )
    assert done.stdout.strip() == "1 DICOM segmentations written, 0 failed", done.stderr[-2000:]

    # Another machine finds all three labels on the server.
    again = start_server(orthanc.url, bundles, chosen, workspace=tmp_path / "second", login=LOGIN)
    final = {item["id"] for item in again.json("GET", "/api/items")["items"] if item["status"] == "final"}
    assert final == {first["id"], second, third["id"]}
    np.testing.assert_array_equal(_label(again, third["id"], mask.shape), mask)
