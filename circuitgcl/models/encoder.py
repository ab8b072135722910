"""The node encoder: relation-aware message passing over net, device and pin nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.nn import HeteroConv

from circuitgcl.config import name_choices
from circuitgcl.errors import ConfigError
from circuitgcl.losses.weighting import weighted_mean
from circuitgcl.models.convolutions import ATTENTION_HEADS, CONVOLUTIONS, LayerKind
from circuitgcl.models.neighbourhoods import (
    INPUT_WIDTHS,
    RELATIONS,
    EdgeType,
    Neighbourhood,
    blocks,
    members,
    neighbourhoods,
)

SMALLEST_DEVIATION = 1e-6  # of an input that counts as varying


class Activation(StrEnum):
    """Nonlinearity behind every layer."""

    GELU = "gelu"
    TANH = "tanh"


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Make and size of the encoder."""

    width: int = 64  # H
    layers: int = 4
    dropout: float = 0.0
    kind: LayerKind = LayerKind.SAGE
    activation: Activation = Activation.GELU
    residual: bool = True
    global_token: bool = False  # after every layer, all nodes hear the mean of each node type
    # inputs by their mean and deviation over the training circuits; else each row normalised by itself
    standardised: bool = True

    def __post_init__(self) -> None:
        """Refuse what no encoder can be built from.

        Raises:
            ConfigError: a size below one, a dropout outside [0, 1), or a width that attention cannot split.
        """
        name_choices(self)
        if self.width < 1 or self.layers < 0:
            raise ConfigError(
                f"encoder width {self.width}, layers {self.layers}; expected at least 1 and at least 0"
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"encoder dropout {self.dropout} is not in [0, 1)")
        if self.kind is LayerKind.GAT and self.width % ATTENTION_HEADS:
            raise ConfigError(
                f"encoder width {self.width} is not a multiple of the {ATTENTION_HEADS} attention heads"
            )


class InputScale(nn.Module):
    """Input columns by their mean and deviation over the training circuits; what never varied is muted.

    Weights of a column that never varied were never trained: on a circuit where it does vary they would add
    noise of any size. Values are clipped to six deviations.

    Shapes:
        input, output: `[N, F]`
    """

    mean: Tensor  # [F]
    scale: Tensor  # [F] one over the deviation, 0 where nothing varied

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def fit(self, rows: Tensor, weights: Tensor | None = None) -> None:
        """Set mean and scale from rows [N, F], each as often as its weight [N] says."""
        rows = rows.double()
        mean = weighted_mean(rows, weights)
        deviation = weighted_mean((rows - mean).square(), weights).sqrt()
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(deviation > SMALLEST_DEVIATION, 1 / deviation, 0.0))

    def forward(self, x: Tensor) -> Tensor:
        """Scaled rows."""
        return ((x - self.mean) * self.scale).clamp(-6.0, 6.0)


class GlobalToken(nn.Module):
    """What all nodes hear of the whole circuit: the mean state of each node type, through a small network.

    After the virtual node of message passing and the global part of GPS layers (Rampášek et al., NeurIPS
    2022), with a mean for the attention: its cost is linear, and it is exact where rows stand for many.

    Shapes:
        input: states `[N_t, H]` and members `[N_t]` per node type
        output: `[H]`
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(len(INPUT_WIDTHS) * width, width), nn.GELU(), nn.Linear(width, width)
        )

    def forward(self, states: dict[str, Tensor], count: dict[str, Tensor]) -> Tensor:
        """The token."""
        means = [
            torch.tensordot(count[name].to(states[name].dtype), states[name], dims=1)
            / count[name].sum().clamp(min=1)
            for name in INPUT_WIDTHS
        ]
        out: Tensor = self.network(torch.cat(means))
        return out


class CircuitEncoder(nn.Module):
    r"""Embeds net, device and pin nodes.

    Every layer computes, for each node type :math:`t`,

    .. math:: h_t \leftarrow h_t + \mathrm{GELU}\Big(\mathrm{LN}\Big(\sum_r
              \mathrm{conv}_r(h_i, \{h_j : j \in N_r(i)\})\Big)\Big)

    over the relations :math:`r` that end at :math:`t`, in both directions of each relation, with a layer
    normalisation of its own for every layer and type. The convolutions are those of
    `circuitgcl.models.convolutions`, GraphSAGE with mean aggregation by default. On a quotient graph
    (`circuitgcl.graph.quotient`) nodes stand for classes and edges count several times.

    Args:
        config: make and size.
        widths: columns F_t of the node features, where they are not those of our circuit graphs.

    Shapes:
        input: `HeteroData` with `x` of `[N_t, F_t]` per node type
        output: `[N_t, H]` per node type
    """

    def __init__(self, config: EncoderConfig | None = None, widths: Mapping[str, int] = INPUT_WIDTHS) -> None:
        super().__init__()
        self.config = config = config or EncoderConfig()
        width, convolution = config.width, CONVOLUTIONS[config.kind]
        self.inputs = nn.ModuleDict(
            {
                name: nn.Sequential(
                    InputScale(size) if config.standardised else nn.LayerNorm(size), nn.Linear(size, width)
                )
                for name, size in widths.items()
            }
        )
        self.convolutions = nn.ModuleList(
            HeteroConv({relation: convolution(width) for relation in RELATIONS}, aggr="sum")
            for _ in range(config.layers)
        )
        self.norms = nn.ModuleList(
            nn.ModuleDict({name: nn.LayerNorm(width) for name in INPUT_WIDTHS}) for _ in range(config.layers)
        )
        self.tokens = nn.ModuleList(
            GlobalToken(width) for _ in range(config.layers if config.global_token else 0)
        )
        self.dropout = nn.Dropout(config.dropout)
        self._activation = torch.tanh if config.activation is Activation.TANH else nn.functional.gelu

    def fit_inputs(self, circuits: Iterable[HeteroData], repetition: float = 1.0) -> None:
        """Fit the input scales on training circuits; rows that are normalised by themselves need none.

        Args:
            circuits: full or quotient graphs.
            repetition: how much copies count on a quotient graph: a row that stands for n nodes counts
                n^repetition.
        """
        if not self.config.standardised:
            return
        parts = list(circuits)
        for name, layer in self.inputs.items():
            assert isinstance(layer, nn.Sequential)
            scale = layer[0]
            assert isinstance(scale, InputScale)
            counts = torch.cat([members(part, name) for part in parts])
            scale.fit(torch.cat([part[name].x for part in parts]), counts**repetition)

    def forward(self, data: HeteroData) -> dict[str, Tensor]:
        """Embeddings of all nodes by node type."""
        states: dict[str, Tensor] = {name: layer(data[name].x) for name, layer in self.inputs.items()}
        near = neighbourhoods(data)
        count = {name: members(data, name) for name in INPUT_WIDTHS} if self.tokens else {}
        for number, (convolution, norms) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            assert isinstance(norms, nn.ModuleDict)
            messages = _messages(convolution, states, near)
            states = {name: self._updated(states[name], messages[name], norms[name]) for name in states}
            if self.tokens:
                token = self.tokens[number](states, count)
                states = {name: state + token for name, state in states.items()}
        return states

    def _updated(self, state: Tensor, message: Tensor, norm: nn.Module) -> Tensor:
        if torch.is_grad_enabled():
            return self.step(state, message, norm)
        for rows in blocks(len(state)):
            message[rows] = self.step(state[rows], message[rows], norm)
        return message

    def step(self, state: Tensor, message: Tensor, norm: nn.Module) -> Tensor:
        """States after a layer from those before it and what the relations add up to, [*, H] each."""
        out: Tensor = self.dropout(self._activation(norm(message)))
        return state + out if self.config.residual else out


def _messages(
    convolution: HeteroConv, states: dict[str, Tensor], near: dict[EdgeType, Neighbourhood]
) -> dict[str, Tensor]:
    """Sums over the relations that end at each node type, [N_t, H]; one relation at a time is held."""
    total: dict[str, Tensor] = {}
    for relation, layer in convolution.convs.items():
        source, _, target = relation
        own = states[target]
        gathered = layer.gathered(states[source], own, near[relation])
        if torch.is_grad_enabled():
            message = layer.combined(gathered, own)
            total[target] = total[target] + message if target in total else message
            continue
        message = gathered if gathered.shape == own.shape else torch.empty_like(own)
        for rows in blocks(len(own)):
            message[rows] = layer.combined(gathered[rows], own[rows])
        total[target] = total[target].add_(message) if target in total else message
    return total
