# SPDX-License-Identifier: Apache-2.0
from .class_weight import positive_weight as positive_weight
from .deep_supervision import DeepSupervisionDiceLoss as DeepSupervisionDiceLoss, deep_supervision_dice_loss as deep_supervision_dice_loss
from .gan import DiscriminatorLoss as DiscriminatorLoss, GeneratorLoss as GeneratorLoss, discriminator_loss as discriminator_loss, generator_loss as generator_loss
from .region import DiceCrossEntropyLoss as DiceCrossEntropyLoss, FocalTverskyLoss as FocalTverskyLoss, focal_loss as focal_loss, soft_dice_loss as soft_dice_loss, tversky_loss as tversky_loss
from .yolo import Assignment as Assignment, YOLOLossTerms as YOLOLossTerms, YOLOv3Loss as YOLOv3Loss, assign_targets as assign_targets

__all__ = ['Assignment', 'DeepSupervisionDiceLoss', 'DiceCrossEntropyLoss', 'DiscriminatorLoss', 'FocalTverskyLoss', 'GeneratorLoss', 'YOLOLossTerms', 'YOLOv3Loss', 'assign_targets', 'deep_supervision_dice_loss', 'discriminator_loss', 'focal_loss', 'generator_loss', 'positive_weight', 'soft_dice_loss', 'tversky_loss']
