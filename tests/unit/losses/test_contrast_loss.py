"""Membership contrast: hand values, its minimum, and weights as multiplicities."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from circuitgcl.losses import membership_contrast_loss

AXES = torch.eye(3, dtype=torch.float64)


def random_rows(n: int, hidden: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(n, hidden, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_two_together_and_one_apart() -> None:
    """Rows 0 and 1 are a pair at cosine 1/2, row 2 is at right angles to both and has no partner."""
    u = torch.tensor([[1.0, 0.0, 0.0], [0.5, math.sqrt(0.75), 0.0], [0.0, 0.0, 4.0]], dtype=torch.float64)
    tau = 0.5
    each = math.log(math.exp(0.5 / tau) + math.exp(0.0)) - 0.5 / tau
    loss = membership_contrast_loss(u, torch.tensor([4, 4, 7]), temperature=tau)
    assert loss.item() == pytest.approx(each)


def test_nobody_shares_a_label() -> None:
    u = random_rows(4).requires_grad_()
    loss = membership_contrast_loss(u, torch.arange(4))
    loss.backward()
    assert loss.item() == 0
    assert u.grad is not None
    assert u.grad.abs().sum() == 0


def test_similarity_beyond_the_margin_earns_nothing() -> None:
    label = torch.tensor([0, 0, 1, 1])
    at_margin = torch.tensor([[1.0, 0, 0], [0.6, 0.8, 0], [0, 0, 1.0], [0, 0, 1.0]], dtype=torch.float64)
    closer = at_margin.clone()
    closer[1] = torch.tensor([0.8, 0.6, 0])
    losses = [membership_contrast_loss(u, label, margin=0.6).item() for u in (at_margin, closer)]
    assert losses[0] == pytest.approx(losses[1])
    assert membership_contrast_loss(closer, label, margin=0.9).item() < membership_contrast_loss(
        at_margin, label, margin=0.9
    )


def test_descent_gathers_labels() -> None:
    label = torch.tensor([0, 0, 1, 1, 2, 2])
    together = label[:, None] == label[None, :]
    u = random_rows(6, 6).requires_grad_()
    optimiser = torch.optim.Adam([u], lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        membership_contrast_loss(u, label).backward()
        optimiser.step()
    unit = torch.nn.functional.normalize(u.detach(), dim=1)
    cosine = unit @ unit.T
    assert cosine[together].min() > 0.65
    assert cosine[~together].max() < 0.0


@pytest.mark.parametrize(("margin", "draws"), [(1.0, True), (0.6, False)])
def test_subclasses_closer_than_the_margin_are_left_alone(margin: float, draws: bool) -> None:
    """A pair at cosine 0.8, and another one at right angles to both."""
    u = torch.tensor([[1.0, 0, 0], [0.8, 0.6, 0], [0, 0, 1.0], [0, 0, 1.0]], dtype=torch.float64)
    u.requires_grad_()
    membership_contrast_loss(u, torch.tensor([0, 0, 1, 1]), margin=margin).backward()
    assert u.grad is not None
    in_their_plane = u.grad[:2, :2].abs().max()  # the others push out of it
    assert bool(in_their_plane > 1e-9) is draws


def test_weights_are_multiplicities_of_rows_that_are_no_pairs_of_one_another() -> None:
    """Copies, with every pair of copies left out by hand."""
    rows, label, times = random_rows(5), torch.tensor([0, 0, 1, 1, 1]), torch.tensor([2, 1, 3, 1, 2])
    u = torch.nn.functional.normalize(rows, dim=1)
    cosine, tau, margin = u @ u.T, 0.2, 0.7
    total, count = 0.0, 0
    for i in range(5):
        partners = [p for p in range(5) if p != i and label[p] == label[i]]
        scale = lambda j, i=i: min(cosine[i, j], margin) if label[i] == label[j] else cosine[i, j]  # noqa: E731
        norm = sum(int(times[j]) * math.exp(scale(j) / tau) for j in range(5) if j != i)
        terms = [int(times[p]) * (math.log(norm) - scale(p) / tau) for p in partners]
        total += int(times[i]) * sum(terms) / sum(int(times[p]) for p in partners)
        count += int(times[i])
    assert membership_contrast_loss(rows, label, times).item() == pytest.approx(float(total / count))


def test_gradient() -> None:
    rows, label = random_rows(6).requires_grad_(), torch.tensor([0, 1, 0, 1, 2, 0])
    weights = torch.tensor([1.0, 2.0, 1.0, 4.0, 1.0, 3.0])
    # cosines on both sides of the margin, none on it
    assert torch.autograd.gradcheck(lambda u: membership_contrast_loss(u, label, weights), rows)


def test_order_and_names_of_labels_do_not_matter() -> None:
    rows, label, order = random_rows(7), torch.tensor([0, 1, 0, 1, 2, 0, 2]), torch.randperm(7)
    loss = membership_contrast_loss(rows[order], 10 - label[order])
    assert loss.item() == pytest.approx(membership_contrast_loss(rows, label).item())


def test_one_label_per_row() -> None:
    with pytest.raises(ValueError, match="one each"):
        membership_contrast_loss(AXES, torch.zeros(2))
