# SPDX-License-Identifier: Apache-2.0
from .adapters.contrast import audit_contrast as audit_contrast
from .adapters.contrast import contrast_datalist as contrast_datalist
from .adapters.contrast import prepare_contrast as prepare_contrast
from .checks import check_data as check_data
from .contrast_source import ContrastSource as ContrastSource
from .datalist_json import write_datalist as write_datalist
from .indexing.report import index_report as index_report
from .lists import audit_split as audit_split
from .lists import datalist as datalist
from .lists import load_records as load_records
from .lists import prepare_dataset as prepare_dataset
from .record import Finding as Finding
from .record import Record as Record
from .source import DataSource as DataSource
from .split_file import make_split_file as make_split_file
from .split_file import read_split as read_split
from .split_file import write_split as write_split
from .splits import Split as Split
from .truth import load_truth as load_truth

__all__ = [
    "ContrastSource",
    "DataSource",
    "Finding",
    "Record",
    "Split",
    "audit_contrast",
    "audit_split",
    "check_data",
    "contrast_datalist",
    "datalist",
    "index_report",
    "load_records",
    "load_truth",
    "make_split_file",
    "prepare_contrast",
    "prepare_dataset",
    "read_split",
    "write_datalist",
    "write_split",
]
