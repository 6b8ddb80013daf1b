# SPDX-License-Identifier: Apache-2.0
"""A DICOMweb server (PS3.18): search, retrieve and store, with the standard library alone.

Both environments use it: the main one lists mammograms and reads segmentations, MONAI Label's fetches pixels and stores
finished segmentations.
"""

from __future__ import annotations

import base64
import email.parser
import email.policy
import json
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Any

from ...io.errors import MammogramError

__all__ = ["DicomWeb", "DicomWebError", "is_dicomweb", "value"]

_UID = re.compile(r"[0-9.]{1,64}\Z")
_TIMEOUT = 60  # seconds
_MAX_JSON = 256 << 20  # bytes
_MAX_INSTANCE = 1 << 30  # bytes
_PAGE = 100  # studies asked for at once
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_FAILED = "00081198"  # Failed SOP Sequence of a store's answer (PS3.18 10.5.3)


class DicomWebError(MammogramError):
    """The DICOMweb server did not do what it was asked for."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirection would carry the login to whatever address it names."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def is_dicomweb(studies: object) -> bool:
    """Whether studies are named by a DICOMweb address rather than a folder.

    Examples
    --------
    >>> is_dicomweb("http://127.0.0.1:8042/dicom-web"), is_dicomweb("studies")
    (True, False)
    """
    return str(studies).startswith(("http://", "https://"))


def value(attributes: Mapping[str, Any], tag: str) -> Any:
    """First value of an attribute in the DICOM JSON model; None where there is none.

    Examples
    --------
    >>> value({"00080060": {"vr": "CS", "Value": ["MG"]}}, "00080060")
    'MG'
    """
    item = attributes.get(tag)
    values = item.get("Value") if isinstance(item, Mapping) else None
    return values[0] if isinstance(values, list) and values else None


class DicomWeb:
    """Requests to one DICOMweb server.

    Parameters
    ----------
    url : str
        Root of its services, as ``http://127.0.0.1:8042/dicom-web``. A query narrows the studies, as
        ``?StudyDate=20240101-20241231`` (the attributes of a search for studies, PS3.18 10.6).
    user, password : str
        Login by HTTP Basic; both empty for none.
    token : str
        Login by an OAuth bearer token, instead.

    Raises
    ------
    ValueError
        If the address is none, names a login, or would carry one in the clear to another machine.

    Notes
    -----
    Redirections are refused and proxies of the environment are not used: patients' images go between this machine and
    the named server only. Messages never repeat the server's answer, which may name a patient.

    Examples
    --------
    >>> DicomWeb("https://pacs.example/dicom-web?StudyDate=20240101-").where
    'pacs.example'
    """

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
        self._headers: dict[str, str] = {}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        elif user or password:
            self._headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        if self._headers and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            msg = f"a login to {self.where} would travel unencrypted; use https"
            raise ValueError(msg)
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())

    @classmethod
    def from_environment(cls, url: str, environment: Mapping[str, str]) -> DicomWeb:
        """Take the login from ``MAMMOZOO_DICOMWEB_USER`` and ``_PASSWORD``, or ``MAMMOZOO_DICOMWEB_TOKEN``."""
        names = ("user", "password", "token")
        return cls(url, **{name: environment.get(f"MAMMOZOO_DICOMWEB_{name.upper()}", "") for name in names})

    def studies(self, *, modality: str) -> Iterator[str]:
        """UIDs of the studies that hold a modality, page after page."""
        seen: set[str] = set()
        while True:
            asked = {**self.filters, "ModalitiesInStudy": modality, "limit": _PAGE, "offset": len(seen)}
            found = [str(value(item, "0020000D")) for item in self._json("/studies", asked)]
            new = [uid for uid in dict.fromkeys(found) if uid not in seen]
            yield from (_checked(uid) for uid in new)
            seen |= set(new)
            if len(found) < _PAGE or not new:  # some servers know no offset and repeat the first page
                return

    def series(self, study: str) -> list[tuple[str, str]]:
        """UID and modality of each series of a study."""
        found = self._json(f"/studies/{_checked(study)}/series", {"includefield": "00080060"})
        return [(_checked(str(value(item, "0020000E"))), str(value(item, "00080060") or "")) for item in found]

    def metadata(self, study: str, series: str) -> list[dict[str, Any]]:
        """Headers of a series' instances in the DICOM JSON model."""
        return self._json(f"/studies/{_checked(study)}/series/{_checked(series)}/metadata", {})

    def retrieve(self, study: str, series: str, instance: str) -> bytes:
        """One instance as a DICOM file.

        Raises
        ------
        DicomWebError
            If it does not come, or not as one DICOM file.
        """
        path = f"/studies/{_checked(study)}/series/{_checked(series)}/instances/{_checked(instance)}"
        accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        kind, body = self._ask("GET", path, accept=accept, limit=_MAX_INSTANCE)
        content = body if kind.startswith("application/dicom") else _only_part(kind, body)
        if content[128:132] != b"DICM":
            raise DicomWebError(f"{self.where} sent something that is no DICOM file")
        return content

    def store(self, content: bytes) -> None:
        """Store one DICOM file.

        Raises
        ------
        DicomWebError
            If the server refuses it.
        """
        edge = secrets.token_hex(16)
        head = f"--{edge}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        _, answer = self._ask(
            "POST",
            "/studies",
            body=head + content + f"\r\n--{edge}--\r\n".encode(),
            content_type=f'multipart/related; type="application/dicom"; boundary={edge}',
            accept="application/dicom+json",
            limit=_MAX_JSON,
        )
        if value(_object(answer), _FAILED) is not None:
            raise DicomWebError(f"{self.where} did not store the file")

    def _json(self, path: str, query: Mapping[str, object]) -> list[dict[str, Any]]:
        asked = f"{path}?{urllib.parse.urlencode(query)}" if query else path
        _, body = self._ask("GET", asked, accept="application/dicom+json", limit=_MAX_JSON)
        try:
            found = json.loads(body) if body else []  # 204 where nothing was found
        except ValueError as error:
            raise DicomWebError(f"{self.where} answered something that is no JSON; is the address right?") from error
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise DicomWebError(f"{self.where} answered no list of DICOM attributes; is the address right?")
        return found

    def _ask(
        self, method: str, path: str, *, accept: str, limit: int, body: bytes | None = None, content_type: str = ""
    ) -> tuple[str, bytes]:
        headers = {**self._headers, "Accept": accept} | ({"Content-Type": content_type} if content_type else {})
        request = urllib.request.Request(self.root + path, data=body, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as answer:
                content = answer.read(limit + 1)
                kind = answer.headers.get("content-type", "")
        except urllib.error.HTTPError as error:
            error.close()
            hint = "; set MAMMOZOO_DICOMWEB_USER and _PASSWORD, or _TOKEN" if error.code in (401, 403) else ""
            raise DicomWebError(
                f"{self.where} answered {error.code} to {method} {path.split('?')[0][:8]}{hint}"
            ) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or type(error).__name__
            raise DicomWebError(f"the DICOMweb server {self.where} cannot be reached: {reason}") from None
        if len(content) > limit:
            raise DicomWebError(f"the answer of {self.where} is over the limit of {limit} bytes")
        return kind, content


def _checked(uid: str) -> str:
    if not _UID.match(uid):
        raise DicomWebError("the DICOMweb server sent something that is no UID")
    return uid


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}  # some servers answer a successful store in XML, or with nothing
    return found if isinstance(found, dict) else {}


def _only_part(kind: str, body: bytes) -> bytes:
    """Content of the first part of a multipart answer."""
    header = email.parser.Parser(policy=email.policy.HTTP).parsestr(f"Content-Type: {kind}\r\n\r\n")
    boundary = header.get_boundary()
    if not kind.startswith("multipart/related") or not boundary:
        raise DicomWebError("the DICOMweb server did not send the instance as multipart/related")
    edge = b"--" + boundary.encode("latin-1", "replace")
    start = body.find(edge)
    begin = body.find(b"\r\n\r\n", start)
    end = body.find(b"\r\n" + edge, begin)
    if start < 0 or begin < 0 or end < 0:
        raise DicomWebError("the DICOMweb server sent an instance that is cut short")
    return body[begin + 4 : end]
