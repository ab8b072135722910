"""Scores by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, mean_absolute_error, r2_score

from circuitgcl.evaluation.scores import (
    TINY_FARAD,
    bias_decades,
    ceiling_r2,
    class_scores,
    decade_scores,
    existence_scores,
    interval_scores,
    regression_scores,
    within,
)

FACTORS = {"within_x1_5": 1.5, "within_x2": 2.0}


@pytest.fixture
def law() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    truth = 10 ** draw.uniform(-17, -14, 500)
    return truth, truth * 10 ** draw.normal(0.05, 0.3, 500)


def test_regression_by_hand():
    truth = np.array([1e-15, 1e-16, 1e-17])
    estimate = np.array([1e-15, 1e-15, 1e-17])  # off by one decade once
    assert regression_scores(truth, estimate, FACTORS) == {
        "n": 3,
        "r2": 0.5,  # 1 - 1 / 2
        "mae_decades": 0.3333,
        "within_x1_5": 0.6667,
        "within_x2": 0.6667,
    }
    assert bias_decades(truth, estimate) == 0.3333


def test_regression_against_scikit_learn(law: tuple[np.ndarray, np.ndarray]):
    truth, estimate = law
    scores = regression_scores(truth, estimate, FACTORS)
    t, e = np.log10(truth), np.log10(estimate)
    assert scores["r2"] == pytest.approx(r2_score(t, e), abs=1e-4)
    assert scores["mae_decades"] == pytest.approx(mean_absolute_error(t, e), abs=1e-4)
    ratio = np.maximum(truth / estimate, estimate / truth)
    assert scores["within_x2"] == pytest.approx((ratio <= 2).mean(), abs=1e-4)
    assert scores["within_x1_5"] == pytest.approx((ratio <= 1.5).mean(), abs=1e-4)


def test_regression_does_not_depend_on_the_unit(law: tuple[np.ndarray, np.ndarray]):
    truth, estimate = law
    assert regression_scores(truth, estimate, FACTORS) == regression_scores(
        truth * 10, estimate * 10, FACTORS
    )


def test_regression_of_nothing():
    nothing = np.zeros(0)
    assert regression_scores(nothing, nothing, FACTORS) == {
        "n": 0,
        "r2": None,
        "mae_decades": None,
        "within_x1_5": None,
        "within_x2": None,
    }
    assert bias_decades(nothing, nothing) is None


def test_regression_of_a_single_pair_has_no_r2():
    scores = regression_scores(np.array([1e-15]), np.array([2e-15]), FACTORS)
    assert (scores["n"], scores["r2"], scores["mae_decades"]) == (1, None, 0.301)


def test_an_estimate_of_zero_is_finite_and_far_off():
    truth = np.array([1e-15, 1e-16])
    scores = regression_scores(truth, np.array([0.0, 1e-16]), FACTORS)
    assert scores["mae_decades"] == pytest.approx((-15 - np.log10(TINY_FARAD)) / 2)
    assert scores["within_x2"] == 0.5
    assert scores["r2"] < 0


def test_within_includes_both_sides():
    truth = np.full(4, 1e-15)
    assert within(truth, truth * np.array([0.51, 1.99, 0.49, 2.01]), 2.0) == 0.5


def test_existence_by_hand():
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    candidate = np.array([4e-15, 0.0, 1e-15, 0.0, 0.0])
    missed = np.array([5e-15])
    # three true pairs: at one candidate per true pair the first three are offered, and 5 of 10 fF found
    found = existence_scores(score, candidate, missed)
    assert found["capacitance_recall_at_1"] == 0.5
    assert found["capacitance_recall_at_2"] == found["capacitance_recall_at_4"] == 0.5
    assert found["candidates_per_true_pair"] == 1.6667
    # precision 1 at the first, 2/3 at the second, and 3/6 at the pair that is no candidate
    assert found["average_precision"] == pytest.approx((1 + 2 / 3 + 1 / 2) / 3, abs=1e-4)


def test_existence_recall_grows_with_the_offer():
    score = np.arange(8, 0, -1.0)
    candidate = np.array([0, 1e-15, 0, 1e-15, 0, 0, 0, 2e-15])
    found = existence_scores(score, candidate, np.zeros(0))
    # three true pairs: the first 3, 6 and all 8 candidates
    assert found["capacitance_recall_at_1"] == 0.25
    assert found["capacitance_recall_at_2"] == 0.5
    assert found["capacitance_recall_at_4"] == 1.0


def test_average_precision_against_scikit_learn():
    draw = np.random.default_rng(2)
    score, exists = draw.uniform(size=200), draw.uniform(size=200) < 0.3
    found = existence_scores(score, np.where(exists, 1e-15, 0.0), np.zeros(0))
    assert found["average_precision"] == pytest.approx(average_precision_score(exists, score), abs=1e-4)


@pytest.mark.parametrize("score", [np.zeros(0), np.array([0.3])], ids=["no candidate", "no pair"])
def test_existence_without_any_true_pair(score: np.ndarray):
    found = existence_scores(score, np.zeros(len(score)), np.zeros(0))
    assert set(found.values()) == {None}


def test_existence_without_candidates():
    found = existence_scores(np.zeros(0), np.zeros(0), np.array([1e-15, 2e-15]))
    assert found["capacitance_recall_at_4"] == 0.0
    assert found["candidates_per_true_pair"] == 0.0


def test_classes_against_scikit_learn():
    draw = np.random.default_rng(3)
    truth, estimate = draw.integers(1, 4, 100), draw.integers(0, 5, 100)
    found = class_scores(truth, estimate)
    macro = f1_score(truth, estimate, labels=[1, 2, 3], average="macro", zero_division=0)
    assert found["macro_f1"] == pytest.approx(macro, abs=1e-4)
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, estimate), abs=1e-4)


def test_classes_by_hand():
    # class 0: precision 1, recall 1/2; class 2: precision 1/2, recall 1
    confusion = np.zeros((5, 5), int)
    nothing = {"macro_f1": None, "accuracy": None, "confusion": confusion.tolist()}
    assert class_scores(np.zeros(0, int), np.zeros(0, int)) == nothing
    confusion[0, 0], confusion[0, 2], confusion[2, 2] = 1, 1, 1
    found = class_scores(np.array([0, 0, 2]), np.array([0, 2, 2]))
    assert found == {"macro_f1": 0.6667, "accuracy": 0.6667, "confusion": confusion.tolist()}


def test_intervals_by_hand():
    truth = np.array([1.0, 2.0, 3.0, 4.0]) * 1e-15
    low, high = np.full(4, 1e-15), np.array([10.0, 10.0, 2.0, 4.0]) * 1e-15
    width = (1 + 1 + np.log10(2) + np.log10(4)) / 4
    assert interval_scores(truth, low, high) == {"coverage": 0.75, "width_decades": round(float(width), 4)}
    assert interval_scores(np.zeros(0), np.zeros(0), np.zeros(0)) == {"coverage": None, "width_decades": None}


def test_ceiling_by_hand():
    truth = np.array([1e-15, 1e-16, 1e-17, 1e-17])
    # sample variances 0.5 and 0 within the groups, 0.25 on average; 2.75 / 3 in all
    assert ceiling_r2(truth, np.array([5, 5, -1, -1])) == pytest.approx(1 - 0.25 * 3 / 2.75, abs=1e-4)
    assert ceiling_r2(truth, np.arange(4)) is None
    assert ceiling_r2(truth, np.zeros(4, int)) == 0.0


def test_ceiling_of_too_little():
    assert ceiling_r2(np.array([1e-15]), np.array([0])) is None
    assert ceiling_r2(np.full(3, 1e-15), np.arange(3)) is None


def test_errors_by_decade_of_the_truth():
    truth = np.array([1e-17, 9.9e-17, 1e-16, 5e-15])
    found = decade_scores(truth, truth * np.array([10.0, 0.1, 1.0, 100.0]))
    assert list(found) == ["1e-17", "1e-16", "1e-15"]
    assert found["1e-17"] == {"n": 2, "mae_decades": 1.0, "bias_decades": 0.0}
    assert found["1e-16"] == {"n": 1, "mae_decades": 0.0, "bias_decades": 0.0}
    assert found["1e-15"] == {"n": 1, "mae_decades": 2.0, "bias_decades": 2.0}
    assert decade_scores(np.zeros(0), np.zeros(0)) == {}
