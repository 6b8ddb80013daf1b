# SPDX-License-Identifier: Apache-2.0

from .class_weight import positive_weight
from .deep_supervision import DeepSupervisionDiceLoss, deep_supervision_dice_loss
from .gan import discriminator_loss, generator_loss
from .region import DiceCrossEntropyLoss, FocalTverskyLoss, focal_loss, soft_dice_loss, tversky_loss
from .yolo import YOLOLossTerms, YOLOv3Loss

__all__ = [
    "DeepSupervisionDiceLoss",
    "DiceCrossEntropyLoss",
    "FocalTverskyLoss",
    "YOLOLossTerms",
    "YOLOv3Loss",
    "deep_supervision_dice_loss",
    "discriminator_loss",
    "focal_loss",
    "generator_loss",
    "positive_weight",
    "soft_dice_loss",
    "tversky_loss",
]
