# SPDX-License-Identifier: Apache-2.0
"""Every bundle's files can be read from top to bottom: one order, short expressions, one network, one preprocessing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mammozoo.bundle.check.config_files import walk
from mammozoo.bundle.inference import own_bundles
from mammozoo.io.config_json import config_text, get_item

BUNDLES = own_bundles()
FILES = ("train.json", "evaluate.json", "inference.json", "multi_gpu_train.json")
EVERY_BUNDLE = pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
EVERY_FILE = pytest.mark.parametrize("name", FILES)
ORDER = {
    "train.json": (
        "_desc_", "imports", "bundle", "bundle_root", "run_dir", "weights", "dataset", "dataset_dir", "split_file",
        "fold", "lr", "device", "source", "network_def", "network", "loss", "optimizer", "lr_scheduler", "train",
        "validate", "initialize", "start", "training", "run", "finalize",
    ),
    "inference.json": (
        "_desc_", "imports", "bundle", "bundle_root", "weights", "dataset_dir", "output_dir", "width", "device",
        "network_def", "network", "preprocessing", "dataset", "dataloader", "inferer", "postprocessing", "handlers",
        "evaluator", "initialize", "run", "finalize",
    ),
    "evaluate.json": ("_desc_", "output_dir", "table", "evaluating", "run"),
    "multi_gpu_train.json": ("_desc_", "dist_backend", "device", "network", "initialize", "finalize"),
}  # fmt: skip
DESCRIBED = {
    "train.json": ("source", "network_def", "loss", "lr_scheduler", "train", "validate"),
    "inference.json": ("network_def", "preprocessing"),
}
#: What is evaluated with the network's input; two stages cut and scale inside the inferer, which both workflows share.
_EVALUATED = {"mammo_two_stage_segmentation": "train#load"}
#: Steps of a training that touch no pixel of the image.
_OF_LABELS = ("LabelToMaskd", "LabelToBoxesd", "EnsureTyped", "SelectItemsd")


def _config(bundle: Path, name: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((bundle / "configs" / name).read_text(encoding="utf-8"))
    return config


def _expressions(config: Any) -> Iterator[tuple[str, str]]:
    for key, value in walk(config):
        if isinstance(value, str) and value.startswith("$") and not value.startswith("$import "):
            yield key, value


@EVERY_BUNDLE
def test_there_is_a_flagship_and_no_recipe(bundle: Path) -> None:
    assert BUNDLES[0].name == "mammo_mass_segmentation"
    assert {path.name for path in (bundle / "configs").iterdir()} == {*FILES, "metadata.json", "logging.conf"}
    assert not (bundle / "recipe.json").exists()


@EVERY_BUNDLE
@EVERY_FILE
def test_sections_stand_in_one_order(bundle: Path, name: str) -> None:
    keys = list(_config(bundle, name))
    places = [keys.index(key) for key in ORDER[name]]
    assert places == sorted(places), [keys[place] for place in places]
    assert (places[0], places[-1]) == (0, len(keys) - 1)


@EVERY_BUNDLE
def test_what_a_person_tunes_stands_together(bundle: Path) -> None:
    """Plain values stand between the paths and the first object; nothing but objects and expressions follows."""
    config = _config(bundle, "train.json")
    keys = list(config)
    tuned, built = keys[keys.index("dataset") : keys.index("source")], keys[keys.index("source") : -1]
    assert not [key for key in tuned if isinstance(config[key], dict) and "_target_" in config[key]]
    assert not [key for key in built if not isinstance(config[key], dict | list | str)]
    assert not [key for key in built if isinstance(config[key], str) and config[key][:1] not in "$@%"]


@EVERY_BUNDLE
def test_a_training_fits_on_a_few_pages(bundle: Path) -> None:
    lines = (bundle / "configs" / "train.json").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 350


@EVERY_BUNDLE
@EVERY_FILE
def test_expressions_are_few_and_short(bundle: Path, name: str) -> None:
    found = dict(_expressions(_config(bundle, name)))
    assert len(found) <= 25
    assert {key: text for key, text in found.items() if len(text) > 80} == {}


@EVERY_BUNDLE
@EVERY_FILE
def test_no_expression_chooses_a_design(bundle: Path, name: str) -> None:
    """Only the place of the bundle and the device depend on what is there."""
    for key, text in _expressions(_config(bundle, name)):
        chosen = re.search(r"\bif\b|\band\b|\bor\b|==|!=|\}\[|\]\[", text)
        assert not chosen or key == "bundle_root" or "cuda" in text, f"{key}: {text}"


@EVERY_BUNDLE
@EVERY_FILE
def test_no_item_of_a_list_is_named_by_its_number(bundle: Path, name: str) -> None:
    config = _config(bundle, name)
    names = [*config, *(text for _, text in walk(config) if isinstance(text, str) and text[:1] in ("$", "@", "%"))]
    assert not [text for text in names if re.search(r"(#|::)\d|handlers['\"]?\]?\[", text)]


@EVERY_BUNDLE
@EVERY_FILE
def test_sections_say_what_they_are(bundle: Path, name: str) -> None:
    config = _config(bundle, name)
    texts = [config["_desc_"], *(config[key]["_desc_"] for key in DESCRIBED.get(name, ()))]
    stages = [part["_desc_"] for part in config.values() if isinstance(part, dict) and "trainer" in part]
    for text in (*texts, *stages):
        assert "".join(text).strip().endswith((".", "-m monai.bundle")) or "monai.bundle run" in "".join(text), text


@EVERY_BUNDLE
@pytest.mark.parametrize("name", [*FILES, "metadata.json"])
def test_files_are_laid_out_as_the_library_writes_them(bundle: Path, name: str) -> None:
    text = (bundle / "configs" / name).read_text(encoding="utf-8")
    assert text == config_text(json.loads(text))


@EVERY_BUNDLE
def test_training_and_inference_have_one_network(bundle: Path) -> None:
    train, inference = _config(bundle, "train.json"), _config(bundle, "inference.json")
    for key in {key for key in inference if key == "network_def" or key.endswith("_def")}:
        assert train[key] == inference[key], key
    own = {"_desc_", "run", "weights", "dataset", "dataset_dir", "dataloader", "inferer", "postprocessing"}
    own |= {"initialize"}  # a training seeds too
    assert {key: train[key] for key in train.keys() & inference.keys() - own} == {
        key: inference[key] for key in train.keys() & inference.keys() - own
    }


@EVERY_BUNDLE
def test_training_and_inference_have_one_preprocessing(bundle: Path) -> None:
    train, inference = _config(bundle, "train.json"), _config(bundle, "inference.json")
    validated = _resolved(train, get_item(train, _EVALUATED.get(bundle.name, "validate#preprocessing")))
    assert _image_steps(validated) == _image_steps(_resolved(inference, inference["preprocessing"]))


def _resolved(config: dict[str, Any], value: Any) -> Any:
    """Lists of steps with the lists that they refer to in them; references inside of a step stay."""
    if isinstance(value, str) and value.startswith("@"):
        return _resolved(config, get_item(config, value[1:]))
    if isinstance(value, str) and value.startswith("$"):
        names = {text: f"part_{number}" for number, text in enumerate(set(re.findall(r"@([\w#]+)", value)))}
        text = re.sub(r"@([\w#]+)", lambda found: names[found[1]], value[1:])
        parts = {name: _resolved(config, get_item(config, key)) for key, name in names.items()}
        return eval(text, {}, parts)
    if isinstance(value, dict) and "transforms" in value:
        return _resolved(config, value["transforms"])
    return [_resolved(config, item) for item in value] if isinstance(value, list) else value


def _image_steps(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What happens to the image: without remarks, and without what is done to the label alone."""
    found = []
    for step in steps:
        keys, name = step.get("keys", "image"), step["_target_"].rpartition(".")[2]
        if keys == "label" or name in _OF_LABELS:
            continue
        plain = {key: value for key, value in step.items() if key not in ("_desc_", "keys")}
        if isinstance(keys, list) and "label" in keys:
            plain.pop("mode", None)  # one a key: area for the image, which is the default
            keys = [key for key in keys if key != "label"]
        found.append({**plain, "keys": keys[0] if isinstance(keys, list) and len(keys) == 1 else keys})
    return found


def test_a_step_that_training_alone_has_would_be_noticed() -> None:
    config = _config(BUNDLES[0], "train.json")
    whole = _image_steps(_resolved(config, config["validate"]["preprocessing"]))
    config["train"]["frame"] = config["train"]["frame"][1:]
    assert _image_steps(_resolved(config, config["validate"]["preprocessing"])) != whole
