# SPDX-License-Identifier: Apache-2.0
from .exam import make_exam as make_exam
from .write import ensure_phantom as ensure_phantom
from .write import write_phantom as write_phantom

__all__ = [
    "ensure_phantom",
    "make_exam",
    "write_phantom",
]
