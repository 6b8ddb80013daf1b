# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mammozoo.stats.tests import holm, kruskal_wallis, mann_whitney, pearson, spearman, wilcoxon

RNG = np.random.default_rng(0)
A, B, C = RNG.normal(0, 1, 12), RNG.normal(1, 1, 15), RNG.normal(2, 1, 9)


@pytest.mark.parametrize(("h", "p"), [(14.09, 0.000872), (13.92, 0.000949)])
def test_p_of_three_groups_is_exp_of_minus_half_h(h: float, p: float) -> None:
    assert math.exp(-h / 2) == pytest.approx(p, abs=1e-6)
    assert stats.chi2.sf(h, 2) == pytest.approx(math.exp(-h / 2))
    found = kruskal_wallis({"a": A, "b": B, "c": C})
    assert found.p == pytest.approx(math.exp(-found.statistic / 2))
    assert found.n == {"a": 12, "b": 15, "c": 9}


def test_agreement_with_scipy() -> None:
    assert mann_whitney(A, B).p == pytest.approx(stats.mannwhitneyu(A, B).pvalue)
    assert wilcoxon(A, B[:12]).p == pytest.approx(stats.wilcoxon(A, B[:12]).pvalue)
    assert pearson(A, B[:12]).statistic == pytest.approx(np.corrcoef(A, B[:12])[0, 1])
    assert spearman(A, B[:12]).statistic == pytest.approx(stats.spearmanr(A, B[:12]).statistic)


@pytest.mark.parametrize(
    ("found", "note"),
    [
        (kruskal_wallis({"a": A, "b": []}), "fewer than two groups"),
        (kruskal_wallis({"a": [1, 1], "b": [1]}), "all values are equal"),
        (mann_whitney([], A), "a group is empty"),
        (wilcoxon([1, 2], [1, 2]), "no pair differs"),
        (pearson([1, 2], [2, 3]), "fewer than three"),
        (spearman([1, 1, 1], [1, 2, 3]), "constant"),
    ],
)
def test_degenerate_data_give_nan_and_a_note(found: object, note: str) -> None:
    assert math.isnan(found.p)  # type: ignore[attr-defined]
    assert note in found.note  # type: ignore[attr-defined]
    assert note in str(found)


def test_pairs_with_nan_are_left_out() -> None:
    assert pearson([1, 2, 3, math.nan], [1, 2, 4, 9]).n == {"pairs": 3}
    with pytest.raises(ValueError, match="paired values"):
        wilcoxon([1.0], [1.0, 2.0])


def test_holm_is_monotone_and_keeps_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    adjusted = holm([0.5, math.nan, 0.9])
    assert adjusted[0] == pytest.approx(1.0)
    assert math.isnan(adjusted[1])
