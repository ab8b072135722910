"""Error laws: quantiles that cover, probabilities that agree with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from circuitgcl.models.error_law import LARGEST_DOUBT, LEVELS, MIN_RESIDUALS, USUAL_DOUBT, ErrorLaw


@pytest.fixture
def fitted() -> ErrorLaw:
    draw = np.random.default_rng(0)
    source = np.repeat([0, 1], 4000)
    law = ErrorLaw(3)
    law.fit_residuals(draw.normal(0.1, np.where(source == 0, 0.05, 0.4)), source)
    return law


def test_before_any_fit_the_law_is_normal():
    law = ErrorLaw(2, spread_decades=0.3)
    np.testing.assert_allclose(law.quantiles.numpy(), np.tile(norm.ppf(LEVELS) * 0.3, (2, 1)), atol=1e-6)


def test_quantiles_are_those_of_each_source(fitted: ErrorLaw):
    for row, spread in ((0, 0.05), (1, 0.4)):
        expected = norm.ppf(LEVELS, loc=0.1, scale=spread)
        np.testing.assert_allclose(fitted.quantiles[row].numpy(), expected, atol=0.1 * spread)


def test_interval_covers_what_it_says(fitted: ErrorLaw):
    draw = np.random.default_rng(9)
    for coverage in (0.5, 0.8, 0.9):
        low, high = fitted.interval(torch.ones(1, dtype=torch.int64), coverage)
        fresh = draw.normal(0.1, 0.4, 20_000)
        assert ((fresh > float(low)) & (fresh < float(high))).mean() == pytest.approx(coverage, abs=0.02)


def test_interval_holds_the_estimate_even_when_all_residuals_lie_on_one_side():
    law = ErrorLaw(1)
    law.fit_residuals(np.linspace(0.2, 0.4, 100), np.zeros(100, np.int64))
    low, high = law.interval(torch.zeros(1, dtype=torch.int64))
    assert float(low) == 0.0
    assert float(high) == pytest.approx(0.38, abs=0.01)


def test_repeats_of_one_situation_count_once():
    residual = np.concatenate([np.full(1000, 1.0), np.linspace(-0.5, 0.5, 101)])
    weight = np.concatenate([np.full(1000, 1e-3), np.ones(101)])
    law = ErrorLaw(1)
    law.fit_residuals(residual, np.zeros(len(residual), np.int64), weight)
    assert float(law.quantiles[0, LEVELS.index(0.5)]) == pytest.approx(0.0, abs=0.02)


def test_a_rare_source_takes_the_law_of_all_and_is_no_surer():
    draw = np.random.default_rng(1)
    residual = draw.normal(size=1000 + MIN_RESIDUALS - 1)
    source = np.repeat([0, 1], [1000, MIN_RESIDUALS - 1])
    law = ErrorLaw(2)
    law.fit_residuals(residual, source)
    alone = np.quantile(residual[:1000], LEVELS, method="inverted_cdf")
    together = np.quantile(residual, LEVELS, method="inverted_cdf")
    middle = LEVELS.index(0.5)
    wider = np.where(
        np.arange(len(LEVELS)) < middle, np.minimum(alone, together), np.maximum(alone, together)
    )
    wider[middle] = together[middle]
    np.testing.assert_allclose(law.quantiles[0].numpy(), alone, rtol=1e-6)
    np.testing.assert_allclose(law.quantiles[1].numpy(), wider, rtol=1e-6)


def test_a_source_that_knows_less_is_never_surer():
    draw = np.random.default_rng(2)
    source = np.repeat([0, 1], 500)
    law = ErrorLaw(2)
    law.fit_residuals(draw.normal(0.0, np.where(source == 0, 0.4, 0.1)), source)
    (wide_low, narrow_low), (wide_high, narrow_high) = law.interval(torch.tensor([0, 1]))
    assert narrow_low <= wide_low
    assert narrow_high >= wide_high


def test_too_few_residuals_change_nothing():
    law = ErrorLaw(1)
    before = law.quantiles.clone()
    law.fit_residuals(np.full(MIN_RESIDUALS - 1, 3.0), np.zeros(MIN_RESIDUALS - 1, np.int64))
    assert torch.equal(law.quantiles, before)


def test_exceedance_at_a_quantile_is_its_complement(fitted: ErrorLaw):
    for row in range(3):
        source = torch.full((len(LEVELS),), row)
        found = fitted.exceedance(source, fitted.quantiles[row].contiguous())
        np.testing.assert_allclose(found.numpy(), 1 - np.array(LEVELS), atol=1e-4)


def test_exceedance_falls_from_one_to_nothing(fitted: ErrorLaw):
    ratio = torch.linspace(-5, 5, 1001)
    for row in range(3):
        found = fitted.exceedance(torch.full((1001,), row), ratio)
        assert (found.diff() <= 1e-6).all()
        assert (float(found[0]), float(found[-1])) == (1.0, 0.0)


def test_exceedance_with_equal_quantiles_is_a_step():
    law = ErrorLaw(1)
    law.fit_residuals(np.zeros(100), np.zeros(100, np.int64))
    found = law.exceedance(torch.zeros(2, dtype=torch.int64), torch.tensor([-0.2, 0.2]))
    assert found.tolist() == [1.0, 0.0]
    assert torch.isfinite(law.exceedance(torch.zeros(1, dtype=torch.int64), torch.zeros(1))).all()


def test_existence_is_calibrated_and_grows_with_the_hazard():
    draw = np.random.default_rng(5)
    log_hazard = draw.uniform(-4, 4, 6000)
    exists = draw.uniform(size=6000) < 1 / (1 + np.exp(-(1.5 * log_hazard - 0.5)))
    law = ErrorLaw(2)
    law.fit_existence(log_hazard, exists, np.zeros(6000, np.int64))
    assert law.existence[0].tolist() == pytest.approx([1.5, -0.5], abs=0.15)
    assert torch.equal(law.existence[1], law.existence[0])  # a source without examples takes the law of all
    grid = torch.linspace(-6, 6, 200)
    assert (law.existence_probability(torch.zeros(200, dtype=torch.int64), grid).diff() > 0).all()


def test_existence_never_falls_with_the_hazard():
    log_hazard = np.linspace(-3, 3, 400)
    law = ErrorLaw(1)
    law.fit_existence(log_hazard, log_hazard < 0, np.zeros(400, np.int64))  # labels that say the opposite
    assert float(law.existence[0, 0]) > 0


def test_existence_of_one_outcome_only_changes_nothing():
    law = ErrorLaw(1)
    before = law.existence.clone()
    law.fit_existence(np.linspace(-1, 1, 100), np.ones(100, bool), np.zeros(100, np.int64))
    assert torch.equal(law.existence, before)


# --- doubt ---


def doubted(widens: bool, rows: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Residuals and doubt of which they are the larger, or know nothing."""
    draw = np.random.default_rng(7)
    doubt = draw.uniform(0.0, 1.0, rows)
    scale = 0.1 * np.hypot(1.0, 4.0 * doubt) if widens else np.full(rows, 0.25)
    return draw.laplace(0.0, scale), doubt


@pytest.fixture
def widened() -> ErrorLaw:
    """A law of one source whose residuals grow with doubt."""
    residual, doubt = doubted(widens=True)
    law = ErrorLaw(1)
    law.fit_residuals(residual, np.zeros(len(doubt), np.int64), doubt=doubt)
    return law


def test_doubt_widens_where_residuals_grow_with_it(widened: ErrorLaw):
    assert widened.widening.tolist() == [4.0]
    source = torch.zeros(3, dtype=torch.int64)
    low, high = widened.interval(source, doubt=torch.tensor([0.0, 0.5, 1.0]))
    np.testing.assert_allclose((high / high[0]).numpy(), np.hypot(1.0, [0.0, 2.0, 4.0]), rtol=1e-5)
    np.testing.assert_allclose((low / low[0]).numpy(), np.hypot(1.0, [0.0, 2.0, 4.0]), rtol=1e-5)
    alone = widened.interval(source)
    assert torch.equal(alone[0], low[:1].expand(3))
    assert torch.equal(alone[1], high[:1].expand(3))


def test_doubt_that_says_nothing_widens_nothing():
    residual, doubt = doubted(widens=False)
    law, blind = ErrorLaw(1), ErrorLaw(1)
    source = np.zeros(len(doubt), np.int64)
    law.fit_residuals(residual, source, doubt=doubt)
    blind.fit_residuals(residual, source)
    assert law.widening.tolist() == [0.0]
    assert torch.equal(law.quantiles, blind.quantiles)
    one = torch.zeros(1, dtype=torch.int64)
    assert law.interval(one, doubt=torch.ones(1)) == law.interval(one)


def test_each_source_widens_by_its_own_residuals():
    grown, flat = doubted(widens=True), doubted(widens=False)
    residual, doubt = (np.concatenate(parts) for parts in zip(grown, flat, strict=True))
    law = ErrorLaw(2)
    law.fit_residuals(residual, np.repeat([0, 1], len(grown[0])), doubt=doubt)
    assert law.widening.tolist() == [4.0, 0.0]


def test_intervals_by_doubt_cover_little_and_much_doubted_estimates_alike(widened: ErrorLaw):
    residual, doubt = doubted(widens=True, rows=20_000)
    low, high = widened.interval(torch.zeros(20_000, dtype=torch.int64), doubt=torch.from_numpy(doubt))
    inside = (residual > low.numpy()) & (residual < high.numpy())
    for part in (doubt < 0.2, doubt > 0.8):
        assert inside[part].mean() == pytest.approx(0.8, abs=0.03)


def test_exceedance_by_doubt_agrees_with_the_interval(widened: ErrorLaw):
    doubt = torch.tensor([0.0, 0.3, 1.0, 1.7])
    source = torch.zeros(4, dtype=torch.int64)
    for coverage in (0.5, 0.8):
        low, high = widened.interval(source, coverage, doubt=doubt)
        tail = (1 - coverage) / 2
        np.testing.assert_allclose(widened.exceedance(source, high, doubt=doubt), tail, atol=1e-4)
        np.testing.assert_allclose(widened.exceedance(source, low, doubt=doubt), 1 - tail, atol=1e-4)


def test_doubt_is_believed_up_to_a_decade(widened: ErrorLaw):
    source = torch.zeros(2, dtype=torch.int64)
    low, high = widened.interval(source, doubt=torch.tensor([LARGEST_DOUBT, 1e6]))
    assert low[0] == low[1]
    assert high[0] == high[1]


def test_usual_doubt_is_that_of_nearly_all_that_is_doubted(widened: ErrorLaw):
    _, doubt = doubted(widens=True)
    expected = np.quantile(doubt, USUAL_DOUBT, method="inverted_cdf")
    assert float(widened.usual_doubt) == pytest.approx(expected, rel=1e-6)
    half = np.zeros(2 * len(doubt))  # the memory doubts nothing, and is not counted
    half[::2] = doubt
    law = ErrorLaw(1)
    law.fit_residuals(
        np.random.default_rng(0).normal(size=len(half)), np.zeros(len(half), np.int64), doubt=half
    )
    assert float(law.usual_doubt) == pytest.approx(expected, rel=1e-6)


def test_usual_doubt_of_repeats_counts_once():
    doubt = np.concatenate([np.full(1000, 1.5), np.linspace(0.01, 1.0, 100)])
    weight = np.concatenate([np.full(1000, 1e-3), np.ones(100)])
    law = ErrorLaw(1)
    law.fit_residuals(np.zeros(1100), np.zeros(1100, np.int64), weight, doubt)
    assert float(law.usual_doubt) == pytest.approx(0.96, abs=0.02)


def test_without_doubt_everything_is_usual():
    law = ErrorLaw(1)
    law.fit_residuals(np.random.default_rng(0).normal(size=200), np.zeros(200, np.int64))
    assert float(law.usual_doubt) == LARGEST_DOUBT
    assert law.widening.tolist() == [0.0]
