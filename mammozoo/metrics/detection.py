# SPDX-License-Identifier: Apache-2.0
"""Detection: was the lesion found?"""

from __future__ import annotations

__all__ = ["is_detected"]

DETECTION_IOU = 0.10  # Huang et al. 2026, Methods: "detected" is IoU > 0.10


def is_detected(iou: float) -> bool:
    """Say whether an image's lesion counts as detected: IoU strictly above 0.10.

    Parameters
    ----------
    iou : float
        Of the predicted and the true mask of the image.

    References
    ----------
    Huang et al., Cureus 18(3) e105360, 2026, Methods.

    Examples
    --------
    >>> is_detected(0.10), is_detected(0.235)
    (False, True)
    """
    return iou > DETECTION_IOU
