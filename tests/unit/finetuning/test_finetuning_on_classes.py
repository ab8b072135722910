"""Structural classes change how long finetuning and calibration take, and no number beyond rounding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from circuitgcl.data import Design, Labels
from circuitgcl.data.tensors import DesignTensors, class_tensors, design_tensors
from circuitgcl.finetuning import CalibrateConfig, FinetuneConfig, calibrate, finetune
from circuitgcl.finetuning.held_out import HeldOutErrors
from circuitgcl.finetuning.memory_fitting import MemoryConfig
from circuitgcl.finetuning.tasks import ClassLoss, RegressionLoss
from circuitgcl.finetuning.training import Contributions, FinetuneModule, fit_memories, fit_scales
from circuitgcl.finetuning.tree_fitting import TreesConfig
from circuitgcl.models.capacitance import CapacitanceModel, ModelConfig
from circuitgcl.models.encoder import EncoderConfig

Build = Callable[..., Design]
LAYERS = 2
# without dropout: rows of one class would share what it drops
MODEL = ModelConfig(encoder=EncoderConfig(width=8, layers=LAYERS), hidden=16, dropout=0.0)
CONFIG = FinetuneConfig(
    trees=TreesConfig(members=2, rounds=2, iterations=10),
    model=MODEL,
    memory=MemoryConfig(iterations=20),
    max_epochs=2,
    calibration_folds=2,
)


def scattered(labels: Labels, seed: int) -> Labels:
    """Labels of which no two are equal, so that members of one class differ, and some nets are unknown."""
    random = np.random.default_rng(seed)
    load = labels.load_farad * random.lognormal(0.0, 0.3, len(labels.load_farad))
    load[random.random(len(load)) < 0.1] = np.nan
    coupling = labels.coupling_farad * random.lognormal(0.0, 0.3, len(labels.coupling_farad))
    return replace(labels, coupling_farad=coupling, load_farad=load)


@pytest.fixture
def designs(array: Build) -> list[Design]:
    found = [array(4, 3, tied=1), array(3, 5), array(2, 2)]
    return [replace(d, labels=scattered(d.labels, k)) for k, d in enumerate(found) if d.labels is not None]


def both(designs: list[Design]) -> tuple[list[DesignTensors], list[DesignTensors]]:
    flat = [design_tensors(design.graph, design.labels) for design in designs]
    return flat, [class_tensors(design.graph, LAYERS, design.labels) for design in designs]


def new_model(designs: list[DesignTensors], config: ModelConfig = MODEL) -> CapacitanceModel:
    torch.manual_seed(0)
    model = CapacitanceModel(config)
    model.encoder.fit_inputs(design.hetero for design in designs)
    fit_scales(model, designs)
    return model


def assert_close(one: dict[str, Tensor], other: dict[str, Tensor], rtol: float, atol: float) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(
            value, other[name], rtol=rtol, atol=atol, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_classes_are_fewer(designs: list[Design]) -> None:
    """Else the other tests compare a thing with itself."""
    for flat, classes in zip(*both(designs), strict=True):
        assert len(classes.net_features) < len(flat.net_features)
        assert classes.pair_rows < flat.pair_rows
        assert classes.nets == flat.nets
        assert torch.equal(classes.context_features[classes.context_row], flat.context_features)
        assert torch.equal(classes.terminal_exact[classes.terminal_row], flat.terminal_exact)


def test_scales_are_equal(designs: list[Design]) -> None:
    flat, classes = (new_model(tensors) for tensors in both(designs))
    assert_close(dict(flat.named_buffers()), dict(classes.named_buffers()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("is_learning", [False, True])
@pytest.mark.parametrize("loss", [RegressionLoss.GAI, RegressionLoss.BMC, RegressionLoss.LDS])
def test_losses_and_gradients_are_equal(
    designs: list[Design], loss: RegressionLoss, is_learning: bool
) -> None:
    rate = 1e-3 if is_learning else 0.0
    config = replace(CONFIG, loss=loss, encoder_learning_rate=rate, class_loss=ClassLoss.BSCE)
    found = []
    for tensors in both(designs):
        module = FinetuneModule(new_model(tensors), tensors, config)
        module.log = lambda *_, **__: None  # type: ignore[method-assign]
        value = module.training_step(tensors, 0)
        value.backward()  # type: ignore[no-untyped-call]
        found.append((value, {n: p.grad for n, p in module.named_parameters() if p.grad is not None}))
    (flat_loss, flat_gradient), (class_loss, class_gradient) = found
    torch.testing.assert_close(class_loss, flat_loss, rtol=1e-5, atol=1e-6)
    assert any("encoder" in name for name in flat_gradient) == is_learning
    size = max(float(gradient.abs().max()) for gradient in flat_gradient.values())
    assert_close(class_gradient, flat_gradient, rtol=1e-3, atol=1e-5 * size)


def test_fitted_memories_are_equal(designs: list[Design]) -> None:
    memories = []
    for tensors in both(designs):
        model = new_model(tensors).eval()
        fit_memories(model, tensors, MemoryConfig(iterations=20), salt=7)
        memories.append({name: value for name, value in model.state_dict().items() if "_memory" in name})
    assert len(memories[0]["coupling_memory.exact_keys"]) > 5
    assert_close(memories[1], memories[0], rtol=1e-2, atol=5e-3)


def test_remembered_values_are_means_over_members(designs: list[Design]) -> None:
    """With a ridge that allows no offset the memory is the network's mean over all contexts of a key."""
    flat, classes = both(designs)
    model = new_model(flat).eval()
    fit_memories(model, classes, MemoryConfig(ridge=1e9, iterations=5), salt=7)
    with torch.no_grad():
        weights = torch.cat([model.contexts(d, model.embed(d)).weight for d in flat])
    keys, group = torch.unique(torch.cat([d.context_exact for d in flat]), return_inverse=True)
    expected = [float(weights[group == row].mean()) for row in range(len(keys))]
    value, _ = model.coupling_memory(torch.zeros(len(keys)), keys, torch.zeros_like(keys))
    assert value.tolist() == pytest.approx(expected, abs=1e-4)


def test_held_out_errors_are_equal(designs: list[Design]) -> None:
    found = []
    flat, classes = both(designs)
    model = new_model(flat[:2]).eval()
    fit_memories(model, flat[:2], MemoryConfig(iterations=10), salt=7)
    for tensors in (flat, classes):
        errors = HeldOutErrors()
        errors.collect(model, tensors)
        found.append(errors)
    for name in ("coupling", "load", "existence"):
        one, other = (np.concatenate(getattr(errors, name), axis=1) for errors in found)
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-4)


def test_finetuned_models_are_equal(tmp_path: Path, designs: list[Design]) -> None:
    models = []
    for quotient in (False, True):
        config = replace(CONFIG, quotient=quotient)
        folder = tmp_path / str(quotient)
        checkpoint = finetune(designs, config, folder=folder, accelerator="cpu")
        models.append(checkpoint)
    flat, classes = (dict(checkpoint.model.state_dict()) for checkpoint in models)
    assert_close(classes, flat, rtol=1e-2, atol=1e-2)
    quantiles = [checkpoint.coupling_error.quantiles for checkpoint in models]
    torch.testing.assert_close(quantiles[1], quantiles[0], rtol=0.0, atol=5e-3)


@pytest.mark.parametrize("is_refitted", [False, True])
def test_calibrated_models_are_equal(tmp_path: Path, designs: list[Design], is_refitted: bool) -> None:
    contributions = Contributions.NETWORKS if is_refitted else Contributions.TREES
    config = replace(CONFIG, calibration_folds=0, contributions=contributions)
    start = finetune(designs[:2], config, folder=tmp_path, accelerator="cpu")
    found = []
    for quotient in (False, True):
        config = CalibrateConfig(
            memory=MemoryConfig(iterations=20), folds=2, quotient=quotient, refit_heads=is_refitted
        )
        found.append(calibrate(start, designs[2:], config, folder=tmp_path / f"calibrated-{quotient}"))
    flat, classes = (dict(checkpoint.model.state_dict()) for checkpoint in found)
    assert_close(classes, flat, rtol=1e-2, atol=5e-3)
    assert found[0].metrics["coupling"]["fitted"] == found[1].metrics["coupling"]["fitted"]
