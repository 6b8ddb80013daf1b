# SPDX-License-Identifier: Apache-2.0
"""Whether the path of a file repeats what a DICOM header says of the patient or the visit."""

from __future__ import annotations

import hashlib
import re
import warnings
import zlib
from collections.abc import Collection, Iterator, MutableSequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._typing import PathLike

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["hidden_id", "identifying_values", "patient_free_id", "repeats_identity"]

_DEFLATED = "1.2.840.10008.1.2.1.99"
_HEADER_BYTES = 4 << 20  # more than groups 0008 and 0010 ever take; bounds what a deflate bomb can do
# Elements of group 0010 that describe rather than identify; "F" or "045Y" in a path names nobody.
_DESCRIBING = frozenset({0x0040, 0x1010, 0x1020, 0x1021, 0x1022, 0x1023, 0x1024, 0x1030, 0x21A0, 0x21C0, 0x2203})
# Accession number and the dates of group 0008: with them a visit is found in any hospital's lists.
_VISIT = frozenset({0x0012, 0x0020, 0x0021, 0x0022, 0x0023, 0x0050})


def patient_free_id(path: PathLike, relative: str) -> str | None:
    """Return another name for a file whose path repeats a value of its patient module (group 0010).

    Parameters
    ----------
    path : path
        The file; read up to group 0010.
    relative : str
        The path that would become its id.

    Returns
    -------
    str or None
        ``uid-`` and 16 hex digits of the SHA-256 of the SOPInstanceUID (of the header's bytes if it has
        none); None if the path is free of patient values or the file is not DICOM.

    Notes
    -----
    Compared without case and punctuation: a patient "DOE^JANE" is found in ``Doe, Jane/1.dcm`` and in
    ``jane_1.dcm``, not in ``janet.dcm``; a date also as ``2024-01-31``. The accession number and the dates of study,
    series and image count as well; sex, age, size and weight do not.

    Examples
    --------
    >>> patient_free_id("no_such_file.dcm", "no_such_file.dcm") is None
    True
    """
    return hidden_id(path) if repeats_identity(relative, identifying_values(path)) else None


def identifying_values(path: PathLike) -> frozenset[str]:
    """Return what a DICOM header says of the patient and the visit, as words in lower case.

    Parameters
    ----------
    path : path
        Read up to group 0010.

    Returns
    -------
    frozenset of str
        Empty if the file is not DICOM or cannot be read.

    Examples
    --------
    >>> identifying_values("no_such_file.dcm")
    frozenset()
    """
    header = _readable_header(Path(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = set() if header is None else {_words(value) for value in _identifying_texts(header)}
    except Exception:  # pydicom raises whatever a damaged element makes Python raise; the reader will tell
        return frozenset()
    return frozenset(values - {""})


def repeats_identity(relative: str, values: Collection[str]) -> bool:
    """Whether a path holds one of the values of `identifying_values` as whole words.

    Examples
    --------
    >>> repeats_identity("Doe, Jane/1.dcm", {"doe_jane"}), repeats_identity("2024-01-31/1.dcm", {"20240131"})
    (True, True)
    """
    parts = [f"_{_words(part)}_" for part in re.split(r"[\\/]+", relative)]
    joined = ["_" + re.sub(r"(\d{4})_(\d\d)_(\d\d)(?!\d)", r"\1\2\3", part) + "_" for part in parts]
    return any(f"_{value}_" in part for value in values for part in (*parts, *joined))


def hidden_id(path: PathLike) -> str:
    """Name of a file that says nothing of its path: of its SOPInstanceUID, else of its first bytes.

    Examples
    --------
    >>> hidden_id("no_such_file.dcm")
    'uid-e3b0c44298fc1c14'
    """
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


def _words(text: str) -> str:
    """Letters and digits in lower case, everything between them as one underscore."""
    return re.sub(r"[\W_]+", "_", text.casefold()).strip("_")


def _header(path: Path) -> Dataset | None:
    """Read a DICOM file up to group 0010, whatever its size or compression; None if it is not DICOM."""
    from pydicom.filereader import read_dataset, read_file_meta_info, read_partial

    def beyond(tag: Any, _vr: str | None, _length: int) -> bool:
        return bool(tag.group > 0x0010)

    with path.open("rb") as file:
        start = file.read(132)
        if start[128:] != b"DICM":
            # Without preamble a data set starts with group 0002 or 0008, little or big endian.
            known = start[:2] in (b"\x02\x00", b"\x08\x00", b"\x00\x08")
            file.seek(0)
            return read_partial(file, stop_when=beyond, force=True) if known else None
        meta = read_file_meta_info(path)
        file.seek(0)
        if meta.get("TransferSyntaxUID") != _DEFLATED:
            return read_partial(file, stop_when=beyond)
        file.seek(144 + meta.FileMetaInformationGroupLength)  # preamble, magic, group length element
        plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(_HEADER_BYTES), _HEADER_BYTES)
        return read_dataset(BytesIO(plain), False, True, stop_when=beyond)


def _identifying_texts(dataset: Dataset) -> Iterator[str]:
    """Yield the texts of group 0010 and those of the visit, names also by their parts."""
    for tag in dataset.keys():  # noqa: SIM118 (iterating a Dataset decodes every element)
        patient = tag.group == 0x0010 and tag.element not in _DESCRIBING
        if not patient and not (tag.group == 0x0008 and tag.element in _VISIT):
            continue
        element = dataset[tag]
        if element.VR == "SQ":
            for item in element.value:
                for inner in item:
                    yield from _texts(inner.value)
        else:
            yield from _texts(element.value)


def _texts(value: Any) -> Iterator[str]:
    for single in value if isinstance(value, MutableSequence) else [value]:  # several values of one element
        text = str(single)
        yield text
        if "^" in text or "=" in text:
            yield from re.split(r"[\^=]", text)
