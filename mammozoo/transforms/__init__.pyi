from .attribution import AttributionMapd
from .augment import RandBackgroundPreservingCrop, RandBackgroundPreservingCropd
from .boxes.augment import RandBoxFlipd, RandBoxShiftd
from .boxes.crop_to_lesion import CropToLesiond
from .boxes.crops import LesionCropsd, RandLesionCropsd
from .boxes.frame import LabelToBoxesd, ToDetectorFramed, collate_boxes
from .breast_crop import CropToBreast, CropToBreastd
from .breast_mask import BreastMask, BreastMaskd
from .clahe import CLAHE, CLAHEd, RandCLAHE, RandCLAHEd
from .contrast import StackContrastd
from .imagenet import ImageNetNormalized
from .laterality import ChestWallLeftd
from .load import LoadMammogramd
from .patches.hybrid import HybridPatchBatchd, HybridPatches, HybridPatchesd
from .patches.replacement import LesionPatchReplacementd
from .probability import LesionProbability, LesionProbabilityd
from .resize import AreaResize, AreaResized
from .scale import UnitScale, UnitScaled, UnitToUint8, UnitToUint8d
from .squeeze import LabelToMask, LabelToMaskd, RestoreShape, RestoreShaped, Squeeze2D, Squeeze2Dd

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
    "UnitScale",
    "UnitScaled",
    "UnitToUint8",
    "UnitToUint8d",
    "collate_boxes",
]
