# SPDX-License-Identifier: Apache-2.0
"""Release zips: the same bytes every time, complete, and nothing that does not belong in them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

import mammozoo
from mammozoo.bundle.check.run_check import check_bundle
from mammozoo.bundle.package import package_bundle, package_bundles
from mammozoo.cli.main import main

NAME = "mammo_aunet_segmentation"
SOURCE = Path(__file__).resolve().parents[2] / "bundles" / NAME


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy as before its first release: no weights."""
    hidden = shutil.ignore_patterns("*.pt", "*.safetensors", "data", "eval")
    copy = Path(shutil.copytree(SOURCE, tmp_path / NAME, ignore=hidden))
    metadata = copy / "configs" / "metadata.json"
    content = json.loads(metadata.read_text(encoding="utf-8"))
    content.pop("weights", None)
    metadata.write_text(json.dumps(content), encoding="utf-8")
    return copy


def test_two_runs_give_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    first = package_bundle(bundle, out=tmp_path / "a")
    for path in bundle.rglob("*"):
        os.utime(path, (1, 1))
    (bundle / "models" / "checkpoint.pt").write_bytes(b"a training run's")
    (bundle / "models" / "checkpoint.pt").unlink()
    (bundle / "data").mkdir()
    (bundle / "data" / "image.dcm").write_bytes(b"x")
    second = package_bundle(bundle, out=tmp_path / "b")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256 == hashlib.sha256(first.path.read_bytes()).hexdigest()
    assert first.path.with_name(f"{first.path.name}.sha256").read_text() == f"{first.sha256}  {first.path.name}\n"


def test_the_layout_is_the_one_monai_extracts(bundle: Path, tmp_path: Path) -> None:
    release = package_bundle(bundle, out=tmp_path)
    assert release.path.name == f"{NAME}_v{release.version}.zip"
    with zipfile.ZipFile(release.path) as archive:
        names = archive.namelist()
        init = archive.read(f"{NAME}/mammozoo/__init__.py").decode()
    assert names == sorted(names)
    assert {name.split("/")[0] for name in names} == {NAME}
    tops = {name.split("/")[1] for name in names}
    assert tops == {"LICENSE", "SHA256SUMS", "configs", "docs", "mammozoo", "models"}
    assert f'__version__ = "{mammozoo.__version__}"' in init
    assert not any("__pycache__" in name or "/tests/" in name or name.endswith(".pt") for name in names)
    assert check_bundle(release.path).clean, check_bundle(release.path).text()


def test_a_changed_release_is_found(bundle: Path, tmp_path: Path) -> None:
    release = package_bundle(bundle, out=tmp_path / "a")
    changed = tmp_path / release.path.name
    with zipfile.ZipFile(release.path) as old, zipfile.ZipFile(changed, "w") as new:
        for item in old.infolist():
            extra = b"\nimport os" if item.filename.endswith("networks/segmentation/unet.py") else b""
            new.writestr(item, old.read(item) + extra)
    text = check_bundle(changed).text()
    assert "mammozoo/networks/segmentation/unet.py: [code] differs from this library's file" in text
    assert "mammozoo/networks/segmentation/unet.py: [files] has another SHA-256 than SHA256SUMS says" in text


def test_another_version_of_the_library_is_refused(bundle: Path, tmp_path: Path) -> None:
    file = bundle / "configs" / "metadata.json"
    metadata = json.loads(file.read_text())
    metadata["required_packages_version"]["mammozoo"] = "9.0.0"
    file.write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match=r"asks for mammozoo 9\.0\.0"):
        package_bundle(bundle, out=tmp_path)


def test_model_info_lists_every_release(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "model_info.json").write_text('{"older_v0.1.0": {"checksum": "1", "source": "x"}}')
    (release,) = package_bundles([bundle], out=tmp_path, url="https://example.org/tag/")
    info = json.loads((tmp_path / "model_info.json").read_text())
    assert list(info) == [f"{NAME}_v{release.version}", "older_v0.1.0"]
    entry = info[f"{NAME}_v{release.version}"]
    assert entry["source"] == f"https://example.org/tag/{release.path.name}"
    assert (tmp_path / "SHA256SUMS").read_text() == f"{release.sha256}  {release.path.name}\n"
    assert entry["checksum"] == hashlib.sha1(release.path.read_bytes()).hexdigest()


def test_the_command(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["package", str(bundle), "--out", str(tmp_path / "dist")]) == 0
    assert "weights: none" in capsys.readouterr().out
    (bundle / "LICENSE").unlink()
    assert main(["package", str(bundle), "--out", str(tmp_path / "dist")]) == 1
    assert "LICENSE: [files] is missing" in capsys.readouterr().err
