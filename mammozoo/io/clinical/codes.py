# SPDX-License-Identifier: Apache-2.0
"""The coded concepts of what is written for the hospital: segmentations, measurement reports, CAD reports.

Values, schemes and meanings as in PS3.16; the context group of each is named beside it.
"""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

# Anatomy.
BREAST = Code("76752008", "SCT", "Breast")
#: Side as a modifier of the anatomic region (CID 244).
LATERALITIES = {"L": Code("7771000", "SCT", "Left"), "R": Code("24028007", "SCT", "Right")}
#: Side as an image library of mammograms gives it (CID 6022).
BREAST_SIDES = {"L": Code("80248007", "SCT", "Left breast"), "R": Code("73056007", "SCT", "Right breast")}
#: View (CID 4014). CV is not a code of its own (cleavage is a modifier of CC).
VIEWS = {
    "CC": Code("399162004", "SCT", "cranio-caudal"),
    "MLO": Code("399368009", "SCT", "medio-lateral oblique"),
    "ML": Code("399260004", "SCT", "medio-lateral"),
    "LM": Code("399352003", "SCT", "latero-medial"),
    "LMO": Code("399099002", "SCT", "latero-medial oblique"),
    "FB": Code("399196006", "SCT", "caudo-cranial (from below)"),
    "SIO": Code("399188001", "SCT", "superolateral to inferomedial oblique"),
    "XCCL": Code("399192008", "SCT", "cranio-caudal exaggerated laterally"),
    "XCCM": Code("399101009", "SCT", "cranio-caudal exaggerated medially"),
}

# What was found. A mass takes two views to be called one; on a single image the CAD template names a density.
ABNORMAL_STRUCTURE = Code("49755003", "SCT", "Morphologically Abnormal Structure")  # CID 7150
LESION = Code("52988006", "SCT", "Lesion")  # CID 7159
MAMMOGRAPHIC_MASS = Code("129788004", "SCT", "Mammographic breast mass")  # CID 6016
MAMMOGRAPHIC_DENSITY = Code("129793001", "SCT", "Mammography breast density")  # CID 6014
CALCIFICATION_CLUSTER = Code("129769006", "SCT", "Calcification Cluster")  # CID 6014

# Measurements and their units.
AREA = Code("42798000", "SCT", "Area")
CERTAINTY_OF_FINDING = Code("111012", "DCM", "Certainty of Finding")
PERCENT = Code("%", "UCUM", "Percent")
MICROMETER = Code("um", "UCUM", "micrometer")
SQUARE_MILLIMETER = Code("mm2", "UCUM", "square millimeter")
PIXELS = Code("{pixels}", "UCUM", "pixels")

# Document titles, procedures, purposes.
MAMMOGRAPHY_CAD_REPORT = Code("111036", "DCM", "Mammography CAD Report")
MEASUREMENT_REPORT = Code("126000", "DCM", "Imaging Measurement Report")
MAMMOGRAPHY = Code("71651007", "SCT", "Mammography")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")  # CID 7162
DEVICE = Code("121007", "DCM", "Device")  # CID 270
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")  # CID 7202
LANGUAGE = Code("121049", "DCM", "Language of Content Item and Descendants")
ENGLISH = Code("en", "RFC5646", "English")

# The image library (TID 4020).
IMAGE_LIBRARY = Code("111028", "DCM", "Image Library")
IMAGE_LATERALITY = Code("111027", "DCM", "Image Laterality")
IMAGE_VIEW = Code("111031", "DCM", "Image View")
PATIENT_ORIENTATION_ROW = Code("111044", "DCM", "Patient Orientation Row")
PATIENT_ORIENTATION_COLUMN = Code("111043", "DCM", "Patient Orientation Column")
STUDY_DATE = Code("111060", "DCM", "Study Date")
STUDY_TIME = Code("111061", "DCM", "Study Time")
CONTENT_DATE = Code("111018", "DCM", "Content Date")
CONTENT_TIME = Code("111019", "DCM", "Content Time")
HORIZONTAL_PIXEL_SPACING = Code("111026", "DCM", "Horizontal Pixel Spacing")
VERTICAL_PIXEL_SPACING = Code("111066", "DCM", "Vertical Pixel Spacing")

# Findings of a CAD report (TID 4001 to 4006, 4019, 4021).
CAD_SUMMARY = Code("111017", "DCM", "CAD Processing and Findings Summary")
WITHOUT_FINDINGS = Code("111241", "DCM", "All algorithms succeeded; without findings")  # CID 6047
WITH_FINDINGS = Code("111242", "DCM", "All algorithms succeeded; with findings")  # CID 6047
PARTLY_WITHOUT_FINDINGS = Code("111243", "DCM", "Not all algorithms succeeded; without findings")  # CID 6047
PARTLY_WITH_FINDINGS = Code("111244", "DCM", "Not all algorithms succeeded; with findings")  # CID 6047
NONE_SUCCEEDED = Code("111245", "DCM", "No algorithms succeeded; without findings")  # CID 6047
INDIVIDUAL_IMPRESSION = Code("111034", "DCM", "Individual Impression/Recommendation")
RENDERING_INTENT = Code("111056", "DCM", "Rendering Intent")
PRESENTATION_REQUIRED = Code(
    "111150", "DCM", "Presentation Required: Rendering device is expected to present"
)  # CID 6034
SINGLE_IMAGE_FINDING = Code("111059", "DCM", "Single Image Finding")
ALGORITHM_NAME = Code("111001", "DCM", "Algorithm Name")
ALGORITHM_VERSION = Code("111003", "DCM", "Algorithm Version")
ALGORITHM_PARAMETERS = Code("111002", "DCM", "Algorithm Parameters")
CENTER = Code("111010", "DCM", "Center")
OUTLINE = Code("111041", "DCM", "Outline")

# What was run (TID 4000, 4015, 4017).
SUMMARY_OF_DETECTIONS = Code("111064", "DCM", "Summary of Detections")
SUMMARY_OF_ANALYSES = Code("111065", "DCM", "Summary of Analyses")
SUCCEEDED = Code("111222", "DCM", "Succeeded")  # CID 6042
PARTIALLY_SUCCEEDED = Code("111223", "DCM", "Partially Succeeded")  # CID 6042
FAILED = Code("111224", "DCM", "Failed")  # CID 6042
NOT_ATTEMPTED = Code("111225", "DCM", "Not Attempted")  # CID 6042
FAILED_DETECTIONS = Code("111025", "DCM", "Failed Detections")
SUCCESSFUL_DETECTIONS = Code("111063", "DCM", "Successful Detections")
DETECTION_PERFORMED = Code("111022", "DCM", "Detection Performed")


def code_item(code: Code) -> Dataset:
    """Item of a code sequence."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    return item
