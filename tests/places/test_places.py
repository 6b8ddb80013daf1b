# SPDX-License-Identifier: Apache-2.0
"""Released zips train, evaluate and predict where this clone does not exist."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mammozoo.bundle.inference import own_bundles
from mammozoo.bundle.package import Release

NAMES = [bundle.name for bundle in own_bundles()]
MASS, AUNET = NAMES[0], "mammo_aunet_segmentation"
#: Keys of `train.json` that make a training small; the run writes them into its own files.
SMALL: dict[str, Any] = {"width": 8, "spatial_size": [64, 64], "epochs": 1, "device": "cpu"}
EXTRA: dict[str, dict[str, Any]] = {
    "mammo_abnormal_unet_segmentation": {"pretrain_epochs": 1},
    "mammo_cem_classification": {"backbone": "resnet18"},
    "mammo_two_stage_segmentation": {
        "detector_width": 4, "detector_epochs": 1, "training_widths": [64], "frame_size": [64, 128],
        "single_scale": [64, 128],
    },
}  # fmt: skip
SCALES: dict[str, dict[str, Any]] = {"mammo_two_stage_segmentation": {"scales": [[32, 64], [64, 128]]}}
# The command line itself, `python -m monai.bundle run ...`, in a process whose path was changed before.
COMMANDS = """
import json, runpy
def command(*arguments, **options):
    sys.argv = ["monai.bundle", "run", *arguments]
    for key, value in options.items():
        sys.argv += ["--" + key, str(value)]
    runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
"""
END = "\nimport mammozoo\nprint(json.dumps(mammozoo.__file__))\n"
Run = Callable[..., Any]


@pytest.fixture
def data(phantom_dir: Path, contrast_dir: Path) -> Callable[[str], Path]:
    return lambda name: contrast_dir if "cem" in name else phantom_dir


def _study(data: Path, folder: Path) -> Path:
    folder.mkdir()
    for file in sorted((data / "images").glob("*.dcm"))[:1]:
        shutil.copy(file, folder)
    return folder


def _three_commands(name: str, *, root: str | None, configs: str, data: Path, study: Path) -> str:
    """Train one epoch, evaluate and predict with what that left: what a person types."""
    train = {"config_file": f"{configs}/train.json", "dataset_dir": str(data), "run_dir": "run", **SMALL}
    train |= {**EXTRA.get(name, {}), **({"bundle_root": root} if root else {})}
    scales = SCALES.get(name, {})
    overlay = "['run/configs/train.json','run/configs/evaluate.json']"
    evaluate = {"config_file": overlay, "output_dir": "evaluated", **scales}
    predict = {"config_file": "run/configs/inference.json", "dataset_dir": str(study), "output_dir": "predicted"}
    lines = [
        f"command('training', **{train!r})",
        f"command('evaluating', **{evaluate!r})",
        f"command(**{predict | scales!r})",
    ]
    return COMMANDS + "\n".join(lines) + END


def _assert_results(folder: Path) -> None:
    assert (folder / "run" / "models" / "model.pt").is_file()
    assert (folder / "evaluated" / "metrics.json").is_file()
    written = {path.name for path in (folder / "predicted").rglob("*")}
    assert written & {"mask.png", "predictions.csv"}
    summary = folder / "predicted" / "summary.json"
    if summary.is_file():
        assert [item["status"] for item in json.loads(summary.read_text())] == ["ok"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_zips_root(
    name: str, unzip: Callable[[str], Path], run_away: Run, data: Callable[[str], Path], tmp_path: Path
) -> None:
    """The only way to the library is the path insert in the bundle's own `initialize`."""
    bundle = unzip(name)
    study = _study(data(name), tmp_path / "study")
    code = _three_commands(name, root=None, configs="configs", data=data(name), study=study)
    released = sorted(path.name for path in (bundle / "models").iterdir())
    assert run_away(code, cwd=bundle).endswith("mammozoo/__init__.py")
    assert sorted(path.name for path in (bundle / "models").iterdir()) == released, "a run has a folder of its own"
    _assert_results(bundle)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_zips_parent_with_bundle_root(
    name: str, unzip: Callable[[str], Path], run_away: Run, data: Callable[[str], Path], tmp_path: Path
) -> None:
    bundle = unzip(name)
    study = _study(data(name), tmp_path / "study")
    code = _three_commands(name, root=name, configs=f"{name}/configs", data=data(name), study=study)
    used = run_away(code, cwd=bundle.parent)
    assert (bundle.parent / used).resolve() == bundle / "mammozoo" / "__init__.py"
    _assert_results(bundle.parent)


def test_the_released_weights_predict_in_the_zips_root(
    unzip: Callable[[str], Path], run_away: Run, phantom_dir: Path, tmp_path: Path
) -> None:
    """The quick one of the above: the flagship as it is released, without a key."""
    bundle = unzip(MASS)
    options = {"config_file": "configs/inference.json", "output_dir": "predicted"}
    options["dataset_dir"] = str(_study(phantom_dir, tmp_path / "study"))
    used = run_away(COMMANDS + f"command(**{options!r})" + END, cwd=bundle)
    assert (bundle / used).resolve() == bundle / "mammozoo" / "__init__.py"
    assert json.loads((bundle / "predicted" / "summary.json").read_text())[0]["status"] == "ok"


LOAD = """
import json, os, torch
from monai.bundle import ConfigParser, download, load
download(name={name!r}, url={url!r}, bundle_dir="zoo", progress=False)
sys.path.insert(0, "zoo/{name}")
file = "zoo/{name}/models/model.pt"
if not os.path.isfile(file):
    parser = ConfigParser(ConfigParser.load_config_file("zoo/{name}/configs/train.json"))
    torch.save(parser.get_parsed_content("network_def").state_dict(), file)
saved = torch.load(file, weights_only=True)
shape = json.load(open("zoo/{name}/configs/metadata.json"))["network_data_format"]["inputs"]["image"]
for kind in ({{}}, {{"workflow_type": "inference"}}):
    network = load({name!r}, bundle_dir="zoo", device="cpu", **kind).eval()
    assert network.state_dict().keys() == saved.keys()
    assert all(torch.equal(tensor, saved[key].to(tensor.dtype)) for key, tensor in network.state_dict().items())
    with torch.inference_mode():
        logits = network(torch.rand(1, shape["num_channels"], 64, 64))
    assert torch.isfinite(logits).all() and logits.shape[0] == 1
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_download_and_load(name: str, release: Callable[[str], Release], run_away: Run, tmp_path: Path) -> None:
    """`monai.bundle.download` from a URL, then a working network from `monai.bundle.load`."""
    url = release(name).path.as_uri()
    used = run_away(LOAD.format(name=name, url=url) + END, cwd=tmp_path)
    assert (tmp_path / used).resolve() == tmp_path / "zoo" / name / "mammozoo" / "__init__.py"


def _foreign_bundle(folder: Path) -> Path:
    """A bundle in the manner of the model zoo, with a package `scripts` of its own."""
    (folder / "configs").mkdir(parents=True)
    (folder / "scripts").mkdir()
    (folder / "scripts" / "__init__.py").write_text("")
    (folder / "scripts" / "net.py").write_text(
        "import torch\n\nclass Net(torch.nn.Module):\n    def forward(self, image):\n        return image\n"
    )
    config = {"network_def": {"_target_": "scripts.net.Net"}, "run": ["$print(type(@network_def).__module__)"]}
    (folder / "configs" / "inference.json").write_text(json.dumps(config))
    return folder


@pytest.mark.slow
def test_two_of_ours_and_a_foreign_one_in_one_process(
    unzip: Callable[[str], Path], run_away: Run, phantom_dir: Path, tmp_path: Path
) -> None:
    zoo = unzip(AUNET).parent
    unzip(MASS)
    _foreign_bundle(zoo / "foreign")
    study = _study(phantom_dir, tmp_path / "study")
    code = COMMANDS
    for name in (AUNET, MASS):
        options = {"config_file": f"{name}/configs/inference.json", "bundle_root": name, "dataset_dir": str(study)}
        code += f"""
command(**{options | {"output_dir": f"out_{name}"}!r})
command(config_file="foreign/configs/inference.json", bundle_root="foreign")
"""
    used = run_away(code + END, cwd=zoo)
    assert (zoo / used).resolve() == zoo / AUNET / "mammozoo" / "__init__.py"
    for name in (AUNET, MASS):
        assert json.loads((zoo / f"out_{name}" / "summary.json").read_text())[0]["status"] == "ok"


@pytest.mark.slow
def test_a_library_of_another_series_is_refused(unzip: Callable[[str], Path], run_away: Run, tmp_path: Path) -> None:
    """Two zips of different versions in one process: the second says so instead of running on the first's library."""
    bundle = unzip(AUNET)
    (tmp_path / "other" / "mammozoo").mkdir(parents=True)
    source = (bundle / "mammozoo" / "__init__.py").read_text()
    source = source.replace('__version__ = "', '__version__ = "9.')
    (tmp_path / "other" / "mammozoo" / "__init__.py").write_text(source)
    code = f"""
import json
sys.path.insert(0, {str(tmp_path / "other")!r})
import mammozoo
from monai.bundle import ConfigWorkflow
try:
    ConfigWorkflow("configs/inference.json", workflow_type="inference", logging_file=False).initialize()
except RuntimeError as error:
    while error.__cause__ is not None:
        error = error.__cause__
    print(json.dumps(str(error)))
"""
    assert "use a bundle and a library of the same release" in run_away(code, cwd=bundle)
