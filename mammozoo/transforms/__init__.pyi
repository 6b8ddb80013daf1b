# SPDX-License-Identifier: Apache-2.0
from .attribution import AttributionMapd as AttributionMapd
from .augment import (
    RandBackgroundPreservingCrop as RandBackgroundPreservingCrop,
)
from .augment import (
    RandBackgroundPreservingCropd as RandBackgroundPreservingCropd,
)
from .boxes.augment import RandBoxFlipd as RandBoxFlipd
from .boxes.augment import RandBoxShiftd as RandBoxShiftd
from .boxes.crop_to_lesion import CropToLesiond as CropToLesiond
from .boxes.crops import LesionCropsd as LesionCropsd
from .boxes.crops import RandLesionCropsd as RandLesionCropsd
from .boxes.frame import (
    LabelToBoxesd as LabelToBoxesd,
)
from .boxes.frame import (
    ToDetectorFramed as ToDetectorFramed,
)
from .boxes.frame import (
    collate_boxes as collate_boxes,
)
from .breast_crop import CropToBreast as CropToBreast
from .breast_crop import CropToBreastd as CropToBreastd
from .breast_mask import BreastMask as BreastMask
from .breast_mask import BreastMaskd as BreastMaskd
from .clahe import CLAHE as CLAHE
from .clahe import CLAHEd as CLAHEd
from .clahe import RandCLAHE as RandCLAHE
from .clahe import RandCLAHEd as RandCLAHEd
from .contrast import StackContrastd as StackContrastd
from .imagenet import ImageNetNormalized as ImageNetNormalized
from .laterality import ChestWallLeftd as ChestWallLeftd
from .load import LoadMammogramd as LoadMammogramd
from .patches.hybrid import (
    HybridPatchBatchd as HybridPatchBatchd,
)
from .patches.hybrid import (
    HybridPatches as HybridPatches,
)
from .patches.hybrid import (
    HybridPatchesd as HybridPatchesd,
)
from .patches.replacement import LesionPatchReplacementd as LesionPatchReplacementd
from .probability import LesionProbability as LesionProbability
from .probability import LesionProbabilityd as LesionProbabilityd
from .resize import AreaResize as AreaResize
from .resize import AreaResized as AreaResized
from .scale import UnitScaled as UnitScaled
from .scale import UnitToUint8d as UnitToUint8d
from .squeeze import (
    LabelToMask as LabelToMask,
)
from .squeeze import (
    LabelToMaskd as LabelToMaskd,
)
from .squeeze import (
    RestoreShape as RestoreShape,
)
from .squeeze import (
    RestoreShaped as RestoreShaped,
)
from .squeeze import (
    Squeeze2D as Squeeze2D,
)
from .squeeze import (
    Squeeze2Dd as Squeeze2Dd,
)

__all__ = [
    "CLAHE",
    "AreaResize",
    "AreaResized",
    "AttributionMapd",
    "BreastMask",
    "BreastMaskd",
    "CLAHEd",
    "ChestWallLeftd",
    "CropToBreast",
    "CropToBreastd",
    "CropToLesiond",
    "HybridPatchBatchd",
    "HybridPatches",
    "HybridPatchesd",
    "ImageNetNormalized",
    "LabelToBoxesd",
    "LabelToMask",
    "LabelToMaskd",
    "LesionCropsd",
    "LesionPatchReplacementd",
    "LesionProbability",
    "LesionProbabilityd",
    "LoadMammogramd",
    "RandBackgroundPreservingCrop",
    "RandBackgroundPreservingCropd",
    "RandBoxFlipd",
    "RandBoxShiftd",
    "RandCLAHE",
    "RandCLAHEd",
    "RandLesionCropsd",
    "RestoreShape",
    "RestoreShaped",
    "Squeeze2D",
    "Squeeze2Dd",
    "StackContrastd",
    "ToDetectorFramed",
    "UnitScaled",
    "UnitToUint8d",
    "collate_boxes",
]
