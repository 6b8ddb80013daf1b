# SPDX-License-Identifier: Apache-2.0
from .clinical.cad_sr import write_cad_report as write_cad_report
from .clinical.secondary_capture import write_secondary_capture as write_secondary_capture
from .clinical.seg import read_segmentation as read_segmentation
from .clinical.seg import write_segmentation as write_segmentation
from .clinical.sr import write_measurement_report as write_measurement_report
from .dicom.read import Mammogram as Mammogram
from .dicom.read import read_mammogram as read_mammogram
from .errors import MammogramError as MammogramError
from .inputs import InputImage as InputImage
from .inputs import list_inputs as list_inputs
from .predictions.read import find_predictions as find_predictions
from .reader import MammogramReader as MammogramReader

__all__ = [
    "InputImage",
    "Mammogram",
    "MammogramError",
    "MammogramReader",
    "find_predictions",
    "list_inputs",
    "read_mammogram",
    "read_segmentation",
    "write_cad_report",
    "write_measurement_report",
    "write_secondary_capture",
    "write_segmentation",
]
