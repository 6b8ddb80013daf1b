# SPDX-License-Identifier: Apache-2.0

from .classification.convnext import ConvNeXt
from .classification.monai_classifiers import DenseNet121, EfficientNetB0, SEResNet50
from .classification.nyu_resnet22 import NYUResNet22
from .classification.resnet import ResNet, resnet18, resnet50
from .classification.resnet_attention import cbam_resnet50, resnet50_transformer
from .classification.swin import Swin
from .classification.vgg import VGG16
from .complexity import count_layers, count_parameters, images_per_second
from .cpu_route import best_route, set_cpu_route
from .create import create_network, feature_layer
from .detection.yolov3 import YOLOv3
from .efficientnet_lite import EfficientNetLite, efficientnet_lite0
from .ensemble import MeanEnsemble, ensemble_state
from .freezing import trainable_parameters
from .segmentation.abnormal_unet import AbnormalUNet
from .segmentation.aunet import AUNet
from .segmentation.cascaded_unet import CascadedUNet
from .segmentation.cgan import PatchDiscriminator, Pix2PixGenerator
from .segmentation.efficientnet_unet import EfficientNetUNet
from .segmentation.fcdensenet import FCDenseNet103
from .segmentation.fusionnet import FusionNet
from .segmentation.unet import UNet
from .segmentation.unetpp import VGG19UNetPlusPlus
from .transfer import load_pretrained, load_state, read_state, transfer_weights

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
    "best_route",
    "cbam_resnet50",
    "count_layers",
    "count_parameters",
    "create_network",
    "efficientnet_lite0",
    "ensemble_state",
    "feature_layer",
    "images_per_second",
    "load_pretrained",
    "load_state",
    "read_state",
    "resnet18",
    "resnet50",
    "resnet50_transformer",
    "set_cpu_route",
    "trainable_parameters",
    "transfer_weights",
]
