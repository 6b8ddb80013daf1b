# SPDX-License-Identifier: Apache-2.0
"""What the annotation server answers at all: a short list of routes, from this machine's own page, with the token."""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeAlias
from urllib.parse import parse_qs

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_NAME = r"[A-Za-z0-9._-]+"
#: Everything that is answered; model upload, image upload and removal, proxies, logs, sessions and viewers are not.
ROUTES: tuple[tuple[str, str], ...] = (
    ("GET", r"/"),
    ("GET", r"/page/[a-z./_-]*"),
    ("GET", r"/api/[a-z]+"),
    ("GET", rf"/api/(image|label|record)/{_NAME}"),
    ("PUT|DELETE", rf"/api/label/{_NAME}"),
    ("POST", rf"/api/suggest/{_NAME}/{_NAME}"),
    ("GET", r"/info/"),
    ("POST", r"/activelearning/(random|first|entropy)"),
    ("POST", rf"/infer/{_NAME}"),
    ("GET", r"/datastore/"),
    ("GET|HEAD", r"/datastore/(image|label)"),
    ("GET", r"/datastore/(image|label)/info"),
    ("PUT", r"/datastore/label"),
    ("GET|DELETE", r"/train/"),
    ("POST", rf"/train/{_NAME}"),
)
_COMPILED = tuple((frozenset(methods.split("|")), re.compile(path + r"\Z")) for methods, path in ROUTES)
_COOKIE = "mammozoo"
_KEY = "key"


def is_allowed(method: str, path: str) -> bool:
    """Whether a request is on the list."""
    return not {".", ".."} & set(path.split("/")) and any(
        method in methods and route.match(path) for methods, route in _COMPILED
    )


class Guard:
    """ASGI application around another one that lets only wanted requests through."""

    def __init__(self, app: Application, *, port: int, token: str) -> None:
        self.app = app
        self.token = token
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        # Cookies do not know ports: two servers on one machine need two names.
        self.cookie = f"{_COOKIE}-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        scope, headers = self._without_key(scope, headers)
        status, reason = self._refusal(scope, headers)
        if status:
            await _answer(send, status, reason)
        elif scope["path"] == "/" and self._in_address(scope):
            cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
            await _answer(send, 303, "", [("location", "/page/"), ("set-cookie", cookie)])
        elif scope["path"] == "/":
            await _answer(send, 303, "", [("location", "/page/")])
        else:
            await self.app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str]:
        host = headers.get("host", "")
        origin = headers.get("origin")
        if host not in self.hosts:
            return 403, "this server answers on 127.0.0.1 only"
        if origin is not None and origin not in {f"http://{name}" for name in self.hosts}:
            return 403, "requests of other pages are refused"
        if not is_allowed(scope["method"], scope["path"]):
            return 404, "there is no such route on this server"
        if not self._is_known(scope, headers):
            return 401, "open the address that the server printed at its start: it carries the token"
        return 0, ""

    def _is_known(self, scope: Scope, headers: Mapping[str, str]) -> bool:
        if not self.token:
            return True
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        cookie = _cookies(headers.get("cookie", "")).get(self.cookie, "")
        return self._in_address(scope) or any(hmac.compare_digest(_b(it), _b(self.token)) for it in (bearer, cookie))

    def _without_key(self, scope: Scope, headers: dict[str, str]) -> tuple[Scope, dict[str, str]]:
        """Take a key off the path and count it as a login."""
        prefix, found = f"/{_KEY}/", str(scope["path"])
        if not self.token or not found.startswith(prefix):
            return scope, headers
        token, _, rest = found.removeprefix(prefix).partition("/")
        path = f"/{rest}"
        return {**scope, "path": path, "raw_path": path.encode()}, {**headers, "authorization": f"Bearer {token}"}

    def _in_address(self, scope: Scope) -> bool:
        if scope["path"] != "/" or not self.token:
            return False
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        return hmac.compare_digest(_b(given), _b(self.token))


def _b(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _with_headers(send: Send) -> Send:
    """Tell the browser to load nothing from elsewhere and to let no page frame this one."""
    extra = [
        (b"content-security-policy", b"default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"no-store"),
    ]

    async def wrapped(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *extra]
        await send(message)

    return wrapped


async def _answer(send: Send, status: int, reason: str, headers: list[tuple[str, str]] | None = None) -> None:
    pairs = [("content-type", "text/plain; charset=utf-8"), *(headers or [])]
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": reason.encode("utf-8")})
