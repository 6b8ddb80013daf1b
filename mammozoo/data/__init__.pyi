# SPDX-License-Identifier: Apache-2.0
from .contrast_source import ContrastSource as ContrastSource
from .indexing.report import index_report as index_report
from .lists import audit_split as audit_split
from .lists import datalist as datalist
from .lists import load_records as load_records
from .lists import prepare_dataset as prepare_dataset
from .record import Finding as Finding
from .record import Record as Record
from .source import DataSource as DataSource
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
    "audit_split",
    "datalist",
    "index_report",
    "load_records",
    "load_truth",
    "prepare_dataset",
    "read_split",
    "write_split",
]
