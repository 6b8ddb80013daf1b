# SPDX-License-Identifier: Apache-2.0
from .bootstrap import Interval as Interval, bootstrap_difference as bootstrap_difference, bootstrap_mean as bootstrap_mean
from .delong import delong_interval as delong_interval, delong_test as delong_test
from .tests import TestResult as TestResult, holm as holm, kruskal_wallis as kruskal_wallis, mann_whitney as mann_whitney, wilcoxon as wilcoxon

__all__ = [
    "Interval",
    "TestResult",
    "bootstrap_difference",
    "bootstrap_mean",
    "delong_interval",
    "delong_test",
    "holm",
    "kruskal_wallis",
    "mann_whitney",
    "wilcoxon",
]
