# SPDX-License-Identifier: Apache-2.0
"""Write a digital mammogram (For Presentation) as a DICOM file."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._typing import Array

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


#: Short name -> transfer syntax UID (PS3.5 Annex A).
TRANSFER_SYNTAXES = {
    "explicit": "1.2.840.10008.1.2.1",
    "rle": "1.2.840.10008.1.2.5",
    "jpeg_lossless": "1.2.840.10008.1.2.4.57",
    "jpeg_ls_lossless": "1.2.840.10008.1.2.4.80",
    "jpeg2000_lossless": "1.2.840.10008.1.2.4.90",
    "htj2k_lossless": "1.2.840.10008.1.2.4.201",
}
_SOP_CLASS = "1.2.840.10008.5.1.4.1.1.1.2"  # Digital Mammography X-Ray Image Storage - For Presentation
_BITS = 12
# CID 4014, View for Mammography (SNOMED CT codes, PS3.16).
_VIEW_CODES = {
    "CC": ("399162004", "cranio-caudal"),
    "MLO": ("399368009", "medio-lateral oblique"),
    "ML": ("399260004", "medio-lateral"),
    "LM": ("399352003", "latero-medial"),
}
# Where rows and columns run: from the chest wall of a left breast to its nipple (anterior), in CC from
# lateral to medial, in MLO obliquely to the feet; a right breast is mirrored (PS3.3 C.7.6.1.1.1).
_ORIENTATION = {
    ("L", "CC"): ["A", "R"],
    ("R", "CC"): ["P", "L"],
    ("L", ""): ["A", "FR"],
    ("R", ""): ["P", "FL"],
}


@dataclass(frozen=True, kw_only=True)
class MammogramHeader:
    """What the header of a synthetic mammogram says."""

    patient_id: str
    laterality: str
    view_position: str
    pixel_spacing: tuple[float, float]
    uid_key: str
    study_key: str
    windows: Sequence[tuple[float, float, str]] = ((2048.0, 4096.0, "FULL"),)
    image_type: Sequence[str] = ("DERIVED", "PRIMARY")
    series: str = "SIMULATED MAMMOGRAM"
    instance_number: int = 1
    patient_name: str = "SYNTHETIC^PATIENT"
    patient_age: str = ""
    contrast_agent: str = ""


def seeded_uid(key: str) -> str:
    """UID derived from a text (PS3.5 B.2, a name-based UUID)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, f'urn:mammozoo:{key}').int}"


def mammogram_bytes(
    pixels: Array,
    header: MammogramHeader,
    *,
    photometric: str = "MONOCHROME2",
    transfer_syntax: str = "explicit",
) -> bytes:
    """Encode a mammogram as a DICOM file in memory."""
    _check(pixels, header, photometric=photometric, transfer_syntax=transfer_syntax)
    stored = np.ascontiguousarray(pixels if photometric == "MONOCHROME2" else 2**_BITS - 1 - pixels)
    dataset = _dataset(header, shape=pixels.shape, photometric=photometric)
    if transfer_syntax == "explicit":
        data = stored.astype("<u2").tobytes()
    else:
        data = _encapsulate(_encode(stored, transfer_syntax))
    return _file(dataset, data, transfer_syntax=transfer_syntax)


def _check(pixels: Array, header: MammogramHeader, *, photometric: str, transfer_syntax: str) -> None:
    if pixels.dtype != np.uint16 or pixels.ndim != 2 or pixels.size == 0 or int(pixels.max()) >= 2**_BITS:
        top = int(pixels.max()) if pixels.size else None
        wanted = "a (H, W) uint16 image of 12 bits (0 to 4095)"
        msg = f"got {pixels.dtype} {pixels.shape} up to {top}; expected {wanted}"
        raise ValueError(msg)
    choices = (
        ("photometric", photometric, ("MONOCHROME1", "MONOCHROME2")),
        ("transfer_syntax", transfer_syntax, tuple(TRANSFER_SYNTAXES)),
        ("laterality", header.laterality, ("L", "R")),
        ("view_position", header.view_position, tuple(_VIEW_CODES)),
    )
    for name, value, allowed in choices:
        if value not in allowed:
            msg = f"{name} {value!r} is none of {', '.join(allowed)}"
            raise ValueError(msg)


def _dataset(header: MammogramHeader, *, shape: tuple[int, ...], photometric: str) -> Dataset:
    from pydicom.dataset import Dataset

    inverted = photometric == "MONOCHROME1"
    top = 2**_BITS - 1
    dataset = Dataset()
    for keyword, value in {
        **_identity(header),
        **_acquisition(header),
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": photometric,
        "PresentationLUTShape": "INVERSE" if inverted else "IDENTITY",
        "Rows": shape[0],
        "Columns": shape[1],
        "BitsAllocated": 16,
        "BitsStored": _BITS,
        "HighBit": _BITS - 1,
        "PixelRepresentation": 0,
        "PixelIntensityRelationship": "LOG",
        "PixelIntensityRelationshipSign": 1 if inverted else -1,  # -1: more is less X-ray
        "RescaleIntercept": "0",
        "RescaleSlope": "1",
        "RescaleType": "US",
        "LossyImageCompression": "00",
        # A linear window covers centre - 0.5 evenly (PS3.3 C.11.2.1.2), hence the 1 when it is turned over.
        "WindowCenter": [str(top - c + 1 if inverted else c) for c, _, _ in header.windows],
        "WindowWidth": [str(width) for _, width, _ in header.windows],
        "WindowCenterWidthExplanation": [text for _, _, text in header.windows],
    }.items():
        setattr(dataset, keyword, value)
    dataset.ViewCodeSequence = [_code(*_VIEW_CODES[header.view_position])]
    dataset.ViewCodeSequence[0].ViewModifierCodeSequence = []
    dataset.AnatomicRegionSequence = [_code("76752008", "Breast")]
    dataset.AcquisitionContextSequence = []
    return dataset


def _identity(header: MammogramHeader) -> dict[str, Any]:
    """Elements of the patient, study, series and instance."""
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "ImageType": list(header.image_type),
        "SOPClassUID": _SOP_CLASS,
        "SOPInstanceUID": seeded_uid(f"instance {header.uid_key}"),
        "StudyDate": "20200101",
        "SeriesDate": "20200101",
        "AcquisitionDate": "20200101",
        "ContentDate": "20200101",
        "StudyTime": "120000",
        "SeriesTime": "120000",
        "AcquisitionTime": "120000",
        "ContentTime": "120000",
        "AccessionNumber": "",
        "Modality": "MG",
        "PresentationIntentType": "FOR PRESENTATION",
        "Manufacturer": "MammoZoo",
        "ManufacturerModelName": "Synthetic phantom",
        "ReferringPhysicianName": "",
        "StudyDescription": "SYNTHETIC, NOT A PATIENT",
        "SeriesDescription": header.series,
        "PatientName": header.patient_name,
        "PatientID": header.patient_id,
        "PatientBirthDate": "",
        "PatientSex": "F",
        "PatientAge": header.patient_age,
        "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "Synthetic data: no patient exists",
        "BodyPartExamined": "BREAST",
        "StudyInstanceUID": seeded_uid(f"study {header.study_key}"),
        "SeriesInstanceUID": seeded_uid(f"series {header.study_key} {header.series}"),
        "StudyID": "1",
        "SeriesNumber": "1",
        "InstanceNumber": str(header.instance_number),
    }


def _acquisition(header: MammogramHeader) -> dict[str, Any]:
    """Elements of the view, the geometry and the detector."""
    side, view = header.laterality, header.view_position
    elements = {
        "ViewPosition": view,
        "PositionerType": "MAMMOGRAPHIC",
        "ImageLaterality": side,
        "OrganExposed": "BREAST",
        "PatientOrientation": _ORIENTATION.get((side, view), _ORIENTATION[(side, "")]),
        "ImagerPixelSpacing": [f"{value:.10g}"[:16] for value in header.pixel_spacing],
        "FieldOfViewHorizontalFlip": "NO",
        "FieldOfViewRotation": "0",
        "FieldOfViewOrigin": ["0", "0"],
        "BreastImplantPresent": "NO",
        "PartialView": "NO",
        "BurnedInAnnotation": "NO",
        "DetectorType": "DIRECT",
        "KVP": "29",
        "BodyPartThickness": "55",
        "CompressionForce": "90",
        "QualityControlImage": "NO",
    }
    if header.contrast_agent:
        elements["ContrastBolusAgent"] = header.contrast_agent
    return elements


def _code(value: str, meaning: str) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "SCT"
    item.CodeMeaning = meaning
    return item


def _encode(stored: Array, transfer_syntax: str) -> bytes:
    import imagecodecs

    if transfer_syntax == "jpeg_lossless":
        return bytes(imagecodecs.ljpeg_encode(stored, bitspersample=_BITS))
    if transfer_syntax == "jpeg_ls_lossless":
        return bytes(imagecodecs.jpegls_encode(stored))
    if transfer_syntax == "htj2k_lossless":
        return bytes(imagecodecs.htj2k_encode(stored))
    if transfer_syntax == "jpeg2000_lossless":
        return bytes(
            imagecodecs.jpeg2k_encode(stored, level=0, codecformat="j2k", reversible=True, bitspersample=_BITS)
        )
    planes = [(stored >> 8).astype(np.uint8), (stored & 0xFF).astype(np.uint8)]  # most significant byte first
    segments = []
    for plane in planes:
        segment = b"".join(bytes(imagecodecs.packbits_encode(row.tobytes())) for row in plane)
        segments.append(segment + b"\0" * (len(segment) % 2))
    offsets = [len(segments), 64, 64 + len(segments[0])]
    return struct.pack("<16L", *offsets, *[0] * (16 - len(offsets))) + b"".join(segments)


def _encapsulate(frame: bytes) -> bytes:
    """Wrap one frame as fragments (PS3.5 A.4): empty offset table, the frame, the delimiter."""
    frame += b"\0" * (len(frame) % 2)
    item, delimiter = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
    return item + bytes(4) + item + struct.pack("<L", len(frame)) + frame + delimiter + bytes(4)


def _file(dataset: Dataset, data: bytes, *, transfer_syntax: str) -> bytes:
    """Put preamble, meta information, elements and pixel data together."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset, write_file_meta_info
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(TRANSFER_SYNTAXES[transfer_syntax])
    meta.ImplementationClassUID = UID(seeded_uid("implementation"))
    meta.ImplementationVersionName = "MAMMOZOO"
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    buffer.write(bytes(128) + b"DICM")
    write_file_meta_info(buffer, meta, enforce_standard=True)
    write_dataset(buffer, dataset)
    length = 0xFFFFFFFF if transfer_syntax != "explicit" else len(data)
    buffer.write(struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW" if transfer_syntax == "explicit" else b"OB", 0, length))
    buffer.write(data)
    return buffer.getvalue()
