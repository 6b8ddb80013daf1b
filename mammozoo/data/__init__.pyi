# SPDX-License-Identifier: Apache-2.0
from .lists import audit_split as audit_split, datalist as datalist, load_records as load_records
from .lists import prepare_dataset as prepare_dataset
from .record import Finding as Finding, Record as Record
from .contrast_source import ContrastSource as ContrastSource
from .source import DataSource as DataSource
from .split_file import read_split as read_split
from .splits import Split as Split

__all__ = [
    "ContrastSource",
    "DataSource",
    "Finding",
    "Record",
    "Split",
    "audit_split",
    "datalist",
    "load_records",
    "prepare_dataset",
    "read_split",
]
