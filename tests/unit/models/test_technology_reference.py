"""Capacitances relative to the technology: all estimates of the networks move with the channel length."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from circuitgcl.data.tensors import design_tensors
from circuitgcl.graph import build_graph
from circuitgcl.graph.features import technology_log
from circuitgcl.models.capacitance import CapacitanceModel, ModelConfig
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.netlist import flatten, read_netlist


def test_reference_is_proportional_to_the_channel():
    assert technology_log(400e-9) - technology_log(50e-9) == pytest.approx(math.log(8))
    assert technology_log(200e-9) == pytest.approx(0.0)


@pytest.mark.parametrize("is_relative", [True, False])
def test_estimates_move_with_it(is_relative: bool, tiny_netlist: Path):
    torch.manual_seed(0)
    config = ModelConfig(encoder=EncoderConfig(width=8, layers=1), hidden=16, is_relative=is_relative)
    model = CapacitanceModel(config).eval()
    design = design_tensors(build_graph(flatten(read_netlist(tiny_netlist))))
    assert design.technology_log == pytest.approx(math.log(50 / 200))
    found = []
    for shift in (0.0, 1.0):
        length = design.graph.channel_length_m * math.exp(shift)
        moved = replace(design, graph=replace(design.graph, channel_length_m=length))
        with torch.no_grad():
            embedding = model.embed(moved)
            outputs = model.contexts(moved, embedding)
            load = model.load(moved, embedding, outputs).farad_log
        found.append((outputs.weight, outputs.load, load[design.signal], outputs.hazard))
    expected = float(is_relative)
    for before, after in list(zip(*found, strict=True))[:3]:
        torch.testing.assert_close(after - before, torch.full_like(before, expected), atol=1e-4, rtol=0)
    assert torch.equal(found[0][3], found[1][3])  # whether there is a coupling is no matter of scale
