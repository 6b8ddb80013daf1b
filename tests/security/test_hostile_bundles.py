# SPDX-License-Identifier: Apache-2.0
"""Bundles and archives from elsewhere: `predict` reads them first, and nothing of them runs or leaves its folder."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mammozoo.bundle.check.run_check import check_bundle
from mammozoo.bundle.inference import find_bundle
from mammozoo.bundle.predict import predict_study
from mammozoo.io.errors import MammogramError
from mammozoo.io.inputs import list_inputs

BUNDLE = "mammo_abnormal_unet_segmentation"
# What each would run is `mkdir MARK`, at the latest when the workflow is initialised.
ATTACKS: dict[str, Any] = {
    "import": "$__import__('os').mkdir('MARK')",
    "os": "$os.mkdir('MARK')",
    "os.system": "$os.system('mkdir MARK')",
    "through torch": "$torch.serialization.os.mkdir('MARK')",
    "through numpy": "$np.os.mkdir('MARK')",
    "through monai": "$monai.bundle.scripts.os.mkdir('MARK')",
    "lambda": "$(lambda make: make('MARK'))(os.mkdir)",
    "comprehension": "$[item('MARK') for item in [os.mkdir]]",
    "map": "$list(map(os.mkdir, ['MARK']))",
    "filter in a set": "${make('MARK') for make in (os.mkdir,)}",
    "conditional": "$os.mkdir('MARK') if True else None",
    "default argument": "$(lambda x=os.mkdir('MARK'): x)()",
    "walrus": "$(make := os.mkdir)('MARK')",
    "getattr": "$getattr(os, 'mk' + 'dir')('MARK')",
    "eval": "$eval(\"os.mkdir('MARK')\")",
    "exec": "$exec(\"os.mkdir('MARK')\")",
    "builtins": "$__builtins__['__import__']('os').mkdir('MARK')",
    "subclasses": "$[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == '_wrap_close']",
    "globals": "$os.path.join.__globals__['os'].mkdir('MARK')",
    "f-string": "$f'{os.mkdir(chr(77))}'",
    "pathlib": "$__import__('pathlib').Path('MARK').mkdir()",
    "open": "$open('MARK', 'w')",
    "unpickle": "$torch.load('models/model.pt', weights_only=False)",
    "path insert": "$sys.path.insert(0, '/tmp')",
    "target": {"_target_": "os.mkdir", "path": "MARK"},
    "target of a builtin": {"_target_": "exec", "_mode_": "callable"},
    "target through torch": {"_target_": "torch.serialization.os.mkdir", "path": "MARK"},
    "target through ours": {"_target_": "mammozoo.io.write.shutil.rmtree", "path": "MARK"},
    "target of a command": {"_target_": "monai.bundle.run", "run_id": "run"},
    "computed target": {"_target_": "$'os.' + 'mkdir'", "path": "MARK"},
    "own module": {"_target_": "scripts.net.Net"},
}
LOGGING = {
    "handler class": ("class=StreamHandler", "class=__import__('os').mkdir('MARK')"),
    "arguments": ("args=(sys.stderr,)", "args=(__import__('os').mkdir('MARK'),)"),
    "formatter": ("[formatter_full]", "[formatter_full]\nclass=os.mkdir"),
}


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Our own bundle as if it came from elsewhere: clean until something is planted."""
    folder = tmp_path / BUNDLE
    hidden = shutil.ignore_patterns("*.pt", "*.safetensors", "data", "eval")
    shutil.copytree(find_bundle(BUNDLE).path, folder, ignore=hidden)
    metadata = folder / "configs" / "metadata.json"
    metadata.write_text(json.dumps({k: v for k, v in json.loads(metadata.read_text()).items() if k != "weights"}))
    return folder


def _refused(bundle: Path, folder: Path, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        predict_study(folder / "absent", folder / "out", bundle=bundle)
    assert not (folder / "MARK").exists()
    assert not (folder / "out").exists()


def test_without_an_attack_the_check_has_nothing_to_say(foreign: Path) -> None:
    assert check_bundle(foreign).clean, check_bundle(foreign).text()


@pytest.mark.parametrize("attack", ATTACKS)
def test_configurations_that_run_code_are_refused(
    attack: str, foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = foreign / "configs" / "inference.json"
    config = json.loads(file.read_text())
    config["initialize"].append(ATTACKS[attack])
    file.write_text(json.dumps(config))
    _refused(foreign, tmp_path, r"inference.json initialize::3.*: \[(expression|target|config)\]")


@pytest.mark.parametrize("attack", LOGGING)
def test_a_logging_configuration_that_runs_code_is_refused(
    attack: str, foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file, (old, new) = foreign / "configs" / "logging.conf", LOGGING[attack]
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    _refused(foreign, tmp_path, r"logging.conf .*: \[logging\]")


@pytest.mark.parametrize("name", ["cv2.py", "scripts/__init__.py", "models/x.so"])
def test_code_that_an_import_could_find_is_refused(name: str, foreign: Path, tmp_path: Path) -> None:
    (foreign / name).parent.mkdir(exist_ok=True)
    (foreign / name).write_text("import os; os.mkdir('MARK')")
    _refused(foreign, tmp_path, r"\[code\]")


def _entries() -> Iterator[tuple[str, zipfile.ZipInfo | str, bytes]]:
    for name in ("../escape", "/tmp/escape", "a/../../escape", "..\\escape", "C:/escape"):
        yield name, name, b"x"
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    yield "link", link, b"/etc/passwd"
    yield "bomb", "bomb.dcm", bytes(32 << 20)


@pytest.mark.parametrize(("entry", "content"), [pytest.param(e, c, id=i) for i, e, c in _entries()])
def test_hostile_archives_are_refused_as_study_and_as_bundle(
    entry: zipfile.ZipInfo | str, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / f"{BUNDLE}_v0.1.0.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{BUNDLE}/LICENSE", b"x")
        archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    assert [item.rule for item in check_bundle(path).findings] == ["archive"]
    with pytest.raises(MammogramError, match="refused"):
        list_inputs(path)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    assert not list(tmp_path.parent.glob("escape"))
