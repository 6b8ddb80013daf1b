# SPDX-License-Identifier: Apache-2.0
"""Row 3: reading at a half and a quarter of the size, against reading all of it."""

from __future__ import annotations

from common import Row, dicom

from mammozoo.io.dicom.read import read_mammogram

FULL = "full size"
WANTED = {1: 1 / 3.5, 2: 1 / 12}


def main() -> None:
    row = Row(3, "Reduced-resolution decode, 4096 x 3328, 12 bit")
    for syntax in ("jpeg2000_lossless", "htj2k_lossless"):
        file = dicom(syntax)
        for reduce, most in WANTED.items():
            wanted = {FULL: most} if syntax == "jpeg2000_lossless" else {}
            row.compare(
                f"{syntax}, 1/{1 << reduce}", lambda file=file, reduce=reduce: read_mammogram(file, reduce=reduce),
                {FULL: lambda file=file: read_mammogram(file)}, wanted,
            )  # fmt: skip
    row.print()


if __name__ == "__main__":
    main()
