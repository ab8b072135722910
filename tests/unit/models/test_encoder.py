"""The node encoder: shapes, invariance to numbering, and no way through a rail."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from circuitgcl.graph import build_graph
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.models.neighbourhoods import INPUT_WIDTHS, RELATIONS, both_directions
from circuitgcl.netlist import flatten, read_netlist

SMALL = EncoderConfig(width=12, layers=2)

# two stages with no net in common but the rails
TWO_ISLANDS = """* islands
.subckt pair a b c d vdd vss
mn1 b a vss vss nmos w=1u l=0.1u
mp1 b a vdd vdd pmos w=2u l=0.1u
mn2 d c vss vss nmos w={second} l=0.1u
mp2 d c vdd vdd pmos w={second} l=0.1u
.ends
"""


def hetero(folder: Path, text: str, rails: tuple[str, ...] = ()) -> tuple[HeteroData, dict[str, int]]:
    path = folder / "deck.sp"
    path.write_text(text)
    graph = build_graph(flatten(read_netlist(path)), rails=rails)
    return graph.to_hetero(), {name: k for k, name in enumerate(graph.circuit.net_names())}


def encoder(config: EncoderConfig = SMALL, seed: int = 0) -> CircuitEncoder:
    torch.manual_seed(seed)
    return CircuitEncoder(config).eval()


@pytest.fixture
def islands(tmp_path: Path) -> HeteroData:
    return hetero(tmp_path, TWO_ISLANDS.format(second="3u"))[0]


def test_every_type_gets_rows_of_the_configured_width(islands: HeteroData) -> None:
    states = encoder()(islands)
    assert {name: tuple(rows.shape) for name, rows in states.items()} == {
        "net": (6, 12),
        "device": (4, 12),
        "pin": (16, 12),
    }
    assert all(rows.isfinite().all() for rows in states.values())


def test_messages_run_both_ways(islands: HeteroData) -> None:
    edges = both_directions(islands)
    assert set(edges) == set(RELATIONS)
    for source, relation, target in (("pin", "of", "device"), ("pin", "on", "net")):
        forward, back = edges[source, relation, target], edges[target, f"rev_{relation}", source]
        assert torch.equal(forward[0], back[1])
        assert torch.equal(forward[1], back[0])


def shuffled(data: HeteroData) -> tuple[HeteroData, dict[str, Tensor]]:
    """The same circuit with other numbers, and the new row of every old one."""
    generator = torch.Generator().manual_seed(3)
    order = {name: torch.randperm(data[name].num_nodes, generator=generator) for name in INPUT_WIDTHS}
    place = {name: torch.argsort(rows) for name, rows in order.items()}
    other = HeteroData()
    for name, rows in order.items():
        other[name].x = data[name].x[rows]
    for source, relation, target in (("pin", "of", "device"), ("pin", "on", "net")):
        index = data[source, relation, target].edge_index
        renumbered = torch.stack([place[source][index[0]], place[target][index[1]]])
        mixed = torch.randperm(index.shape[1], generator=generator)
        other[source, relation, target].edge_index = renumbered[:, mixed]
    return other, place


def test_numbering_does_not_matter(islands: HeteroData) -> None:
    other, place = shuffled(islands)
    model = encoder()
    here, there = model(islands), model(other)
    for name, rows in here.items():
        torch.testing.assert_close(there[name][place[name]], rows, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(there["pin"], here["pin"], atol=1e-3)  # the numbers really moved


class TestRails:
    def embeddings(self, folder: Path, second: str, rails: tuple[str, ...] = ()) -> dict[str, Tensor]:
        data, row = hetero(folder, TWO_ISLANDS.format(second=second), rails)
        nets = encoder(EncoderConfig(width=12, layers=6))(data)["net"]
        return {name: nets[k] for name, k in row.items()}

    def test_what_lies_behind_a_rail_is_not_seen(self, tmp_path: Path) -> None:
        narrow, wide = self.embeddings(tmp_path, "3u"), self.embeddings(tmp_path, "9u")
        for net in ("a", "b"):
            assert torch.equal(narrow[net], wide[net])
        for net in ("c", "d"):
            assert not torch.allclose(narrow[net], wide[net])

    def test_a_supply_that_counts_as_signal_would_carry_it(self, tmp_path: Path) -> None:
        rails = ("vdd",)
        narrow, wide = self.embeddings(tmp_path, "3u", rails), self.embeddings(tmp_path, "9u", rails)
        assert not torch.equal(narrow["a"], wide["a"])

    def test_which_rail_a_pin_hangs_on_is_seen(self, tmp_path: Path) -> None:
        text = TWO_ISLANDS.format(second="3u")
        tied_low = self.embeddings(tmp_path, "3u")["b"]
        data, row = hetero(tmp_path, text.replace("mn1 b a vss vss", "mn1 b a vdd vss"))
        swapped = encoder(EncoderConfig(width=12, layers=6))(data)["net"][row["b"]]
        assert not torch.allclose(tied_low, swapped)


def test_reach_is_one_edge_per_layer(tmp_path: Path) -> None:
    """From a device to the nets of its neighbour are four edges: device, pin, net, pin, device."""
    chain = """* chain
.subckt chain a b c vss
mn1 b a vss vss nmos w=1u l=0.1u
mn2 c b vss vss nmos w={second} l=0.1u
.ends
"""
    near, far = (hetero(tmp_path, chain.format(second=width))[0] for width in ("1u", "5u"))
    for data in (near, far):
        data["net"].x = torch.zeros_like(data["net"].x)  # whose own statistics see the neighbour too
    for layers, reached in ((3, False), (4, True)):
        model = encoder(EncoderConfig(width=12, layers=layers))
        first = model(near)["device"][0], model(far)["device"][0]
        assert torch.equal(*first) is not reached


def test_isolated_nodes_keep_finite_rows(islands: HeteroData) -> None:
    empty = torch.zeros(2, 0, dtype=torch.int64)
    for relation in (("pin", "of", "device"), ("pin", "on", "net")):
        islands[relation].edge_index = empty
    states = encoder()(islands)
    assert all(rows.isfinite().all() for rows in states.values())
    islands["net"].x = islands["net"].x[:1].repeat(6, 1)  # alone, a node is what its own features say
    nets = encoder()(islands)["net"]
    torch.testing.assert_close(nets, nets[:1].expand_as(nets))


def test_rail_rows_of_the_net_store_receive_nothing(tmp_path: Path) -> None:
    data, row = hetero(tmp_path, TWO_ISLANDS.format(second="3u"))
    model = encoder()
    before = model(data)["net"]
    data["device"].x[:, :3] += 1.0  # a shift of all columns would be lost in the normalisation
    after = model(data)["net"]
    for rail in ("vdd", "vss"):
        assert torch.equal(before[row[rail]], after[row[rail]])
    assert not torch.allclose(before[row["b"]], after[row["b"]])


def test_gradient_reaches_every_parameter(islands: HeteroData) -> None:
    model = encoder().train()
    generator = torch.Generator().manual_seed(1)
    states = model(islands)
    loss = sum((rows * torch.randn(rows.shape, generator=generator)).sum() for rows in states.values())
    assert isinstance(loss, Tensor)
    loss.backward()
    silent = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert silent == []


def test_a_seed_decides_the_weights(islands: HeteroData) -> None:
    first, again, other = encoder(seed=5), encoder(seed=5), encoder(seed=6)
    assert torch.equal(first(islands)["net"], again(islands)["net"])
    assert not torch.allclose(first(islands)["net"], other(islands)["net"])


def test_dropout_acts_in_training_only(islands: HeteroData) -> None:
    model = encoder(EncoderConfig(width=12, layers=2, dropout=0.5))
    assert torch.equal(model(islands)["net"], model(islands)["net"])
    model.train()
    torch.manual_seed(0)
    assert not torch.allclose(model(islands)["net"], model(islands)["net"])


def test_layers_do_not_share_weights() -> None:
    model = encoder()
    sizes = [parameter.numel() for parameter in model.parameters()]
    assert sum(sizes) == sum(p.numel() for p in {id(p): p for p in model.parameters()}.values())
    first, second = (dict(layer.named_parameters()) for layer in model.convolutions)
    assert all(not torch.equal(first[name], second[name]) for name in first)
