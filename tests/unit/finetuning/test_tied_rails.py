"""What a net couples to a rail that it meets in some instances only is told by labels of couplings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from circuitgcl.data import Design
from circuitgcl.data.tensors import DesignTensors, class_tensors, design_tensors
from circuitgcl.finetuning.memory_fitting import MemoryConfig, joining
from circuitgcl.finetuning.training import fit_memories, fit_scales
from circuitgcl.models.capacitance import CapacitanceModel, ModelConfig
from circuitgcl.models.encoder import EncoderConfig

Build = Callable[..., Design]
LAYERS = 2


def flat(design: Design) -> DesignTensors:
    return design_tensors(design.graph, design.labels)


def classes(design: Design) -> DesignTensors:
    return class_tensors(design.graph, LAYERS, design.labels)


def inner_nets(design: Design) -> list[int]:
    """Nets inside the bits: what the ones of an array join is of that array alone."""
    return [k for k, name in enumerate(design.graph.circuit.net_names()) if "/" in name]


def fitted(designs: list[DesignTensors]) -> CapacitanceModel:
    """A model that knows nothing but what it remembers."""
    torch.manual_seed(0)
    model = CapacitanceModel(ModelConfig(encoder=EncoderConfig(width=8, layers=LAYERS), hidden=16)).eval()
    model.encoder.fit_inputs(design.hetero for design in designs)
    fit_scales(model, designs)
    fit_memories(model, designs, MemoryConfig(ridge=1e-3), salt=3)
    return model


def loads(model: CapacitanceModel, design: DesignTensors) -> np.ndarray:
    """Estimates of all flat nets in femtofarad."""
    with torch.no_grad():
        embedding = model.embed(design)
        outputs = model.contexts(design, embedding)
        return model.load(design, embedding, outputs).of(design.net_row).farad_log.exp().numpy()


@pytest.mark.parametrize("tensors", [flat, classes])
def test_a_row_tied_elsewhere(array: Build, tensors: Callable[[Design], DesignTensors]) -> None:
    """No training design ties a word line, yet the nets of a tied row have the load that the ties add."""
    model = fitted([tensors(array(3, 1)), tensors(array(4, 1))])
    design = array(5, 1, tied=2)
    assert design.labels is not None
    truth, inner = design.labels.load_farad * 1e15, inner_nets(design)
    np.testing.assert_allclose(loads(model, tensors(design))[inner], truth[inner], rtol=0.03)
    assert len(np.unique(truth[inner].round(4))) > 2  # q and nq differ, and so do tied rows


def test_terminals_explain_what_ties_do_not(array: Build) -> None:
    """Fitted on tied rows alone, a terminal contributes what it does elsewhere."""
    design = array(2, 1)
    assert design.labels is not None
    found = loads(fitted([flat(array(4, 1, tied=1)), flat(array(3, 1))]), flat(design))
    truth, inner = design.labels.load_farad * 1e15, inner_nets(design)
    np.testing.assert_allclose(found[inner], truth[inner], rtol=0.03)


def test_what_is_given_belongs_to_the_nets(array: Build) -> None:
    design = classes(array(3, 3, tied=1))
    model = fitted([design])
    outputs = model.contexts(design, model.embed(design))
    given = model.tied_load(design, outputs)
    assert given.shape == (len(design.net_features),)
    assert (given > 0).sum() == len(torch.unique(design.tied_net[design.tied_count > 0]))
    evidence = joining(design, outputs.load, given)
    assert evidence.given is given
