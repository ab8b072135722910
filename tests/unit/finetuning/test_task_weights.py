"""Learned weights of tasks against closed forms, and the regulariser of pairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from circuitgcl.data import Design
from circuitgcl.data.tensors import DesignTensors, class_tensors, design_tensors
from circuitgcl.errors import ConfigError
from circuitgcl.finetuning import FinetuneConfig, finetune
from circuitgcl.finetuning.memory_fitting import MemoryConfig
from circuitgcl.finetuning.pair_contrast import last_inputs, pair_contrast
from circuitgcl.finetuning.task_weights import TaskWeights, UncertaintyWeights
from circuitgcl.finetuning.tasks import RegressionLoss
from circuitgcl.finetuning.training import FinetuneModule, fit_scales
from circuitgcl.finetuning.tree_fitting import TreesConfig
from circuitgcl.losses import conr_loss
from circuitgcl.models.capacitance import CapacitanceModel, ModelConfig
from circuitgcl.models.encoder import EncoderConfig

Build = Callable[..., Design]
CONFIG = FinetuneConfig(
    trees=TreesConfig(members=2, rounds=2, iterations=10),
    model=ModelConfig(encoder=EncoderConfig(width=8, layers=2), hidden=16, dropout=0.0),
    memory=MemoryConfig(iterations=5),
    max_epochs=2,
    calibration_folds=0,
    task_weights=TaskWeights.UNCERTAINTY,
)


def module_of(designs: list[DesignTensors], config: FinetuneConfig) -> FinetuneModule:
    torch.manual_seed(0)
    model = CapacitanceModel(config.model)
    fit_scales(model, designs)
    return FinetuneModule(model, designs, config)


def test_a_sum_by_hand() -> None:
    weights = UncertaintyWeights()
    with torch.no_grad():
        weights.log_noise_scale["coupling"].fill_(math.log(2.0))
        weights.log_noise_scale["ground_class"].fill_(math.log(0.5))
    losses = {"coupling": torch.tensor(3.0), "ground_class": torch.tensor(0.7)}
    expected = 3.0 / (2 * 4.0) + math.log(2.0) + 0.7 / 0.25 - math.log(2.0)
    assert weights(losses, {}).item() == pytest.approx(expected, rel=1e-6)


def test_noise_becomes_that_of_the_task() -> None:
    """L/2σ² + log σ is least at σ² = L, and L/σ² + log σ at σ² = 2L."""
    weights = UncertaintyWeights()
    losses = {"load": torch.tensor(0.09), "existence": torch.tensor(0.32)}
    optimizer = torch.optim.Adam(weights.parameters(), lr=0.02)
    for _ in range(800):
        optimizer.zero_grad()
        weights(losses, {}).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert weights.log_noise_scale["load"].exp().item() == pytest.approx(0.3, rel=1e-3)
    assert weights.log_noise_scale["existence"].exp().item() == pytest.approx(0.8, rel=1e-3)


def test_balanced_losses_become_their_likelihood(array: Build) -> None:
    """2σ² is taken off, and nothing is learned twice."""
    design = array(3, 2)
    tensors = [design_tensors(design.graph, design.labels)]
    module = module_of(tensors, CONFIG)
    losses = module.losses(tensors[0])
    assert module.task_weights is not None
    sigma = 0.3  # that of every balanced loss at its beginning
    expected = (losses["coupling"] + losses["load"]) / (2 * sigma**2) + losses["existence"]
    assert module.loss(tensors[0]).item() == pytest.approx(
        (expected + losses["ground_class"]).item(), rel=1e-4
    )
    module.loss(tensors[0]).backward()  # type: ignore[no-untyped-call]
    learned = {name for name, p in module.task_weights.named_parameters() if p.grad is not None}
    assert learned == {"log_noise_scale.existence", "log_noise_scale.ground_class"}


def test_scales_learn_without_decay_and_equal_weights_have_none(array: Build) -> None:
    design = array(2, 2)
    tensors = [design_tensors(design.graph, design.labels)]
    mse = replace(CONFIG, loss=RegressionLoss.MSE, noise_learning_rate=0.5)
    groups = module_of(tensors, mse).configure_optimizers()["optimizer"].param_groups
    assert [(len(group["params"]), group["lr"]) for group in groups[1:]] == [(4, 0.5)]
    assert groups[1]["weight_decay"] == 0.0
    equal = module_of(tensors, replace(mse, task_weights=TaskWeights.EQUAL))
    total = sum(equal.losses(tensors[0]).values())
    assert isinstance(total, Tensor)
    assert equal.loss(tensors[0]).item() == pytest.approx(total.item(), rel=1e-6)
    assert not [name for name, _ in equal.named_parameters() if "task_weights" in name]


def test_a_run_with_everything_on(tmp_path: Path, array: Build) -> None:
    designs = [array(2, 2), array(3, 2)]
    config = replace(CONFIG, conr_weight=0.1)
    model = finetune(designs, config, folder=tmp_path, accelerator="cpu").model
    assert all(value.isfinite().all() for value in model.state_dict().values() if value.is_floating_point())
    assert not [name for name in model.state_dict() if "noise_scale" in name]


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
def test_bad_weights_are_refused(weight: float) -> None:
    with pytest.raises(ConfigError, match="conr_weight"):
        FinetuneConfig(conr_weight=weight)


def test_pairs_are_the_means_of_their_contexts(array: Build) -> None:
    """Against a plain loop over pairs, flat and by classes; fewer pairs than are drawn, so all are."""
    design = array(2, 3)
    found, gradients = [], []
    for tensors in (
        design_tensors(design.graph, design.labels),
        class_tensors(design.graph, 2, design.labels),
    ):
        module = module_of([tensors], replace(CONFIG, conr_weight=1.0))
        model = module.model
        with last_inputs(model.context_head) as described:
            outputs = model.contexts(tensors, module.embedding(tensors))
        estimate = model.coupling(tensors, outputs).farad_log
        loss = pair_contrast(tensors, torch.cat(described), estimate)
        loss.backward()  # type: ignore[no-untyped-call]
        found.append(loss.item())
        first = model.context_head[0].weight.grad
        assert isinstance(first, Tensor)
        gradients.append(first)
        if tensors.pair_rows == len(tensors.pair_row):
            assert tensors.labels is not None
            truth, rows = tensors.labels.candidate_ff, torch.cat(described).detach()
            coupled = [pair for pair in range(len(truth)) if truth[pair] > 0.005]
            means = [
                rows[tensors.occurrence_context[tensors.occurrence_pair == p]].mean(dim=0) for p in coupled
            ]
            decades = truth[coupled].log10(), estimate.detach()[coupled] / math.log(10)
            expected = conr_loss(torch.stack(means), *decades, similar=0.2)
            assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    assert found[0] > 0.0
    assert found[1] == pytest.approx(found[0], rel=1e-4)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-3, atol=1e-5)


def test_nothing_is_watched_afterwards() -> None:
    model = CapacitanceModel(CONFIG.model)
    with pytest.raises(KeyError), last_inputs(model.context_head):
        raise KeyError
    assert not model.context_head[-1]._forward_pre_hooks
