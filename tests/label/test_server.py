# SPDX-License-Identifier: Apache-2.0
"""The annotation server end to end, by REST: list, infer, save, train, next, restart (``make label-test``)."""

from __future__ import annotations

import gzip
import json
import subprocess
import time
import urllib.parse
from pathlib import Path
from typing import Any

import cv2
import nibabel
import numpy as np
import pytest

from mammozoo.io.clinical.seg import read_segmentation, write_segmentation

pytestmark = pytest.mark.label

UNET, AUNET, CUT = "mammo_abnormal_unet_segmentation", "mammo_aunet_segmentation", "mammo_cut_segmentation"
TWO_STAGE = "mammo_two_stage_segmentation"
ENV = Path(__file__).resolve().parents[2] / ".label-env"


FORM = {"content-type": "multipart/form-data; boundary=edge"}


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.logical_and(a, b).sum() / np.logical_or(a, b).sum())


def _multipart(name: str, filename: str, content: bytes) -> tuple[bytes, dict[str, str]]:
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
    return head.encode() + content + b"\r\n--edge--\r\n", FORM


def _items(server: Any) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in server.json("GET", "/api/items")["items"]}


def _mask_of(path: Path) -> np.ndarray:
    if path.suffix == ".png":
        return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    array = np.asarray(nibabel.load(path).dataobj)
    return (array[..., 0] if array.ndim == 3 else array).T


def test_every_image_is_an_item_and_nothing_else(server: Any, workplace: Any) -> None:
    study, _, _ = workplace
    found = server.json("GET", "/api/items")
    names = {item["name"] for item in found["items"]}
    assert set(study.masks) <= names
    assert len(names) == len(study.masks) + 8
    views = {(item["laterality"], item["view"]) for item in found["items"] if item["name"].startswith("P1/")}
    assert views == {("L", "CC"), ("R", "CC"), ("L", "MLO"), ("R", "MLO")}
    assert [item["name"] for item in found["left_out"]] == ["broken.dcm"]
    store = server.json("GET", "/datastore/?output=all")["objects"]
    assert len(store) == len(names)
    assert server.json("GET", "/info/")["models"].keys() == {UNET, AUNET, TWO_STAGE, CUT}
    assert found["trainable"] == [UNET, AUNET, CUT]
    assert server.json("GET", "/info/")["labels"] == ["lesion"]
    assert server.json("GET", "/info/")["models"][UNET]["dimension"] == 2


@pytest.mark.parametrize("extension", ["", ".png", ".nii.gz", ".nrrd"])
def test_masks_lie_where_the_image_has_them(server: Any, workplace: Any, tmp_path: Path, extension: str) -> None:
    study, _, _ = workplace
    items = _items(server)
    for name, truth in study.masks.items():
        fields = json.dumps({"result_extension": extension} if extension else {})
        body = f'--edge\r\nContent-Disposition: form-data; name="params"\r\n\r\n{fields}\r\n--edge--\r\n'.encode()
        status, headers, answer = server.ask(
            "POST",
            f"/infer/{CUT}?image={items[name]['id']}&output=image",
            body,
            FORM,
        )
        assert status == 200, answer[:300]
        default = ".png" if name.endswith(".png") else ".nii.gz"
        wanted = extension or default
        assert headers["content-disposition"].rstrip('"').endswith(wanted)
        if wanted == ".nrrd":
            assert _iou(_nrrd(answer), truth) == 1.0, name
            # ITK and 3D Slicer open an image without orientation with identity directions in LPS; NIfTI has its own.
            sign = "-" if ".nii" in name else ""
            assert f"space directions: ({sign}0." in answer[:600].decode("latin-1") or name.endswith(".png"), name
            continue
        path = tmp_path / f"mask{wanted}"
        path.write_bytes(answer)
        assert _iou(_mask_of(path), truth) == 1.0, name
        if wanted == ".nii.gz":
            zooms = nibabel.load(path).header.get_zooms()[:2]
            known = (0.2, 0.1) if not name.endswith(".png") else (1.0, 1.0)
            np.testing.assert_allclose(zooms, known, rtol=1e-6)


def _nrrd(content: bytes) -> np.ndarray:
    """Pixels of a small NRRD file, rows first."""
    head, _, data = content.partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    raw = gzip.decompress(data) if fields["encoding"] in ("gzip", "gz") else data
    columns, rows = (int(n) for n in fields["sizes"].split()[:2])
    return np.frombuffer(raw, np.uint8).reshape(rows, columns)


def test_every_bundle_answers_in_the_native_shape(server: Any) -> None:
    item = _items(server)["P1/visit/one series/a.dcm"]
    for model in (UNET, AUNET, TWO_STAGE):
        status, headers, answer = server.ask("POST", f"/api/suggest/{model}/{item['id']}")
        facts = json.loads(headers["x-pixels"])
        assert (status, facts["rows"], facts["columns"], len(answer)) == (200, 96, 70, 96 * 70)


def test_what_is_not_needed_is_not_there(server: Any) -> None:
    for method, path in (("PUT", f"/model/{UNET}"), ("GET", f"/model/{UNET}"), ("DELETE", f"/model/{UNET}"),
                         ("GET", "/proxy/dicom/x"), ("PUT", "/datastore/?image=x"), ("DELETE", "/datastore/?id=x"),
                         ("GET", "/logs/"), ("GET", "/docs"), ("GET", "/openapi.json"), ("POST", "/reload"),
                         ("GET", "/page/../../etc/passwd"), ("GET", "/ohif/"),
                          ("POST", f"/batch/infer/{UNET}")):  # fmt: skip
        assert server.ask(method, path)[0] == 404, (method, path)
    assert server.ask("GET", "/info/", headers={"Authorization": "Bearer wrong"})[0] == 401
    assert server.ask("GET", f"/key/{server.token}/info/", headers={"Authorization": ""})[0] == 200
    assert server.ask("GET", "/key/wrong/info/", headers={"Authorization": ""})[0] == 401
    assert server.ask("GET", "/info/", headers={"Host": "evil.example"})[0] == 403
    assert server.ask("POST", f"/train/{UNET}", headers={"Origin": "http://evil.example"})[0] == 403


def test_only_images_of_the_list_are_looked_at(server: Any, workplace: Any) -> None:
    study, _, _ = workplace
    for image in (study.root / "rasters" / "eight.png", "../rasters/eight.png", "absent"):
        status, _, answer = server.ask("POST", f"/infer/{CUT}?image={urllib.parse.quote(str(image))}&output=image", b"")
        assert status == 404
        assert "no such image" in answer.decode()
    item = _items(server)["rasters/eight.png"]["id"]
    fields = json.dumps({"result_extension": "/../../x.png"})
    body = f'--edge\r\nContent-Disposition: form-data; name="params"\r\n\r\n{fields}\r\n--edge--\r\n'.encode()
    status, _, answer = server.ask("POST", f"/infer/{CUT}?image={item}&output=image", body, FORM)
    assert (status, b"masks are written as" in answer) == (404, True)
    body, headers = _multipart("file", "x.png", (study.root / "rasters" / "eight.png").read_bytes())
    assert server.ask("POST", f"/infer/{CUT}", body, headers)[0] == 404


def test_training_without_a_label_says_so(server: Any) -> None:
    status, _, answer = server.ask("POST", f"/train/{UNET}", b"{}", {"content-type": "application/json"})
    assert status == 409
    assert "no final label yet" in answer.decode()


def test_labels_train_choose_and_stay(server: Any, workplace: Any, tmp_path: Path) -> None:
    study, bundles, weights = workplace
    items = _items(server)
    exams = [name for name in items if name.startswith("exams/p00")][:3]
    for name in exams:
        mask = cv2.imread(str(study.root.parent / "truth" / f"{Path(name).stem}.png"), cv2.IMREAD_GRAYSCALE)
        status, _, answer = server.ask("PUT", f"/api/label/{items[name]['id']}", (mask > 0).astype(np.uint8).tobytes())
        assert status == 200, answer
    assert server.ask("PUT", f"/api/label/{items[exams[0]]['id']}", b"12")[0] == 422
    _refuses_foreign_size(server, items[exams[0]]["id"])

    # A label that another client sends: NIfTI with a slice axis, as 3D Slicer writes.
    name = "rasters/slice.nii.gz"
    sent = tmp_path / "label.nii.gz"
    nibabel.save(nibabel.Nifti1Image(study.masks[name].T[..., None], np.eye(4)), sent)
    body, headers = _multipart("label", "label.nii.gz", sent.read_bytes())
    assert server.ask("PUT", f"/datastore/label?image={items[name]['id']}&tag=final", body, headers)[0] == 200
    np.testing.assert_array_equal(_final(server, items[name]["id"]), study.masks[name])
    # The same as a segmentation of two segments, and a new label of the same image.
    halves = np.stack([study.masks[name].T[..., None]] * 2)
    halves[0, :, 50:], halves[1, :, :50] = 0, 0
    head = "NRRD0004\ntype: uint8\ndimension: 4\nsizes: 2 70 96 1\nencoding: raw\n\n"
    body, headers = _multipart("label", "label.seg.nrrd", head.encode() + halves.tobytes(order="F"))
    assert server.ask("DELETE", f"/api/label/{items[name]['id']}")[0] == 200
    assert server.ask("GET", f"/api/label/{items[name]['id']}")[0] == 204
    assert server.ask("PUT", f"/datastore/label?image={items[name]['id']}&tag=final", body, headers)[0] == 200
    np.testing.assert_array_equal(_final(server, items[name]["id"]), study.masks[name])

    chosen = {how: server.json("POST", f"/activelearning/{how}", {})["id"] for how in ("random", "first", "entropy")}
    done = {item["id"] for item in _items(server).values() if item["status"] == "final"}
    assert len(done) == 4
    assert not done & set(chosen.values())
    again = server.json("POST", "/activelearning/entropy", {"seconds": 600})
    assert again["scored"] == again["waiting"] == len(items) - 4
    started = time.monotonic()
    cached = server.json("POST", "/activelearning/entropy", {"seconds": 600})
    assert (cached["id"], cached["score"]) == (again["id"], again["score"])
    assert time.monotonic() - started < 5, "the scores were not kept"
    assert server.ask("POST", f"/train/{UNET}", b'{"max_epochs": 0}', {"content-type": "application/json"})[0] == 422
    assert server.ask("POST", f"/train/{TWO_STAGE}", b"{}", {"content-type": "application/json"})[0] == 404

    for model in (UNET, AUNET):
        model_file = server.workspace / "app" / "model" / model / "models" / "model.pt"
        before = model_file.read_bytes()
        server.json("POST", f"/train/{model}", {"max_epochs": 2, "val_split": 0.3})
        status = _trained(server)
        assert status["status"] == "done", status
        assert len(status["history"]) == 2
        assert status["split"]["training"] + status["split"]["held_out"] == 4
        assert model_file.read_bytes() != before
        assert server.ask("POST", f"/api/suggest/{model}/{items[exams[0]]['id']}")[0] == 200
    assert (bundles / UNET).is_dir()
    assert not (bundles / UNET / "models").exists()

    seg = _written(server, exams[0])
    found = read_segmentation(server.workspace / "labels" / "final" / f"{seg['id']}.dcm")
    assert found.source_sop_instance_uid == seg["id"]
    assert found.algorithm is None
    truth = cv2.imread(str(study.root.parent / "truth" / f"{Path(exams[0]).stem}.png"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(found.mask > 0, truth > 0)
    _restart_keeps(server, study, bundles, weights, done=done)


def _final(server: Any, image_id: str) -> np.ndarray:
    return np.frombuffer(server.ask("GET", f"/api/label/{image_id}")[2], np.uint8).reshape(96, 70)


def _refuses_foreign_size(server: Any, image_id: str) -> None:
    content = cv2.imencode(".png", np.zeros((5, 6), np.uint8))[1].tobytes()
    body, headers = _multipart("label", "label.png", content)
    status, _, answer = server.ask("PUT", f"/datastore/label?image={image_id}&tag=final", body, headers)
    assert status == 422
    assert "(5, 6)" in answer.decode()


def _trained(server: Any) -> dict[str, Any]:
    for _ in range(900):
        time.sleep(1)
        status: dict[str, Any] = server.json("GET", "/api/training")
        if status["status"] not in ("submitted", "running"):
            return status
    return status


def _written(server: Any, name: str) -> dict[str, Any]:
    for _ in range(300):
        item: dict[str, Any] = _items(server)[name]
        if item["dicom_seg"] not in ("", "waiting"):
            assert item["dicom_seg"] == "written"
            return item
        time.sleep(1)
    pytest.fail("no DICOM segmentation was written")


def _restart_keeps(server: Any, study: Any, bundles: Path, weights: dict[str, Path], *, done: set[str]) -> None:
    """Labels and trained weights outlive the process; a segmentation among the images becomes a label."""
    model_file = server.workspace / "app" / "model" / UNET / "models" / "model.pt"
    trained = model_file.read_bytes()
    server.stop()
    source = study.root / "P1" / "visit" / "one series" / "a.dcm"
    mask = study.masks["P1/visit/one series/a.dcm"]
    write_segmentation(source.with_name("from_pacs.dcm"), mask, source, algorithm_name=None, algorithm_version="1")
    again = type(server)(study.root, bundles, weights, workspace=server.workspace)
    try:
        items = _items(again)
        final = {item["id"] for item in items.values() if item["status"] == "final"}
        assert final == done | {items["P1/visit/one series/a.dcm"]["id"]}
        assert model_file.read_bytes() == trained
        read = again.ask("GET", f"/api/label/{items['P1/visit/one series/a.dcm']['id']}")[2]
        np.testing.assert_array_equal(np.frombuffer(read, np.uint8).reshape(mask.shape), mask)
    finally:
        again.stop()


def test_the_readers_tests_pass_in_the_other_environment() -> None:
    tests = Path(__file__).resolve().parents[1] / "io"
    files = [str(tests / name) for name in ("dicom/test_read.py", "test_reader.py", "test_dicom_geometry.py")]
    done = subprocess.run(
        [str(ENV / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        capture_output=True, text=True, check=False, cwd=tests.parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
