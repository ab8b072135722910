"""From the balanced label law to the natural one, and to that of a design nobody labelled."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.models.label_shift import LabelLaw, reweighted, target_class_prior


def law(means: list[float], variances: list[float], weights: list[float], noise: float) -> LabelLaw:
    found = LabelLaw()
    found.set(*(torch.tensor(values) for values in (means, variances, weights)), torch.tensor(noise))
    return found


class TestPosteriorMean:
    def test_one_component_is_the_conjugate_mean(self) -> None:
        found = law([1.0], [0.25], [1.0], 0.5)
        # equal variances: half way
        assert found(torch.tensor([0.0, 2.0])).tolist() == pytest.approx([0.5, 1.5])

    def test_two_far_components_pull_each_its_own(self) -> None:
        found = law([0.0, 100.0], [1.0, 1.0], [0.5, 0.5], 1.0)
        assert found(torch.tensor([1.0, 99.0])).tolist() == pytest.approx([0.5, 99.5])

    def test_nothing_until_set(self) -> None:
        values = torch.tensor([-1.0, 3.0])
        assert LabelLaw()(values) is values


class TestTargetLaw:
    LAW = law([0.0, 2.0], [0.04, 0.04], [0.9, 0.1], 0.3)

    def drawn(self, share: float, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        high = torch.rand(count, generator=generator) < share
        label = 2.0 * high + 0.2 * torch.randn(count, generator=generator)
        return label, label + 0.3 * torch.randn(count, generator=generator)

    def test_weights_of_a_shifted_design_are_found(self) -> None:
        _, balanced = self.drawn(0.7, 4000)
        weights = self.LAW.adapted(balanced).weights
        assert weights[1].item() == pytest.approx((0.7 * 4000 + 0.1 * 50) / 4050, abs=0.02)
        assert self.LAW.weights[1].item() == pytest.approx(0.1)

    def test_estimates_come_nearer(self) -> None:
        overlapping = law([0.0, 0.6], [0.04, 0.04], [0.95, 0.05], 0.4)
        generator = torch.Generator().manual_seed(1)
        label = 0.6 + 0.2 * torch.randn(3000, generator=generator)  # all of the rare component
        balanced = label + 0.4 * torch.randn(3000, generator=generator)
        errors = [
            (fit(balanced) - label).abs().mean().item()
            for fit in (overlapping, overlapping.adapted(balanced))
        ]
        assert errors[1] < 0.9 * errors[0]

    def test_small_designs_hardly_move(self) -> None:
        _, balanced = self.drawn(1.0, 3)
        weight = self.LAW.adapted(balanced).weights[1].item()
        assert weight < 0.1 + 3 / 53
        assert torch.equal(self.LAW.adapted(balanced[:0]).weights, self.LAW.weights)


class TestTargetClasses:
    def test_sure_posteriors_are_counted(self) -> None:
        posterior = torch.eye(2)[[0, 0, 0, 1]]
        found = target_class_prior(posterior, torch.tensor([0.5, 0.5]), pseudo_count=0.0)
        assert found.tolist() == pytest.approx([0.75, 0.25])
        guarded = target_class_prior(posterior, torch.tensor([0.5, 0.5]), pseudo_count=4.0)
        assert guarded.tolist() == pytest.approx([(3 + 2) / 8, (1 + 2) / 8])

    def test_closed_form_of_a_confusing_sign(self) -> None:
        """A sign seen in 0.8 of class 0 and 0.3 of class 1, and here in 0.5 of the items: q = 0.4."""
        signs = torch.tensor([1.0] * 50 + [0.0] * 50)
        given_class = torch.tensor([0.8, 0.3])
        likelihood = torch.where(signs[:, None] > 0, given_class, 1 - given_class)
        posterior = likelihood / likelihood.sum(dim=1, keepdim=True)
        found = target_class_prior(posterior, torch.tensor([0.5, 0.5]), pseudo_count=0.0)
        assert found[0].item() == pytest.approx((0.5 - 0.3) / (0.8 - 0.3), abs=1e-3)

    @given(shares=st.lists(st.floats(0.05, 1.0), min_size=3, max_size=3))
    def test_uninformative_posteriors_keep_the_prior(self, shares: list[float]) -> None:
        prior = torch.tensor(shares) / sum(shares)
        found = target_class_prior(prior.repeat(20, 1), prior)
        assert found.tolist() == pytest.approx(prior.tolist(), abs=1e-4)

    def test_reweighting_by_hand(self) -> None:
        found = reweighted(torch.tensor([[0.5, 0.5]]), torch.tensor([0.5, 0.5]), torch.tensor([0.9, 0.1]))
        assert found.tolist()[0] == pytest.approx([0.9, 0.1])
        assert math.isclose(found.sum().item(), 1.0, rel_tol=1e-6)
