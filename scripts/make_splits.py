# SPDX-License-Identifier: Apache-2.0
"""Draw configs/splits/*.json from manifests. Done once: a released split is never drawn again.

``python scripts/make_splits.py --data DIR [--out configs/splits] [--seed 0]``, where DIR holds
``cbis_ddsm_mass/manifest_{256,film_800}.csv`` and ``cdd_cesm/manifest_{subtracted,lesions}_512.csv``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mammozoo.data import manifest
from mammozoo.data.split_file import SplitFile, make_split_file, write_split
from mammozoo.data.splits import stratify

SHARES = "60/20/20 hold-out and five folds with 10 % of the training patients for validation, by patient"


def cbis_ddsm(data: Path, *, seed: int) -> SplitFile:
    """Official training images of the CBIS-DDSM mass set; the official test images are in no part."""
    squares = manifest.index(data / "cbis_ddsm_mass" / "manifest_256.csv")
    films = manifest.index(data / "cbis_ddsm_mass" / "manifest_film_800.csv")
    size = stratify(squares, task="segmentation")
    return make_split_file(
        {"mass_training": squares},
        dataset="cbis_ddsm",
        seed=seed,
        strata={record.id: f"{size[record.id]} {record.strata['pathology']}" for record in squares},
        stratified_by="lesion-size bin on the 224 x 224 grid (mask of the padded square), pathology",
        description="CBIS-DDSM, official training part of the mass set, as squares or as whole films: "
        f"{SHARES}. The official test part is in no part.",
        notes={"mask_suspect": sorted(r.id for r in films if r.strata["mask_suspect"] == "1")},
    )


def cdd_cesm(data: Path, *, seed: int) -> SplitFile:
    """Subtracted images for classification, and images with lesion masks; one part a patient in both."""
    subtracted = manifest.index(data / "cdd_cesm" / "manifest_subtracted_512.csv")
    lesions = manifest.index(data / "cdd_cesm" / "manifest_lesions_512.csv")
    return make_split_file(
        {"subtracted": subtracted, "lesions": lesions},
        dataset="cdd_cesm",
        seed=seed,
        strata=stratify(subtracted, task="classification"),
        stratified_by="class of the subtracted image (normal, benign, malignant)",
        description=f"CDD-CESM, four fifths of the patients: {SHARES}. A patient is in the same part in both "
        "image sets; the lesion set is malignant only.",
    )


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("configs/splits"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name, draw in (("cbis_ddsm", cbis_ddsm), ("cdd_cesm", cdd_cesm)):
        path = arguments.out / f"{name}.json"
        if path.exists():
            parser.error(f"{path} exists; a split is drawn once: give another --out")
        file = draw(arguments.data, seed=arguments.seed)
        print(write_split(path, file), file.sha256)


if __name__ == "__main__":
    main()
