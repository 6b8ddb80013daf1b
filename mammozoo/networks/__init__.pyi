# SPDX-License-Identifier: Apache-2.0
from .blocks import check_sides as check_sides, conv_block as conv_block, conv_bn_relu as conv_bn_relu
from .classification.convnext import ChannelNorm as ChannelNorm, ConvNeXt as ConvNeXt, ConvNeXtBlock as ConvNeXtBlock
from .classification.create import classification_network as classification_network, feature_layer as feature_layer
from .classification.monai_classifiers import densenet121 as densenet121, densenet121_name as densenet121_name, efficientnet_b0 as efficientnet_b0, efficientnet_b0_name as efficientnet_b0_name, se_resnet50 as se_resnet50, se_resnet50_name as se_resnet50_name
from .classification.nyu_resnet22 import NYUResNet22 as NYUResNet22, PreActivationBlock as PreActivationBlock
from .classification.resnet import BasicBlock as BasicBlock, Bottleneck as Bottleneck, ResNet as ResNet, resnet18 as resnet18, resnet50 as resnet50
from .classification.resnet_attention import CBAM as CBAM, TransformerPooling as TransformerPooling, cbam_resnet50 as cbam_resnet50, resnet50_transformer as resnet50_transformer, sine_positions as sine_positions
from .classification.swin import PatchMerging as PatchMerging, Swin as Swin, SwinBlock as SwinBlock, WindowAttention as WindowAttention
from .classification.weights import fit_stem as fit_stem, load_classifier as load_classifier
from .complexity import count_layers as count_layers, count_parameters as count_parameters, images_per_second as images_per_second
from .cpu_route import ROUTES as ROUTES, best_route as best_route, set_cpu_route as set_cpu_route
from .detection.yolov3 import Darknet53 as Darknet53, EfficientNetBody as EfficientNetBody, YOLOv3 as YOLOv3, load_darknet_weights as load_darknet_weights
from .efficientnet_lite import EfficientNetLite as EfficientNetLite, efficientnet_lite0 as efficientnet_lite0, load_encoder as load_encoder
from .ensemble import MeanEnsemble as MeanEnsemble, ensemble_state as ensemble_state
from .factory import crop_segmenter as crop_segmenter, lesion_unet as lesion_unet, mass_detector as mass_detector, segmentation_network as segmentation_network
from .freezing import trainable_parameters as trainable_parameters
from .layers import Permute as Permute, PointwiseConv2d as PointwiseConv2d, StochasticDepth as StochasticDepth, depth_rates as depth_rates
from .segmentation.abnormal_unet import AbnormalUNet as AbnormalUNet
from .segmentation.aunet import AUBlock as AUBlock, AUNet as AUNet, ChannelAttention as ChannelAttention
from .segmentation.cascaded_unet import CascadedUNet as CascadedUNet
from .segmentation.cgan import PatchDiscriminator as PatchDiscriminator, Pix2PixGenerator as Pix2PixGenerator
from .segmentation.efficientnet_aunet import EfficientNetAUNet as EfficientNetAUNet
from .segmentation.efficientnet_unet import EfficientNetUNet as EfficientNetUNet
from .segmentation.fcdensenet import DenseBlock as DenseBlock, FCDenseNet103 as FCDenseNet103
from .segmentation.fusionnet import FusionNet as FusionNet, FusionUnit as FusionUnit
from .segmentation.unet import UNet as UNet
from .segmentation.unetpp import VGG19UNetPlusPlus as VGG19UNetPlusPlus, average_of_sigmoids as average_of_sigmoids, load_encoder as load_encoder
from .segmentation.units import ResUnit as ResUnit, UpConv as UpConv, conv_unit as conv_unit
from .transfer import load_pretrained as load_pretrained, misfit as misfit, read_state as read_state, transfer_weights as transfer_weights
from .vgg import VGG16 as VGG16

__all__ = ['AUBlock', 'AUNet', 'AbnormalUNet', 'BasicBlock', 'Bottleneck', 'CBAM', 'CascadedUNet', 'ChannelAttention', 'ChannelNorm', 'ConvNeXt', 'ConvNeXtBlock', 'Darknet53', 'DenseBlock', 'EfficientNetAUNet', 'EfficientNetBody', 'EfficientNetLite', 'EfficientNetUNet', 'FCDenseNet103', 'FusionNet', 'FusionUnit', 'MeanEnsemble', 'NYUResNet22', 'PatchDiscriminator', 'PatchMerging', 'Permute', 'Pix2PixGenerator', 'PointwiseConv2d', 'PreActivationBlock', 'ROUTES', 'ResNet', 'ResUnit', 'StochasticDepth', 'Swin', 'SwinBlock', 'TransformerPooling', 'UNet', 'UpConv', 'VGG16', 'VGG19UNetPlusPlus', 'WindowAttention', 'YOLOv3', 'average_of_sigmoids', 'best_route', 'cbam_resnet50', 'check_sides', 'classification_network', 'conv_block', 'conv_bn_relu', 'conv_unit', 'count_layers', 'count_parameters', 'crop_segmenter', 'densenet121', 'densenet121_name', 'depth_rates', 'efficientnet_b0', 'efficientnet_b0_name', 'efficientnet_lite0', 'ensemble_state', 'feature_layer', 'fit_stem', 'images_per_second', 'lesion_unet', 'load_classifier', 'load_darknet_weights', 'load_encoder', 'load_encoder', 'load_pretrained', 'mass_detector', 'misfit', 'read_state', 'resnet18', 'resnet50', 'resnet50_transformer', 'se_resnet50', 'se_resnet50_name', 'segmentation_network', 'set_cpu_route', 'sine_positions', 'trainable_parameters', 'transfer_weights']
