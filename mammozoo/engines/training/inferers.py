# SPDX-License-Identifier: Apache-2.0
"""Inferers: how a network is called in training, validation and inference."""

from __future__ import annotations

from typing import Any

import torch
from monai.inferers import SimpleInferer

from ..._errors import check_flag

__all__ = ["AutocastInferer"]

_MIRRORS = ((2,), (3,), (2, 3))


class AutocastInferer(SimpleInferer):
    """Call the network, in bfloat16 where the device gains from it, and return float32.

    MONAI's engines know mixed precision on CUDA only. bfloat16 needs no gradient scaling, so one inferer
    serves training and evaluation on CPU and GPU alike.

    Parameters
    ----------
    amp : bool
        Run the forward pass under ``torch.autocast(dtype=torch.bfloat16)``.
    channels_last : bool
        Hand the image over in channels-last memory order, which convolutions on CPUs and tensor cores prefer.
    flip_average : bool
        Average the output with those of the image mirrored along each side and along both, mirrored back: four times
        the time, steadier maps.

    Raises
    ------
    TypeError
        If ``amp`` or ``flip_average`` is not a boolean.

    Examples
    --------
    >>> AutocastInferer(amp=False)(torch.zeros(1, 1, 8, 8), torch.nn.Conv2d(1, 2, 3)).shape
    torch.Size([1, 2, 6, 6])
    """

    def __init__(self, *, amp: bool = False, channels_last: bool = True, flip_average: bool = False) -> None:
        super().__init__()
        for name, value in (("amp", amp), ("flip_average", flip_average)):
            check_flag(name, value)
        self.amp = amp
        self.flip_average = flip_average
        self.channels_last = channels_last

    def __call__(self, inputs: torch.Tensor, network: Any, *args: Any, **kwargs: Any) -> Any:
        """Run ``network(inputs)``; tensors come back as float32."""
        image = inputs.as_tensor() if hasattr(inputs, "as_tensor") else inputs
        if self.channels_last and image.ndim == 4:
            image = image.contiguous(memory_format=torch.channels_last)
        with torch.autocast(image.device.type, dtype=torch.bfloat16, enabled=self.amp):
            output = network(image, *args, **kwargs)
            if self.flip_average:
                mirrored = [network(image.flip(axes), *args, **kwargs).float().flip(axes) for axes in _MIRRORS]
                output = torch.stack([output.float(), *mirrored]).mean(dim=0)
        return _float32(output)


def _float32(output: Any) -> Any:
    if isinstance(output, torch.Tensor):
        return output.float()
    if isinstance(output, list | tuple):
        return type(output)(_float32(item) for item in output)
    return output
