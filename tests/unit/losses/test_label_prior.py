"""Label laws: fits against known laws, degenerate labels, and refusal of anything but continuous labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from circuitgcl.errors import DataError
from circuitgcl.losses import LabelBins, LabelMixture, fit_label_bins, fit_label_mixture
from circuitgcl.losses.label_prior import MAX_FITTED_LABELS


def two_humps(n: int = 4000) -> np.ndarray:
    rng = np.random.default_rng(0)
    first = rng.random(n) < 0.75
    return np.where(first, rng.normal(0.2, 0.03, n), rng.normal(0.7, 0.1, n))


def test_recovers_a_known_mixture() -> None:
    mixture = fit_label_mixture(two_humps(), components=2)
    order = mixture.means.argsort()
    np.testing.assert_allclose(mixture.means[order], [0.2, 0.7], atol=0.01)
    np.testing.assert_allclose(mixture.weights[order], [0.75, 0.25], atol=0.02)
    np.testing.assert_allclose(mixture.variances[order].sqrt(), [0.03, 0.1], rtol=0.1)


def test_same_seed_gives_the_same_mixture() -> None:
    first, second = (fit_label_mixture(two_humps(), components=4, seed=3) for _ in range(2))
    assert torch.equal(first.means, second.means)
    assert torch.equal(first.variances, second.variances)


def test_labels_piled_up_at_the_clip_keep_a_finite_width() -> None:
    labels = np.concatenate([np.zeros(500), np.linspace(0.3, 0.9, 100)])
    mixture = fit_label_mixture(labels, components=3, variance_floor=4e-4)
    assert mixture.variances.min().item() == pytest.approx(4e-4)
    assert mixture.variances.max().item() > 4e-3


@pytest.mark.parametrize(
    ("labels", "expected"), [([0.5], 1), ([0.5] * 9, 1), ([0.1, 0.9], 2), ([0.1, 0.9] * 5, 2)]
)
def test_no_more_components_than_distinct_labels(labels: list[float], expected: int) -> None:
    mixture = fit_label_mixture(np.array(labels), components=8)
    assert len(mixture.means) == expected
    assert set(np.round(mixture.means.tolist(), 4)) == set(labels)


def test_many_labels_are_sampled() -> None:
    labels = np.random.default_rng(0).normal(0.4, 0.1, MAX_FITTED_LABELS + 1000)
    mixture = fit_label_mixture(labels, components=1)
    assert mixture.means.item() == pytest.approx(0.4, abs=0.002)
    assert mixture.means.item() != pytest.approx(labels.mean(), abs=1e-9)  # a sample, not all of them


def test_bins_follow_the_histogram() -> None:
    bins = fit_label_bins(np.array([0.0, 0.1, 0.1, 1.0]), bins=4)
    assert bins.centres.tolist() == [0.125, 0.875]  # the empty middle is left out
    assert bins.weights.tolist() == [0.75, 0.25]


def test_bins_agree_with_the_law_they_were_drawn_from() -> None:
    labels = np.random.default_rng(0).beta(2, 5, 20_000)
    bins = fit_label_bins(labels, bins=50)
    width = (labels.max() - labels.min()) / 50
    density = stats.beta(2, 5).pdf(bins.centres.double().numpy())
    np.testing.assert_allclose(bins.weights / width, density, atol=0.25)


@pytest.mark.parametrize("fit", [fit_label_mixture, fit_label_bins])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, 4, 2]), "not the class ids"),
        (np.array([[0.1, 2.0], [0.3, 4.0]]), "one row"),  # labels beside class ids, as once released
        (np.array([0.1, np.nan]), "1 of 2 labels are finite"),
        (np.array([]), "0 of 0"),
    ],
)
def test_only_continuous_labels_are_accepted(fit: object, labels: np.ndarray, message: str) -> None:
    assert callable(fit)
    with pytest.raises(DataError, match=message):
        fit(labels)


@pytest.mark.parametrize(
    ("means", "variances", "weights"),
    [
        ([0.0, 1.0], [1.0, 0.0], [0.5, 0.5]),
        ([0.0, 1.0], [1.0], [0.5, 0.5]),
        ([0.0, 1.0], [1.0, 1.0], [1.0]),
        ([0.0, 1.0], [1.0, 1.0], [0.5, 0.4]),
        ([0.0, 1.0], [1.0, 1.0], [1.0, 0.0]),
    ],
)
def test_a_mixture_is_checked(means: list[float], variances: list[float], weights: list[float]) -> None:
    with pytest.raises(ValueError, match=r"label (mixture|law)"):
        LabelMixture(
            means=torch.tensor(means), variances=torch.tensor(variances), weights=torch.tensor(weights)
        )


def test_bins_are_checked() -> None:
    with pytest.raises(ValueError, match="sum to one"):
        LabelBins(centres=torch.tensor([0.0, 1.0]), weights=torch.tensor([3.0, 1.0]))
