# SPDX-License-Identifier: Apache-2.0
"""A DICOMweb server as a source, against a small server of our own; Orthanc has its own test."""

from __future__ import annotations

import http.server
import json
import logging
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pydicom
import pytest

from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
from mammozoo.io.errors import MammogramError
from mammozoo.label.store import dicomweb
from mammozoo.label.store.dicomweb import DicomWeb, DicomWebError
from mammozoo.label.store.sources import DicomWebSource, FolderSource, open_source

LOGIN = {"MAMMOZOO_DICOMWEB_USER": "u", "MAMMOZOO_DICOMWEB_PASSWORD": "p"}


def _image(number: int, *, study: str = "one", view: str = "CC") -> bytes:
    header = MammogramHeader(
        patient_id="SYNTHETIC-1", laterality="L", view_position=view, pixel_spacing=(0.1, 0.1),
        uid_key=f"web {number}", study_key=study,
    )  # fmt: skip
    return mammogram_bytes(np.full((8, 6), number, np.uint16), header)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Just enough of PS3.18; `files` and `fault` are set by the tests."""

    files: ClassVar[list[bytes]] = []
    fault: ClassVar[str] = ""
    asked: ClassVar[list[str]] = []
    hosts: ClassVar[set[str]] = set()
    elsewhere: ClassVar[str] = "http://127.0.0.1:1/elsewhere"

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.hosts.add(self.headers["Host"])
        if self.headers["Authorization"] != "Basic dTpw":
            return self._send(401, "text/plain", b"SMITH^JANE may not")
        if self.fault == "redirect":
            return self._send(302, "text/plain", b"", location=self.elsewhere)
        if self.fault == "busy":
            return self._send(503, "text/plain", b"")
        if self.fault == "silent":
            time.sleep(1)
        if self.fault == "warning":
            return self._send(200, "application/dicom+json", b"[]", warning="299 SMITH^JANE has more")
        if self.fault == "html":
            return self._send(200, "text/html", b"<html>")
        if self.fault == "empty":
            return self._send(204, "application/dicom+json", b"")
        path, _, _ = self.path.removeprefix("/dicom-web").partition("?")
        parts = path.strip("/").split("/")
        found = [pydicom.dcmread(pydicom.filebase.DicomBytesIO(content)) for content in self.files]
        if parts[-1] == "studies":
            uids = dict.fromkeys(item.StudyInstanceUID for item in found)
            rows = [{"0020000D": {"vr": "UI", "Value": ["../x" if self.fault == "uid" else uid]}} for uid in uids]
        elif parts[-1] == "series":
            uids = {item.SeriesInstanceUID: item.Modality for item in found if item.StudyInstanceUID == parts[1]}
            rows = [
                {"0020000E": {"vr": "UI", "Value": [uid]}, "00080060": {"vr": "CS", "Value": [kind]}}
                for uid, kind in {**uids, "1.2.3": "SR"}.items()
            ]
        elif parts[-1] == "metadata":
            rows = [json.loads(_header(item)) for item in found if item.SeriesInstanceUID == parts[3]]
        else:
            content = next(c for c, item in zip(self.files, found, strict=True) if item.SOPInstanceUID == parts[-1])
            return self._retrieve(content)
        self._send(200, "application/dicom+json", json.dumps(rows).encode())

    def _retrieve(self, content: bytes) -> None:
        if self.fault == "other":
            content = self.files[-1]
        if self.fault == "plain":
            return self._send(200, "application/dicom", content)
        body = b"\r\n--edge\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--edge--\r\n"
        body = body[: len(body) // 2] if self.fault == "cut" else body
        body = b"--edge\r\n\r\nno file\r\n--edge--" if self.fault == "text" else body
        self._send(200, 'multipart/related; type="application/dicom"; boundary="edge"', body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.fault == "refused":
            failed = {"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [272]}}]}}
            return self._send(202, "application/dicom+json; charset=utf-8", json.dumps(failed).encode())
        if self.fault == "redirect":
            return self._send(307, "text/plain", b"", location=self.elsewhere)
        type(self).files = [*self.files, body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]]
        answers = {"nothing": b"", "no failure": b'{"00081198": {"vr": "SQ"}}', "text": b"stored"}
        kind = "text/plain" if self.fault == "text" else "application/dicom+json"
        self._send(200, kind, answers.get(self.fault, b"{}"))

    def _send(self, status: int, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in {"content-type": kind, "content-length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def _header(dataset: Any) -> str:
    del dataset.PixelData
    return str(dataset.to_json())


@pytest.fixture
def web() -> Iterator[str]:
    _Handler.files, _Handler.fault, _Handler.asked, _Handler.hosts = [], "", [], set()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/dicom-web"
    server.shutdown()
    server.server_close()
    thread.join()


def _source(web: str, folder: Path) -> DicomWebSource:
    found = open_source(web, folder, LOGIN)
    assert isinstance(found, DicomWebSource)
    return found


def test_images_are_listed_at_once_and_fetched_when_needed(web: str, tmp_path: Path) -> None:
    source = _source(web, tmp_path)
    contents = [_image(1), _image(2, view="MLO"), _image(3, study="two")]
    for content in contents:
        (tmp_path / "image.dcm").write_bytes(content)
        source.client.store(tmp_path / "image.dcm")
    assert _Handler.files == contents
    found = source.list(again=True)
    assert sorted(image.view_position for image in found.images) == ["CC", "CC", "MLO"]
    assert {(image.rows, image.columns) for image in found.images} == {(8, 6)}
    assert len({image.group for image in found.images}) == 2
    assert found.images[0].pixel_spacing == (0.1, 0.1)
    assert not any("SYNTHETIC" in str(image) for image in found.images)
    assert not list((tmp_path / "dicom").glob("*.dcm"))
    for image in found.images:
        content = source.file(image).read_bytes()
        assert content in contents
    asked = len(_Handler.asked)
    assert source.list() == found  # remembered, with the same types
    assert source.file(found.images[0]).is_file()
    assert len(_Handler.asked) == asked


def test_an_empty_server_and_a_narrowed_search(web: str, tmp_path: Path) -> None:
    _Handler.fault = "empty"
    assert _source(f"{web}?StudyDate=2024-", tmp_path).list(again=True).images == ()
    assert "StudyDate=2024-" in _Handler.asked[0]
    assert "ModalitiesInStudy=MG" in _Handler.asked[0]


def test_what_is_no_single_mammogram_is_left_out_with_a_reason(web: str, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(_image(1)))
    dataset.NumberOfFrames = 2
    dataset.PixelData = dataset.PixelData * 2
    buffer = pydicom.filebase.DicomBytesIO()
    dataset.save_as(buffer)
    source = _source(web, tmp_path)
    _Handler.files = [buffer.getvalue()]
    found = source.list(again=True)
    assert found.images == ()
    assert "2 frames" in found.left_out[0][1]


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        ("redirect", "answered 302"), ("html", "no JSON"), ("uid", "no UID"), ("cut", "cut short"),
        ("text", "no DICOM file"), ("other", "another instance"),
    ],
)  # fmt: skip
def test_a_server_that_misbehaves(web: str, tmp_path: Path, fault: str, wanted: str) -> None:
    source = _source(web, tmp_path)
    _Handler.files = [_image(1), _image(2)]
    images = source.list(again=True).images
    _Handler.fault = fault
    ask = (lambda: source.file(images[0])) if fault in ("cut", "text", "other") else (lambda: source.list(again=True))
    with pytest.raises(MammogramError, match=wanted):
        ask()
    assert not list((tmp_path / "dicom").glob("*.dcm"))


def test_one_file_without_a_multipart_around_it_is_taken_too(web: str, tmp_path: Path) -> None:
    source = _source(web, tmp_path)
    _Handler.files, _Handler.fault = [_image(1)], "plain"
    assert source.file(source.list(again=True).images[0]).read_bytes() == _Handler.files[0]


def test_what_the_server_does_not_store_is_an_error(web: str, tmp_path: Path) -> None:
    (tmp_path / "seg.dcm").write_bytes(_image(1))
    source = _source(web, tmp_path)
    _Handler.fault = "refused"
    with pytest.raises(DicomWebError, match="did not store"):
        source.deliver(tmp_path / "seg.dcm")


@pytest.mark.parametrize("answer", ["", "nothing", "no failure", "text"])
def test_every_way_to_say_that_a_file_was_stored(web: str, tmp_path: Path, answer: str) -> None:
    (tmp_path / "seg.dcm").write_bytes(_image(1))
    _Handler.fault = answer
    assert _source(web, tmp_path).deliver(tmp_path / "seg.dcm") == "stored"
    assert _Handler.files == [_image(1)]


class _Elsewhere(http.server.BaseHTTPRequestHandler):
    """Where a redirect would lead."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(str(self.headers["Authorization"]))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def test_no_redirect_is_followed_wherever_it_leads(web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _source(web, tmp_path)
    _Handler.files = [_image(1)]
    (image,) = source.list(again=True).images
    (tmp_path / "seg.dcm").write_bytes(_image(1))
    other = http.server.HTTPServer(("127.0.0.1", 0), _Elsewhere)
    thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        for elsewhere in (f"http://127.0.0.1:{other.server_port}/x", "/dicom-web/elsewhere"):
            monkeypatch.setattr(_Handler, "elsewhere", elsewhere)
            _Handler.fault = "redirect"
            for ask, code in (
                (lambda: source.list(again=True), 302), (lambda: source.file(image), 302),
                (lambda: source.deliver(tmp_path / "seg.dcm"), 307),
            ):  # fmt: skip
                with pytest.raises(DicomWebError, match=f"answered {code} to (GET|POST) /studies"):
                    ask()
    finally:
        other.shutdown()
        other.server_close()
        thread.join()
    assert _Elsewhere.asked == []
    assert not any("elsewhere" in path for path in _Handler.asked)


def test_requests_are_sent_once_and_have_limits(web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _source(web, tmp_path)
    _Handler.files, _Handler.fault = [_image(1)], "busy"
    with pytest.raises(DicomWebError, match="answered 503"):
        source.list(again=True)
    assert len(_Handler.asked) == 1
    assert _Handler.hosts == {web.split("/")[2]}  # with the port
    _Handler.fault = ""
    (image,) = source.list(again=True).images
    monkeypatch.setattr(dicomweb, "_MAX_INSTANCE", 100)
    with pytest.raises(DicomWebError, match="over the limit of 100 bytes"):
        source.file(image)
    monkeypatch.setattr(dicomweb, "_MAX_JSON", 10)
    with pytest.raises(DicomWebError, match="over the limit of 10 bytes"):
        source.list(again=True)
    monkeypatch.setattr(dicomweb, "_TIMEOUT", 0.1)
    _Handler.fault = "silent"
    with pytest.raises(DicomWebError, match=r"the DICOMweb server 127\.0\.0\.1:\d+ cannot be reached: TimeoutError"):
        source.list(again=True)


def test_what_the_environment_says_of_proxies_and_logins_is_not_used(
    web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert _source(web, tmp_path).list(again=True).images == ()


def test_the_extra_is_named_where_the_client_is_absent(
    web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dicomweb_client.api", None)
    (tmp_path / "seg.dcm").write_bytes(_image(1))
    source = _source(web, tmp_path)
    for ask in (lambda: source.list(again=True), lambda: source.deliver(tmp_path / "seg.dcm")):
        with pytest.raises(ImportError, match=r"pip install mammozoo\[archive\]"):
            ask()


def test_a_warning_of_the_server_is_not_logged(web: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _Handler.fault = "warning"
    with caplog.at_level(logging.INFO):
        assert _source(web, tmp_path).list(again=True).images == ()
    assert "SMITH" not in caplog.text


def test_login_is_asked_for_without_repeating_the_answer(web: str, tmp_path: Path) -> None:
    with pytest.raises(DicomWebError, match="answered 401 .*MAMMOZOO_DICOMWEB_USER") as caught:
        list(DicomWeb(web).studies(modality="MG"))
    assert "SMITH" not in str(caught.value)
    with pytest.raises(DicomWebError, match="cannot be reached"):
        list(DicomWeb("http://127.0.0.1:1/dicom-web").studies(modality="MG"))


@pytest.mark.parametrize(
    ("url", "login", "wanted"),
    [
        ("ftp://host/x", {}, "no DICOMweb address"),
        ("http:///x", {}, "no DICOMweb address"),
        ("http://u:p@host/x", {}, "leave the login out"),
        ("http://pacs.example/x", {"user": "u", "password": "p"}, "use https"),
        ("http://pacs.example/x", {"token": "t"}, "use https"),
    ],
)
def test_addresses_that_are_refused(url: str, login: dict[str, str], wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        DicomWeb(url, **login)
    DicomWeb("https://pacs.example/x", user="u", password="p")


def test_a_folder_is_a_source_too(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(_image(1))
    source = open_source(tmp_path, tmp_path / "annotation", {})
    assert isinstance(source, FolderSource)
    (image,) = source.list().images
    assert source.file(image) == image.path == tmp_path / "a.dcm"
    assert source.deliver(image.path) == "written"
