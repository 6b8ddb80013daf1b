# SPDX-License-Identifier: Apache-2.0
"""A DICOMweb server (PS3.18): search, retrieve and store.

Both environments use it: the main one lists mammograms and reads segmentations, MONAI Label's fetches pixels and stores
finished segmentations.
"""

from __future__ import annotations

import re
import ssl
import urllib.parse
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import requests
import requests.adapters
import requests.auth
import urllib3

from ..._optional import optional_import
from ..._typing import PathLike
from ...io.dicom.header import read_header
from ...io.errors import MammogramError

_UID = re.compile(r"[0-9.]{1,64}\Z")
_TIMEOUT = 60  # seconds
_MAX_JSON = 256 << 20  # bytes
_MAX_INSTANCE = 1 << 30  # bytes
_PAGE = 100  # studies asked for at once
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class DicomWebError(MammogramError):
    """The DICOMweb server did not do what it was asked for."""


class _Transport(requests.adapters.HTTPAdapter):
    """HTTP with limits; it raises on every answer but success, so that no redirect is ever followed."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Trust the certificates of the machine, which may hold a hospital's own."""
        super().init_poolmanager(*args, **kwargs, ssl_context=ssl.create_default_context())

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, and return its whole answer."""
        where = urllib.parse.urlsplit(str(request.url)).netloc
        request.headers.pop("Host", None)  # the client leaves the port out
        try:
            with super().send(request, *args, **{**kwargs, "timeout": _TIMEOUT, "stream": True}) as answer:
                content = _content(answer, limit=_MAX_INSTANCE if "/instances/" in request.path_url else _MAX_JSON)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise DicomWebError(f"the DICOMweb server {where} cannot be reached: {_reason(error)}") from None
        if answer.status_code // 100 != 2:
            hint = "; set MAMMOZOO_DICOMWEB_USER and _PASSWORD, or _TOKEN" if answer.status_code in (401, 403) else ""
            raise DicomWebError(f"{where} answered {answer.status_code} to {request.method} /studies{hint}")
        kind = answer.headers.get("Content-Type", "")
        edge = re.search(r'boundary="?([^";]+)', kind)
        if edge is not None and f"\r\n--{edge[1]}--".encode() not in content:
            raise DicomWebError("the DICOMweb server sent an instance that is cut short")
        if "json" in kind:
            answer.headers["Content-Type"] = kind.split(";")[0].strip()  # the client knows no parameters of it
        answer.headers.pop("Warning", None)  # the client would log it, and it may name a patient
        answer.raw = BytesIO(content)
        return answer


def _content(answer: requests.Response, *, limit: int) -> bytes:
    """Body of an answer, within the limit."""
    content = bytearray()
    for piece in answer.raw.stream(1 << 20, decode_content=True):
        content += piece
        if len(content) > limit:
            raise DicomWebError(f"the answer of the DICOMweb server is over the limit of {limit} bytes")
    return bytes(content)


def _reason(error: BaseException) -> str:
    """What the system says, without the address and the answer that the libraries repeat."""
    while error.__context__ is not None:
        error = error.__context__
    return getattr(error, "strerror", None) or type(error).__name__


def is_dicomweb(studies: object) -> bool:
    """Whether studies are named by a DICOMweb address rather than a folder."""
    return str(studies).startswith(("http://", "https://"))


def value(attributes: Mapping[str, Any], tag: str) -> Any:
    """First value of an attribute in the DICOM JSON model; None where there is none."""
    item = attributes.get(tag)
    values = item.get("Value") if isinstance(item, Mapping) else None
    return values[0] if isinstance(values, list) and values else None


class DicomWeb:
    """Requests to one DICOMweb server; its messages never repeat an answer, which may name a patient."""

    def __init__(self, url: str, *, user: str = "", password: str = "", token: str = "") -> None:
        parts = urllib.parse.urlsplit(url)
        if not is_dicomweb(url) or not parts.hostname:
            msg = f"{url[:80]!r} is no DICOMweb address (http://HOST:PORT/dicom-web)"
            raise ValueError(msg)
        if parts.username is not None or parts.password is not None:
            msg = "leave the login out of the address; set MAMMOZOO_DICOMWEB_USER and MAMMOZOO_DICOMWEB_PASSWORD"
            raise ValueError(msg)
        self.where = parts.netloc
        self.root = urllib.parse.urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self.filters = dict(urllib.parse.parse_qsl(parts.query))
        self._session = requests.Session()
        self._session.trust_env = False  # neither proxies nor logins of the environment
        # Pixels hardly shrink: a server takes ten times as long to compress them as to send them.
        self._session.headers.update({"Accept": "application/dicom+json", "Accept-Encoding": "identity"})
        self._session.mount("http://", _Transport())
        self._session.mount("https://", _Transport())
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        elif user or password:
            self._session.auth = requests.auth.HTTPBasicAuth(user.encode(), password.encode())  # as UTF-8
        if (token or user or password) and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            msg = f"a login to {self.where} would travel unencrypted; use https"
            raise ValueError(msg)

    @classmethod
    def from_environment(cls, url: str, environment: Mapping[str, str]) -> DicomWeb:
        """Take the login from ``MAMMOZOO_DICOMWEB_USER`` and ``_PASSWORD``, or ``MAMMOZOO_DICOMWEB_TOKEN``."""
        names = ("user", "password", "token")
        return cls(url, **{name: environment.get(f"MAMMOZOO_DICOMWEB_{name.upper()}", "") for name in names})

    def studies(self, *, modality: str) -> Iterator[str]:
        """UIDs of the studies that hold a modality, page after page."""
        seen: set[str] = set()
        while True:
            filters = {**self.filters, "ModalitiesInStudy": modality}
            answer = self._found(self._client.search_for_studies, limit=_PAGE, offset=len(seen), search_filters=filters)
            found = [str(value(item, "0020000D")) for item in answer]
            new = [uid for uid in dict.fromkeys(found) if uid not in seen]
            yield from (_checked(uid) for uid in new)
            seen |= set(new)
            if len(found) < _PAGE or not new:  # some servers know no offset and repeat the first page
                return

    def series(self, study: str) -> list[tuple[str, str]]:
        """UID and modality of each series of a study."""
        found = self._found(self._client.search_for_series, _checked(study), fields=["00080060"])
        return [(_checked(str(value(item, "0020000E"))), str(value(item, "00080060") or "")) for item in found]

    def metadata(self, study: str, series: str) -> list[dict[str, Any]]:
        """Headers of a series' instances in the DICOM JSON model."""
        return self._found(self._client.retrieve_series_metadata, _checked(study), _checked(series))

    def retrieve(self, study: str, series: str, instance: str) -> bytes:
        """One instance as a DICOM file."""
        content = BytesIO()
        uids = [_checked(uid) for uid in (study, series, instance)]
        ask = self._client.retrieve_instance
        self._ask("sent something that is no DICOM file", lambda: ask(*uids).save_as(content))
        return content.getvalue()

    def store(self, path: PathLike) -> None:
        """Store one DICOM file."""
        file, ask = read_header(Path(path), max_bytes=_MAX_INSTANCE), self._client.store_instances
        answer = self._ask("sent no readable answer to a file", lambda: ask([file]))
        if answer.get("FailedSOPSequence"):  # some servers send an empty one
            raise DicomWebError(f"{self.where} did not store the file")

    @cached_property
    def _client(self) -> Any:
        api = optional_import("dicomweb_client.api", extra="archive")
        client = api.DICOMwebClient(self.root, session=self._session, permissive_uid=True, chunk_size=_MAX_INSTANCE)
        client.set_http_retry_params(retry=False)
        return client

    def _found(self, search: Callable[..., Any], *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        """Attributes that a search of the client finds."""
        found = self._ask("answered something that is no JSON; is the address right?", lambda: search(*args, **kwargs))
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise DicomWebError(f"{self.where} answered no list of DICOM attributes; is the address right?")
        return found

    def _ask(self, fault: str, request: Callable[[], Any]) -> Any:
        """What a request of the client returns; whatever it raises over an answer is said without the answer."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return request()
        except MammogramError:
            raise
        except Exception:
            raise DicomWebError(f"{self.where} {fault}") from None


def _checked(uid: str) -> str:
    if not _UID.match(uid):
        raise DicomWebError("the DICOMweb server sent something that is no UID")
    return uid
