# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several test folders share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Small tensors gain nothing from more threads, and tests of other processes lose."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Composed masks go to a folder of the tests, not of the person who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAMMOZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def phantom_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten synthetic patients at 256 x 208: DICOM files, masks and a manifest."""
    from mammozoo.phantom.write import write_phantom

    return Path(write_phantom(tmp_path_factory.mktemp("data") / "phantom", patients=10, seed=0, size=(256, 208)))


@pytest.fixture(scope="session")
def contrast_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four synthetic patients with contrast-enhanced mammograms at 96 x 80, benign and malignant."""
    from mammozoo.phantom.write import write_phantom

    folder = tmp_path_factory.mktemp("data") / "contrast"
    return Path(write_phantom(folder, patients=24, seed=0, size=(96, 80), modality="cem"))
