# SPDX-License-Identifier: Apache-2.0
"""What the annotation server lets through."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mammozoo.label.guard import Guard, is_allowed

TOKEN, PORT = "secret", 8000


async def _application(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the path that came through."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def _ask(
    path: str, *, method: str = "GET", headers: dict[str, str] | None = None, query: str = "", token: str = TOKEN
) -> tuple[int, dict[str, str], str]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    pairs = {"host": f"127.0.0.1:{PORT}", **(headers or {})}
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(),
        "headers": [(key.encode(), value.encode()) for key, value in pairs.items()],
    }  # fmt: skip
    asyncio.run(Guard(_application, port=PORT, token=token)(scope, receive, send))
    answer = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
    return sent[0]["status"], answer, sent[1].get("body", b"").decode()


BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/info/"), ("GET", "/page/app.js"), ("GET", "/api/items"), ("GET", "/api/image/1.2.3"),
        ("PUT", "/api/label/1.2.3"), ("GET", "/api/label/a..b"), ("DELETE", "/api/label/a_b-c.png"),
        ("POST", "/api/suggest/m/1.2"),
        ("POST", "/activelearning/entropy"), ("POST", "/infer/m"), ("PUT", "/datastore/label"), ("POST", "/train/m"),
        ("GET", "/train/"), ("DELETE", "/train/"), ("HEAD", "/datastore/image"),
    ],
)  # fmt: skip
def test_what_the_clients_need_passes(method: str, path: str) -> None:
    assert is_allowed(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/model/m"), ("GET", "/model/m"), ("DELETE", "/model/m"), ("PUT", "/datastore/"),
        ("PUT", "/datastore/image"), ("DELETE", "/datastore/"), ("DELETE", "/datastore/image"),
        ("GET", "/datastore/dataset"), ("GET", "/proxy/dicom/x"), ("GET", "/logs/"), ("PUT", "/session/"),
        ("POST", "/batch/infer/m"), ("POST", "/train/"), ("GET", "/docs"), ("GET", "/openapi.json"),
        ("POST", "/reload"),
        ("GET", "/static/x"), ("GET", "/page/../main.py"), ("GET", "/page/%2e%2e/x"), ("GET", "/api/image/a/b"),
        ("GET", "/api/image/"), ("GET", "/info/\n"), ("OPTIONS", "/info/"), ("TRACE", "/"), ("POST", "/infer/wsi/m"),
    ],
)  # fmt: skip
def test_everything_else_is_not_there(method: str, path: str) -> None:
    assert not is_allowed(method, path)
    assert _ask(path, method=method, headers=BEARER)[0] == 404


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/info/", {}, 401),
        ("/info/", BEARER, 200),
        ("/info/", {"authorization": "Bearer wrong"}, 401),
        ("/info/", {"cookie": f"mammozoo-{PORT}={TOKEN}"}, 200),
        ("/info/", {"cookie": f"mammozoo-9999={TOKEN}"}, 401),
        ("/info/", {"cookie": "{}=\x00,;"}, 401),
        (f"/key/{TOKEN}/info/", {}, 200),
        ("/key/wrong/info/", {}, 401),
        ("/key//info/", {}, 401),
        (f"/key/{TOKEN}/model/m", {}, 404),
        (f"/key/{TOKEN}", {}, 303),
        ("/page/", {}, 401),
    ],
)
def test_only_with_the_token(path: str, headers: dict[str, str], status: int) -> None:
    assert _ask(path, headers=headers)[0] == status


def test_the_key_is_taken_off_the_path() -> None:
    assert _ask(f"/key/{TOKEN}/info/")[2] == "/info/"


def test_the_address_with_the_token_sets_a_cookie_and_leaves_the_token_behind() -> None:
    status, headers, _ = _ask("/", query=f"token={TOKEN}")
    assert (status, headers["location"]) == (303, "/page/")
    assert headers["set-cookie"] == f"mammozoo-{PORT}={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
    assert _ask("/", query="token=wrong")[0] == 401
    assert _ask("/info/", query=f"token={TOKEN}")[0] == 401, (
        "addresses are logged and sent on; only the first carries it"
    )


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example"}, {"host": "127.0.0.1:9"}, {"host": ""}, {"origin": "http://evil.example"},
                {"origin": "null"}],
)  # fmt: skip
def test_other_pages_and_other_names_of_this_machine_are_refused(headers: dict[str, str]) -> None:
    assert _ask("/info/", headers={**BEARER, **headers})[0] == 403


def test_without_login_host_and_origin_still_count() -> None:
    assert _ask("/info/", token="")[0] == 200
    assert _ask("/", token="")[1]["location"] == "/page/"
    assert _ask("/info/", token="", headers={"host": "evil.example"})[0] == 403
    assert _ask("/info/", token="", headers={"origin": "http://evil.example"})[0] == 403
    assert _ask("/model/m", token="")[0] == 404


def test_the_browser_is_told_to_load_nothing_from_elsewhere() -> None:
    headers = _ask("/info/", headers=BEARER)[1]
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["referrer-policy"] == "no-referrer"


def test_web_sockets_are_not_answered() -> None:
    async def fail(*args: Any) -> None:
        raise AssertionError

    asyncio.run(Guard(fail, port=PORT, token=TOKEN)({"type": "websocket", "path": "/info/"}, fail, fail))
