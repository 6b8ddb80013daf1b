from .classification import AUROCMetric, compute_classification
from .curves import compute_auroc
from .detection import average_precision
from .matching import BoxMatch, match_boxes
from .overlap import DiceMetric, FalsePositiveRateMetric, IoUMetric, compute_overlap
from .surface import compute_surface

__all__ = [
    "AUROCMetric",
    "BoxMatch",
    "DiceMetric",
    "FalsePositiveRateMetric",
    "IoUMetric",
    "average_precision",
    "compute_auroc",
    "compute_classification",
    "compute_overlap",
    "compute_surface",
    "match_boxes",
]
