# SPDX-License-Identifier: Apache-2.0
"""`mammozoo check`: our bundles are clean, planted faults are found, and nothing that is checked ever runs."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mammozoo.bundle.check.run_check import check_bundle
from mammozoo.bundle.inference import own_bundles
from mammozoo.cli.main import main

Change = Callable[..., None]


def _rules(path: Path) -> set[str]:
    return {finding.rule for finding in check_bundle(path).findings}


def _text(path: Path) -> str:
    return check_bundle(path).text()


@pytest.mark.parametrize("bundle", own_bundles(), ids=lambda path: path.name)
def test_our_bundles_are_clean(bundle: Path) -> None:
    assert check_bundle(bundle).clean, _text(bundle)


def test_a_zoo_bundle_is_clean_and_runs(zoo_bundle: Path) -> None:
    assert check_bundle(zoo_bundle, run=True).clean, check_bundle(zoo_bundle, run=True).text()


ATTACKS: dict[str, Any] = {
    "call": "$__import__('os').system('touch {mark}')",
    "imported_module": ["$import subprocess", "$subprocess.run(['touch', '{mark}'])"],
    "alias": ["$from os import system as join", "$join('touch {mark}')"],
    "through_torch": "$torch.serialization.os.system('touch {mark}')",
    "through_numpy": "$np.os.system('touch {mark}')",
    "lambda": "$(lambda run: run('touch {mark}'))(os.system)",
    "comprehension": "$[item.system('touch {mark}') for item in [os]]",
    "subclasses": "$().__class__.__base__.__subclasses__()",
    "builtins": "$__builtins__['eval']('1')",
    "globals": "$@network_def.forward.__globals__['os']",
    "format": "$'{0.__class__}'.format(@device)",
    "open": "$open('{mark}', 'w')",
    "unpickle": "$torch.load('models/model.pt', weights_only=False)",
    "hub": "$torch.hub.load('some/where', 'net')",
    "path_insert": "$sys.path.insert(0, '/tmp')",
    "module_as_value": "$os",
    "endless_power": "$9 ** 9 ** 9",
    "target": {"_target_": "os.system", "command": "touch {mark}"},
    "target_builtin": {"_target_": "eval", "source": "1"},
    "target_through_monai": {"_target_": "monai.data.utils.os.system", "command": "touch {mark}"},
    "target_of_monai": {"_target_": "monai.bundle.run", "run_id": "run"},
    "target_callable": {"_target_": "subprocess.run", "_mode_": "callable"},
    "target_computed": {"_target_": "$'os.' + 'system'", "command": "touch {mark}"},
    "target_by_reference": {"_target_": "@dataset_dir"},
    "target_torchscript": {"_target_": "monai.data.load_net_with_metadata", "filename_prefix_or_stream": "x"},
    "bundle_code": {"_target_": "scripts.net.Net"},
    "debugger": {"_target_": "Compose", "_mode_": "debug"},
    "breakpoint": {"_target_": "Compose", "_debug_": True},
    "pickled_array": {"_target_": "LoadImaged", "keys": "image", "reader": "NumpyReader", "allow_pickle": True},
    "other_file": "%/etc/some.json::key",
    "disabled": {"_target_": "os.system", "_disabled_": True},
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("file", ["inference.json", "metadata.json"])
def test_attack_configs_are_listed_and_never_run(
    attack: str, file: str, zoo_bundle: Path, change: Change, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    value = json.loads(json.dumps(ATTACKS[attack]).replace("{mark}", str(mark)))
    change(zoo_bundle / "configs" / file, attack=value)
    report = check_bundle(zoo_bundle)
    found = [item for item in report.findings if item.key.startswith("attack")]
    assert {item.rule for item in found} & {"expression", "target", "config"}, report.text()
    assert all(item.file == f"configs/{file}" for item in found)
    assert not mark.exists()


def test_yaml_is_checked_too(zoo_bundle: Path) -> None:
    (zoo_bundle / "configs" / "more.yaml").write_text("x: $eval('1')\n")
    (zoo_bundle / "configs" / "tag.yaml").write_text("x: !!python/object/apply:os.system ['id']\n")
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True))
    (zoo_bundle / "configs" / "bomb.yaml").write_text(bomb)
    found = {(item.file, item.rule) for item in check_bundle(zoo_bundle).findings}
    assert found == {
        ("configs/more.yaml", "expression"), ("configs/tag.yaml", "config"), ("configs/bomb.yaml", "config"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "repeats the key 'a'"),
        ("[1]", "expected an object"),
        ("{", "cannot be read"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_bad_json(text: str, message: str, zoo_bundle: Path) -> None:
    (zoo_bundle / "configs" / "bad.json").write_text(text)
    assert message in _text(zoo_bundle)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("class=StreamHandler", "class=eval"),
        ("class=StreamHandler", "class=os.system"),
        ("class=StreamHandler", "class=logging.handlers.HTTPHandler"),
        ("class=StreamHandler", "class=__import__('os').system"),
        ("args=(sys.stdout,)", "args=(__import__('os').system('touch mark'),)"),
        ("args=(sys.stdout,)", "args=(os.environ,)"),
        ("args=(sys.stdout,)", "args=('/etc/profile', 'a')"),
        ("args=(sys.stdout,)", "args=('../../x.log',)"),
        ("[formatter_full]", "[formatter_full]\nclass=os.system"),
        ("[handler_console]", "[DEFAULT]\nkwargs={'x': open('mark', 'w')}\n[handler_console]"),
        ("[loggers]", "loggers"),
    ],
)
def test_logging_conf_with_code(old: str, new: str, zoo_bundle: Path) -> None:
    file = zoo_bundle / "configs" / "logging.conf"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    assert _rules(zoo_bundle) == {"logging"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"task": None}, "task: [metadata] is missing"),
        ({"authors": 3}, "is int, expected str"),
        ({"references": [1]}, "must be a list of strings"),
        ({"required_packages_version": None, "optional_packages_version": {}}, "its old name is"),
        ({"version": "0.2.0"}, "has no entry for version 0.2.0"),
        ({"changelog": {"0.1.0": "a", "0.2.0": "b"}}, "its newest entry is 0.2.0"),
        ({"version": "0.10.0", "changelog": {"0.10.0": "x"}}, "sorts versions as strings"),
        ({"version": "1"}, "expected three numbers"),
        ({"network_data_format": {"inputs": {}, "outputs": {}}}, "has no 'pred'"),
        ({"network_data_format": {"inputs": {"image": {"spatial_shape": ["__import__"]}}}}, "an expression of p and n"),
        ({"weights": {"../x.pt": {"sha256": "0" * 64}}}, "is not a plain file name"),
        ({"weights": {"model.pt": {"sha256": "0" * 64}}}, "is not there"),
        ({"weights": {"model.pt": {}}}, "no SHA-256 of 64 hex digits"),
    ],
)
def test_metadata_faults(keys: dict[str, Any], message: str, zoo_bundle: Path, change: Change) -> None:
    change(zoo_bundle / "configs" / "metadata.json", **keys)
    assert message in _text(zoo_bundle)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"run": None}, "[run-id] has no 'run'"),
        ({"network_def": None}, "has no 'network_def'"),
        ({"dataset": "@no_such"}, "refers to 'no_such'"),
        ({"inferer": "%no_such"}, "refers to 'no_such'"),
        ({"bundle_root": "/opt/elsewhere"}, "lies outside the bundle"),
    ],
)
def test_incomplete_configurations(keys: dict[str, Any], message: str, zoo_bundle: Path, change: Change) -> None:
    change(zoo_bundle / "configs" / "inference.json", **keys)
    assert message in _text(zoo_bundle)


def test_an_overlay_is_judged_on_its_train_file(zoo_bundle: Path) -> None:
    (zoo_bundle / "configs" / "train.json").write_text(json.dumps({"imports": [], "device": "cpu", "train": {"x": 1}}))
    overlay = {"train#x": "@device", "train#y": "@lr"}
    (zoo_bundle / "configs" / "evaluate.json").write_text(json.dumps(overlay))
    found = [str(item) for item in check_bundle(zoo_bundle).findings if item.file.endswith("evaluate.json")]
    assert found == [
        "configs/evaluate.json train::y: [reference] refers to 'lr', which the configuration lacks",
    ]


@pytest.mark.parametrize("name", ["scripts/net.py", "models/helper.so", "torch.py", "mammozoo/networks/unet.py"])
def test_code_is_listed(name: str, zoo_bundle: Path) -> None:
    (zoo_bundle / name).parent.mkdir(parents=True, exist_ok=True)
    (zoo_bundle / name).write_text("import os")
    assert any(item.rule == "code" and item.file == name for item in check_bundle(zoo_bundle).findings)


def test_links_and_missing_files(zoo_bundle: Path) -> None:
    (zoo_bundle / "LICENSE").unlink()
    (zoo_bundle / "LICENSE").symlink_to("/etc/hostname")
    (zoo_bundle / "docs" / "README.md").unlink()
    assert "LICENSE: [files] is a link" in _text(zoo_bundle)
    assert "docs/README.md: [files] is missing" in _text(zoo_bundle)


def _zipped(bundle: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(bundle.rglob("*")):
            archive.write(file, file.relative_to(bundle.parent))
    return path


def test_a_zip_is_checked_like_its_folder(zoo_bundle: Path, tmp_path: Path) -> None:
    assert check_bundle(_zipped(zoo_bundle, tmp_path / "some_segmentation_v0.1.0.zip")).clean
    assert "MONAI looks for some_segmentation_v0.1.0.zip" in _text(_zipped(zoo_bundle, tmp_path / "other_v1.zip"))


def _link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("entry", "content"),
    [
        ("../escape.txt", b"x"),
        ("/tmp/escape.txt", b"x"),
        ("some_segmentation/../../escape.txt", b"x"),
        (_link("some_segmentation/link"), b"/etc/passwd"),
        ("some_segmentation/bomb.bin", bytes(32 << 20)),
        ("second_top/file", b"x"),
    ],
    ids=["dots", "absolute", "hidden_dots", "link", "bomb", "two_tops"],
)
def test_hostile_archives_are_refused(
    entry: str | zipfile.ZipInfo, content: bytes, zoo_bundle: Path, tmp_path: Path
) -> None:
    path = _zipped(zoo_bundle, tmp_path / "some_segmentation_v0.1.0.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    before = sorted(tmp_path.rglob("*"))
    report = check_bundle(path, run=True)
    assert [item.rule for item in report.findings] == ["archive"]
    assert sorted(tmp_path.rglob("*")) == before
    assert not list(tmp_path.parent.glob("escape.txt"))


def test_a_zip_with_another_hash_is_not_opened(zoo_bundle: Path, tmp_path: Path) -> None:
    path = _zipped(zoo_bundle, tmp_path / "some_segmentation_v0.1.0.zip")
    (tmp_path / f"{path.name}.sha256").write_text(f"{'0' * 64}  {path.name}\n")
    assert "it was not opened" in _text(path)


def test_a_run_names_its_own_folder_and_keeps_checkpoints(zoo_bundle: Path, change: Change) -> None:
    """What training leaves is clean where it lies, and says so where it was moved."""
    change(zoo_bundle / "configs" / "inference.json", bundle_root=str(zoo_bundle))
    torch.save({"weight": torch.zeros(1)}, zoo_bundle / "models" / "checkpoint.pt")
    assert "models/checkpoint.pt: [weights] has no SHA-256" in _text(zoo_bundle)
    change(zoo_bundle / "configs" / "metadata.json", run={"bundle": "some_segmentation"})
    assert check_bundle(zoo_bundle).clean, _text(zoo_bundle)
    moved = zoo_bundle.rename(zoo_bundle.with_name("moved_segmentation"))
    assert "which lies outside the bundle" in _text(moved)


def test_the_command(zoo_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(zoo_bundle)]) == 0
    assert capsys.readouterr().out == f"{zoo_bundle}: clean\n"
    (zoo_bundle / "LICENSE").unlink()
    assert main(["check", str(zoo_bundle), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)[0]
    assert report["findings"] == [{"rule": "files", "file": "LICENSE", "message": "is missing", "key": ""}]


def test_run_finds_what_reading_cannot(zoo_bundle: Path, change: Change) -> None:
    network = {"_target_": "monai.networks.nets.BasicUNet", "spatial_dims": 2, "out_channels": 3, "features": [4] * 6}
    change(zoo_bundle / "configs" / "inference.json", network_def=network)
    assert check_bundle(zoo_bundle).clean
    assert "does not fit the network" in check_bundle(zoo_bundle, run=True).text()
