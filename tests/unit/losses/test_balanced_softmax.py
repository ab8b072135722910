"""Balanced softmax: hand values, limit cases, global counts and the policy for classes never seen."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from circuitgcl.losses import BalancedSoftmax, balanced_softmax_loss

COUNTS = torch.tensor([70, 20, 9, 1])


def batch(n: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    return logits, torch.randint(4, (n,), generator=generator)


def test_equal_logits_give_the_prior() -> None:
    """With no information, the probability of a class under training is its share."""
    loss = balanced_softmax_loss(torch.zeros(2, 4, dtype=torch.float64), torch.tensor([0, 3]), COUNTS)
    assert loss.item() == pytest.approx(-(math.log(0.7) + math.log(0.01)) / 2)


def test_hand_value_for_two_classes() -> None:
    logits = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    loss = balanced_softmax_loss(logits, torch.tensor([1]), torch.tensor([3, 2]))
    assert loss.item() == pytest.approx(-math.log(2 * math.e / (3 + 2 * math.e)))


def test_equal_counts_give_cross_entropy() -> None:
    logits, target = batch()
    loss = balanced_softmax_loss(logits, target, torch.full((4,), 17))
    assert loss.item() == pytest.approx(functional.cross_entropy(logits, target).item())


def test_only_shares_of_the_counts_matter() -> None:
    logits, target = batch()
    loss = balanced_softmax_loss(logits, target, COUNTS)
    assert balanced_softmax_loss(logits, target, 1000 * COUNTS).item() == pytest.approx(loss.item())


def test_counts_are_global() -> None:
    """A sample costs the same whatever else is in its batch; per-batch counts broke this and gave log 0."""
    logits, target = batch()
    whole = balanced_softmax_loss(logits, target, COUNTS)
    one_by_one = [balanced_softmax_loss(logits[[i]], target[[i]], COUNTS).item() for i in range(6)]
    assert all(math.isfinite(value) for value in one_by_one)
    assert whole.item() == pytest.approx(sum(one_by_one) / 6)


def test_absent_class_counts_as_one_sample() -> None:
    logits, target = batch()
    with_zero = balanced_softmax_loss(logits, target, torch.tensor([70, 20, 9, 0]))
    assert with_zero.item() == pytest.approx(balanced_softmax_loss(logits, target, COUNTS).item())


def test_absent_class_is_learned_to_be_unlikely() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    balanced_softmax_loss(logits, torch.tensor([0]), torch.tensor([5, 5, 0])).backward()
    assert logits.grad is not None
    # its probability under training: one pseudo-sample of eleven
    assert logits.grad[0, 2].item() == pytest.approx(1 / 11)


@pytest.mark.parametrize(
    "counts", [[0.7, 0.2, 0.1, 0.0], [3.0, -1.0, 2.0, 2.0], [0, 0, 0, 0], [1.0, 2.0, math.nan, 3.0]]
)
def test_shares_and_impossible_counts_are_refused(counts: list[float]) -> None:
    with pytest.raises(ValueError, match="class counts"):
        BalancedSoftmax(torch.tensor(counts))


def test_one_count_per_class() -> None:
    logits, target = batch()
    with pytest.raises(ValueError, match="do not fit"):
        balanced_softmax_loss(logits, target, torch.tensor([5]))


def test_sample_weights_are_multiplicities() -> None:
    logits, target = batch()
    repeats = torch.tensor([2, 1, 0, 3, 1, 1])
    weighted = balanced_softmax_loss(logits, target, COUNTS, repeats)
    repeated = balanced_softmax_loss(
        logits.repeat_interleave(repeats, 0), target.repeat_interleave(repeats), COUNTS
    )
    assert weighted.item() == pytest.approx(repeated.item())


def test_gradient() -> None:
    logits, target = batch()
    weight = torch.rand(6, dtype=torch.float64) + 0.1
    assert torch.autograd.gradcheck(
        lambda x: balanced_softmax_loss(x, target, COUNTS, weight), logits.requires_grad_()
    )


def test_module_saves_its_counts() -> None:
    logits, target = batch()
    saved = BalancedSoftmax(COUNTS).state_dict()
    restored = BalancedSoftmax(torch.ones(4, dtype=torch.int64))
    restored.load_state_dict(saved)
    expected = balanced_softmax_loss(logits, target, COUNTS)
    assert restored(logits, target).item() == pytest.approx(expected.item())
    assert not list(restored.parameters())


def test_recovers_the_balanced_classifier() -> None:
    """Fitted on 50:1 data, the bare logits of two unit Gaussians cross midway, as for equal frequencies."""
    generator = torch.Generator().manual_seed(0)
    counts = torch.tensor([5000, 100])
    x = torch.cat([torch.randn(5000, generator=generator) - 1, torch.randn(100, generator=generator) + 1])
    target = torch.arange(2).repeat_interleave(counts)

    def boundary(class_counts: Tensor) -> float:
        slope, offset = torch.zeros((), requires_grad=True), torch.zeros((), requires_grad=True)
        optimiser = torch.optim.LBFGS([slope, offset], max_iter=50)

        def closure() -> Tensor:
            optimiser.zero_grad()
            logits = torch.stack([torch.zeros_like(x), slope * x + offset], dim=-1)
            loss = balanced_softmax_loss(logits, target, class_counts)
            loss.backward()
            return loss

        optimiser.step(closure)
        return -(offset / slope).item()

    assert abs(boundary(counts)) < 0.2
    assert boundary(torch.tensor([1, 1])) == pytest.approx(math.log(50) / 2, abs=0.25)
