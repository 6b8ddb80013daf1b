# SPDX-License-Identifier: Apache-2.0
"""`monai.bundle.download(source="github")` finds our releases; the network is replaced by the files packed here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import monai.bundle.scripts as bundle_scripts
import pytest
from monai.bundle import download

from mammozoo.bundle.package import Release

Pack = Callable[[str], Release]

NAME = "mammo_aunet_segmentation"
RELEASES = "https://github.com/some/zoo/releases/download"


@pytest.fixture
def fetched(release: Pack, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    urls: list[str] = []

    def _download_url(url: str, filepath: Path, **_: Any) -> None:
        urls.append(url)
        shutil.copy(release(NAME).path.with_name(url.rsplit("/", 1)[1]), filepath)

    monkeypatch.setattr(bundle_scripts, "download_url", _download_url)
    return urls


class _Answer:
    def __init__(self, content: Any) -> None:
        self.text = json.dumps(content)

    def raise_for_status(self) -> None:
        """Nothing went wrong."""


def test_with_a_version_nothing_is_looked_up(fetched: list[str], release: Pack, tmp_path: Path) -> None:
    version = release(NAME).version
    download(name=NAME, version=version, source="github", repo="some/zoo/v1", bundle_dir=tmp_path, progress=False)
    assert fetched == [f"{RELEASES}/v1/{NAME}_v{version}.zip"]
    assert (tmp_path / NAME / "mammozoo" / "__init__.py").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {NAME, f"{NAME}_v{version}.zip"}


def test_without_a_version_the_newest_release_is_found(
    fetched: list[str], release: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = (f"{NAME}_v0.0.9.zip", release(NAME).path.name, "SHA256SUMS", "SHA256SUMS.sig", "model_info.json")
    assets = [{"name": name} for name in names]
    asked: list[str] = []

    class _Requests:
        @staticmethod
        def get(url: str, **_: Any) -> _Answer:
            asked.append(url)
            return _Answer([{"tag_name": "hosting_storage_v1", "assets": assets}])

    monkeypatch.setattr(bundle_scripts, "requests", _Requests)
    monkeypatch.setattr(bundle_scripts, "has_requests", True)
    repo = "some/zoo/hosting_storage_v1"
    download(name=NAME, source="github", repo=repo, bundle_dir=tmp_path, progress=False)
    assert asked == ["https://api.github.com/repos/some/zoo/releases"]
    assert fetched == [f"{RELEASES}/hosting_storage_v1/{release(NAME).path.name}"]
    assert (tmp_path / NAME / "configs" / "train.json").is_file()
