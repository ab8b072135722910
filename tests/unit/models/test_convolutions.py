"""Every convolution against PyTorch Geometric's layer, and on a quotient graph against the full one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import ClusterGCNConv, GATv2Conv, GCNConv, GINEConv, ResGatedGraphConv, SAGEConv
from torch_geometric.nn.aggr import DegreeScalerAggregation

from circuitgcl.config import from_mapping, to_mapping
from circuitgcl.data.synthetic import synthetic_array
from circuitgcl.errors import ConfigError
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.graph.quotient import quotient_graph, structural_colours
from circuitgcl.models import neighbourhoods as neighbourhoods_module
from circuitgcl.models.convolutions import (
    CONVOLUTIONS,
    AttentionConvolution,
    ClusterConvolution,
    GatedConvolution,
    IsomorphismConvolution,
    LayerKind,
    MeanConvolution,
    NormalisedConvolution,
    PrincipalConvolution,
)
from circuitgcl.models.encoder import Activation, CircuitEncoder, EncoderConfig
from circuitgcl.models.neighbourhoods import Neighbourhood
from circuitgcl.netlist import flatten, read_netlist

SOURCES, TARGETS, WIDTH = 5, 4, 8
# target 3 hears nobody, source 4 says nothing
EDGES = torch.tensor([[0, 1, 1, 2, 3, 3], [0, 0, 1, 1, 1, 2]])


def neighbourhood(
    index: Tensor = EDGES, sources: int = SOURCES, count: Tensor | None = None
) -> Neighbourhood:
    count = torch.ones(index.shape[1]) if count is None else count
    return Neighbourhood(
        index=index,
        count=count,
        source_degree=torch.bincount(index[0], minlength=sources).float(),
        target_degree=torch.zeros(TARGETS).index_add(0, index[1], count),
    )


@pytest.fixture
def states() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    return (
        torch.randn(SOURCES, WIDTH, generator=generator),
        torch.randn(TARGETS, WIDTH, generator=generator),
    )


def layer(kind: LayerKind) -> nn.Module:
    torch.manual_seed(5)
    module = CONVOLUTIONS[kind](WIDTH)
    for parameter in module.parameters():  # biases start at zero, where nobody would miss them
        nn.init.normal_(parameter, std=0.4)
    return module.eval()


def ours(module: nn.Module, states: tuple[Tensor, Tensor], near: Neighbourhood | None = None) -> Tensor:
    source, own = states
    return module.combined(module.gathered(source, own, near or neighbourhood(sources=len(source))), own)


class TestPyTorchGeometric:
    """The library's own `forward` is the oracle."""

    def test_sage(self, states: tuple[Tensor, Tensor]) -> None:
        module = layer(LayerKind.SAGE)
        assert isinstance(module, MeanConvolution)
        other = SAGEConv((WIDTH, WIDTH), WIDTH, aggr="mean")
        other.load_state_dict(module.state_dict())
        torch.testing.assert_close(ours(module, states), other(states, EDGES))

    def test_attention(self, states: tuple[Tensor, Tensor]) -> None:
        module = layer(LayerKind.GAT)
        assert isinstance(module, AttentionConvolution)
        torch.testing.assert_close(ours(module, states), GATv2Conv.forward(module, states, EDGES))

    def test_gated(self, states: tuple[Tensor, Tensor]) -> None:
        module = layer(LayerKind.RES_GATED)
        assert isinstance(module, GatedConvolution)
        torch.testing.assert_close(ours(module, states), ResGatedGraphConv.forward(module, states, EDGES))

    def test_isomorphism(self, states: tuple[Tensor, Tensor]) -> None:
        module = layer(LayerKind.GINE)
        assert isinstance(module, IsomorphismConvolution)
        attributes = module.edge.expand(EDGES.shape[1], WIDTH)
        expected = GINEConv.forward(module, states, EDGES, attributes, size=(SOURCES, TARGETS))
        torch.testing.assert_close(ours(module, states), expected)

    @pytest.mark.parametrize(
        ("kind", "base"), [(LayerKind.GCN, GCNConv), (LayerKind.CLUSTER_GCN, ClusterGCNConv)]
    )
    def test_normalised_ones(self, states: tuple[Tensor, Tensor], kind: LayerKind, base: type) -> None:
        """They know one node set only: both directions of the relation as one graph give our degrees."""
        module = layer(kind)
        assert isinstance(module, NormalisedConvolution | ClusterConvolution)
        shifted = EDGES + torch.tensor([[0], [SOURCES]])
        joint = torch.cat([shifted, shifted.flip(0)], dim=1)
        other = base(WIDTH, WIDTH)
        other.load_state_dict(module.state_dict())
        expected = other(torch.cat(states), joint)[SOURCES:]
        torch.testing.assert_close(ours(module, states), expected)

    def test_principal_aggregates(self, states: tuple[Tensor, Tensor]) -> None:
        """The library's scalers with a mean logarithmic degree of one."""
        module = layer(LayerKind.PNA)
        assert isinstance(module, PrincipalConvolution)
        source, own = states
        scaled = DegreeScalerAggregation(
            ["mean", "max", "min", "std"],
            ["identity", "amplification", "attenuation"],
            torch.ones(3),
        )
        scaled.avg_deg_log.fill_(1.0)
        near = neighbourhood()
        messages = module.before(source)[EDGES[0]]
        order = EDGES[1].argsort(stable=True)
        reached = near.target_degree > 0  # attenuation without neighbours: the library takes degree one
        expected = scaled(messages[order], EDGES[1][order], dim_size=TARGETS)
        found = module.gathered(source, own, near)
        amplified = torch.cat([found[:, :-1], found[:, :-1] * found[:, -1:]], dim=1)
        torch.testing.assert_close(
            amplified[reached], expected[reached][:, : 8 * WIDTH], rtol=1e-4, atol=1e-4
        )
        attenuated = found[reached][:, :-1] / found[reached][:, -1:]
        torch.testing.assert_close(attenuated, expected[reached][:, 8 * WIDTH :], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", LayerKind)
class TestEveryKind:
    def test_a_count_is_as_good_as_copies(self, kind: LayerKind, states: tuple[Tensor, Tensor]) -> None:
        """Three equal sources with an edge each, or one source whose edge counts three times."""
        module, (source, own) = layer(kind), states
        copies = torch.cat([source, source[1:2], source[1:2]])
        more = torch.cat([EDGES, torch.tensor([[5, 6], [0, 0]]), torch.tensor([[5, 6], [1, 1]])], dim=1)
        counts = torch.tensor([1.0, 3, 3, 1, 1, 1])
        found = ours(module, states, neighbourhood(count=counts))
        torch.testing.assert_close(found, ours(module, (copies, own), neighbourhood(more, sources=7)))
        assert not torch.allclose(found[:2], ours(module, states)[:2], atol=1e-3)  # the count says something

    def test_no_neighbours_is_finite(self, kind: LayerKind, states: tuple[Tensor, Tensor]) -> None:
        module = layer(kind)
        none = neighbourhood(torch.zeros(2, 0, dtype=torch.int64))
        for row in (ours(module, states)[3], ours(module, states, none)):
            assert row.isfinite().all()

    def test_gradients_are_finite_and_reach_everything(
        self, kind: LayerKind, states: tuple[Tensor, Tensor]
    ) -> None:
        module = layer(kind).train()
        source, own = states[0].requires_grad_(), states[1].requires_grad_()
        ours(module, (source, own)).sin().sum().backward()
        for gradient in (source.grad, own.grad, *(p.grad for p in module.parameters())):
            assert gradient is not None
            assert gradient.isfinite().all()
            assert gradient.abs().sum() > 0

    def test_low_precision_keeps_its_sums(self, kind: LayerKind, states: tuple[Tensor, Tensor]) -> None:
        module = layer(kind)
        with torch.autocast("cpu", torch.bfloat16):
            found = ours(module, states)
        torch.testing.assert_close(found.float(), ours(module, states), rtol=0.1, atol=0.25)


@pytest.fixture(scope="module")
def array(tmp_path_factory: pytest.TempPathFactory) -> CircuitGraph:
    files = synthetic_array(6, 5).write(tmp_path_factory.mktemp("array"))
    return build_graph(flatten(read_netlist(files.schematic)))


@pytest.mark.parametrize("global_token", [False, True], ids=["local", "token"])
@pytest.mark.parametrize("kind", LayerKind)
class TestQuotient:
    def encoder(self, kind: LayerKind, global_token: bool) -> CircuitEncoder:
        torch.manual_seed(3)
        config = EncoderConfig(width=16, layers=3, kind=kind, global_token=global_token)
        return CircuitEncoder(config).eval()

    def test_embeddings_are_those_of_the_full_graph(
        self, array: CircuitGraph, kind: LayerKind, global_token: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With gradients in one piece, without them in blocks."""
        model = self.encoder(kind, global_token)
        colours = structural_colours(array.circuit, array.rails, array.net_features, 3)
        classes = quotient_graph(array.circuit, array.rails, array.net_features, colours)
        rows = {
            "net": classes.net_class,
            "device": classes.device_class(array.circuit),
            "pin": classes.pin_class(array.circuit),
        }
        full, found = model(array.to_hetero()), model(classes.to_hetero())
        monkeypatch.setattr(neighbourhoods_module, "ROWS_AT_ONCE", 7)
        with torch.no_grad():
            in_blocks = model(array.to_hetero())
        for name, expected in full.items():
            back = found[name][torch.from_numpy(rows[name])]
            torch.testing.assert_close(back, expected, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(in_blocks[name], expected, rtol=1e-4, atol=1e-4)


def test_the_token_carries_across_islands(array: CircuitGraph) -> None:
    """What no path leads to is heard through the token alone."""
    data, other = array.to_hetero(), array.to_hetero()
    nothing = torch.zeros(2, 0, dtype=torch.int64)
    for item in (data, other):
        for relation in (("pin", "of", "device"), ("pin", "on", "net")):
            item[relation].edge_index = nothing
    other["device"].x = other["device"].x.clone()
    other["device"].x[:, :3] += 1.0
    for global_token in (False, True):
        torch.manual_seed(0)
        model = CircuitEncoder(EncoderConfig(width=8, layers=2, global_token=global_token)).eval()
        assert torch.equal(model(data)["net"], model(other)["net"]) is not global_token


class TestConfig:
    def test_survives_the_round_trip(self) -> None:
        config = EncoderConfig(kind=LayerKind.CLUSTER_GCN, activation=Activation.TANH, residual=False)
        assert from_mapping(EncoderConfig, to_mapping(config)) == config

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"width": 0}, "at least 1"),
            ({"layers": -1}, "at least 0"),
            ({"dropout": 1.0}, "dropout"),
            ({"kind": LayerKind.GAT, "width": 10}, "attention heads"),
        ],
    )
    def test_refuses_what_cannot_be_built(self, wrong: dict[str, object], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            EncoderConfig(**wrong)  # type: ignore[arg-type]

    def test_without_residual_layers_forget(self, array: CircuitGraph) -> None:
        """An output bounded by the activation shows that no state was added to it."""
        torch.manual_seed(1)
        config = EncoderConfig(width=8, layers=1, activation=Activation.TANH, residual=False)
        states = CircuitEncoder(config).eval()(array.to_hetero())
        assert all(rows.abs().max() <= 1 for rows in states.values())
        with_residual = CircuitEncoder(EncoderConfig(width=8, layers=1, activation=Activation.TANH)).eval()
        with torch.no_grad():
            for part in with_residual.inputs.values():
                part[1].bias.fill_(3.0)  # type: ignore[index, union-attr]
        assert with_residual(array.to_hetero())["net"].abs().max() > 1
