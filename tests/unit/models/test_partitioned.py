"""Embeddings in blocks are those of the encoder run on the whole graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch_geometric.data import HeteroData

from circuitgcl.data.synthetic import synthetic_array
from circuitgcl.graph import build_graph
from circuitgcl.graph.quotient import quotient_graph, structural_colours
from circuitgcl.models import partitioned
from circuitgcl.models.convolutions import LayerKind
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.models.partitioned import net_embeddings
from circuitgcl.netlist import flatten, read_netlist

NETLISTS = Path(__file__).parents[3] / "netlists"


@pytest.fixture(scope="module")
def array(tmp_path_factory: pytest.TempPathFactory) -> HeteroData:
    files = synthetic_array(5, 4).write(tmp_path_factory.mktemp("array"))
    return build_graph(flatten(read_netlist(files.schematic))).to_hetero()


def encoder(config: EncoderConfig) -> CircuitEncoder:
    torch.manual_seed(1)
    return CircuitEncoder(config).eval()


def assert_same(model: CircuitEncoder, data: HeteroData, rows_at_once: int) -> None:
    with torch.inference_mode():
        whole = model(data)["net"]
    found = net_embeddings(model, data, rows_at_once)
    torch.testing.assert_close(found, whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows_at_once", [1, 7, 64, 1 << 18])
def test_any_size_of_blocks(array: HeteroData, rows_at_once: int):
    assert_same(encoder(EncoderConfig(width=16, layers=4)), array, rows_at_once)


@pytest.mark.parametrize("kind", list(LayerKind))
@pytest.mark.parametrize("global_token", [False, True])
def test_any_convolution(array: HeteroData, kind: LayerKind, global_token: bool):
    assert_same(encoder(EncoderConfig(width=16, layers=3, kind=kind, global_token=global_token)), array, 50)


@pytest.mark.parametrize("layers", [0, 1])
def test_few_layers(array: HeteroData, layers: int):
    assert_same(encoder(EncoderConfig(width=8, layers=layers)), array, 50)


@pytest.mark.parametrize("path", sorted(NETLISTS.glob("*.sp"))[:4], ids=lambda path: path.stem)
def test_graphs_and_their_quotients(path: Path):
    graph = build_graph(flatten(read_netlist(path)))
    colours = structural_colours(graph.circuit, graph.rails, graph.net_features, 2)
    quotient = quotient_graph(graph.circuit, graph.rails, graph.net_features, colours)
    for data in (graph.to_hetero(), quotient.to_hetero()):
        assert_same(encoder(EncoderConfig(width=8, layers=2)), data, 20)


def test_edges_in_any_order(array: HeteroData):
    shuffled = array.clone()
    for relation in (("pin", "of", "device"), ("pin", "on", "net")):
        index = shuffled[relation].edge_index
        shuffled[relation].edge_index = index[:, torch.randperm(index.shape[1])]
    model = encoder(EncoderConfig(width=16, layers=2))
    torch.testing.assert_close(net_embeddings(model, shuffled, 30), net_embeddings(model, array, 40))


def test_blocks_hold_no_more_than_they_may(array: HeteroData):
    nodes = partitioned._Nodes(encoder(EncoderConfig(width=4, layers=1)), array, 40)
    for name, parts in nodes.parts.items():
        ends = [(part.start, part.stop) for part in parts]
        assert [start for start, _ in ends] == [0, *(stop for _, stop in ends[:-1])]
        assert ends[-1][1] == len(array[name].x)
        for part in parts:
            edges = [near.block(part)[1].index.shape[1] for r, near in nodes.near.items() if r[2] == name]
            assert part.stop - part.start == 1 or part.stop - part.start + sum(edges) <= 40


def test_nothing_is_kept_for_a_gradient(array: HeteroData):
    assert not net_embeddings(encoder(EncoderConfig(width=4, layers=1)), array).requires_grad
