# SPDX-License-Identifier: Apache-2.0
"""Type aliases shared by all floors."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

PathLike: TypeAlias = "str | os.PathLike[str]"
Array: TypeAlias = NDArray[Any]
Mask: TypeAlias = NDArray[np.bool_]
