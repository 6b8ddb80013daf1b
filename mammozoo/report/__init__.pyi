# SPDX-License-Identifier: Apache-2.0
from .classification import write_classification_report as write_classification_report
from .classification import write_crossvalidation_report as write_crossvalidation_report
from .evaluation import write_segmentation_report as write_segmentation_report
from .study.page import write_study_pages as write_study_pages
from .two_stage import write_two_stage_report as write_two_stage_report

__all__ = [
    "write_classification_report",
    "write_crossvalidation_report",
    "write_segmentation_report",
    "write_study_pages",
    "write_two_stage_report",
]
