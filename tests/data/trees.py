# SPDX-License-Identifier: Apache-2.0
"""Miniature trees in the true layout of each data set, written by the tests."""

from __future__ import annotations

import json
import plistlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import openpyxl
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

SHAPE = (60, 40)


def film(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Grey levels of a small film."""
    return np.random.default_rng(seed).integers(1, 200, shape).astype(np.uint8)


def disk(shape: tuple[int, int] = SHAPE, *, x: int = 20, y: int = 30, r: int = 6) -> np.ndarray:
    """Mask 0/255 with one disk."""
    return cv2.circle(np.zeros(shape, np.uint8), (x, y), r, 255, -1)


def write(path: Path, data: bytes | str) -> Path:
    """Write a file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def dicom(path: Path, pixels: np.ndarray) -> Path:
    """Write a minimal mammogram."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.2"
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(path)])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    file.SeriesInstanceUID, file.StudyInstanceUID = "1.2.3", "1.2"
    file.Modality, file.PatientID, file.PhotometricInterpretation = "MG", "CASE", "MONOCHROME2"
    file.Rows, file.Columns = pixels.shape
    file.SamplesPerPixel, file.BitsAllocated, file.BitsStored, file.HighBit = 1, 8, 8, 7
    file.PixelRepresentation = 0
    file.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path, enforce_file_format=True)
    return path


def jpeg(path: Path, pixels: np.ndarray) -> Path:
    """Write a JPEG of quality 95."""
    return write(path, cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())


def tiff(path: Path, pixels: np.ndarray) -> Path:
    """Write an RGBA TIFF with LZW compression."""
    rgba = np.dstack([pixels, pixels, pixels, np.full_like(pixels, 255)])
    return write(path, imagecodecs.tiff_encode(rgba, compression="lzw"))


def xlsx(path: Path, sheets: dict[str, Sequence[Sequence[str]]]) -> Path:
    """Write a workbook; empty cells are left out of it."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for cells in rows:
            sheet.append([cell or None for cell in cells])
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def mias(root: Path) -> Path:
    """Four images: a normal pair, an image with two lesions, and one with a remark for coordinates."""
    for number in (3, 4, 5, 216):
        pixels = np.zeros((1024, 1024), np.uint8)
        write(root / f"mdb{number:03d}.pgm", b"P5\n1024 1024\n255\n" + pixels.tobytes())
    lines = [
        "The database: mdb000 is not an image; left films even, right films odd",
        "mdb003 D NORM",
        "mdb004 D NORM",
        "mdb005 F CIRC B 477 133 30",
        "mdb005 F CIRC B 500 168 26",
        "mdb216 D CALC M *NOTE 3*",
    ]
    write(root / "Info.txt", "\r\n".join(lines))
    return root


def inbreast(root: Path) -> Path:
    """Three images of two patients; the keys of the property lists stand in different orders."""
    release = root / "INbreast Release 1.0"
    names = (
        "20586908_6c613a14b80a8591_MG_R_ML",
        "22580192_6c613a14b80a8591_MG_L_CC",
        "50996589_aaaabbbbccccdddd_MG_L_CC",
    )
    for seed, name in enumerate(names):
        dicom(release / "AllDICOMs" / f"{name}_ANON.dcm", film(seed))
    square = ["(10.0, 20.0)", "(19.0, 20.0)", "(19.0, 29.0)", "(10.0, 29.0)"]
    first = [
        {"Name": "Mass", "NumberOfPoints": 4, "Point_px": square, "Area": 1.0},
        {"Point_px": ["(5.2, 5.1)"], "Name": "Calcification", "NumberOfPoints": 1},
        {"Point_px": [], "Name": "Mass", "NumberOfPoints": 0},
    ]
    second = [
        {"Point_px": ["(-3.5, 50.0)", "(5.0, 50.0)", "(5.0, 90.0)", "(-3.5, 90.0)"], "Name": "Espiculated Region"}
    ]
    for number, rois in (("20586908", first), ("22580192", second)):
        document = {"Images": [{"ImageIndex": 0, "NumberOfROIs": len(rois), "ROIs": rois}]}
        write(release / "AllXML" / f"{number}.xml", plistlib.dumps(document, sort_keys=False))
    header = "Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads"
    rows = ["20586908;4 ;5", "22580192;  ;4c", "50996589;1 ;1"]
    table = [f"removed;removed;R;MLO;201001;{row}" for row in rows]
    write(release / "INbreast.csv", "\n".join([header, *table]) + "\n")
    return root


_CBIS_HEADER = (
    "patient_id,{0},left or right breast,image view,abnormality id,abnormality type,mass shape,mass margins,"
    "assessment,pathology,subtlety,image file path,cropped image file path,ROI mask file path"
)


def _cbis_row(patient: str, side: str, view: str, number: int, pathology: str, *, split: str, swapped: bool) -> str:
    case = f"Mass-{split}_{patient}_{side}_{view}"
    roi, crop = (
        f"{case}_{number}/2.{number}/3.{number}.222/000001.dcm",
        f"{case}_{number}/2.{number}/3.{number}.222/000000.dcm",
    )
    if swapped:
        roi, crop = crop, roi
    return (
        f"{patient},3,{side},{view},{number},mass,OVAL,SPICULATED,{number + 3},{pathology},4,"
        f'{case}/1.1/9.9.11111/000000.dcm,{crop},"{roi}\n"'
    )


def cbis_tables(folder: Path) -> None:
    """Training table with two masses of one image (mask and crop swapped in one row) and a test table."""
    rows = [
        _cbis_row("P_00001", "LEFT", "CC", 1, "BENIGN_WITHOUT_CALLBACK", split="Training", swapped=False),
        _cbis_row("P_00001", "LEFT", "CC", 2, "MALIGNANT", split="Training", swapped=True),
        _cbis_row("P_00004", "RIGHT", "MLO", 1, "BENIGN", split="Training", swapped=False),
    ]
    train = "\n".join([_CBIS_HEADER.format("breast_density"), *rows])
    write(folder / "mass_case_description_train_set.csv", train + "\n")
    row = _cbis_row("P_00145", "LEFT", "CC", 1, "MALIGNANT", split="Test", swapped=False)
    write(folder / "mass_case_description_test_set.csv", _CBIS_HEADER.format("breast density") + f"\n{row}\n")


#: case folder -> position of its mask, whether the mask was scanned at another pitch.
CBIS_CASES = {
    "Mass-Training_P_00001_LEFT_CC": {"_1": (10, 20), "_2": (28, 40)},
    "Mass-Training_P_00004_RIGHT_MLO": {"_1": (20, 30)},
    "Mass-Test_P_00145_LEFT_CC": {"_1": (20, 30)},
}


def _cbis_roi(case: str, place: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    mask = disk(x=place[0], y=place[1])
    crop = film(7)[place[1] - 6 : place[1] + 7, place[0] - 6 : place[0] + 7].copy()
    if "P_00145" in case:
        mask = cv2.resize(mask, (46, 69), interpolation=cv2.INTER_NEAREST)
    return mask, crop


def cbis_tcia(root: Path) -> Path:
    """The tree of the tables' paths; which of the two files is the mask changes."""
    cbis_tables(root)
    for seed, (case, rois) in enumerate(CBIS_CASES.items()):
        dicom(root / case / "1.1" / "9.9.11111" / "000000.dcm", film(seed))
        for suffix, place in rois.items():
            mask, crop = _cbis_roi(case, place)
            folder = root / f"{case}{suffix}" / "2.1" / "3.1.222"
            names = ("000001.dcm", "000000.dcm") if suffix == "_1" else ("000000.dcm", "000001.dcm")
            dicom(folder / names[0], mask)
            dicom(folder / names[1], crop)
    return root


def cbis_nbia(root: Path) -> Path:
    """The retriever's tree: dates and the last five digits of the series in the folder names."""
    cbis_tables(root)
    cases = root / "manifest-1" / "CBIS-DDSM"
    for seed, (case, rois) in enumerate(CBIS_CASES.items()):
        dicom(cases / case / "07-20-2016-NA-30455" / "1.000000-full mammogram images-11111" / "1-1.dcm", film(seed))
        for suffix, place in rois.items():
            mask, crop = _cbis_roi(case, place)
            visit = cases / f"{case}{suffix}" / "07-20-2016-NA-30456"
            dicom(visit / "1.000000-ROI mask images-00222" / "1-1.dcm", crop)
            dicom(visit / "1.000000-ROI mask images-00222" / "1-2.dcm", mask)
    return root


def cbis_kaggle(root: Path) -> Path:
    """The JPEG mirror: folders by series; here every case has series of its own."""
    cbis_tables(root / "csv")
    for name in ("train", "test"):
        path = root / "csv" / f"mass_case_description_{name}_set.csv"
        text = path.read_text()
        for case in CBIS_CASES:
            text = text.replace(f"{case}/1.1/9.9.11111", f"{case}/1.1/{case[-16:]}.full")
            for suffix in ("_1", "_2"):
                text = text.replace(
                    f"{case}{suffix}/2{suffix.replace('_', '.')}/3{suffix.replace('_', '.')}.222",
                    f"{case}{suffix}/2.1/{case[-16:]}{suffix}.roi",
                )
        path.write_text(text)
    for seed, (case, rois) in enumerate(CBIS_CASES.items()):
        jpeg(root / "jpeg" / f"{case[-16:]}.full" / "1-036.jpg", film(seed))
        for suffix, place in rois.items():
            mask, crop = _cbis_roi(case, place)
            jpeg(root / "jpeg" / f"{case[-16:]}{suffix}.roi" / "1-249.jpg", crop)
            jpeg(root / "jpeg" / f"{case[-16:]}{suffix}.roi" / "2-241.jpg", mask)
    return root


def cdd_cesm(root: Path) -> Path:
    """Two views of one breast, low energy and subtracted; one name has a blank before its suffix."""
    package = root / "PKG - CDD-CESM" / "CDD-CESM"
    for seed, name in enumerate(("P1_L_DM_CC", "P1_L_DM_MLO ")):
        jpeg(package / "Low energy images of CDD-CESM" / f"{name}.jpg", film(seed))
    for seed, name in enumerate(("P1_L_CM_CC", "P1_L_CM_MLO ")):
        jpeg(package / "Subtracted images of CDD-CESM" / f"{name}.jpg", film(seed + 5, (66, 44)))
    header = [
        "Image_name", "Patient_ID", "Side", "Type", "Age", "Breast density (ACR)", "BIRADS", "Findings", "View",
        "Tags", "Machine", "Pathology Classification/ Follow up ",
    ]  # fmt: skip
    tail = ["suspicious", "1", "Malignant "]
    rows = [
        ["P1_L_DM_CC", "1", "L", "DM", "46", "C", "5$2", "Mass $ IMLN", "CC", *tail],
        ["P1_L_CM_CC", "1", "L", "CESM", "46", "_", "5$2", "Mass", "CC", *tail],
        ["P1_L_DM_MLO", "1", "L", "DM", "46", "C", "5", "Mass", "MLO", *tail],
        ["P1_L_CM_MLO ", "1", "L", "CESM", "", "_", "5", "", "MLO", *tail],
    ]
    xlsx(package / "Radiology-manual-annotations.xlsx", {"all": [header, *rows], "distortion": [header, rows[0]]})
    shapes = [
        ("P1_L_DM_CC.jpg", {"name": "circle", "cx": 20, "cy": 30, "r": 5}),
        ("P1_L_DM_CC.jpg", {"name": "point", "cx": 3, "cy": 4}),
        ("P1_L_CM_CC.jpg", {"name": "ellipse", "cx": 20, "cy": 30, "rx": 10, "ry": 4, "theta": 1.5707963}),
        ("P1_L_CM_MLO .jpg", {"name": "polygon", "all_points_x": [5, 9, 9], "all_points_y": [5, 5, 9]}),
        ("P1_L_DM_MLO .jpg", {}),
    ]
    lines = ["#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"]
    for name, shape in shapes:
        cell = json.dumps(shape).replace('"', '""')
        lines.append(f'{name},1,"{{}}",1,0,"{cell}","{{}}"')
    write(package / "Radiology_hand_drawn_segmentations_v2.csv", "\n".join(lines) + "\n")
    write(package / "Medical reports for cases" / "~$P1.docx", "")
    return root


def dmid(root: Path) -> Path:
    """Three images in folders nested as a mirror nests them: a mask, a smaller mask, a normal image."""
    images = root / "TIFF Images" / "TIFF Images"
    for seed, name in enumerate(("IMG001", "IMG002", "IMG003")):
        tiff(images / f"{name}.tif", film(seed))
    tiff(root / "ROI Masks" / "ROI Masks" / "IMG001.tif", disk())
    tiff(root / "ROI Masks" / "ROI Masks" / "IMG002.tif", disk((30, 20), x=10, y=15, r=4))
    prose = [["This file lists the films"], [], ["column 1: image"]]
    rows = [
        ["IMG001", "CCLT", "G", "CIRC+CLAC", "M", "20", "30", "6"],
        ["IMG001", "CCLT", "G", "ASYM", "B", "", "", ""],
        ["IMG002", "MLORT", "F", "SPIC", "B", "20", "30", "6"],
        ["IMG003", "MLOLT", "D", "NORM", "N"],
    ]
    xlsx(root / "Metadata.xlsx", {"Sheet1": [*prose, *rows]})
    write(root / "Reports" / "Img001.txt", "Breasts: ACR type C\r\nBIRADS: 2, 4A\r\n")
    return root
