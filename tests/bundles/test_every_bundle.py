# SPDX-License-Identifier: Apache-2.0
"""What every bundle must satisfy; a new bundle is found by itself."""

from __future__ import annotations

import json
import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import monai.transforms
import pytest
from monai.bundle import ConfigParser, ConfigWorkflow, verify_metadata, verify_net_in_out

import mammozoo
from mammozoo.bundle.inference import own_bundles

EVERY_BUNDLE = pytest.mark.parametrize("bundle", own_bundles(), ids=lambda path: path.name)
REQUIRED_KEYS = {
    "dataset", "dataset_dir", "run_dir", "weights", "resume", "device", "seed", "fold", "split_file", "epochs",
    "batch_size", "lr", "patience", "spatial_size", "width", "num_workers", "amp", "cache_rate", "network_def",
    "network", "training", "run",
}  # fmt: skip
RESERVED = {"detector", "detector_ops"}


def _config(bundle: Path, name: str) -> dict[str, Any]:
    return json.loads((bundle / "configs" / name).read_text(encoding="utf-8"))


def _workflow(bundle: Path, kind: str, *names: str, **overrides: Any) -> ConfigWorkflow:
    files = [str(bundle / "configs" / name) for name in names]
    workflow = ConfigWorkflow(
        files, workflow_type=kind, logging_file=False, bundle_root=str(bundle), device="cpu", **overrides
    )
    workflow.initialize()
    return workflow


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []


@EVERY_BUNDLE
def test_the_folder_is_complete(bundle: Path) -> None:
    for file in ("train.json", "evaluate.json", "inference.json", "multi_gpu_train.json", "metadata.json"):
        assert (bundle / "configs" / file).is_file()
    for file in ("configs/logging.conf", "docs/README.md", "LICENSE", "models/README.md"):
        assert (bundle / file).is_file()
    metadata = _config(bundle, "metadata.json")
    assert metadata["version"] in metadata["changelog"]


@EVERY_BUNDLE
def test_keys_and_run_ids(bundle: Path) -> None:
    train, inference = _config(bundle, "train.json"), _config(bundle, "inference.json")
    assert set(train) >= REQUIRED_KEYS
    assert not RESERVED & (set(train) | set(inference))
    assert train["run"] == "%training"
    assert "evaluating" in _config(bundle, "evaluate.json")
    assert "run" in inference
    assert train["network"] == "$@network_def.to(@device)"


@EVERY_BUNDLE
def test_nothing_resolves_against_another_file(bundle: Path) -> None:
    for file in (bundle / "configs").glob("*.json"):
        for text in _strings(json.loads(file.read_text(encoding="utf-8"))):
            assert not text.startswith("%") or ".json" not in text
            if text.startswith("$import"):
                assert text.split()[1].split(".")[0] in {"os", "sys", "torch"}


@EVERY_BUNDLE
@pytest.mark.parametrize("kind", ["train", "inference"])
def test_targets_are_public_names(bundle: Path, kind: str) -> None:
    def targets(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["_target_"]] if "_target_" in value else []
            return own + [name for item in value.values() for name in targets(item)]
        return [name for item in value for name in targets(item)] if isinstance(value, list) else []

    parser = ConfigParser()
    for name in targets(_config(bundle, f"{kind}.json")):
        assert not any(part.startswith("_") for part in name.split(".")), name
        located = parser.locator.get_component_module_name(name) if "." not in name else name
        assert located, name


@EVERY_BUNDLE
@pytest.mark.parametrize(
    ("kind", "names"),
    [("train", ["train.json"]), ("train", ["train.json", "evaluate.json"]), ("inference", ["inference.json"])],
    ids=["train", "evaluate", "inference"],
)
def test_required_properties(bundle: Path, kind: str, names: list[str], tmp_path: Path) -> None:
    """A step of the model zoo's own check; nothing is written by looking."""
    places = {"dataset_dir": str(tmp_path / "absent"), "output_dir": str(tmp_path / "out")}
    places |= {"run_dir": str(tmp_path / "run")} if kind == "train" else {}
    workflow = _workflow(bundle, kind, *names, **places)
    assert workflow.check_properties() == []
    assert not list(tmp_path.iterdir())


@EVERY_BUNDLE
def test_network_takes_and_gives_what_the_metadata_say(bundle: Path) -> None:
    verify_net_in_out(
        net_id="network_def",
        meta_file=str(bundle / "configs" / "metadata.json"),
        config_file=str(bundle / "configs" / "inference.json"),
        device="cpu",
        n=4,
        bundle_root=str(bundle),
    )


@EVERY_BUNDLE
@pytest.mark.skipif("MAMMOZOO_META_SCHEMA" not in os.environ, reason="MAMMOZOO_META_SCHEMA names the schema file")
@pytest.mark.filterwarnings("ignore:No hash value provided:UserWarning")
def test_metadata_follow_the_schema(bundle: Path) -> None:
    verify_metadata(meta_file=str(bundle / "configs" / "metadata.json"), filepath=os.environ["MAMMOZOO_META_SCHEMA"])


@EVERY_BUNDLE
def test_required_packages_exist_in_the_stated_versions(bundle: Path) -> None:
    """A step of the model zoo's own check installs them; here they are what this project is tested with."""
    metadata = _config(bundle, "metadata.json")
    wanted = {**metadata["required_packages_version"], "monai": metadata["monai_version"]}
    wanted |= {"torch": metadata["pytorch_version"], "numpy": metadata["numpy_version"]}
    assert wanted.pop("mammozoo") == mammozoo.__version__
    assert {name: version(name).partition("+")[0] for name in wanted} == wanted
    assert set(metadata["supported_apps"]) == ({"monai-label"} if "segmentation" in bundle.name else set())


# What has a home of its own in the library: bundles read, crop, mask, equalise and score with that alone.
FOREIGN = {
    "CLAHEd", "CropForegroundd", "DiceMetric", "ForegroundMaskd", "HausdorffDistanceMetric", "HistogramNormalized",
    "LoadImaged", "MeanIoU", "ROCAUCMetric", "RandHistogramShiftd", "Resized", "SurfaceDistanceMetric",
}  # fmt: skip


def _targets(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["_target_"]] if isinstance(value.get("_target_"), str) else []
        return own + [target for item in value.values() for target in _targets(item)]
    return [target for item in value for target in _targets(item)] if isinstance(value, list) else []


@EVERY_BUNDLE
@pytest.mark.parametrize("name", ["train.json", "evaluate.json", "inference.json"])
def test_reading_preprocessing_and_scoring_are_the_librarys(bundle: Path, name: str) -> None:
    targets = _targets(_config(bundle, name))
    assert not FOREIGN & {target.rpartition(".")[2] for target in targets if not target.startswith("mammozoo.")}
    assert not [target for target in targets if target.startswith(("monai.metrics", "sklearn", "torchmetrics"))]
    if name != "evaluate.json":
        assert "mammozoo.transforms.LoadMammogramd" in targets


# What bundles may take from MONAI: bookkeeping, axes and types, the two plain scalings, outputs. Random transforms
# augment, which is for training alone. Everything else that touches an image is the library's, so that training,
# evaluation, inference and the clinic see the same pixels.
BOOKKEEPING = {
    "Activationsd", "AsDiscreted", "Compose", "CopyItemsd", "DeleteItemsd", "EnsureChannelFirstd", "EnsureTyped",
    "Invertd", "NormalizeIntensityd", "RepeatChanneld", "ScaleIntensityd", "SelectItemsd",
}  # fmt: skip

_KNOWN = ("torch.device", "torch.optim.", "torch.nn.", "torch.utils.data.", "monai.")


def _strange_preprocessing(config: Any, *, training: bool) -> list[str]:
    """Transforms in a configuration that are neither the library's nor allowed."""
    if isinstance(config, str):
        named = re.search(r"\b(monai|torchvision|albumentations|kornia)\.(transforms|augmentation)", config)
        return [config] if named and config.startswith("$") else []
    if isinstance(config, list):
        return [strange for item in config for strange in _strange_preprocessing(item, training=training)]
    if not isinstance(config, dict):
        return []
    strange = _strange_preprocessing(list(config.values()), training=training)
    target = config.get("_target_")
    if not isinstance(target, str) or target.startswith("mammozoo."):
        return strange
    name = target.rpartition(".")[2]
    known = "." not in target or target.startswith(_KNOWN)
    if known and not hasattr(monai.transforms, name):
        return strange
    allowed = name in BOOKKEEPING or (training and name.startswith("Rand"))
    if name == "Lambdad":  # an expression over images would be a transform of the bundle's own
        allowed = config["keys"] == "label"
    elif name == "ScaleIntensityd":
        allowed = set(config) <= {"_target_", "keys", "allow_missing_keys"}
    return strange if known and allowed else [*strange, target]


@EVERY_BUNDLE
@pytest.mark.parametrize("name", ["train.json", "evaluate.json", "multi_gpu_train.json", "inference.json"])
def test_no_preprocessing_but_the_librarys(bundle: Path, name: str) -> None:
    assert _strange_preprocessing(_config(bundle, name), training="train" in name) == []


@EVERY_BUNDLE
@pytest.mark.parametrize(
    "transform",
    [
        *({"_target_": name, "keys": "image"} for name in ("LoadImaged", "LoadImage", "LoadImageD", "Resized", "Lambda",
          "monai.transforms.CropForegroundd", "monai.transforms.io.array.LoadImage", "ScaleIntensityRanged", "Lambdad",
          "ScaleIntensityRangePercentilesd", "HistogramNormalized", "RandFlipd", "torchvision.transforms.Resize",
          "scripts.own.Crop", "skimage.exposure.equalize_adapthist")),
        {"_target_": "ScaleIntensityd", "keys": "image", "minv": -1.0},
        {"_target_": "Compose", "transforms": [{"_target_": "Compose", "transforms": "$[monai.transforms.Flip(0)]"}]},
    ],
    ids=lambda transform: transform["_target_"],
)  # fmt: skip
def test_other_preprocessing_would_be_noticed(bundle: Path, transform: dict[str, Any]) -> None:
    config = _config(bundle, "inference.json")
    steps = config["preprocessing"]["transforms"]
    config["preprocessing"]["transforms"] = [*(steps if isinstance(steps, list) else [steps]), transform]
    assert len(_strange_preprocessing(config, training=False)) == 1


@EVERY_BUNDLE
def test_data_and_splits_are_the_librarys(bundle: Path) -> None:
    train, evaluate = (_config(bundle, name) for name in ("train.json", "evaluate.json"))
    assert train["source"]["_target_"].startswith("mammozoo.data.")
    assert "@source.items" in train["train"]["dataset"]["data"]
    assert evaluate["table"]["source"] == "@source", "what audits the split"
    targets = _targets(train)
    assert not [target for target in targets if target.startswith(("monai.data.partition", "monai.apps"))]
