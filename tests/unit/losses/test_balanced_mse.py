"""Balanced MSE: hand values, scipy oracles, limits, the learned noise scale, and what it is for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor
from torch.nn import functional

from circuitgcl.losses import (
    BalancedMSE,
    BalancedMSEKind,
    LabelBins,
    LabelMixture,
    bmc_loss,
    bni_loss,
    fit_label_bins,
    fit_label_mixture,
    gai_loss,
)

Loss = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


MIXTURE = LabelMixture(
    means=double(0.2, 0.6, 0.9), variances=double(0.01, 0.04, 0.002), weights=double(0.7, 0.2, 0.1)
)
COMPONENTS = list(
    zip(MIXTURE.means.tolist(), MIXTURE.variances.tolist(), MIXTURE.weights.tolist(), strict=True)
)
BINS = LabelBins(centres=double(0.1, 0.3, 0.5, 0.7), weights=double(0.6, 0.2, 0.15, 0.05))
SIGMA = torch.tensor(0.15, dtype=torch.float64)
STEPS = 150


def gai(prediction: Tensor, target: Tensor, sigma: Tensor, weight: Tensor | None = None) -> Tensor:
    return gai_loss(prediction, target, sigma, MIXTURE, weight)


def bni(prediction: Tensor, target: Tensor, sigma: Tensor, weight: Tensor | None = None) -> Tensor:
    return bni_loss(prediction, target, sigma, BINS.centres, BINS.weights, weight)


LOSSES: list[Loss] = [gai, bmc_loss, bni]


def batch(n: int = 8, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(n, generator=generator, dtype=torch.float64)
    return target + 0.2 * torch.randn(n, generator=generator, dtype=torch.float64), target


class TestGai:
    def test_agrees_with_scipy(self) -> None:
        """The likelihood ratio, with every constant in place."""
        prediction, target = batch()
        sigma = SIGMA.item()
        integral = sum(
            w * stats.norm.pdf(prediction.numpy(), loc=m, scale=math.sqrt(v + sigma**2))
            for m, v, w in COMPONENTS
        )
        nll = np.log(integral) - stats.norm.logpdf(target.numpy(), loc=prediction.numpy(), scale=sigma)
        assert gai(prediction, target, SIGMA).item() == pytest.approx(2 * sigma**2 * nll.mean())

    def test_with_the_prior_it_is_a_normalised_law_of_labels(self) -> None:
        """N(y; ŷ, σ²) p(y) / ∫ … is a density in y: it must integrate to one for any prediction."""
        y = torch.linspace(-1, 2, 3001, dtype=torch.float64)
        prior = sum(w * stats.norm.pdf(y.numpy(), loc=m, scale=math.sqrt(v)) for m, v, w in COMPONENTS)
        nll = torch.stack([gai(double(0.45), label[None], SIGMA) for label in y]) / (2 * SIGMA**2)
        assert integrate.trapezoid(np.exp(-nll.numpy()) * prior, y.numpy()) == pytest.approx(1, abs=1e-6)

    def test_one_very_wide_component_is_squared_error_plus_a_constant(self) -> None:
        wide = LabelMixture(means=double(0.5), variances=double(1e8), weights=double(1.0))
        offsets = []
        for seed in range(3):
            prediction, target = batch(seed=seed)
            prediction.requires_grad_()
            loss, squared = gai_loss(prediction, target, SIGMA, wide), functional.mse_loss(prediction, target)
            offsets.append((loss - squared).item())
            gradients = [torch.autograd.grad(value, prediction)[0] for value in (loss, squared)]
            torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-8)
        assert offsets == pytest.approx([offsets[0]] * 3)

    def test_tiny_noise_is_squared_error(self) -> None:
        """Why σ must start near the training error: at 1e-3 nothing is left of the balancing."""
        prediction, target = batch()
        prediction.requires_grad_()
        (balanced,) = torch.autograd.grad(gai(prediction, target, double(1e-3)[0]), prediction)
        (squared,) = torch.autograd.grad(functional.mse_loss(prediction, target), prediction)
        torch.testing.assert_close(balanced, squared, rtol=1e-3, atol=1e-5)

    def test_does_not_fall_without_bound_in_sigma(self) -> None:
        prediction, target = batch()
        nll = [(gai(prediction, target, s) / (2 * s**2)).item() for s in double(0.15, 1e3, 1e6)]
        assert nll[1] == pytest.approx(nll[2], abs=1e-5)
        assert nll[0] < nll[1]


class TestBmc:
    def test_hand_value(self) -> None:
        # 2σ² = 1: logits [[0, -1], [-4, -1]] for predictions (0, 2), labels (0, 1)
        sigma = torch.tensor(math.sqrt(0.5), dtype=torch.float64)
        loss = bmc_loss(double(0.0, 2.0), double(0.0, 1.0), sigma)
        expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-3))) / 2
        assert loss.item() == pytest.approx(expected)

    def test_is_cross_entropy_over_the_whole_matrix(self) -> None:
        """Released code used element-wise logits and positions as targets; every label must compete."""
        prediction, target = batch()
        logits = -((prediction[:, None] - target[None, :]) ** 2) / (2 * SIGMA**2)
        expected = functional.cross_entropy(logits, torch.arange(8)) * 2 * SIGMA**2
        assert bmc_loss(prediction, target, SIGMA).item() == pytest.approx(expected.item())

    def test_gradient_by_hand(self) -> None:
        """d/dŷ_i = 2 (Σ_j p_ij y_j - y_i) / B, with p the softmax over the batch."""
        prediction, target = batch()
        prediction.requires_grad_()
        (gradient,) = torch.autograd.grad(bmc_loss(prediction, target, SIGMA), prediction)
        with torch.no_grad():
            kernel = torch.exp(-((prediction[:, None] - target) ** 2) / (2 * SIGMA**2))
            expected = 2 * (kernel @ target / kernel.sum(dim=1) - target) / 8
        torch.testing.assert_close(gradient, expected)

    def test_other_labels_change_the_loss_of_a_row(self) -> None:
        prediction, target = batch()
        (before,) = torch.autograd.grad(bmc_loss(prediction.requires_grad_(), target, SIGMA), prediction)
        moved = target.clone()
        moved[5] += 0.2
        (after,) = torch.autograd.grad(bmc_loss(prediction, moved, SIGMA), prediction)
        assert (after - before)[0].abs().item() > 1e-4

    def test_is_no_weighting_by_position(self) -> None:
        """The released form scaled as B (B - 1) / 2 times the squared error."""
        target = torch.linspace(0, 1, 128, dtype=torch.float64)
        prediction = target + 0.1 * torch.sin(37 * target)
        ratio = bmc_loss(prediction, target, SIGMA) / functional.mse_loss(prediction, target)
        assert ratio.item() < 128

    def test_batch_of_one_is_certain(self) -> None:
        assert bmc_loss(double(0.3), double(0.8), SIGMA).item() == pytest.approx(0, abs=1e-12)


class TestBni:
    def test_hand_value(self) -> None:
        # 2σ² = 1, ŷ = 1, y = 0: 1 + log(0.75 e^-1 + 0.25 e^0)
        sigma = torch.tensor(math.sqrt(0.5), dtype=torch.float64)
        loss = bni_loss(double(1.0), double(0.0), sigma, double(0.0, 1.0), double(0.75, 0.25))
        assert loss.item() == pytest.approx(1 + math.log(0.75 * math.exp(-1) + 0.25))

    def test_bins_at_the_labels_give_bmc(self) -> None:
        prediction, target = batch()
        per_label = torch.full((8,), 1 / 8, dtype=torch.float64)
        difference = bmc_loss(prediction, target, SIGMA) - bni_loss(
            prediction, target, SIGMA, target, per_label
        )
        assert difference.item() == pytest.approx(2 * SIGMA.item() ** 2 * math.log(8))

    def test_narrow_components_give_bni(self) -> None:
        prediction, target = batch()
        spikes = LabelMixture(
            means=BINS.centres, variances=torch.full_like(BINS.centres, 1e-12), weights=BINS.weights
        )
        expected = bni(prediction, target, SIGMA)
        assert gai_loss(prediction, target, SIGMA, spikes).item() == pytest.approx(expected.item())

    def test_fine_bins_approach_the_mixture(self) -> None:
        prediction, target = batch()
        edges = torch.linspace(-1, 2, 601, dtype=torch.float64)
        shares = sum(
            w * np.diff(stats.norm.cdf(edges.numpy(), loc=m, scale=math.sqrt(v))) for m, v, w in COMPONENTS
        )
        loss = bni_loss(prediction, target, SIGMA, (edges[1:] + edges[:-1]) / 2, torch.as_tensor(shares))
        assert loss.item() == pytest.approx(gai(prediction, target, SIGMA).item(), rel=1e-3)


@pytest.mark.parametrize("loss", LOSSES)
class TestSharedProperties:
    def test_order_of_samples_does_not_matter(self, loss: Loss) -> None:
        prediction, target = batch()
        weight, order = torch.arange(1.0, 9.0), torch.randperm(8)
        shuffled = loss(prediction[order], target[order], SIGMA, weight[order])
        assert shuffled.item() == pytest.approx(loss(prediction, target, SIGMA, weight).item())

    @pytest.mark.parametrize("counts", [[1] * 8, [2, 1, 0, 5, 1, 1, 3, 0]])
    def test_sample_weights_are_multiplicities(self, loss: Loss, counts: list[int]) -> None:
        prediction, target = batch()
        weight = torch.tensor(counts)
        weighted = loss(prediction, target, SIGMA, weight)
        repeated = loss(prediction.repeat_interleave(weight), target.repeat_interleave(weight), SIGMA, None)
        assert weighted.item() == pytest.approx(repeated.item())

    def test_sample_weight_of_zero_leaves_a_finite_gradient(self, loss: Loss) -> None:
        prediction, target = batch()
        weight = torch.tensor([0.0, 1, 1, 0, 1, 1, 1, 1])
        (gradient,) = torch.autograd.grad(
            loss(prediction.requires_grad_(), target, SIGMA, weight), prediction
        )
        assert bool(gradient.isfinite().all())
        assert gradient[0].item() == 0

    def test_gradient_in_the_prediction(self, loss: Loss) -> None:
        prediction, target = batch()
        weight = torch.linspace(0.5, 2, 8, dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda p: loss(p, target, SIGMA, weight), prediction.requires_grad_())

    def test_gradient_in_sigma_leaves_the_factor_out(self, loss: Loss) -> None:
        """Only the likelihood pulls on σ; the factor 2σ² merely sets the size of the step."""
        prediction, target = batch()
        sigma = SIGMA.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(prediction, target, sigma, None), sigma)

        def nll(s: float) -> float:
            at = torch.tensor(s, dtype=torch.float64)
            return (loss(prediction, target, at, None) / (2 * at**2)).item()

        slope = (nll(0.15 + 1e-6) - nll(0.15 - 1e-6)) / 2e-6
        assert abs(slope) > 0.01
        assert gradient.item() == pytest.approx(2 * 0.15**2 * slope, rel=1e-5)

    def test_far_predictions_stay_finite(self, loss: Loss) -> None:
        prediction = torch.tensor([500.0, -500.0], requires_grad=True)
        value = loss(prediction, torch.tensor([0.1, 0.9]), torch.tensor(0.01), None)
        (gradient,) = torch.autograd.grad(value, prediction)
        assert math.isfinite(value.item())
        assert bool(gradient.isfinite().all())

    @pytest.mark.parametrize("shape", [(8, 1), (1,), (4,)])
    def test_shapes_that_would_broadcast_are_refused(self, loss: Loss, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="one row"):
            loss(torch.zeros(shape), torch.zeros(8), torch.tensor(0.1), None)


PRIOR_BY_KIND = {
    BalancedMSEKind.GAI: MIXTURE,
    BalancedMSEKind.BMC: None,
    BalancedMSEKind.BNI: BINS,
}


@pytest.mark.parametrize("kind", BalancedMSEKind)
class TestModule:
    def test_equals_the_function(self, kind: BalancedMSEKind) -> None:
        prediction, target = batch()
        weight = torch.arange(1.0, 9.0)
        module = BalancedMSE(kind, initial_noise_scale=0.15, prior=PRIOR_BY_KIND[kind]).double()
        expected = LOSSES[list(BalancedMSEKind).index(kind)](prediction, target, SIGMA, weight)
        assert module(prediction, target, weight).item() == pytest.approx(expected.item(), rel=1e-6)
        assert module.noise_scale.item() == pytest.approx(0.15)

    def test_sigma_is_learned(self, kind: BalancedMSEKind) -> None:
        """Released code left σ without a gradient."""
        prediction, target = batch()
        module = BalancedMSE(kind, initial_noise_scale=0.15, prior=PRIOR_BY_KIND[kind])
        assert [name for name, _ in module.named_parameters()] == ["log_noise_scale"]
        module(prediction, target).backward()
        assert module.log_noise_scale.grad is not None
        assert abs(module.log_noise_scale.grad.item()) > 1e-5

    def test_state_round_trip(self, kind: BalancedMSEKind) -> None:
        prediction, target = batch()
        trained = BalancedMSE(kind, initial_noise_scale=0.3, prior=PRIOR_BY_KIND[kind])
        fresh = BalancedMSE(kind, initial_noise_scale=1.0, prior=PRIOR_BY_KIND[kind])
        fresh.load_state_dict(trained.state_dict())
        assert fresh(prediction, target).item() == trained(prediction, target).item()

    @pytest.mark.parametrize("scale", [0.0, -0.1, math.nan, math.inf])
    def test_noise_scale_must_be_positive(self, kind: BalancedMSEKind, scale: float) -> None:
        with pytest.raises(ValueError, match="positive"):
            BalancedMSE(kind, initial_noise_scale=scale, prior=PRIOR_BY_KIND[kind])

    def test_prior_must_fit_the_kind(self, kind: BalancedMSEKind) -> None:
        wrong = BINS if kind is BalancedMSEKind.GAI else MIXTURE
        with pytest.raises(ValueError, match=f"{kind} needs a prior"):
            BalancedMSE(kind, initial_noise_scale=0.1, prior=wrong)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A fitted straight line."""

    slope: float
    offset: float
    noise_scale: float


def fit_line(x: Tensor, y: Tensor, loss: Callable[[Tensor, Tensor], Tensor]) -> Line:
    coefficients = torch.zeros(2, requires_grad=True)
    parameters: list[dict[str, object]] = [{"params": [coefficients], "lr": 0.06}]
    if isinstance(loss, BalancedMSE):
        parameters.append({"params": loss.parameters(), "lr": 0.06})
    optimiser = torch.optim.Adam(parameters)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=STEPS)
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss(coefficients[0] * x + coefficients[1], y).backward()
        optimiser.step()
        schedule.step()
    slope, offset = coefficients.tolist()
    sigma = loss.noise_scale.item() if isinstance(loss, BalancedMSE) else math.nan
    return Line(slope=slope, offset=offset, noise_scale=sigma)


class TestBalancing:
    """x = y + noise with labels from one Gaussian: the balanced regressor is ŷ = x, in closed form.

    Squared error instead learns the posterior mean under the training law, with slope v / (v + σ²).
    """

    DEVIATION, NOISE = 0.2, 0.2

    def draw(self, n: int = 600) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        y = self.DEVIATION * torch.randn(n, generator=generator)
        return y + self.NOISE * torch.randn(n, generator=generator), y

    def test_squared_error_shrinks(self) -> None:
        assert fit_line(*self.draw(), functional.mse_loss).slope == pytest.approx(0.5, abs=0.07)

    @pytest.mark.parametrize("kind", BalancedMSEKind)
    def test_balanced_recovers_slope_and_noise(self, kind: BalancedMSEKind) -> None:
        x, y = self.draw()
        prior = {
            BalancedMSEKind.GAI: fit_label_mixture(y.numpy(), components=1),
            BalancedMSEKind.BNI: fit_label_bins(y.numpy(), bins=60),
        }.get(kind)
        shrunk_rmse = math.sqrt(0.5) * self.DEVIATION
        line = fit_line(x, y, BalancedMSE(kind, initial_noise_scale=shrunk_rmse, prior=prior))
        assert line.slope == pytest.approx(1, abs=0.12)
        assert line.noise_scale == pytest.approx(self.NOISE, rel=0.15)


def test_gai_serves_rare_labels_better_than_squared_error() -> None:
    """Trained on exponentially rare large labels, tested where all are equally frequent."""
    rng = np.random.default_rng(0)

    def observe(y: np.ndarray) -> tuple[Tensor, Tensor]:
        x = y + rng.normal(0, 0.15, y.shape)
        return torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(y, dtype=torch.float32)

    train_x, train_y = observe(rng.exponential(0.15, 1500))
    test_x, test_y = observe(rng.uniform(0, 1, 2000))
    plain = fit_line(train_x, train_y, functional.mse_loss)
    prior = fit_label_mixture(train_y.numpy(), components=4)
    balanced = fit_line(
        train_x, train_y, BalancedMSE(BalancedMSEKind.GAI, initial_noise_scale=0.15, prior=prior)
    )

    def rare_bias(line: Line) -> float:
        rare = test_y > 0.6
        return (line.slope * test_x[rare] + line.offset - test_y[rare]).mean().item()

    def error(line: Line) -> float:
        return functional.mse_loss(line.slope * test_x + line.offset, test_y).item()

    assert rare_bias(plain) < -0.25
    assert abs(rare_bias(balanced)) < 0.08
    assert error(balanced) < 0.6 * error(plain)
