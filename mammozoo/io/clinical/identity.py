# SPDX-License-Identifier: Apache-2.0
"""Whether the path of a file repeats what a DICOM header says of the patient or the visit."""

from __future__ import annotations

import hashlib
import warnings
import zlib
from collections.abc import Iterator, MutableSequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..._typing import PathLike
from .identity_index import IdentityIndex, Value

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


_DEFLATED = "1.2.840.10008.1.2.1.99"
_HEADER_BYTES = 4 << 20  # more than groups 0008 and 0010 ever take; bounds what a deflate bomb can do
# Elements of group 0010 that describe rather than identify; "F" or "045Y" in a path names nobody.
_DESCRIBING = frozenset({0x0040, 0x1010, 0x1020, 0x1021, 0x1022, 0x1023, 0x1024, 0x1030, 0x21A0, 0x21C0, 0x2203})
# Accession number and the dates of group 0008, with which a visit is found in any hospital's lists; its physicians.
_VISIT = frozenset({0x0012, 0x0020, 0x0021, 0x0022, 0x0023, 0x002A, 0x0050, 0x0090, 0x1048, 0x1050, 0x1060, 0x1070})
_KINDS: dict[str, Literal["name", "date", "number"]] = {"PN": "name", "DA": "date", "DT": "date"}


def patient_free_id(path: PathLike, relative: str) -> str | None:
    """Return another name for a file whose path names the patient or the visit of its header."""
    return hidden_id(path) if IdentityIndex(identifying_values(path)).is_named_in(relative) else None


def identifying_values(path: PathLike) -> frozenset[Value]:
    """Return what a DICOM header, read up to group 0010, says of the patient and the visit; empty if unreadable."""
    header = _readable_header(Path(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return frozenset() if header is None else frozenset(_values(header))
    except Exception:  # pydicom raises whatever a damaged element makes Python raise; the reader will tell
        return frozenset()


def hidden_id(path: PathLike) -> str:
    """Name of a file that says nothing of its path: of its SOPInstanceUID, else of its first bytes."""
    header = _readable_header(Path(path))
    uid = str(header.get("SOPInstanceUID") or "").encode() if header is not None else b""
    return f"uid-{hashlib.sha256(uid or _first_bytes(Path(path))).hexdigest()[:16]}"


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEADER_BYTES)
    except OSError:
        return b""


def _readable_header(path: Path) -> Dataset | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _header(path)
    except Exception:  # pydicom raises whatever a damaged file makes Python raise; the reader will tell
        return None


def _header(path: Path) -> Dataset | None:
    """Read a DICOM file up to group 0010, whatever its size or compression; None if it is not DICOM."""
    from pydicom.filereader import read_dataset, read_file_meta_info, read_partial

    def beyond(tag: Any, _vr: str | None, _length: int) -> bool:
        return bool(tag.group > 0x0010)

    with path.open("rb") as file:
        start = file.read(1024)
        if start[128:132] != b"DICM":
            # Without preamble a data set starts with group 0002 or 0008, little or big endian.
            known = start[:2] in (b"\x02\x00", b"\x08\x00", b"\x00\x08")
            file.seek(0)
            return read_partial(file, stop_when=beyond, force=True) if known else None
        file.seek(0)
        if _DEFLATED.encode() not in start:
            return read_partial(file, stop_when=beyond)
        meta = read_file_meta_info(path)
        if meta.get("TransferSyntaxUID") != _DEFLATED:
            return read_partial(file, stop_when=beyond)
        file.seek(144 + meta.FileMetaInformationGroupLength)  # preamble, magic, group length element
        plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(_HEADER_BYTES), _HEADER_BYTES)
        return read_dataset(BytesIO(plain), False, True, stop_when=beyond)


def _values(dataset: Dataset) -> Iterator[Value]:
    """Yield the values of group 0010 and those of the visit."""
    for tag in dataset.keys():  # noqa: SIM118 (iterating a Dataset decodes every element)
        patient = tag.group == 0x0010 and tag.element not in _DESCRIBING
        if patient or (tag.group == 0x0008 and tag.element in _VISIT):
            yield from _values_of(dataset, tag)


def _values_of(dataset: Dataset, tag: Any) -> Iterator[Value]:
    """Values of one element; one that cannot be decoded hides no other."""
    try:
        element = dataset[tag]
        if element.VR == "SQ":
            for item in element.value:
                for inner in item.keys():  # noqa: SIM118
                    yield from _values_of(item, inner)
            return
        kind = _KINDS.get(element.VR, "number")
        for single in element.value if isinstance(element.value, MutableSequence) else [element.value]:
            yield from (Value(kind, text) for text in _texts(single) if text.strip())
    except Exception:  # whatever a damaged element makes pydicom raise
        return


def _texts(single: Any) -> Iterator[str]:
    """A value, and what it would be in the character sets that a header most often forgets to name."""
    yield "" if single is None else str(single)
    raw = getattr(single, "original_string", None)
    if isinstance(raw, bytes) and not raw.isascii():
        for encoding in ("utf-8", "cp1252", "cp1251"):
            with suppress(UnicodeDecodeError):
                yield raw.decode(encoding)
