"""The encoder on a quotient graph, scattered back, is the encoder on the full graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from circuitgcl.data.synthetic import synthetic_array
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.graph.quotient import QuotientGraph, quotient_graph, structural_colours
from circuitgcl.models import neighbourhoods as neighbourhoods_module
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.models.neighbourhoods import RELATIONS, neighbourhoods
from circuitgcl.netlist import flatten, read_netlist

NETLISTS = Path(__file__).parents[3] / "netlists"


def quotient(graph: CircuitGraph, rounds: int) -> QuotientGraph:
    colours = structural_colours(graph.circuit, graph.rails, graph.net_features, rounds)
    return quotient_graph(graph.circuit, graph.rails, graph.net_features, colours)


def scattered(states: dict[str, Tensor], classes: QuotientGraph, graph: CircuitGraph) -> dict[str, Tensor]:
    rows = {
        "net": classes.net_class,
        "device": classes.device_class(graph.circuit),
        "pin": classes.pin_class(graph.circuit),
    }
    return {name: states[name][torch.from_numpy(rows[name])] for name in rows}


def encoder(layers: int) -> CircuitEncoder:
    torch.manual_seed(layers)
    return CircuitEncoder(EncoderConfig(width=16, layers=layers)).eval()


@pytest.fixture(scope="module")
def array(tmp_path_factory: pytest.TempPathFactory) -> CircuitGraph:
    files = synthetic_array(6, 5).write(tmp_path_factory.mktemp("array"))
    return build_graph(flatten(read_netlist(files.schematic)))


def assert_equal_embeddings(graph: CircuitGraph, layers: int) -> None:
    model, classes = encoder(layers), quotient(graph, layers)
    with torch.inference_mode():
        full, found = model(graph.to_hetero()), scattered(model(classes.to_hetero()), classes, graph)
    for name, expected in full.items():
        torch.testing.assert_close(found[name], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layers", [1, 2, 4, 6])
def test_embeddings_of_an_array(array: CircuitGraph, layers: int):
    assert_equal_embeddings(array, layers)


@pytest.mark.parametrize("path", sorted(NETLISTS.glob("*.sp")), ids=lambda path: path.stem)
def test_embeddings_of_every_netlist(path: Path):
    assert_equal_embeddings(build_graph(flatten(read_netlist(path))), 4)


def test_classes_of_fewer_rounds_than_layers_are_too_coarse(array: CircuitGraph):
    model, classes = encoder(4), quotient(array, 1)
    with torch.inference_mode():
        full, found = model(array.to_hetero()), scattered(model(classes.to_hetero()), classes, array)
    assert (full["net"] - found["net"]).abs().max() > 1e-3


def test_gradients_are_those_of_the_full_graph(array: CircuitGraph):
    """A loss over all nodes pulls on a class as often as it has members."""
    model, classes = encoder(2), quotient(array, 2)
    gradients = []
    for states in (model(array.to_hetero()), scattered(model(classes.to_hetero()), classes, array)):
        model.zero_grad()
        sum(rows.square().mean() for rows in states.values()).backward()
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    for full, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, full, rtol=1e-4, atol=1e-6)


def test_shares_of_neighbours_add_up_to_one(array: CircuitGraph):
    data = quotient(array, 4).to_hetero()
    data.validate()
    found = neighbourhoods(data)
    assert set(found) == set(RELATIONS)
    for relation, near in found.items():
        end = near.index[1]
        total = torch.zeros(data[relation[2]].num_nodes).index_add(0, end, near.share.squeeze(1))
        reached = torch.bincount(end, minlength=len(total)) > 0
        torch.testing.assert_close(total, reached.float())


def test_blocks_of_rows_change_nothing(array: CircuitGraph, monkeypatch: pytest.MonkeyPatch):
    """Without gradients a large graph is gone through in blocks; with them, all at once."""
    data, model = array.to_hetero(), encoder(3)
    whole = {name: rows.detach() for name, rows in model(data).items()}
    for size in (1 << 18, 7):
        monkeypatch.setattr(neighbourhoods_module, "ROWS_AT_ONCE", size)
        with torch.no_grad():
            for name, rows in model(data).items():
                torch.testing.assert_close(rows, whole[name], rtol=1e-5, atol=1e-5)
