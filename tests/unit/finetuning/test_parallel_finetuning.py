"""Two processes finetune as one does that takes the mean of their losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import lightning
import pandas as pd
import pytest
import torch

from circuitgcl.data import Design
from circuitgcl.data.tensors import design_tensors
from circuitgcl.errors import ConfigError
from circuitgcl.finetuning import FinetuneConfig, finetune
from circuitgcl.finetuning.memory_fitting import MemoryConfig
from circuitgcl.finetuning.training import FinetuneModule, fit_scales
from circuitgcl.finetuning.tree_fitting import TreesConfig
from circuitgcl.models.capacitance import CapacitanceModel, ModelConfig
from circuitgcl.models.encoder import EncoderConfig

Build = Callable[..., Design]
EPOCHS = 3
CONFIG = FinetuneConfig(
    trees=TreesConfig(members=2, rounds=2, iterations=10),
    # what a process drops is its own affair
    model=ModelConfig(encoder=EncoderConfig(width=8, layers=2), hidden=16, dropout=0.0),
    memory=MemoryConfig(iterations=5),
    max_epochs=EPOCHS,
    step_nets=0,
    encoder_learning_rate=1e-3,
    calibration_folds=0,
)


def trained_alone(designs: list[Design]) -> CapacitanceModel:
    """By a plain loop, one step per epoch on the mean loss of all designs."""
    lightning.seed_everything(CONFIG.seed, verbose=False)
    tensors = [design_tensors(design.graph, design.labels) for design in designs]
    model = CapacitanceModel(CONFIG.model)
    model.encoder.fit_inputs(design.hetero for design in tensors)
    fit_scales(model, tensors)
    module = FinetuneModule(model, tensors, CONFIG)
    made = module.configure_optimizers()
    for _ in range(EPOCHS):
        made["optimizer"].zero_grad()
        torch.stack([module.loss(design) for design in tensors]).mean().backward()  # type: ignore[no-untyped-call]
        made["optimizer"].step()
        made["lr_scheduler"].step()
    return model


def test_two_processes_take_the_mean_of_their_gradients(tmp_path: Path, array: Build) -> None:
    designs = [array(2, 2), array(3, 4)]
    found = finetune(designs, CONFIG, folder=tmp_path, accelerator="cpu", devices=2).model
    expected = dict(trained_alone(designs).named_parameters())
    start = dict(CapacitanceModel(CONFIG.model).named_parameters())
    for name, value in found.named_parameters():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5, msg=name)
    assert any(
        not torch.equal(value, start[name]) for name, value in expected.items() if "context_head" in name
    )
    assert not list(tmp_path.rglob("*.ckpt"))
    assert len((tmp_path / "log/metrics.csv").read_text().splitlines()) == EPOCHS + 1


def test_processes_are_at_least_one(tmp_path: Path, array: Build) -> None:
    with pytest.raises(ConfigError, match="devices = 0"):
        finetune([array(2, 2)], CONFIG, folder=tmp_path / "run", devices=0)
    assert not (tmp_path / "run").exists()


def test_processes_agree_when_to_stop(tmp_path: Path, array: Build) -> None:
    """The kept weights are those of the best epoch, which the first process wrote."""
    designs = [array(2, 2), array(3, 4), array(2, 3, family="judge")]
    config = replace(CONFIG, stop_on="judge", patience=1, learning_rate=0.3, max_epochs=8)
    model = finetune(designs, config, folder=tmp_path, accelerator="cpu", devices=2).model
    log = pd.read_csv(tmp_path / "log/metrics.csv").groupby("epoch").first()
    losses = log["held_out_loss"].to_numpy()
    assert len(losses) == losses.argmin() + 2 < 8  # one epoch without a better loss ends it
    tensors = [design_tensors(design.graph, design.labels) for design in designs]
    module = FinetuneModule(model.train(), tensors[:2], config)
    with model.forgetting(), torch.no_grad():
        found = sum(module.losses(tensors[2]).values())
    assert float(found) == pytest.approx(losses.min(), rel=1e-2)
