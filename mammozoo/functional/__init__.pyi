# SPDX-License-Identifier: Apache-2.0
from .boxes.anchors import kmeans_anchors as kmeans_anchors
from .boxes.fusion import fuse_detections as fuse_detections
from .boxes.yolo_decode import non_maximum_suppression as non_maximum_suppression
from .breast.segment import BreastSegmentation as BreastSegmentation
from .breast.segment import segment_breast as segment_breast
from .components import find_components as find_components
from .contours import draw_contours as draw_contours
from .equalise import equalise_histogram as equalise_histogram

__all__ = [
    "BreastSegmentation",
    "draw_contours",
    "equalise_histogram",
    "find_components",
    "fuse_detections",
    "kmeans_anchors",
    "non_maximum_suppression",
    "segment_breast",
]
