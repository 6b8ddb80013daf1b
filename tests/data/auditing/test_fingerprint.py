# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest

from mammozoo.data.auditing.fingerprint import THRESHOLD, dark_share, fingerprint, similar_pairs


def _image(seed: int, shape: tuple[int, int] = (300, 240)) -> np.ndarray:
    """A half disk with texture of its own on a dark ground."""
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.normal(size=shape).astype(np.float32), (0, 0), 6)
    breast = cv2.circle(np.zeros(shape, np.float32), (0, shape[0] // 2), shape[0] // 3, 1, -1)
    image = cv2.GaussianBlur(breast, (0, 0), 4) * (140 + 900 * texture)
    return np.clip(image, 0, 255).astype(np.uint8)


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    return decoded


ALTERED = {
    "JPEG": lambda image: _jpeg(image, 40),
    "smaller": lambda image: cv2.resize(image, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA),
    "larger and 16 bit": lambda image: cv2.resize(image, None, fx=1.3, fy=1.3).astype(np.uint16) * 257,
    "windowed": lambda image: np.clip(image.astype(float) * 1.2 - 10, 0, 255),
    "gamma": lambda image: (image / 255.0) ** 1.4,
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_copy_is_recognised(name: str) -> None:
    image = _image(0)
    first, second = fingerprint(image), fingerprint(ALTERED[name](image))
    assert first is not None
    assert second is not None
    assert float(first @ second) > THRESHOLD


def test_other_images_are_not() -> None:
    rows = np.stack([v for v in (fingerprint(_image(seed)) for seed in range(12)) if v is not None])
    assert similar_pairs(rows) == []


def test_pairs_are_found_across_blocks_and_mirrored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mammozoo.data.auditing.fingerprint._ROWS", 2)
    images = [_image(seed) for seed in range(5)]
    images += [images[1][:, ::-1], _jpeg(images[3], 60)]
    rows = np.stack([v for v in map(fingerprint, images) if v is not None])
    assert [(a, b, mirrored) for a, b, _, mirrored in similar_pairs(rows)] == [(1, 5, True), (3, 6, False)]


def test_a_blank_image_resembles_nothing() -> None:
    assert fingerprint(np.full((50, 40), 7)) is None


def test_dark_share_tells_whole_images_from_crops() -> None:
    image = _image(0)
    assert dark_share(image) > 0.5
    assert dark_share(image[120:180, 10:60]) < 0.1
