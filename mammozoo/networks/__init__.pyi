# SPDX-License-Identifier: Apache-2.0
from .classification.convnext import ConvNeXt as ConvNeXt
from .classification.monai_classifiers import (
    DenseNet121 as DenseNet121,
)
from .classification.monai_classifiers import (
    EfficientNetB0 as EfficientNetB0,
)
from .classification.monai_classifiers import (
    SEResNet50 as SEResNet50,
)
from .classification.nyu_resnet22 import NYUResNet22 as NYUResNet22
from .classification.resnet import ResNet as ResNet
from .classification.swin import Swin as Swin
from .classification.vgg import VGG16 as VGG16
from .cpu_route import set_cpu_route as set_cpu_route
from .create import create_network as create_network
from .create import feature_layer as feature_layer
from .detection.yolov3 import YOLOv3 as YOLOv3
from .efficientnet_lite import EfficientNetLite as EfficientNetLite
from .ensemble import MeanEnsemble as MeanEnsemble
from .freezing import trainable_parameters as trainable_parameters
from .segmentation.abnormal_unet import AbnormalUNet as AbnormalUNet
from .segmentation.aunet import AUNet as AUNet
from .segmentation.cascaded_unet import CascadedUNet as CascadedUNet
from .segmentation.cgan import PatchDiscriminator as PatchDiscriminator
from .segmentation.cgan import Pix2PixGenerator as Pix2PixGenerator
from .segmentation.efficientnet_unet import EfficientNetUNet as EfficientNetUNet
from .segmentation.fcdensenet import FCDenseNet103 as FCDenseNet103
from .segmentation.fusionnet import FusionNet as FusionNet
from .segmentation.unet import UNet as UNet
from .segmentation.unetpp import VGG19UNetPlusPlus as VGG19UNetPlusPlus
from .transfer import load_pretrained as load_pretrained
from .transfer import load_state as load_state
from .transfer import read_state as read_state

__all__ = [
    "VGG16",
    "AUNet",
    "AbnormalUNet",
    "CascadedUNet",
    "ConvNeXt",
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetLite",
    "EfficientNetUNet",
    "FCDenseNet103",
    "FusionNet",
    "MeanEnsemble",
    "NYUResNet22",
    "PatchDiscriminator",
    "Pix2PixGenerator",
    "ResNet",
    "SEResNet50",
    "Swin",
    "UNet",
    "VGG19UNetPlusPlus",
    "YOLOv3",
    "create_network",
    "feature_layer",
    "load_pretrained",
    "load_state",
    "read_state",
    "set_cpu_route",
    "trainable_parameters",
]
