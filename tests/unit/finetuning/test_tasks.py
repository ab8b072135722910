"""What the heads learn: losses by hand, nothing extracted, unknown labels, class counts."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from circuitgcl.data.tensors import LabelTensors
from circuitgcl.finetuning.tasks import (
    CapacitanceClasses,
    CapacitanceRegression,
    ClassLoss,
    CouplingTask,
    LoadTask,
    RegressionLoss,
)
from circuitgcl.graph.pair_encodings import pair_encoding_schema
from circuitgcl.losses import (
    balanced_softmax_loss,
    bmc_loss,
    cross_entropy_loss,
    fit_label_mixture,
    focal_loss,
    gai_loss,
)
from circuitgcl.models.capacitance import CouplingOutputs, LoadOutputs
from circuitgcl.models.scaling import CLASS_COUNT, FLOOR_FF, TARGET_SCALES

DECADE = math.log(10.0)
LABELS = np.array([0.01, 0.03, 0.1, 0.1, 0.3, 1.0, 1.2, 5.0], np.float32)


def logs(*femtofarad: float) -> Tensor:
    return torch.tensor(femtofarad).log()


def labelled(candidate: list[float], load: list[float]) -> Any:
    """As much of a design as a task looks at."""
    labels = LabelTensors(
        candidate_ff=torch.tensor(candidate),
        distant_pair=torch.zeros(0, 2, dtype=torch.int64),
        distant_ff=torch.zeros(0),
        distant_encoding=torch.zeros(0, len(pair_encoding_schema())),
        load_ff=torch.tensor(load),
    )
    return SimpleNamespace(labels=labels)


class TestRegression:
    def test_squared_error_is_in_decades(self) -> None:
        task = CapacitanceRegression(LABELS, RegressionLoss.MSE, 0.0)
        loss = task(logs(1.0, 0.1), torch.tensor([10.0, 0.1]))
        assert loss.item() == pytest.approx((1.0**2 + 0.0) / 2, rel=1e-5)

    def test_huber_turns_linear_at_a_factor_of_two(self) -> None:
        task = CapacitanceRegression(LABELS, RegressionLoss.HUBER, 0.0)
        loss = task(logs(1.0), torch.tensor([10.0]))
        assert loss.item() == pytest.approx(0.3 * (1.0 - 0.15), rel=1e-5)

    def test_unknown_labels_do_not_count(self) -> None:
        task = CapacitanceRegression(LABELS, RegressionLoss.MSE, 0.5)
        estimate = logs(1.0, 3.0, 0.2).requires_grad_()
        loss = task(estimate, torch.tensor([10.0, math.nan, 0.2]))
        assert loss.item() == pytest.approx(0.5, rel=1e-5)
        loss.backward()
        assert estimate.grad is not None
        assert estimate.grad[1] == 0.0
        assert estimate.grad.isfinite().all()

    def test_nothing_extracted_counts_above_twice_the_floor(self) -> None:
        task = CapacitanceRegression(LABELS, RegressionLoss.MSE, 0.5)
        estimate = logs(20 * FLOOR_FF, 1.9 * FLOOR_FF)
        loss = task(estimate, torch.tensor([0.0, 0.0]))
        assert loss.item() == pytest.approx(0.5 * (1.0**2 + 0.0) / 2, rel=1e-4)

    def test_a_value_below_the_floor_is_nothing(self) -> None:
        task = CapacitanceRegression(LABELS, RegressionLoss.MSE, 0.5)
        estimate = logs(1.0)
        assert task(estimate, torch.tensor([0.9 * FLOOR_FF])) == task(estimate, torch.tensor([0.0]))

    def test_censored_side_can_be_switched_off(self) -> None:
        task = CapacitanceRegression(LABELS, RegressionLoss.MSE, 0.0)
        assert task(logs(50.0), torch.tensor([0.0])).item() == 0.0

    def test_censored_side_never_pushes_up(self) -> None:
        task = CapacitanceRegression(LABELS, RegressionLoss.MSE, 1.0)
        estimate = logs(1e-5, 1.0).requires_grad_()
        task(estimate, torch.zeros(2)).backward()
        assert estimate.grad is not None
        assert estimate.grad[0] == 0.0
        assert estimate.grad[1] > 0.0

    def test_nothing_known(self) -> None:
        task = CapacitanceRegression(LABELS, RegressionLoss.GAI, 0.5)
        assert task(logs(1.0, 2.0), torch.full((2,), math.nan)).item() == 0.0

    def test_gai_uses_the_law_of_the_labels_above_the_floor(self) -> None:
        with_absent = np.append(LABELS, [0.0, 0.0, 0.5 * FLOOR_FF]).astype(np.float32)
        task = CapacitanceRegression(with_absent, RegressionLoss.GAI, 0.0)
        mixture = fit_label_mixture(np.log10(LABELS.astype(np.float64)))
        estimate, truth = torch.tensor([0.2, 0.9]), torch.tensor([0.1, 1.0])
        expected = gai_loss(
            torch.log10(estimate),
            torch.log10(truth),
            task.balanced.noise_scale,
            mixture,  # type: ignore[union-attr]
        )
        assert task(estimate.log(), truth).item() == pytest.approx(expected.item(), rel=1e-4)

    def test_bmc(self) -> None:
        task = CapacitanceRegression(LABELS, RegressionLoss.BMC, 0.0)
        estimate, truth = torch.tensor([0.2, 0.9, 3.0]), torch.tensor([0.1, 1.0, 2.0])
        expected = bmc_loss(torch.log10(estimate), torch.log10(truth), task.balanced.noise_scale)  # type: ignore[union-attr]
        assert task(estimate.log(), truth).item() == pytest.approx(expected.item(), rel=1e-5)

    @pytest.mark.parametrize("kind", [RegressionLoss.GAI, RegressionLoss.BMC])
    def test_noise_is_learned(self, kind: RegressionLoss) -> None:
        task = CapacitanceRegression(LABELS, kind, 0.0)
        (parameter,) = task.parameters()
        task(torch.from_numpy(LABELS).log() + 0.4, torch.from_numpy(LABELS)).backward()
        assert parameter.grad is not None
        assert parameter.grad.abs() > 0


class TestCoupling:
    def outputs(self, estimate: list[float], existence: list[float]) -> CouplingOutputs:
        return CouplingOutputs(
            farad_log=torch.tensor(estimate).log(),
            existence=torch.tensor(existence),
            source=torch.zeros(len(estimate), dtype=torch.int64),
            doubt=torch.zeros(len(estimate)),
        )

    def test_amount_and_existence_add(self) -> None:
        task = CouplingTask([labelled([0.1, 0.0, 1.0], [1.0])], RegressionLoss.MSE, 0.0)
        found = task(self.outputs([0.1, 0.1, 10.0], [0.8, 0.3, 0.5]), torch.tensor([0.1, 0.0, 1.0]))
        amount = (0.0 + 1.0) / 2
        existence = -(math.log(0.8) + math.log(0.7) + math.log(0.5)) / 3
        assert found.item() == pytest.approx(amount + existence, rel=1e-5)

    def test_a_certain_mistake_stays_finite(self) -> None:
        task = CouplingTask([labelled([0.1, 0.0], [1.0])], RegressionLoss.MSE, 0.0)
        outputs = self.outputs([0.1, 0.1], [0.0, 1.0])
        assert task(outputs, torch.tensor([0.1, 0.0])).isfinite()

    def test_law_of_all_designs_together(self) -> None:
        one, two = labelled([0.1, 0.0, 0.3], [1.0]), labelled([2.0, 0.7], [1.0])
        task = CouplingTask([one, two], RegressionLoss.GAI, 0.0)
        mixture = fit_label_mixture(np.log10(np.array([0.1, 0.3, 2.0, 0.7], np.float32).astype(np.float64)))
        balanced = task.regression.balanced
        assert balanced is not None
        torch.testing.assert_close(balanced.places.sort().values, mixture.means.sort().values)


class TestLoad:
    SCALE = TARGET_SCALES["wide"]

    def outputs(self, estimate: list[float], logits: Tensor) -> LoadOutputs:
        return LoadOutputs(
            farad_log=torch.tensor(estimate).log(),
            source=torch.zeros(len(estimate), dtype=torch.int64),
            doubt=torch.zeros(len(estimate)),
            class_logits=logits,
        )

    def test_class_counts_are_those_of_all_designs(self) -> None:
        """Cuts of the wide scale lie a factor 10^1.2 apart, from 1 aF."""
        one = labelled([0.1], [0.005, 0.1, math.nan, 0.1])
        two = labelled([0.1], [1.0, 100.0, math.nan])
        task = LoadTask([one, two], self.SCALE, RegressionLoss.MSE, 0.0)
        assert task.classification.balanced.class_counts.tolist() == [1, 2, 1, 0, 1]
        assert self.SCALE.cuts_farad[0] == pytest.approx(15.8e-18, rel=1e-2)

    def test_regression_and_class_add(self) -> None:
        design = labelled([0.1], [0.1, 1.0, math.nan])
        task = LoadTask([design, design], self.SCALE, RegressionLoss.MSE, 0.0)
        logits = torch.randn(3, CLASS_COUNT, generator=torch.Generator().manual_seed(0))
        found = task(self.outputs([0.1, 10.0, 7.0], logits), design.labels.load_ff)
        classes = balanced_softmax_loss(logits[:2], torch.tensor([1, 2]), torch.tensor([0, 2, 2, 0, 0]))
        assert found.item() == pytest.approx(0.5 + classes.item(), rel=1e-5)

    def test_unknown_nets_do_not_count(self) -> None:
        task = LoadTask([labelled([0.1], [0.1, 1.0, 10.0])], self.SCALE, RegressionLoss.HUBER, 0.1)
        truth = torch.tensor([0.1, math.nan, 1.0])
        logits = torch.zeros(3, CLASS_COUNT)
        first = task(self.outputs([0.1, 0.2, 0.3], logits), truth)
        other = logits.clone()
        other[1] = torch.tensor([9.0, -9.0, 3.0, 0.0, 1.0])
        assert task(self.outputs([0.1, 77.0, 0.3], other), truth) == first


class TestClasses:
    COUNTS = torch.tensor([3.0, 0.0, 9.0, 1.0, 2.0])

    @pytest.mark.parametrize("kind", list(ClassLoss))
    def test_weights_are_copies(self, kind: ClassLoss) -> None:
        task = CapacitanceClasses(self.COUNTS, kind)
        logits = torch.randn(4, CLASS_COUNT, generator=torch.Generator().manual_seed(1))
        classes, weight = torch.tensor([0, 2, 2, 4]), torch.tensor([1.0, 3.0, 0.0, 2.0])
        copies = weight.long()
        every = task(logits.repeat_interleave(copies, dim=0), classes.repeat_interleave(copies))
        assert task(logits, classes, weight).item() == pytest.approx(every.item(), rel=1e-5)

    @pytest.mark.parametrize("kind", list(ClassLoss))
    def test_nothing_known(self, kind: ClassLoss) -> None:
        logits, nothing = torch.zeros(0, CLASS_COUNT), torch.zeros(0, dtype=torch.int64)
        assert CapacitanceClasses(torch.zeros(CLASS_COUNT), kind)(logits, nothing).item() == 0.0


class TestChoices:
    @pytest.mark.parametrize("kind", list(RegressionLoss))
    def test_every_regression_loss_pulls_towards_the_label(self, kind: RegressionLoss) -> None:
        task = CapacitanceRegression(LABELS, kind, 0.0)
        estimate = logs(0.02, 0.2, 3.0).requires_grad_()
        truth = torch.tensor([0.1, 1.2, 0.03])
        (gradient,) = torch.autograd.grad(task(estimate, truth), estimate)
        assert (gradient.sign() == torch.tensor([-1.0, -1.0, 1.0])).all()

    def test_smoothed_density_weighs_rare_labels(self) -> None:
        labels = np.concatenate([np.full(95, 0.1), np.full(5, 10.0)]).astype(np.float32)
        task = CapacitanceRegression(labels, RegressionLoss.LDS, 0.0)
        estimate = logs(1.0, 1.0).requires_grad_()
        (gradient,) = torch.autograd.grad(task(estimate, torch.tensor([0.1, 10.0])), estimate)
        assert gradient[1].abs() > 2 * gradient[0].abs()

    @pytest.mark.parametrize("kind", list(ClassLoss))
    def test_class_losses_agree_with_their_functions(self, kind: ClassLoss) -> None:
        designs = [labelled([0.1], [0.005, 0.02, 0.02, 0.5, 5.0])]
        task = LoadTask(designs, TARGET_SCALES["wide"], RegressionLoss.MSE, 0.0, kind)
        logits = torch.tensor([[0.0, 1.0, 0.5, 0.0, -1.0]])
        truth = torch.tensor([0.02])
        outputs = LoadOutputs(
            farad_log=truth.log(), source=torch.zeros(1), doubt=torch.zeros(1), class_logits=logits
        )
        target = torch.from_numpy(TARGET_SCALES["wide"].classes(np.array([0.02e-15])))
        expected = {
            ClassLoss.BSCE: balanced_softmax_loss(logits, target, torch.tensor([1, 2, 0, 1, 1])),
            ClassLoss.FOCAL: focal_loss(logits, target),
            ClassLoss.CE: cross_entropy_loss(logits, target),
        }
        assert task(outputs, truth).item() == pytest.approx(expected[kind].item(), rel=1e-5)
        assert len({round(value.item(), 4) for value in expected.values()}) == 3
