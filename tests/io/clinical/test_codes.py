# SPDX-License-Identifier: Apache-2.0
"""Every coded concept against pydicom's copy of the standard."""

from __future__ import annotations

import pytest
from pydicom.sr._concepts_dict import concepts
from pydicom.sr.coding import Code

from mammozoo.io.clinical import codes


def _all_codes() -> dict[str, Code]:
    found = {name: value for name, value in vars(codes).items() if isinstance(value, Code)}
    for table in ("LATERALITIES", "BREAST_SIDES", "VIEWS"):
        found |= {f"{table} {key}": value for key, value in getattr(codes, table).items()}
    return found


# Not in pydicom's dictionary: an open unit of UCUM, a language tag, and a procedure of SNOMED CT.
_ELSEWHERE = {"PIXELS", "ENGLISH", "MAMMOGRAPHY"}


@pytest.mark.parametrize("name", sorted(set(_all_codes()) - _ELSEWHERE))
def test_codes_agree_with_the_standard(name: str) -> None:
    code = _all_codes()[name]
    assert len(code.value) <= 16
    assert len(code.meaning) <= 64
    known = {
        entry[code.value][0].replace("\u200b", "").casefold()
        for entry in concepts[code.scheme_designator].values()
        if code.value in entry
    }
    assert known
    assert code.meaning.split(" (")[0].casefold() in known or name in ("VIEWS ML", "VIEWS FB")
