"""Pure scoring functions. Capacitances enter in farad and are compared in decades (log10)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, r2_score

from circuitgcl.evaluation.ceilings import ceiling
from circuitgcl.models.scaling import CLASS_COUNT

FloatArray = NDArray[np.float64]

TINY_FARAD = 1e-24  # stands in for an estimate of exactly nothing
CANDIDATE_RATIOS = (1, 2, 4)


def _decades(farad: FloatArray) -> FloatArray:
    return np.log10(np.maximum(farad, TINY_FARAD))


def _rounded(value: float) -> float | None:
    return None if not math.isfinite(value) else round(float(value), 4)


def within(truth: FloatArray, estimate: FloatArray, factor: float) -> float:
    """Share of estimates within a factor of the truth."""
    return float((np.abs(_decades(estimate) - _decades(truth)) <= math.log10(factor)).mean())


def regression_scores(
    truth: FloatArray, estimate: FloatArray, factors: Mapping[str, float]
) -> dict[str, object]:
    """`n`, `r2` and `mae_decades` in log10, and the share within each factor; `None` where undefined."""
    count = len(truth)
    scores: dict[str, object] = {"n": count}
    if not count:
        return scores | {"r2": None, "mae_decades": None} | dict.fromkeys(factors)
    t, e = _decades(truth), _decades(estimate)
    scores["r2"] = _rounded(float(r2_score(t, e))) if count > 1 else None
    scores["mae_decades"] = _rounded(float(np.abs(t - e).mean()))
    return scores | {name: _rounded(within(truth, estimate, factor)) for name, factor in factors.items()}


def decade_scores(truth: FloatArray, estimate: FloatArray) -> dict[str, dict[str, object]]:
    """`n`, `mae_decades` and `bias_decades` by decade of the true capacitance, smallest first.

    A decade is named after its lower end in farad, as `1e-17`; decades without a label are left out.
    """
    # a label at the very end of a decade must not fall below it by rounding
    decade = np.floor(_decades(truth) + 1e-9).astype(np.int64)
    found: dict[str, dict[str, object]] = {}
    for power in np.unique(decade).tolist():
        own = decade == power
        error = _decades(estimate[own]) - _decades(truth[own])
        found[f"1e{power:d}"] = {
            "n": int(own.sum()),
            "mae_decades": _rounded(float(np.abs(error).mean())),
            "bias_decades": _rounded(float(error.mean())),
        }
    return found


def bias_decades(truth: FloatArray, estimate: FloatArray) -> float | None:
    """Mean signed error in decades; positive is too large."""
    return _rounded(float((_decades(estimate) - _decades(truth)).mean())) if len(truth) else None


def existence_scores(
    score: FloatArray, candidate_farad: FloatArray, missed_farad: FloatArray
) -> dict[str, object]:
    """How well a ranking of candidate pairs finds the coupling there is.

    Args:
        score: [P] ranking score of the candidates.
        candidate_farad: [P] extracted capacitance above the threshold, else 0.
        missed_farad: extracted capacitances above the threshold of pairs that are no candidates.

    Returns:
        `average_precision` over the candidates with missed pairs ranked last, recall of *capacitance* at 1, 2
        and 4 candidates per true pair, and `candidates_per_true_pair` offered in all.
    """
    true_pairs = int((candidate_farad > 0).sum()) + len(missed_farad)
    total = float(candidate_farad.sum() + missed_farad.sum())
    names = [f"capacitance_recall_at_{ratio}" for ratio in CANDIDATE_RATIOS]
    if not true_pairs:
        return {"average_precision": None, **dict.fromkeys(names), "candidates_per_true_pair": None}
    caught = np.cumsum(candidate_farad[np.argsort(-score, kind="stable")])
    recall = [
        float(caught[min(len(caught), ratio * true_pairs) - 1]) / total if len(caught) else 0.0
        for ratio in CANDIDATE_RATIOS
    ]
    lowest = float(score.min()) - 1.0 if len(score) else 0.0
    labels = np.concatenate([candidate_farad > 0, np.ones(len(missed_farad), bool)])
    ranking = np.concatenate([score, np.full(len(missed_farad), lowest)])
    return {
        "average_precision": _rounded(float(average_precision_score(labels, ranking))),
        **{name: _rounded(value) for name, value in zip(names, recall, strict=True)},
        "candidates_per_true_pair": _rounded(len(score) / true_pairs),
    }


def class_scores(truth: NDArray[np.int64], estimate: NDArray[np.int64]) -> dict[str, object]:
    """Scores of classes.

    Returns:
        `macro_f1` over the classes that occur in the truth, `accuracy`, and the `confusion` [C, C]: how many
        items of every true class (rows) were estimated to be of which (columns).
    """
    places = truth * CLASS_COUNT + estimate
    confusion = np.bincount(places, minlength=CLASS_COUNT**2).reshape(CLASS_COUNT, CLASS_COUNT)
    if not len(truth):
        return {"macro_f1": None, "accuracy": None, "confusion": confusion.tolist()}
    macro = f1_score(truth, estimate, labels=np.unique(truth), average="macro", zero_division=0.0)
    return {
        "macro_f1": _rounded(float(macro)),
        "accuracy": _rounded(float((truth == estimate).mean())),
        "confusion": confusion.tolist(),
    }


def interval_scores(truth: FloatArray, low: FloatArray, high: FloatArray) -> dict[str, object]:
    """Coverage and mean width in decades of intervals."""
    if not len(truth):
        return {"coverage": None, "width_decades": None}
    covered = (truth >= low) & (truth <= high)
    width = _decades(high) - _decades(low)
    return {"coverage": _rounded(float(covered.mean())), "width_decades": _rounded(float(width.mean()))}


def ceiling_r2(truth: FloatArray, group: NDArray[np.integer]) -> float | None:
    """Best R² in decades of a predictor that is constant in each group, unbiased; `None` where unknown."""
    share = ceiling(_decades(truth), group).r2
    return None if share is None else _rounded(share)
