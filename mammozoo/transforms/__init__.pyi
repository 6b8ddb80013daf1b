# SPDX-License-Identifier: Apache-2.0
from .attribution import AttributionMapd as AttributionMapd, grad_cam_map as grad_cam_map, occlusion_map as occlusion_map
from .augment import RandBackgroundPreservingCrop as RandBackgroundPreservingCrop, RandBackgroundPreservingCropd as RandBackgroundPreservingCropd
from .boxes.augment import RandBoxFlipd as RandBoxFlipd, RandBoxShiftd as RandBoxShiftd
from .boxes.crop_to_lesion import CropToLesiond as CropToLesiond
from .boxes.crops import LesionCropsd as LesionCropsd, RandLesionCropsd as RandLesionCropsd, crop_input as crop_input, lesion_windows as lesion_windows
from .boxes.frame import LabelToBoxesd as LabelToBoxesd, ToDetectorFramed as ToDetectorFramed, collate_boxes as collate_boxes, keep_visible as keep_visible
from .breast_crop import CropToBreast as CropToBreast, CropToBreastd as CropToBreastd
from .breast_mask import BreastMask as BreastMask, BreastMaskd as BreastMaskd
from .clahe import CLAHE as CLAHE, CLAHEd as CLAHEd, RandCLAHE as RandCLAHE, RandCLAHEd as RandCLAHEd
from .contrast import StackContrastd as StackContrastd
from .laterality import ChestWallLeftd as ChestWallLeftd
from .load import LoadMammogramd as LoadMammogramd
from .patches.fixed_draw import FixedDrawd as FixedDrawd
from .patches.hybrid import HybridPatchBatchd as HybridPatchBatchd, HybridPatchSample as HybridPatchSample, HybridPatchSampled as HybridPatchSampled
from .patches.lesion import LesionPatches as LesionPatches, LesionPatchesd as LesionPatchesd
from .patches.meta import from_rows as from_rows, lesion_plane as lesion_plane, patch_like as patch_like, patch_size as patch_size, to_rows as to_rows
from .patches.replacement import RandLesionPatchReplace as RandLesionPatchReplace, RandLesionPatchReplaced as RandLesionPatchReplaced
from .probability import LesionProbability as LesionProbability, LesionProbabilityd as LesionProbabilityd
from .resize import AreaResize as AreaResize, AreaResized as AreaResized
from .scale import UnitScale as UnitScale, UnitScaled as UnitScaled
from .squeeze import LabelToMask as LabelToMask, LabelToMaskd as LabelToMaskd, RestoreShape as RestoreShape, RestoreShaped as RestoreShaped, Squeeze2D as Squeeze2D, Squeeze2Dd as Squeeze2Dd

__all__ = ['AreaResize', 'AreaResized', 'AttributionMapd', 'BreastMask', 'BreastMaskd', 'CLAHE', 'CLAHEd', 'ChestWallLeftd', 'CropToBreast', 'CropToBreastd', 'CropToLesiond', 'FixedDrawd', 'HybridPatchBatchd', 'HybridPatchSample', 'HybridPatchSampled', 'LabelToBoxesd', 'LabelToMask', 'LabelToMaskd', 'LesionCropsd', 'LesionPatches', 'LesionPatchesd', 'LesionProbability', 'LesionProbabilityd', 'LoadMammogramd', 'RandBackgroundPreservingCrop', 'RandBackgroundPreservingCropd', 'RandBoxFlipd', 'RandBoxShiftd', 'RandCLAHE', 'RandCLAHEd', 'RandLesionCropsd', 'RandLesionPatchReplace', 'RandLesionPatchReplaced', 'RestoreShape', 'RestoreShaped', 'Squeeze2D', 'Squeeze2Dd', 'StackContrastd', 'ToDetectorFramed', 'UnitScale', 'UnitScaled', 'collate_boxes', 'crop_input', 'from_rows', 'grad_cam_map', 'keep_visible', 'lesion_plane', 'lesion_windows', 'occlusion_map', 'patch_like', 'patch_size', 'to_rows']
