"""Pretraining losses: hand values, optima, and weights as multiplicities."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from circuitgcl.losses import alignment_loss, centre_scattering_loss, decorrelation_loss, uniformity_loss

Loss = Callable[..., Tensor]
SCATTERING_LOSSES: list[Loss] = [centre_scattering_loss, uniformity_loss, decorrelation_loss]


def random_rows(n: int, hidden: int, seed: int = 0) -> Tensor:
    return torch.randn(n, hidden, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def simplex(hidden: int) -> Tensor:
    """The hidden + 1 corners of a regular simplex, on the unit sphere of R^(hidden+1)."""
    corners = torch.eye(hidden + 1, dtype=torch.float64)
    return torch.nn.functional.normalize(corners - corners.mean(dim=0), dim=-1)


def antipodal(n: int, hidden: int) -> Tensor:
    rows = torch.zeros(n, hidden, dtype=torch.float64)
    rows[::2, 0], rows[1::2, 0] = 1.0, -1.0
    return rows


class TestCentreScattering:
    def test_right_angle(self) -> None:
        # centre (1/2, 1/2), both rows at squared distance 1/2 from it
        u = torch.tensor([[3.0, 0.0], [0.0, 0.1]], dtype=torch.float64)
        assert centre_scattering_loss(u).item() == pytest.approx(-0.5)

    def test_equals_squared_length_of_centre_minus_one(self) -> None:
        u = random_rows(9, 4)
        centre = torch.nn.functional.normalize(u, dim=-1).mean(dim=0)
        assert centre_scattering_loss(u).item() == pytest.approx(centre.square().sum().item() - 1)

    def test_is_zero_when_all_rows_coincide(self) -> None:
        assert centre_scattering_loss(torch.ones(5, 3)).item() == pytest.approx(0, abs=1e-6)

    def test_two_antipodal_points_reach_the_optimum(self) -> None:
        """The known weakness: rank one, yet no arrangement scores better."""
        u = antipodal(4, hidden=3).requires_grad_()
        loss = centre_scattering_loss(u)
        loss.backward()
        assert loss.item() == pytest.approx(-1)
        assert u.grad is not None
        assert u.grad.abs().max().item() < 1e-12
        assert centre_scattering_loss(simplex(3)).item() == pytest.approx(-1)


class TestUniformity:
    def test_right_angle_and_opposite(self) -> None:
        u = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]], dtype=torch.float64)
        t = 0.7
        expected = math.log((4 * math.exp(-2 * t) + 2 * math.exp(-4 * t)) / 6)
        assert uniformity_loss(u, t).item() == pytest.approx(expected)

    def test_agrees_with_explicit_pairs(self) -> None:
        u = torch.nn.functional.normalize(random_rows(7, 3), dim=-1)
        pairs = [(u[i] - u[j]).square().sum() for i in range(7) for j in range(7) if i != j]
        expected = torch.stack(pairs).mul(-2).exp().mean().log()
        assert uniformity_loss(u).item() == pytest.approx(expected.item())

    @pytest.mark.parametrize("hidden", [1, 2, 5])
    def test_simplex_reaches_the_bound(self, hidden: int) -> None:
        n, t = hidden + 1, 1.5
        bound = -2 * t * n / (n - 1)
        assert uniformity_loss(simplex(hidden), t).item() == pytest.approx(bound)
        assert uniformity_loss(random_rows(n, hidden + 1), t).item() > bound

    def test_two_antipodal_points_do_not_reach_the_optimum(self) -> None:
        assert uniformity_loss(antipodal(4, hidden=4)).item() > uniformity_loss(simplex(3)).item() + 1

    def test_descent_leaves_the_collapsed_line(self) -> None:
        """From nearly antipodal rows the loss finds the simplex, where the published one would stay."""
        u = (antipodal(4, hidden=3) + 0.01 * random_rows(4, 3)).requires_grad_()
        optimiser = torch.optim.Adam([u], lr=0.05)
        for _ in range(300):
            optimiser.zero_grad()
            uniformity_loss(u).backward()
            optimiser.step()
        assert uniformity_loss(u).item() == pytest.approx(-2 * 2 * 4 / 3, abs=1e-3)

    def test_is_zero_when_all_rows_coincide(self) -> None:
        assert uniformity_loss(torch.ones(5, 3, dtype=torch.float64)).item() == pytest.approx(0, abs=1e-12)

    def test_sharp_kernel_does_not_underflow(self) -> None:
        assert uniformity_loss(torch.eye(2), temperature=1000.0).item() == pytest.approx(-2000, rel=1e-6)

    @pytest.mark.parametrize("weights", [None, torch.tensor([1.0])])
    def test_single_row_has_no_pair(self, weights: Tensor | None) -> None:
        with pytest.raises(ValueError, match="at least two rows"):
            uniformity_loss(torch.ones(1, 3), weights=weights)

    def test_single_class_of_three_equal_rows(self) -> None:
        loss = uniformity_loss(torch.ones(1, 3), weights=torch.tensor([3]))
        assert loss.item() == pytest.approx(0, abs=1e-6)

    def test_fractional_weight_holds_no_pair_with_itself(self) -> None:
        u = torch.eye(2, dtype=torch.float64)
        loss = uniformity_loss(u, temperature=1.0, weights=torch.tensor([0.5, 0.25]))
        assert loss.item() == pytest.approx(-2)


class TestDecorrelation:
    def test_agrees_with_numpy(self) -> None:
        z = random_rows(50, 4) @ random_rows(4, 4, seed=1)
        off_diagonal = np.corrcoef(z.numpy(), rowvar=False)[~np.eye(4, dtype=bool)]
        hinge = np.maximum(0, 1.5 - z.numpy().std(axis=0))
        assert hinge.any()
        expected = (off_diagonal**2).mean() + hinge.mean()
        loss = decorrelation_loss(z, target_deviation=1.5, epsilon=1e-12)
        assert loss.item() == pytest.approx(expected)

    def test_is_zero_for_independent_wide_dimensions(self) -> None:
        square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
        assert decorrelation_loss(square).item() == 0
        assert decorrelation_loss(7 * square + 3).item() == 0

    def test_line_scores_one(self) -> None:
        line = torch.linspace(-5, 5, 11, dtype=torch.float64)[:, None] * torch.tensor([1.0, -1.0, 2.0])
        assert decorrelation_loss(line, epsilon=0).item() == pytest.approx(1)

    def test_point_scores_the_hinge(self) -> None:
        point = torch.ones(6, 3, dtype=torch.float64, requires_grad=True)
        loss = decorrelation_loss(point, epsilon=1e-4)
        loss.backward()
        assert loss.item() == pytest.approx(1 - 0.01)
        assert point.grad is not None
        assert bool(point.grad.isfinite().all())

    def test_one_dimension_has_only_the_hinge(self) -> None:
        z = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
        assert decorrelation_loss(z, epsilon=0).item() == pytest.approx(0.5)


class TestAlignment:
    def test_mean_cosine(self) -> None:
        prediction = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
        target = torch.tensor([[5.0, 0.0], [0.0, -3.0], [1.0, 0.0]], dtype=torch.float64)
        assert alignment_loss(prediction, target).item() == pytest.approx(-math.sqrt(0.5) / 3)

    def test_minimum_is_the_same_direction(self) -> None:
        target = random_rows(6, 4)
        lengths = torch.arange(1.0, 7.0, dtype=torch.float64)[:, None]
        assert alignment_loss(lengths * target, target).item() == pytest.approx(-1)
        assert alignment_loss(-target, target).item() == pytest.approx(1)

    def test_target_receives_no_gradient(self) -> None:
        prediction, target = random_rows(4, 3).requires_grad_(), random_rows(4, 3, seed=1).requires_grad_()
        alignment_loss(prediction, target).backward()
        assert target.grad is None
        assert prediction.grad is not None
        assert prediction.grad.abs().sum().item() > 0

    def test_weights_are_multiplicities(self) -> None:
        prediction, target, counts = random_rows(4, 3), random_rows(4, 3, seed=1), torch.tensor([3, 1, 0, 2])
        repeated = alignment_loss(
            prediction.repeat_interleave(counts, 0), target.repeat_interleave(counts, 0)
        )
        assert alignment_loss(prediction, target, counts).item() == pytest.approx(repeated.item())

    def test_shapes_must_agree(self) -> None:
        with pytest.raises(ValueError, match="agree in shape"):
            alignment_loss(torch.ones(4, 3), torch.ones(1, 3))


@pytest.mark.parametrize("loss", SCATTERING_LOSSES)
class TestSharedProperties:
    @pytest.mark.parametrize("counts", [[1, 1, 1, 1, 1], [3, 1, 0, 2, 5]])
    def test_weights_are_multiplicities(self, loss: Loss, counts: list[int]) -> None:
        rows = random_rows(5, 3)
        weights = torch.tensor(counts)
        repeated = rows.repeat_interleave(weights, dim=0)
        assert loss(rows, weights=weights).item() == pytest.approx(loss(repeated).item())

    def test_weighted_gradient_is_the_sum_over_the_repeats(self, loss: Loss) -> None:
        weights = torch.tensor([3, 1, 2])
        rows = random_rows(3, 3).requires_grad_()
        repeated = rows.detach().repeat_interleave(weights, dim=0).requires_grad_()
        (gradient,) = torch.autograd.grad(loss(rows, weights=weights), rows)
        (per_repeat,) = torch.autograd.grad(loss(repeated), repeated)
        summed = torch.stack([part.sum(dim=0) for part in per_repeat.split(weights.tolist())])
        torch.testing.assert_close(gradient, summed)

    def test_order_of_rows_does_not_matter(self, loss: Loss) -> None:
        rows, weights, order = random_rows(6, 3), torch.tensor([1, 2, 3, 1, 2, 3]), torch.randperm(6)
        shuffled = loss(rows[order], weights=weights[order])
        assert shuffled.item() == pytest.approx(loss(rows, weights=weights).item())

    def test_gradient(self, loss: Loss) -> None:
        rows, weights = random_rows(5, 3).requires_grad_(), torch.tensor([1.0, 2.0, 1.0, 4.0, 1.0])
        assert torch.autograd.gradcheck(lambda u: loss(u, weights=weights), rows)

    def test_one_weight_per_row(self, loss: Loss) -> None:
        with pytest.raises(ValueError, match="one each"):
            loss(torch.ones(4, 3), weights=torch.ones(4, 1))


def test_sphere_losses_ignore_rotation_and_length() -> None:
    rows = random_rows(6, 3)
    rotation = torch.linalg.qr(random_rows(3, 3, seed=1)).Q
    moved = torch.arange(1.0, 7.0, dtype=torch.float64)[:, None] * rows @ rotation
    for loss in (centre_scattering_loss, uniformity_loss):
        assert loss(moved).item() == pytest.approx(loss(rows).item())
