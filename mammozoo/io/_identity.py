# SPDX-License-Identifier: Apache-2.0
"""Whether the path of a DICOM file repeats what its patient module says."""

from __future__ import annotations

import hashlib
import re
import warnings
import zlib
from collections.abc import Iterator, MutableSequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._typing import PathLike

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["patient_free_id"]

_DEFLATED = "1.2.840.10008.1.2.1.99"
_HEADER_BYTES = 4 << 20  # more than groups 0008 and 0010 ever take; bounds what a deflate bomb can do
# Elements of group 0010 that describe rather than identify; "F" or "045Y" in a path names nobody.
_DESCRIBING = frozenset({0x0040, 0x1010, 0x1020, 0x1021, 0x1022, 0x1023, 0x1024, 0x1030, 0x21A0, 0x21C0, 0x2203})


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
    ``jane_1.dcm``, not in ``janet.dcm``. Sex, age, size and weight are not compared.

    Examples
    --------
    >>> patient_free_id("no_such_file.dcm", "no_such_file.dcm") is None
    True
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = _header(Path(path))
            values = set() if header is None else {_words(value) for value in _patient_values(header)}
    except Exception:  # pydicom raises whatever a damaged file makes Python raise; the reader will tell
        return None
    parts = [f"_{_words(part)}_" for part in re.split(r"[\\/]+", relative)]
    if header is None or not any(f"_{value}_" in part for value in values - {""} for part in parts):
        return None
    uid = str(header.get("SOPInstanceUID") or "").encode() or Path(path).read_bytes()
    return f"uid-{hashlib.sha256(uid).hexdigest()[:16]}"


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


def _patient_values(dataset: Dataset) -> Iterator[str]:
    """Yield the texts of group 0010, names also by their parts."""
    for tag in dataset.keys():  # noqa: SIM118 (iterating a Dataset decodes every element)
        if tag.group != 0x0010 or tag.element in _DESCRIBING:
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
