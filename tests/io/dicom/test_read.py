# SPDX-License-Identifier: Apache-2.0
"""The normal path of the DICOM front end, against independent computations."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from unittest import mock

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from mammozoo.io.dicom import decode
from mammozoo.io.dicom.read import read_mammogram
from mammozoo.io.errors import MammogramError

try:
    from pydicom.pixels import apply_modality_lut, apply_voi_lut
except ImportError:  # pydicom 2, in MONAI Label's environment
    from pydicom.pixel_data_handlers.util import apply_modality_lut, apply_voi_lut

PRESENTATION, PROCESSING = "1.2.840.10008.5.1.4.1.1.1.2", "1.2.840.10008.5.1.4.1.1.1.2.1"
EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"


def gradient(rows: int = 24, columns: int = 20, bits: int = 12) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 1 << bits, (rows, columns)).astype(np.uint16)


def write(path: Path, pixels: np.ndarray, *, syntax: str = EXPLICIT, data: bytes | None = None, **tags: Any) -> Path:
    """Write a minimal mammogram; `tags` set or (None) remove attributes."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = tags.get("SOPClassUID", PRESENTATION)
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    meta.TransferSyntaxUID = syntax
    big, implicit = syntax == BIG, syntax == IMPLICIT
    dataset = FileDataset(
        str(path), {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=implicit, is_little_endian=not big
    )
    bits = 8 * pixels.dtype.itemsize
    values = {
        "SOPClassUID": PRESENTATION, "SOPInstanceUID": "1.2.3.4", "Modality": "MG", "PatientName": "CANARY^NAME",
        "PatientID": "CANARYID", "Rows": pixels.shape[0], "Columns": pixels.shape[1], "BitsAllocated": bits,
        "BitsStored": min(bits, 12), "HighBit": min(bits, 12) - 1, "PixelRepresentation": 0, "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "PresentationIntentType": "FOR PRESENTATION", **tags,
    }  # fmt: skip
    for keyword, value in values.items():
        if value is not None:
            setattr(dataset, keyword, value)
    encapsulated = syntax not in (EXPLICIT, IMPLICIT, BIG, DEFLATED)
    order = ">" if syntax == BIG else "<"
    raw = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes() if data is None else data
    dataset.PixelData = encapsulate([raw]) if encapsulated else raw
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    dataset["PixelData"].is_undefined_length = encapsulated
    return _save(dataset, path)


def _save(dataset: Dataset, path: Path) -> Path:
    """Write a file, by either pydicom: this file also runs in MONAI Label's environment, which has version 2."""
    if int(pydicom.__version__.partition(".")[0]) >= 3:
        dataset.save_as(path, enforce_file_format=True)
        return path
    syntax = dataset.file_meta.TransferSyntaxUID
    dataset.is_little_endian, dataset.is_implicit_VR = syntax != BIG, syntax == IMPLICIT
    name = ("High-Throughput JPEG 2000", "Transfer Syntax", "", "", "HTJ2K")  # newer than that version
    with mock.patch.dict("pydicom.uid.UID_dictionary", {} if syntax.type else {str(syntax): name}):
        dataset.save_as(path, write_like_original=False)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "image.dcm"


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
def test_uncompressed_syntaxes(file: Path, syntax: str) -> None:
    pixels = gradient()
    found = read_mammogram(write(file, pixels, syntax=syntax))
    np.testing.assert_array_equal(found.pixels, pixels)
    assert found.pixels.dtype == np.uint16


@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        ("1.2.840.10008.1.2.4.57", imagecodecs.ljpeg_encode),
        ("1.2.840.10008.1.2.4.70", imagecodecs.ljpeg_encode),
        ("1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode),
        ("1.2.840.10008.1.2.4.90", lambda a: imagecodecs.jpeg2k_encode(a, codecformat="j2k", reversible=True, level=0)),
        ("1.2.840.10008.1.2.4.201", lambda a: imagecodecs.htj2k_encode(a)),
    ],
)
def test_lossless_codecs(file: Path, syntax: str, encode: Any) -> None:
    pixels = gradient(64, 48)
    data = encode(pixels)
    np.testing.assert_array_equal(read_mammogram(write(file, pixels, syntax=syntax, data=data)).pixels, pixels)


def test_rle(file: Path) -> None:
    pixels = gradient()
    dataset = pydicom.dcmread(write(file, pixels))
    dataset.compress("1.2.840.10008.1.2.5", encoding_plugin="pydicom")
    dataset.save_as(file)
    np.testing.assert_array_equal(read_mammogram(file).pixels, pixels)


J2K = imagecodecs.jpeg2k_encode


@pytest.mark.parametrize(
    ("syntax", "encode", "tolerance"),
    [
        ("51", lambda a: imagecodecs.jpeg8_encode(a, level=98, bitspersample=12), 40),
        ("81", lambda a: imagecodecs.jpegls_encode(a, level=3), 3),
        ("90", lambda a: J2K(a, level=0, codecformat="jp2", reversible=True, bitspersample=12), 0),
        ("91", lambda a: J2K(a, level=70, codecformat="j2k", bitspersample=12), 12),
        ("202", imagecodecs.htj2k_encode, 0),
        ("203", lambda a: imagecodecs.htj2k_encode(a, level=0.0001, reversible=False), 12),
    ],
)
def test_lossy_and_further_codecs(file: Path, syntax: str, encode: Any, tolerance: int) -> None:
    pixels = np.add.outer(np.arange(64) * 40, np.arange(48) * 20).astype(np.uint16)
    found = read_mammogram(write(file, pixels, syntax=f"1.2.840.10008.1.2.4.{syntax}", data=encode(pixels)))
    assert np.abs(found.pixels.astype(int) - pixels).max() <= tolerance


ENCODERS: dict[str, Any] = {
    EXPLICIT: None, IMPLICIT: None, BIG: None, DEFLATED: None, "1.2.840.10008.1.2.5": "rle",
    "1.2.840.10008.1.2.4.70": imagecodecs.ljpeg_encode, "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_encode,
    "1.2.840.10008.1.2.4.90": lambda a: J2K(a, level=0, codecformat="j2k", reversible=True),
    "1.2.840.10008.1.2.4.201": imagecodecs.htj2k_encode,
}  # fmt: skip


def by_hand(pixels: np.ndarray, *, bits: int, voi: str, inverse: bool) -> np.ndarray:
    """PS3.3 C.11.2.1.2.1 and C.11.2.1.1, and the inversion after it, in float64."""
    top, shown = float((1 << bits) - 1), pixels.astype(float)
    if voi == "window":
        center, width = 0.6 * (top + 1), 0.5 * (top + 1)
        shown = np.clip(((shown - (center - 0.5)) / (width - 1) + 0.5) * top, 0, top)
    elif voi == "lut":
        shown = np.minimum(pixels.astype(float) ** 2, 65535) / min(top**2, 65535) * top
    return np.asarray(top - shown if inverse else shown)


@pytest.mark.parametrize("syntax", ENCODERS)
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_photometric_intent_voi_bits_and_syntax_together(file: Path, syntax: str, bits: int) -> None:
    pixels = gradient(bits=bits).astype(np.uint8 if bits == 8 else np.uint16)
    table = np.minimum(np.arange(1 << bits, dtype=float) ** 2, 65535).astype(np.uint16)
    window = {"WindowCenter": 0.6 * (1 << bits), "WindowWidth": 0.5 * (1 << bits)}
    vois: dict[str, dict[str, Any]] = {"none": {}, "window": window}
    if bits < 16:  # 65,536 entries outgrow a value of explicit length
        vois["lut"] = {"VOILUTSequence": Sequence([_lut_item(table, 0)])}
    encode = ENCODERS[syntax]
    for photometric, processing, voi in itertools.product(("MONOCHROME1", "MONOCHROME2"), (False, True), vois):
        intent = {"SOPClassUID": PROCESSING, "PresentationIntentType": "FOR PROCESSING"} if processing else {}
        depth = {"BitsStored": bits, "HighBit": bits - 1}
        tags = {"PhotometricInterpretation": photometric, **depth, **intent, **vois[voi]}
        data = encode(pixels) if callable(encode) else None
        write(file, pixels, syntax=EXPLICIT if encode == "rle" else syntax, data=data, **tags)
        if encode == "rle":
            dataset = pydicom.dcmread(file)
            dataset.compress(syntax, encoding_plugin="pydicom")
            dataset.save_as(file)
        found = read_mammogram(file, raw=True)  # windows of raw data are not applied
        expected = by_hand(pixels, bits=bits, voi="none" if processing else voi, inverse=photometric == "MONOCHROME1")
        assert np.abs(found.pixels - expected).max() <= 0.5 + 1e-6, (photometric, processing, voi)
        assert (found.presentation_intent == "FOR PROCESSING", found.photometric) == (processing, photometric)


def test_jpeg_baseline_eight_bits(file: Path) -> None:
    pixels = np.tile(np.arange(64, dtype=np.uint8) * 3, (32, 1))
    data = imagecodecs.jpeg8_encode(pixels, level=98)
    found = read_mammogram(write(file, pixels, syntax="1.2.840.10008.1.2.4.50", data=data, BitsStored=8, HighBit=7))
    assert np.abs(found.pixels.astype(int) - pixels).max() <= 4


@pytest.mark.parametrize("function", [None, "LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("window", [(2048, 4096), (1000, 500), (3000, 1), (100.5, 33.3)])
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (2, -500)])
@pytest.mark.filterwarnings("ignore:overflow encountered in exp")  # pydicom's sigmoid of a narrow window
def test_windows_agree_with_pydicom(
    file: Path, function: str | None, window: tuple[float, float], slope: float, intercept: float
) -> None:
    tags = {"WindowCenter": window[0], "WindowWidth": window[1], "VOILUTFunction": function}
    write(file, gradient(), RescaleSlope=slope, RescaleIntercept=intercept, **tags)
    dataset = pydicom.dcmread(file)
    expected = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    low, high = intercept, slope * 4095 + intercept
    expected = (expected - low) / (high - low) * 4095  # pydicom keeps the rescaled range
    found = read_mammogram(file)
    assert np.abs(found.pixels - expected).max() <= 0.5 + 1e-6
    assert found.voi == f"window 1 of 1 ({function or 'LINEAR'})"


def _lut_item(table: np.ndarray, first: int) -> Dataset:
    item = Dataset()
    item.add_new((0x0028, 0x3002), "US", [len(table), first, 16])
    item.add_new((0x0028, 0x3006), "US", [int(value) for value in table])
    return item


def test_voi_lut_sequence_comes_before_windows(file: Path) -> None:
    table = (np.arange(4096) ** 2 >> 12).astype(np.uint16)
    write(file, gradient(), VOILUTSequence=Sequence([_lut_item(table, 0)]), WindowCenter=10, WindowWidth=10)
    found = read_mammogram(file)
    assert found.voi == "lut 1 of 1"
    expected = table[gradient()] * (4095 / table.max())
    assert np.abs(found.pixels - expected).max() <= 0.5 + 1e-6
    assert read_mammogram(file, voi=1).voi == "window 1 of 1 (LINEAR)"
    np.testing.assert_array_equal(read_mammogram(file, voi="none").pixels, gradient())


@pytest.mark.parametrize(
    ("function", "stored", "shown"),
    [
        (None, [0, 1536, 2047, 2048, 2559, 4095], [0, 0, 2045, 2050, 4095, 4095]),
        ("LINEAR_EXACT", [0, 1536, 2047, 2049, 2559, 2560], [0, 0, 2044, 2051, 4091, 4095]),
        ("SIGMOID", [1536, 2560], [488, 3607]),  # 4095 / (1 + e^2), 4095 / (1 + e^-2)
    ],
)
def test_windows_by_worked_numbers(file: Path, function: str | None, stored: list[int], shown: list[int]) -> None:
    """Window 2048, 1024 of 12 bits, by hand with the formulas of PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    pixels = np.asarray([stored], np.uint16)
    found = read_mammogram(write(file, pixels, WindowCenter=2048, WindowWidth=1024, VOILUTFunction=function))
    assert (found.pixels[0].tolist(), found.pixels.dtype) == (shown, np.uint16)


def _lut_bytes(table: np.ndarray, first: int, *, bits: int, vr: str = "US") -> Dataset:
    """A LUT item whose data are bytes; 65,536 entries are written as 0."""
    item = Dataset()
    item.add_new((0x0028, 0x3002), vr, [len(table) % 65536, first, bits])
    item.add_new((0x0028, 0x3006), "OW", table.tobytes())
    return item


@pytest.mark.parametrize(
    ("item", "bits", "expected"),
    [
        (_lut_item(np.asarray([100, 200, 400]), 1000), 12, lambda x: 100 * 2 ** np.clip(x - 1000, 0, 2)),
        (_lut_bytes(np.arange(256, dtype=np.uint8)[::-1], 0, bits=8), 8, lambda x: 255 - x),
        (_lut_bytes((65535 - np.arange(65536)).astype("<u2"), 0, bits=16), 16, lambda x: 65535 - x),
    ],
    ids=["ends are repeated", "8 bits", "65,536 entries"],
)
def test_voi_lut_forms(file: Path, item: Dataset, bits: int, expected: Any) -> None:
    pixels = gradient(bits=bits).astype(np.uint8 if bits == 8 else np.uint16)
    pixels[0, :5] = [0, 1, 100, 200, 255]
    if bits == 12:
        pixels[0, :5] = [999, 1000, 1001, 1002, 1003]
    depth = {"BitsStored": bits, "HighBit": bits - 1}
    found = read_mammogram(write(file, pixels, VOILUTSequence=Sequence([item]), **depth))
    levels = expected(pixels.astype(int))
    top = (1 << bits) - 1
    assert np.abs(found.pixels - levels * (top / levels.max())).max() <= 0.5 + 1e-6


def test_a_lut_of_signed_values(file: Path) -> None:
    values = gradient().astype(np.int16) - 2048
    item = _lut_bytes(np.arange(4096, dtype="<u2"), -2048, bits=16, vr="SS")
    stored = (values & 0xFFF).astype(np.uint16)
    found = read_mammogram(write(file, stored, PixelRepresentation=1, VOILUTSequence=Sequence([item])))
    np.testing.assert_array_equal(found.pixels, values + 2048)


@pytest.mark.parametrize(
    ("slope", "intercept", "expected"),
    [
        (1, 24, lambda x: x + 24),
        (16, 0, lambda x: x * 16),
        (1, -1000, lambda x: x),  # what does not fit 16 bits or is no integer is stretched over the stored range
        (17, 0, lambda x: x),
        (0.5, 0, lambda x: x),
    ],
)
def test_rescale_without_voi(file: Path, slope: float, intercept: float, expected: Any) -> None:
    found = read_mammogram(write(file, gradient(), RescaleSlope=slope, RescaleIntercept=intercept))
    np.testing.assert_array_equal(found.pixels, expected(gradient().astype(int)))
    assert (found.pixels.dtype, found.voi) == (np.uint16, "none")


def test_modality_lut_sequence(file: Path) -> None:
    table = (4095 - np.arange(4096)).astype(np.uint16)
    write(file, gradient(), ModalityLUTSequence=Sequence([_lut_item(table, 0)]))
    np.testing.assert_array_equal(read_mammogram(file).pixels, 4095 - gradient())


def test_windows_by_index_and_explanation(file: Path) -> None:
    tags = {"WindowCenter": [100, 2000], "WindowWidth": [50, 4000], "WindowCenterWidthExplanation": ["A", "SOFTER"]}
    write(file, gradient(), **tags)
    by_name, by_index = read_mammogram(file, voi="softer"), read_mammogram(file, voi=1)
    np.testing.assert_array_equal(by_name.pixels, by_index.pixels)
    assert by_index.voi == "window 2 of 2 (LINEAR)"
    for absent in (2, -1, "harder"):
        with pytest.raises(MammogramError, match="0 VOI LUTs and 2 windows"):
            read_mammogram(file, voi=absent)


@pytest.mark.parametrize("shape", [None, "INVERSE"])
def test_monochrome1_is_inverted_once(file: Path, shape: str | None) -> None:
    write(file, gradient(), PhotometricInterpretation="MONOCHROME1", PresentationLUTShape=shape)
    found = read_mammogram(file)
    np.testing.assert_array_equal(found.pixels, 4095 - gradient())
    assert not found.warnings


@pytest.mark.parametrize(("photometric", "shape"), [("MONOCHROME1", "IDENTITY"), ("MONOCHROME2", "INVERSE")])
def test_a_contradicting_presentation_shape_is_flagged(file: Path, photometric: str, shape: str) -> None:
    write(file, gradient(), PhotometricInterpretation=photometric, PresentationLUTShape=shape)
    found = read_mammogram(file)
    expected = 4095 - gradient() if photometric == "MONOCHROME1" else gradient()
    np.testing.assert_array_equal(found.pixels, expected)
    assert "contradicts" in found.warnings[0]


@pytest.mark.parametrize(
    ("photometric", "sign", "bright_is_air"),
    [("MONOCHROME1", None, True), ("MONOCHROME1", 1, True), ("MONOCHROME1", -1, False), ("MONOCHROME2", 1, True),
     ("MONOCHROME2", -1, False)],
)  # fmt: skip
def test_raw_data_become_bright_in_tissue(file: Path, photometric: str, sign: int | None, bright_is_air: bool) -> None:
    tags = {"PhotometricInterpretation": photometric, "PixelIntensityRelationshipSign": sign}
    write(file, gradient(), SOPClassUID=PROCESSING, PresentationIntentType="FOR PROCESSING", **tags)
    found = read_mammogram(file)
    assert (found.presentation_intent, found.voi) == ("FOR PROCESSING", "log")
    order = np.argsort(gradient().ravel(), kind="stable")
    steps = np.diff(found.pixels.ravel()[order].astype(int))
    assert np.all(steps <= 0) if bright_is_air else np.all(steps >= 0)
    assert (found.pixels.min(), found.pixels.max()) == (0, 65535)


def test_raw_data_stay_as_they_are_on_request(file: Path) -> None:
    write(file, gradient(), SOPClassUID=PROCESSING, PresentationIntentType="FOR PROCESSING")
    np.testing.assert_array_equal(read_mammogram(file, raw=True).pixels, gradient())
    assert "polarity" in read_mammogram(file).warnings[0]


def test_bits_above_the_stored_ones_are_cleared(file: Path) -> None:
    write(file, gradient() | np.uint16(0xA000))
    np.testing.assert_array_equal(read_mammogram(file).pixels, gradient())


def test_bits_not_at_the_bottom_are_shifted(file: Path) -> None:
    write(file, (gradient() << 4).astype(np.uint16), HighBit=15)
    np.testing.assert_array_equal(read_mammogram(file).pixels, gradient())


def test_signed_values(file: Path) -> None:
    values = gradient().astype(np.int16) - 2048
    write(file, (values & 0xFFF).astype(np.uint16), PixelRepresentation=1)
    found = read_mammogram(file).pixels
    assert np.corrcoef(found.ravel(), values.ravel())[0, 1] > 0.99999


def test_padding_becomes_the_darkest_value(file: Path) -> None:
    pixels = gradient()
    pixels[:, :3] = 4000
    pixels[:, 3] = 4090
    write(file, pixels, PixelPaddingValue=4000, PixelPaddingRangeLimit=4095)
    found = read_mammogram(file).pixels
    assert not found[:, :4].any()
    assert found[:, 4:].max() >= 3900


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("signed", "padding"), [(0, 4000), (0, 0), (1, -2048), (1, 2047)])
def test_padding_of_one_value(file: Path, photometric: str, signed: int, padding: int) -> None:
    pixels = np.clip(gradient(), 100, 3900)
    pixels[:, :3] = padding & 0xFFF
    tags = {"PixelRepresentation": signed, "PhotometricInterpretation": photometric, "PixelPaddingValue": padding}
    found = read_mammogram(write(file, pixels, **tags)).pixels
    assert not found[:, :3].any()
    assert found[:, 3:].std() > 500


@pytest.mark.parametrize(("photometric", "sign"), [("MONOCHROME1", None), ("MONOCHROME2", 1), ("MONOCHROME2", -1)])
@pytest.mark.parametrize(("padding", "limit"), [(0, None), (4095, 4000), (2000, None)])
def test_padding_of_raw_data_is_background(
    file: Path, photometric: str, sign: int | None, padding: int, limit: int | None
) -> None:
    """Neither bright tissue where high values mean air, nor part of the range."""
    pixels = np.clip(gradient(), 1000, 3000)
    pixels[pixels == padding] += 1
    tags = {"PhotometricInterpretation": photometric, "PixelIntensityRelationshipSign": sign, "SOPClassUID": PROCESSING}
    plain = read_mammogram(write(file, pixels[:, 3:], **tags)).pixels
    pixels[:, :3] = padding
    found = read_mammogram(write(file, pixels, **tags, PixelPaddingValue=padding, PixelPaddingRangeLimit=limit)).pixels
    assert not found[:, :3].any()
    np.testing.assert_array_equal(found[:, 3:], plain)


@pytest.mark.parametrize(
    ("sop_class", "stated", "intent", "voi"),
    [
        (PROCESSING, None, "FOR PROCESSING", "log"),
        (PRESENTATION, "FOR PROCESSING", "FOR PROCESSING", "log"),
        (PRESENTATION, "FOR PRESENTATION", "FOR PRESENTATION", "window 1 of 1 (LINEAR)"),
        (PRESENTATION, None, "", "window 1 of 1 (LINEAR)"),
        ("1.2.840.10008.5.1.4.1.1.7", None, "", "window 1 of 1 (LINEAR)"),
    ],
)
def test_intent_and_its_default_grey_scale(
    file: Path, sop_class: str, stated: str | None, intent: str, voi: str
) -> None:
    tags = {"SOPClassUID": sop_class, "PresentationIntentType": stated, "PixelIntensityRelationshipSign": -1}
    found = read_mammogram(write(file, gradient(), **tags, WindowCenter=2048, WindowWidth=1000))
    assert (found.presentation_intent, found.voi) == (intent, voi)


def test_pydicoms_decoders_are_the_fallback(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = pydicom.dcmread(write(file, gradient()))
    dataset.compress("1.2.840.10008.1.2.5", encoding_plugin="pydicom")
    dataset.save_as(file)
    monkeypatch.setattr(decode, "RLE", "a syntax that imagecodecs does not decode")
    np.testing.assert_array_equal(read_mammogram(file).pixels, gradient())


@pytest.mark.parametrize("shape", [(20_000, 1), (1, 20_000)])
def test_the_longest_side_that_is_read(file: Path, shape: tuple[int, int]) -> None:
    assert read_mammogram(write(file, np.ones(shape, np.uint16))).pixels.shape == shape
    with pytest.raises(MammogramError, match="expected 1 to 20000 each"):
        read_mammogram(write(file, np.ones([side + (side > 1) for side in shape], np.uint16)))


def test_overlays_are_not_burnt_in(file: Path) -> None:
    write(file, gradient())
    dataset = pydicom.dcmread(file)
    dataset.add_new((0x6000, 0x0010), "US", 24)
    dataset.add_new((0x6000, 0x3000), "OW", b"\xff" * 60)
    dataset.save_as(file)
    np.testing.assert_array_equal(read_mammogram(file).pixels, gradient())


def test_without_preamble_and_suffix(tmp_path: Path, file: Path) -> None:
    content = write(file, gradient()).read_bytes()
    bare = tmp_path / "IM0001"
    bare.write_bytes(content[132:])
    np.testing.assert_array_equal(read_mammogram(bare).pixels, gradient())


def test_colour_needs_consent(file: Path) -> None:
    rgb = np.stack([np.full((8, 8), v, np.uint8) for v in (10, 200, 30)], axis=-1)
    write(file, rgb[..., 0], data=rgb.tobytes(), SamplesPerPixel=3, PhotometricInterpretation="RGB", BitsStored=8,
          HighBit=7, PlanarConfiguration=0)  # fmt: skip
    with pytest.raises(MammogramError, match="allow_color=True"):
        read_mammogram(file)
    expected = round(0.299 * 10 + 0.587 * 200 + 0.114 * 30)
    assert set(np.unique(read_mammogram(file, allow_color=True).pixels)) == {expected}


def test_palette_becomes_luminance(file: Path) -> None:
    indices = np.tile(np.arange(8, dtype=np.uint8), (8, 1))
    palettes = {}
    for colour, factor in (("Red", 30), ("Green", 20), ("Blue", 10)):
        palettes[f"{colour}PaletteColorLookupTableDescriptor"] = [8, 0, 16]
        palettes[f"{colour}PaletteColorLookupTableData"] = (np.arange(8, dtype="<u2") * factor).tobytes()
    write(file, indices, PhotometricInterpretation="PALETTE COLOR", BitsStored=8, HighBit=7, **palettes)
    with pytest.raises(MammogramError, match="allow_color=True"):
        read_mammogram(file)
    expected = np.rint(np.arange(8) * (0.299 * 30 + 0.587 * 20 + 0.114 * 10))
    np.testing.assert_array_equal(read_mammogram(file, allow_color=True).pixels[0], expected)


@pytest.mark.parametrize("planar", [0, 1])
def test_luminance_of_ybr_is_its_first_component(file: Path, planar: int) -> None:
    ybr = np.stack([np.full((8, 6), v, np.uint8) for v in (90, 128, 7)], axis=-1)
    data = np.moveaxis(ybr, -1, 0).tobytes() if planar else ybr.tobytes()
    write(file, ybr[..., 0], data=data, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL", BitsStored=8,
          HighBit=7, PlanarConfiguration=planar)  # fmt: skip
    np.testing.assert_array_equal(read_mammogram(file, allow_color=True).pixels, ybr[..., 0])


@pytest.mark.parametrize(
    ("tags", "warned"),
    [
        ({"ImageLaterality": "L"}, True),
        ({"ImageLaterality": "R"}, False),
        ({}, False),
        ({"ImageLaterality": "L", "PatientOrientation": ["P", "F"]}, False),
        ({"ImageLaterality": "R", "PatientOrientation": ["A", "F"]}, True),
        ({"ImageLaterality": "L", "FieldOfViewHorizontalFlip": "YES"}, False),
    ],
)
def test_pixels_that_contradict_the_side_are_reported(file: Path, tags: dict[str, Any], warned: bool) -> None:
    pixels = np.zeros((64, 96), np.uint16)
    pixels[:, 60:] = 3000  # the breast stands at the right
    found = read_mammogram(write(file, pixels, **tags))
    assert any("touches the other side" in text for text in found.warnings) == warned
    assert found.laterality == tags.get("ImageLaterality", "")


def test_secondary_capture_of_a_mammogram(file: Path) -> None:
    write(file, gradient(bits=16), SOPClassUID="1.2.840.10008.5.1.4.1.1.7", BitsStored=16, HighBit=15,
          PresentationIntentType=None)  # fmt: skip
    found = read_mammogram(file)
    np.testing.assert_array_equal(found.pixels, gradient(bits=16))
    assert (found.pixel_spacing, found.laterality, found.view_position) == (None, "", "")


def test_one_frame_of_several(file: Path) -> None:
    frames = np.stack([gradient(), gradient()[::-1]])
    write(file, frames[0], data=frames.tobytes(), NumberOfFrames=2)
    with pytest.raises(MammogramError, match="has 2 frames"):
        read_mammogram(file)
    np.testing.assert_array_equal(read_mammogram(file, frame=1).pixels, frames[1])
    with pytest.raises(MammogramError, match="frame 2 was asked for"):
        read_mammogram(file, frame=2)


def test_nothing_of_the_patient_is_kept(file: Path) -> None:
    machine = {"Manufacturer": "ACME", "ManufacturerModelName": "M1", "KVP": "28", "Exposure": "70"}
    strata = {**machine, "BodyPartThickness": "52", "CompressionForce": "90", "PatientAge": "051Y"}
    hidden = {"StudyDate": "20240131", "AccessionNumber": "CANARY7", "PatientBirthDate": "19700101"}
    found = read_mammogram(write(file, gradient(), StudyInstanceUID="1.2.3", **strata, **hidden))
    assert found.strata == strata
    assert (found.uids["SOPInstanceUID"], found.uids["StudyInstanceUID"]) == ("1.2.3.4", "1.2.3")
    for value in ("CANARY", "20240131", "19700101"):
        assert value not in repr(found)
