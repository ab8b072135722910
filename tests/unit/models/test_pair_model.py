"""The pair model: symmetric, blind to what it is not shown, in the units of its labels."""

from __future__ import annotations

import pytest
import torch

from circuitgcl.errors import ConfigError
from circuitgcl.finetuning.pair_rows import pair_graph
from circuitgcl.graph import build_graph
from circuitgcl.models.convolutions import LayerKind
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.models.pair_model import REACH, LabelScale, PairGraph, PairModel, PairModelConfig
from circuitgcl.netlist import flatten, read_netlist

WIDTH = 5


@pytest.fixture
def graph(tiny_netlist) -> PairGraph:
    return pair_graph(build_graph(flatten(read_netlist(tiny_netlist))), layers=2)


def model(*, relative: bool = True, kind: LayerKind = LayerKind.SAGE) -> PairModel:
    torch.manual_seed(1)
    encoder = EncoderConfig(width=8, layers=2, kind=kind)
    return PairModel(PairModelConfig(encoder=encoder, hidden=16, relative=relative), WIDTH).eval()


@pytest.mark.parametrize("kind", [LayerKind.SAGE, LayerKind.GCN, LayerKind.GAT, LayerKind.CLUSTER_GCN])
def test_both_orders_of_a_pair_are_one(graph: PairGraph, kind: LayerKind):
    pairs = model(kind=kind)
    ends = torch.combinations(torch.arange(graph.nets))
    relative = torch.randn(len(ends), WIDTH)
    sides = pairs.sides(graph)
    one, other = pairs.pairs(sides, ends, relative), pairs.pairs(sides, ends.flip(1), relative)
    assert torch.equal(one.decades, other.decades)
    assert torch.equal(one.existence_logit, other.existence_logit)
    assert torch.equal(one.class_logits, other.class_logits)
    assert len(one.decades.unique()) > 3


def test_relative_structure_counts_only_where_it_is_shown(graph: PairGraph):
    ends = torch.tensor([[0, 1], [0, 1]])
    relative = torch.stack([torch.zeros(WIDTH), torch.ones(WIDTH)])
    seeing, blind = model(), model(relative=False)
    first, second = seeing.pairs(seeing.sides(graph), ends, relative).decades.tolist()
    assert first != second
    first, second = blind.pairs(blind.sides(graph), ends, relative).decades.tolist()
    assert first == second


def test_pins_stand_behind_nets(graph: PairGraph):
    pairs = model()
    sides = pairs.sides(graph)
    states = pairs.encoder(graph.hetero)
    assert torch.equal(sides[: graph.nets], pairs.norm(states["net"]))
    assert torch.equal(sides[graph.nets :], pairs.norm(states["pin"]))
    assert pairs.load(sides[: graph.nets]).shape == (graph.nets,)


def test_label_scale_by_hand():
    scale = LabelScale()
    scale.fit(torch.tensor([-1.0, 2.0, 50.0]), torch.tensor([2.0, 1.0, 0.0]))  # -1, -1 and 2
    assert float(scale.mean) == pytest.approx(0.0)
    assert float(scale.deviation) == pytest.approx(2**0.5)
    assert scale(torch.tensor([1.0, 100.0])).tolist() == pytest.approx([2**0.5, REACH * 2**0.5])


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"dropout": 1.0}, {"dropout": -0.1}])
def test_sizes_are_checked(wrong: dict[str, float]):
    with pytest.raises(ConfigError, match="pair model"):
        PairModelConfig(**wrong)
