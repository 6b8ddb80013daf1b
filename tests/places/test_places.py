# SPDX-License-Identifier: Apache-2.0
"""Released zips train, evaluate and predict where this clone does not exist."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mammozoo.bundle.compose import find_bundles

from mammozoo.bundle.package import Release
from mammozoo.phantom.write import write_phantom

ROOT = Path(__file__).resolve().parents[2]
NAMES = [bundle.name for bundle in find_bundles(ROOT)]
AUNET, ABNORMAL = "mammo_aunet_segmentation", "mammo_abnormal_unet_segmentation"
SMALL: dict[str, Any] = {"width": 8, "spatial_size": [64, 64]}
EXTRA: dict[str, dict[str, Any]] = {
    "mammo_cem_classification": {"backbone": "resnet18"},
    "mammo_two_stage_segmentation": {"detector_width": 4},
}
TRAIN: dict[str, dict[str, Any]] = {"mammo_two_stage_segmentation": {"detector_epochs": 1}}
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


@pytest.fixture(scope="session")
def contrast_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(
        write_phantom(tmp_path_factory.mktemp("data") / "cem", patients=10, seed=0, size=(256, 208), modality="cem")
    )


@pytest.fixture
def data(phantom_dir: Path, request: pytest.FixtureRequest) -> Callable[[str], Path]:
    def _data(name: str) -> Path:
        return request.getfixturevalue("contrast_dir") if "cem" in name else phantom_dir

    return _data


def _study(data: Path, folder: Path) -> Path:
    folder.mkdir()
    for file in sorted((data / "images").glob("*.dcm"))[:1]:
        shutil.copy(file, folder)
    return folder


def _three_commands(name: str, *, root: str | None, configs: str, data: Path, study: Path) -> str:
    """Train one epoch, evaluate, predict: what a person types."""
    both = {**SMALL, **EXTRA.get(name, {})} | ({"bundle_root": root} if root else {})
    train = {"config_file": f"{configs}/train.json", "dataset_dir": str(data), "epochs": 1, **TRAIN.get(name, {})}
    overlay = f"['{configs}/train.json','{configs}/evaluate.json']"
    evaluate = {"config_file": overlay, "dataset_dir": str(data), "output_dir": "evaluated"}
    predict = {"config_file": f"{configs}/inference.json", "dataset_dir": str(study), "output_dir": "predicted"}
    lines = [
        f"command('training', **{train | both!r})",
        f"command('evaluating', **{evaluate | both!r})",
        f"command(**{predict | both!r})",
    ]
    return COMMANDS + "\n".join(lines) + END


def _assert_results(folder: Path) -> None:
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
    assert run_away(code, cwd=bundle).endswith("mammozoo/__init__.py")
    assert (bundle / "models" / "model.pt").is_file()
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
    assert (bundle / "models" / "model.pt").is_file()
    _assert_results(bundle.parent)


def test_a_network_trained_in_the_zips_root(
    unzip: Callable[[str], Path], run_away: Run, phantom_dir: Path, tmp_path: Path
) -> None:
    """The quick one of the two above: inference with weights that this process writes."""
    bundle = unzip(AUNET)
    options = {**SMALL, "recipe": "paper", "config_file": "configs/inference.json", "output_dir": "predicted"}
    options["dataset_dir"] = str(_study(phantom_dir, tmp_path / "study"))
    code = f"""
import torch
from monai.bundle import ConfigParser
parser = ConfigParser(ConfigParser.load_config_file("configs/train.json"))
parser.update({SMALL!r})
sys.path.insert(1, ".")
torch.save(parser.get_parsed_content("network_def").state_dict(), "models/model.pt")
sys.path.remove(".")
command(**{options!r})
"""
    used = run_away(COMMANDS + code + END, cwd=bundle)
    assert (bundle / used).resolve() == bundle / "mammozoo" / "__init__.py"
    assert json.loads((bundle / "predicted" / "summary.json").read_text())[0]["status"] == "ok"


LOAD = """
import json, torch
from monai.bundle import ConfigParser, download, load
download(name={name!r}, url={url!r}, bundle_dir="zoo", progress=False)
sys.path.insert(0, "zoo/{name}")
released = load({name!r}, bundle_dir="zoo", workflow_type="inference", device="cpu").state_dict()
saved = torch.load("zoo/{name}/models/model.pt", weights_only=True)
assert released.keys() == saved.keys()
assert all(torch.equal(tensor, saved[key].to(tensor.dtype)) for key, tensor in released.items())
for kind in ("train", "inference"):
    parser = ConfigParser(ConfigParser.load_config_file(f"zoo/{name}/configs/{{kind}}.json"))
    torch.save(parser.get_parsed_content("network_def").state_dict(), "zoo/{name}/models/model.pt")
    network = load({name!r}, bundle_dir="zoo", workflow_type=kind, device="cpu").eval()
    saved = torch.load("zoo/{name}/models/model.pt", weights_only=True)
    assert all(torch.equal(tensor, saved[key]) for key, tensor in network.state_dict().items())
    shape = json.load(open("zoo/{name}/configs/metadata.json"))["network_data_format"]["inputs"]["image"]
    channels = parser.get_parsed_content("in_channels") if "in_channels" in parser else shape["num_channels"]
    with torch.inference_mode():
        logits = network(torch.rand(1, channels, 64, 64))
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
    unzip(ABNORMAL)
    _foreign_bundle(zoo / "foreign")
    study = _study(phantom_dir, tmp_path / "study")
    code = COMMANDS + "import torch\nfrom monai.bundle import ConfigParser\n"
    for name in (AUNET, ABNORMAL):
        configs = f"{name}/configs"
        options = {**SMALL, "config_file": f"{configs}/inference.json", "bundle_root": name, "dataset_dir": str(study)}
        code += f"""
sys.path.insert(1, {name!r})
parser = ConfigParser(ConfigParser.load_config_file("{configs}/inference.json"))
parser.update({SMALL!r})
torch.save(parser.get_parsed_content("network_def").state_dict(), "{name}/models/model.pt")
sys.path.remove({name!r})
command(**{options | {"output_dir": f"out_{name}"}!r})
command(config_file="foreign/configs/inference.json", bundle_root="foreign")
"""
    used = run_away(code + END, cwd=zoo)
    assert (zoo / used).resolve() == zoo / AUNET / "mammozoo" / "__init__.py"
    for name in (AUNET, ABNORMAL):
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
