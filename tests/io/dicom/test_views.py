# SPDX-License-Identifier: Apache-2.0
"""View and side from free text: only where it names one view, and one side."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from mammozoo.io.dicom.geometry import laterality, view_position


def _said(words: str, **tags: Any) -> tuple[str, str]:
    dataset = Dataset()
    dataset.SeriesDescription = words
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return laterality(dataset), view_position(dataset)[0]


@pytest.mark.parametrize(
    ("words", "side", "view"),
    [
        ("R LM", "R", "LM"), ("R LMO", "R", "LMO"), ("RLMO", "R", "LMO"), ("RLM", "R", "LM"), ("LLM", "L", "LM"),
        ("LM", "", "LM"), ("LMO", "", "LMO"), ("LML", "L", "ML"), ("RML", "R", "ML"), ("LMLO", "L", "MLO"),
        ("L-MLO screening", "L", "MLO"), ("R_CC", "R", "CC"), ("LCC2", "L", "CC"), ("r mlo", "R", "MLO"),
        ("LXCCL", "L", "XCCL"), ("R XCCM", "R", "XCCM"), ("RSIO", "R", "SIO"),
        ("MAMMOGRAM CC/MLO", "", ""), ("CC MLO", "", ""), ("CC,MLO", "", ""), ("RCC RMLO", "", ""),
        ("4 VIEWS CC+MLO", "", ""),
        ("RCC LMLO", "", ""), ("L/R CC", "", "CC"), ("LCC RCC", "", "CC"), ("LEFT AND RIGHT", "", ""),
        ("Left breast", "L", ""), ("RIGHT CC", "R", "CC"),
        ("IOHEXOL 100 CC", "", ""), ("Iohexol 100cc", "", ""), ("1.5 ml/kg", "", ""), ("90 ML CESM", "", ""),
        ("CESM 90 ml R MLO", "R", "MLO"), ("Omnipaque 1,5 CC LCC", "L", "CC"), ("VIEW 2 MLO", "", "MLO"),
        ("ACCURATE", "", ""), ("LAT", "", ""), ("ML view", "", "ML"), ("FILM", "", ""), ("", "", ""),
        ("mediolateral oblique", "", "MLO"), ("Medio-Lateral Oblique left", "L", "MLO"), ("cranio caudal", "", "CC"),
        ("craniocaudal and mediolateral oblique", "", ""), ("exaggerated craniocaudal laterally", "", "XCCL"),
    ],
)  # fmt: skip
def test_series_descriptions(words: str, side: str, view: str) -> None:
    assert _said(words) == (side, view)


def test_what_the_header_says_wins() -> None:
    assert _said("R LM", ImageLaterality="L", ViewPosition="CC") == ("L", "CC")
    assert _said("R LM", ImageLaterality="B") == ("", "LM")
    assert _said("R LM", Laterality="L") == ("L", "LM")


@pytest.mark.parametrize(("value", "view"), [("RCC", "CC"), ("L MLO", "MLO"), ("CC MLO", ""), ("ANYTHING", "")])
def test_view_positions_with_a_side(value: str, view: str) -> None:
    assert _said("", ViewPosition=value)[1] == view


@pytest.mark.parametrize(
    ("value", "view"), [("MAMMOGRAPHY,MLO", "MLO"), ("MAMMO CC/MLO", ""), ("CM 90 CC", ""), ("BREAST,RLMO", "LMO")]
)
def test_the_vendors_tag(value: str, view: str) -> None:
    dataset = Dataset()
    dataset.add_new((0x0018, 0x1400), "LO", value)
    assert view_position(dataset)[0] == view
