# SPDX-License-Identifier: Apache-2.0
"""The two-stage system on whole mammograms: detect at several scales, fuse, crop, segment, paste back.

References
----------
.. [1] Yan et al., Two-stage multi-scale breast mass segmentation for full mammogram analysis without user
   intervention, 2020, arXiv:2002.12079, Sections 3.2, 3.3 and 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.data.meta_tensor import MetaTensor
from monai.inferers import Inferer
from numpy.typing import NDArray
from torch import Tensor, nn

from ..._errors import check_flag
from ..._typing import Array
from ...functional.resize import resize
from ...transforms.boxes.crops import crop_input, lesion_windows
from .multi_scale import FusionRule, ImageDetections, MultiScaleDetector, ScaleBoxes
from .prediction_files import Region

__all__ = ["TwoStageInferer", "segment_windows"]


@torch.inference_mode()
def segment_windows(
    network: nn.Module,
    image: Array,
    windows: Sequence[tuple[int, int, int, int]],
    *,
    size: tuple[int, int],
    channels: int = 3,
    batch_size: int = 8,
    amp: bool = False,
) -> NDArray[np.float32]:
    """Segment windows of an image and paste them where they came from."""
    canvas: NDArray[np.float32] = np.zeros(image.shape, np.float32)
    device = next(network.parameters()).device
    network.eval()
    for start in range(0, len(windows), batch_size):
        part = windows[start : start + batch_size]
        crops = torch.stack([crop_input(image, window, size=size, channels=channels) for window in part]).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=amp):
            logits = network(crops)
        for (x1, y1, x2, y2), logit in zip(part, logits.float().cpu(), strict=True):
            rows = torch.sigmoid(logit[0]).numpy().T
            native = resize(np.ascontiguousarray(rows), size=(x2 - x1, y2 - y1))
            np.maximum(canvas[y1:y2, x1:x2], native, out=canvas[y1:y2, x1:x2])
    return canvas


class TwoStageInferer(Inferer):
    """From native images to the probability of lesion at native size.

    Parameters
    ----------
    detector : MultiScaleDetector
    rule : FusionRule
    spatial_size : (int, int)
        Width and height of the crops that the segmentation network is shown.
    margin : float
        Side of a crop over the longer side of its region; as in training.
    fusion : bool
        Fuse the scales; else take the boxes of `single_scale` alone.
    single_scale : (int, int)
        Width and height of the input without fusion; one of the detector's scales.
    channels : int
    amp : bool

    Attributes
    ----------
    regions : list of list of Region
        What the last call found in each image of its batch, by falling score: handlers that write findings read it.
    found : list of ImageDetections
        The same images' boxes at each scale.

    Raises
    ------
    TypeError
        If `fusion` is not a boolean.
    ValueError
        If the detector does not run the single scale where that is needed.

    Examples
    --------
    >>> from ..networks.yolov3 import YOLOv3
    >>> find = MultiScaleDetector(YOLOv3(width=1), anchors=[[8, 8]] * 9, scales=[(32, 64)], frame_size=(32, 64))
    >>> infer = TwoStageInferer(find, spatial_size=(16, 16))
    >>> infer(torch.zeros(1, 1, 50, 80), nn.Conv2d(3, 1, 1)).shape
    torch.Size([1, 1, 50, 80])
    """

    def __init__(
        self,
        detector: MultiScaleDetector,
        *,
        rule: FusionRule | None = None,
        spatial_size: Sequence[int] = (256, 256),
        margin: float = 1.25,
        fusion: bool = True,
        single_scale: Sequence[int] = (416, 832),
        channels: int = 3,
        amp: bool = False,
    ) -> None:
        super().__init__()
        check_flag("fusion", fusion)
        self.single_scale = (int(single_scale[0]), int(single_scale[1]))
        if not fusion and self.single_scale not in detector.scales:
            msg = f"single_scale {self.single_scale} is none of the scales {detector.scales}"
            raise ValueError(msg)
        self.detector = detector
        self.rule = rule or FusionRule()
        self.size = (int(spatial_size[0]), int(spatial_size[1]))
        self.margin = margin
        self.fusion = fusion
        self.channels = channels
        self.amp = amp
        self.regions: list[list[Region]] = []
        self.found: list[ImageDetections] = []

    def __call__(self, inputs: Tensor, network: Any, *args: Any, **kwargs: Any) -> Tensor:
        """Probability (B, 1, W, H) of lesion in native images (B, 1, W, H) with grey levels from 0 to 1."""
        images = [np.ascontiguousarray(image[0].detach().cpu().float().numpy().T) for image in inputs]
        self.regions, self.found, maps = [], self.detector.detect(images), []
        for rows, found in zip(images, self.found, strict=True):
            boxes = found.fused(self.rule) if self.fusion else found.at(self.single_scale, self.rule)
            probability, regions = self.segment(rows, boxes, network)
            maps.append(torch.from_numpy(np.ascontiguousarray(probability.T))[None])
            self.regions.append(regions)
        result = torch.stack(maps).to(inputs.device)
        return MetaTensor(result).copy_meta_from(inputs) if isinstance(inputs, MetaTensor) else result

    def segment(self, image: Array, found: ScaleBoxes, network: nn.Module) -> tuple[NDArray[np.float32], list[Region]]:
        """Probability of lesion (H, W) in what was found in an image (H, W), and its regions."""
        height, width = image.shape
        windows = []
        if len(found.boxes):
            windows = lesion_windows(found.boxes, shape=(height, width), margin=self.margin)
        canvas = segment_windows(network, image, windows, size=self.size, channels=self.channels, amp=self.amp)
        regions = [
            Region(box=_whole(box, width=width, height=height), score=float(score), window=window)
            for box, score, window in zip(found.boxes, found.scores, windows, strict=True)
        ]
        return canvas, regions


def _whole(box: Array, *, width: int, height: int) -> tuple[int, int, int, int]:
    """The smallest box of whole pixels around a box."""
    x1, y1 = (int(edge) for edge in np.floor(box[:2]))
    x2, y2 = (int(edge) for edge in np.ceil(box[2:]))
    return x1, y1, min(x2, width), min(y2, height)
