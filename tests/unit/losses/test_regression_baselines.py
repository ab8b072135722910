"""Unbalanced losses, label and feature smoothing, and the contrastive regulariser."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from circuitgcl.errors import DataError
from circuitgcl.losses import (
    FeatureSmoothing,
    LabelDensity,
    balanced_softmax_loss,
    conr_loss,
    cross_entropy_loss,
    focal_loss,
    huber_loss,
    mse_loss,
)
from circuitgcl.losses.smoothing import gaussian_kernel, smoothed

DOUBLE = torch.float64


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=DOUBLE)


class TestPlain:
    def test_hand_values(self) -> None:
        prediction, target = double(1.0, 0.0, 2.0), double(0.0, 0.1, 2.0)
        assert mse_loss(prediction, target).item() == pytest.approx((1 + 0.01 + 0) / 3)
        assert huber_loss(prediction, target, 0.3).item() == pytest.approx((0.3 * (1 - 0.15) + 0.005) / 3)
        logits = torch.tensor([[0.0, math.log(3.0)]], dtype=DOUBLE)
        assert cross_entropy_loss(logits, torch.tensor([0])).item() == pytest.approx(math.log(4))
        # p = 1/4: (3/4)² log 4
        assert focal_loss(logits, torch.tensor([0]), 2.0).item() == pytest.approx(0.75**2 * math.log(4))

    def test_focus_zero_is_cross_entropy(self) -> None:
        logits = torch.randn(9, 4, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
        target = torch.arange(9) % 4
        expected = functional.cross_entropy(logits, target)
        assert focal_loss(logits, target, 0.0).item() == pytest.approx(expected.item())

    def test_focus_forgets_what_is_right(self) -> None:
        sure = torch.tensor([[8.0, 0.0]], dtype=DOUBLE)
        ratio = focal_loss(sure, torch.tensor([0])) / cross_entropy_loss(sure, torch.tensor([0]))
        assert ratio.item() == pytest.approx((1 / (1 + math.exp(8))) ** 2, rel=1e-6)
        with pytest.raises(ValueError, match="negative"):
            focal_loss(sure, torch.tensor([0]), -1.0)

    def test_gradients(self) -> None:
        prediction = double(0.3, -0.4, 1.2).requires_grad_()
        target, weight = double(0.1, 0.5, 1.0), double(1.0, 2.0, 0.5)
        assert torch.autograd.gradcheck(lambda p: mse_loss(p, target, weight), prediction)
        assert torch.autograd.gradcheck(lambda p: huber_loss(p, target, 0.25, weight), prediction)
        logits = torch.randn(4, 3, dtype=DOUBLE, generator=torch.Generator().manual_seed(1)).requires_grad_()
        classes = torch.tensor([0, 2, 1, 0])
        for focus in (0.0, 0.5, 2.0):
            assert torch.autograd.gradcheck(lambda x, f=focus: focal_loss(x, classes, f), logits)

    @given(counts=st.lists(st.integers(1, 4), min_size=4, max_size=4))
    def test_a_weight_is_so_many_copies(self, counts: list[int]) -> None:
        prediction, target = double(0.0, 0.4, -0.2, 1.0), double(0.1, 0.0, 0.6, 0.3)
        weight, repeat = torch.tensor(counts), torch.tensor(counts)
        logits, classes = torch.stack([prediction, target], dim=1), torch.tensor([0, 1, 1, 0])
        copied = prediction.repeat_interleave(repeat), target.repeat_interleave(repeat)
        assert mse_loss(prediction, target, weight).item() == pytest.approx(mse_loss(*copied).item())
        assert huber_loss(prediction, target, 0.2, weight).item() == pytest.approx(
            huber_loss(*copied, 0.2).item()
        )
        many = logits.repeat_interleave(repeat, dim=0), classes.repeat_interleave(repeat)
        assert focal_loss(logits, classes, sample_weight=weight).item() == pytest.approx(
            focal_loss(*many).item()
        )

    def test_columns_are_refused(self) -> None:
        """[B, 1] against [B] broadcasts to B × B differences."""
        for loss in (mse_loss, lambda p, t: huber_loss(p, t, 1.0)):
            with pytest.raises(ValueError, match="one row"):
                loss(torch.zeros(3, 1), torch.zeros(3))


class TestLabelDensity:
    def test_kernel_by_hand(self) -> None:
        kernel = gaussian_kernel(1, 1.0)
        side = math.exp(-0.5)
        np.testing.assert_allclose(kernel, np.array([side, 1, side]) / (1 + 2 * side))

    def test_smoothing_keeps_a_constant_and_spreads_a_peak(self) -> None:
        np.testing.assert_allclose(smoothed(np.full(6, 3.0), 2, 1.0), 3.0)
        peak = smoothed(np.eye(11)[5], 2, 1.0)
        np.testing.assert_allclose(peak[3:8], gaussian_kernel(2, 1.0))
        assert not peak[:3].any()
        assert not peak[8:].any()

    def test_without_smoothing_it_is_the_inverse_count(self) -> None:
        labels = np.array([0.0] * 8 + [1.0] * 2)
        density = LabelDensity(labels, bins=2, reach=0, exponent=1.0)
        weights = density(double(0.0, 1.0))
        # 1/8 and 1/2 over their mean (8/8 + 2/2) / 10
        assert weights.tolist() == pytest.approx([0.625, 2.5])

    @given(seed=st.integers(0, 99), exponent=st.sampled_from([0.5, 1.0]))
    def test_mean_weight_of_the_training_labels_is_one(self, seed: int, exponent: float) -> None:
        labels = np.random.default_rng(seed).exponential(size=500)
        density = LabelDensity(labels, bins=10, exponent=exponent)
        assert density(torch.from_numpy(labels)).mean().item() == pytest.approx(1.0)

    def test_the_rare_weigh_more_and_unseen_labels_as_the_rarest(self) -> None:
        labels = np.random.default_rng(0).exponential(size=2000)
        density = LabelDensity(labels)
        common, rare, beyond = density(double(0.1, labels.max(), 100.0)).tolist()
        assert rare > 3 * common
        assert beyond == rare

    def test_weights_reach_the_loss(self) -> None:
        """Released code computed the weights and handed them to nobody: the gradient must change."""
        labels = np.concatenate([np.zeros(90), np.ones(10)])
        density = LabelDensity(labels, bins=2, reach=0, exponent=1.0)
        target = double(0.0, 1.0)
        prediction = double(0.5, 0.5).requires_grad_()
        (gradient,) = torch.autograd.grad(mse_loss(prediction, target, density(target)), prediction)
        assert (gradient[1].abs() / gradient[0].abs()).item() == pytest.approx(9.0)

    def test_balances_a_constant_predictor(self) -> None:
        """The best constant is the weighted mean: 0.1 of the labels are 1, balanced it is one half."""
        labels = torch.cat([torch.zeros(900), torch.ones(100)]).double()
        density = LabelDensity(labels.numpy(), bins=2, reach=0, exponent=1.0)
        weight = density(labels)
        constant = torch.tensor(0.5, dtype=DOUBLE, requires_grad=True)
        for weights, slope in ((weight, 0.0), (None, 2 * (0.5 - 0.1))):
            (gradient,) = torch.autograd.grad(mse_loss(constant.expand(1000), labels, weights), constant)
            assert gradient.item() == pytest.approx(slope, abs=1e-12)

    @pytest.mark.parametrize("labels", [np.zeros(0), np.array([0.0, np.nan])])
    def test_bad_labels(self, labels: np.ndarray) -> None:
        with pytest.raises(DataError, match="finite"):
            LabelDensity(labels)


class TestFeatureSmoothing:
    def labels(self) -> np.ndarray:
        return np.linspace(0, 1, 40)

    def test_first_epoch_and_evaluation_leave_the_features(self) -> None:
        layer = FeatureSmoothing(self.labels(), 3, bins=4)
        features, target = torch.randn(40, 3), torch.from_numpy(self.labels())
        assert layer(features, target) is features
        layer.update(features, target)
        assert not torch.allclose(layer(features, target), features)
        layer.eval()
        assert layer(features, target) is features

    def test_statistics_by_hand(self) -> None:
        """Two bins of equal counts, a kernel over both: means meet as the kernel says."""
        layer = FeatureSmoothing(np.array([0.0, 1.0]), 1, bins=2, reach=1, deviation=1.0)
        target = double(0.0, 0.0, 1.0, 1.0)
        features = torch.tensor([[0.0], [2.0], [9.0], [11.0]])
        layer.update(features, target)
        assert layer.mean.flatten().tolist() == [1.0, 10.0]
        assert layer.deviation.flatten().tolist() == [1.0, 1.0]
        side = math.exp(-0.5)
        near = (1.0 + 10.0 * side) / (1 + side)
        assert layer.smoothed_mean[0, 0].item() == pytest.approx(near)
        recoloured = layer(features, target)
        assert recoloured[:2].mean().item() == pytest.approx(near, rel=1e-6)

    def test_empty_bins_neither_give_nor_take(self) -> None:
        layer = FeatureSmoothing(self.labels(), 1, bins=10, reach=3)
        low = torch.from_numpy(self.labels()[:8])
        layer.update(torch.full((8, 1), 5.0), low)
        seen = layer.mean.flatten() != 0
        assert layer.smoothed_mean[seen].flatten().tolist() == pytest.approx([5.0] * int(seen.sum()))


class TestConR:
    EMBEDDING = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], dtype=DOUBLE)
    TARGET = double(0.0, 0.05, 1.0)

    def test_hand_value(self) -> None:
        """Anchors 0 and 1 are each other's positive (cosine 0); both are confused with row 2."""
        loss = conr_loss(self.EMBEDDING, self.TARGET, double(0.5, 0.5, 0.5), similar=0.1, temperature=1.0)
        first = math.log(1 + 1.0 * math.e)  # positive e^0, negative push 1, cosine 1
        second = math.log(1 + 0.95)  # negative push 0.95, cosine 0
        assert loss.item() == pytest.approx((first + second) / 2)

    def test_nothing_confused_nothing_to_pay(self) -> None:
        embedding = self.EMBEDDING.clone().requires_grad_()
        loss = conr_loss(embedding, self.TARGET, self.TARGET, similar=0.1)
        assert loss.item() == 0
        loss.backward()
        assert embedding.grad is not None
        assert not embedding.grad.any()

    def test_pushes_the_confused_apart(self) -> None:
        embedding = torch.tensor([[1.0, 0.2], [1.0, -0.2], [1.0, 0.0]], dtype=DOUBLE).requires_grad_()
        prediction = double(0.5, 0.5, 0.5)
        optimizer = torch.optim.SGD([embedding], lr=0.5)
        before = functional.cosine_similarity(embedding[0], embedding[2], dim=0).item()
        for _ in range(30):
            optimizer.zero_grad()
            conr_loss(embedding, self.TARGET, prediction, similar=0.1).backward()
            optimizer.step()
        rows = embedding.detach()
        assert functional.cosine_similarity(rows[0], rows[2], dim=0).item() < before - 0.5
        assert functional.cosine_similarity(rows[0], rows[1], dim=0).item() > 0.9

    def test_gradient_and_order(self) -> None:
        generator = torch.Generator().manual_seed(0)
        embedding = torch.randn(6, 3, dtype=DOUBLE, generator=generator).requires_grad_()
        target = double(0.0, 0.05, 0.5, 0.55, 1.0, 1.02)
        prediction = double(0.4, 0.5, 0.5, 0.45, 0.5, 0.52)
        assert torch.autograd.gradcheck(lambda e: conr_loss(e, target, prediction, similar=0.1), embedding)
        order = torch.tensor([3, 0, 5, 1, 4, 2])
        same = conr_loss(embedding[order], target[order], prediction[order], similar=0.1)
        assert same.item() == pytest.approx(conr_loss(embedding, target, prediction, similar=0.1).item())

    def test_shapes(self) -> None:
        with pytest.raises(ValueError, match="3 embeddings"):
            conr_loss(self.EMBEDDING, self.TARGET[:2], self.TARGET, similar=0.1)


def test_class_counts_are_global() -> None:
    """Released code counted classes per mini-batch, so a class the batch lacks had log 0."""
    logits = torch.zeros(2, 3, dtype=DOUBLE)
    target = torch.tensor([0, 0])  # a batch without classes 1 and 2
    loss = balanced_softmax_loss(logits, target, torch.tensor([10.0, 5.0, 5.0]))
    assert loss.item() == pytest.approx(math.log(2))
