# SPDX-License-Identifier: Apache-2.0
from .bootstrap import bootstrap_difference as bootstrap_difference
from .bootstrap import bootstrap_mean as bootstrap_mean
from .delong import delong_test as delong_test
from .tests import holm as holm
from .tests import kruskal_wallis as kruskal_wallis
from .tests import wilcoxon as wilcoxon

__all__ = [
    "bootstrap_difference",
    "bootstrap_mean",
    "delong_test",
    "holm",
    "kruskal_wallis",
    "wilcoxon",
]
