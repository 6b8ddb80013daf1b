# SPDX-License-Identifier: Apache-2.0
"""Content items of a structured report (PS3.3 C.17.3), for those templates that highdicom does not write."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ..._typing import Array
from .codes import code_item


def item(relation: str, kind: str, name: Code | None, children: Sequence[Dataset] = ()) -> Dataset:
    """An item without value."""
    found = Dataset()
    found.RelationshipType = relation
    found.ValueType = kind
    if name is not None:
        found.ConceptNameCodeSequence = [code_item(name)]
    if children:
        found.ContentSequence = list(children)
    return found


def container(relation: str, name: Code, children: Sequence[Dataset]) -> Dataset:
    """A CONTAINER of separate items."""
    found = item(relation, "CONTAINER", name, children)
    found.ContinuityOfContent = "SEPARATE"
    return found


def code(relation: str, name: Code, value: Code, children: Sequence[Dataset] = ()) -> Dataset:
    """A CODE."""
    found = item(relation, "CODE", name, children)
    found.ConceptCodeSequence = [code_item(value)]
    return found


def text_item(relation: str, name: Code, value: str) -> Dataset:
    """A TEXT."""
    found = item(relation, "TEXT", name)
    found.TextValue = value
    return found


def moment(relation: str, name: Code, value: str, *, kind: str) -> Dataset:
    """A DATE or TIME."""
    found = item(relation, kind, name)
    setattr(found, "Date" if kind == "DATE" else "Time", value)
    return found


def number(relation: str, name: Code, value: float, unit: Code) -> Dataset:
    """A NUM, written with the digits that the value has."""
    measured = Dataset()
    measured.NumericValue = f"{value:.10g}"
    measured.MeasurementUnitsCodeSequence = [code_item(unit)]
    found = item(relation, "NUM", name)
    found.MeasuredValueSequence = [measured]
    return found


def coordinates(name: Code, graphic: str, points: Array, *, image: Sequence[int]) -> Dataset:
    """An SCOORD on the image whose item stands at this place of the tree."""
    found = item("HAS PROPERTIES", "SCOORD", name, [same_item("SELECTED FROM", image)])
    found.GraphicType = graphic
    found.GraphicData = [float(value) for value in np.asarray(points, np.float32).ravel()]
    return found


def same_item(relation: str, place: Sequence[int]) -> Dataset:
    """Refer to an item by its place in the tree instead of repeating it."""
    found = Dataset()
    found.RelationshipType = relation
    found.ReferencedContentItemIdentifier = list(place)
    return found
