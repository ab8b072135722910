r"""The pair model: every pair on its own, from both embeddings and what the two nets are to each other.

With node embeddings :math:`h` and relative structure :math:`r_{ab}`,

.. math:: \log_{10} C(a,b) = f(h_a + h_b,\ |h_a - h_b|,\ h_a \odot h_b,\ r_{ab}),

exactly symmetric. It is the alternative to the additive contexts of `circuitgcl.models.capacitance`: nothing
adds up and nothing is remembered. Without relative structure it is what graph networks for parasitics usually
are (ParaGraph, Ren et al., DAC 2020; arXiv 2507.06535), and position-blind as these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from circuitgcl.config import name_choices
from circuitgcl.data.labels import Ground
from circuitgcl.errors import ConfigError
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.models.neighbourhoods import INPUT_WIDTHS
from circuitgcl.models.perceptron import perceptron
from circuitgcl.models.scaling import CLASS_COUNT, Standardiser, TargetScale
from circuitgcl.schema import NodeType

REACH = 6.0  # deviations of the training labels an estimate may lie from their mean


@dataclass(frozen=True, kw_only=True)
class PairModelConfig:
    """Make and size of the pair model."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    hidden: int = 128
    dropout: float = 0.1
    relative: bool = True  # the head sees relative structure beside the embeddings
    target_scale: str = "wide"
    ground: Ground = Ground.EQUIVALENT  # what the load of a net is

    def __post_init__(self) -> None:
        """Refuse sizes no head can have.

        Raises:
            ConfigError: a width below one, a dropout outside [0, 1), or an unknown target scale or ground.
        """
        name_choices(self)
        TargetScale.named(self.target_scale)
        if self.hidden < 1 or not 0 <= self.dropout < 1:
            raise ConfigError(
                f"pair model hidden {self.hidden}, dropout {self.dropout}; expected at least 1, and [0, 1)"
            )


@dataclass(frozen=True, kw_only=True)
class PairGraph:
    """A circuit as the pair model reads it; N rows of nets and P of pins, classes where it is a quotient."""

    hetero: HeteroData
    net_row: Tensor  # [flat N] row of every flat net
    pin_row: Tensor  # [flat P] row of every flat pin

    @property
    def nets(self) -> int:
        """Rows of nets N."""
        return int(self.hetero[NodeType.NET].num_nodes)

    @property
    def end_row(self) -> Tensor:
        """Row of every flat net, then N + row of every flat pin: what pairs join, [flat N + flat P]."""
        return torch.cat([self.net_row, self.nets + self.pin_row])

    def to(self, device: torch.device | str) -> PairGraph:
        """The same circuit on another device."""
        return PairGraph(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


@dataclass(frozen=True, kw_only=True)
class PairOutputs:
    """What the model says of R pairs."""

    decades: Tensor  # [R] log10 of femtofarad, should the pair couple
    existence_logit: Tensor  # [R]
    class_logits: Tensor  # [R, CLASS_COUNT] of its class, should it couple; classes as if equally frequent


class LabelScale(nn.Module):
    """Mean and deviation of log10 labels, so that networks answer in units of their spread."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))

    def fit(self, decades: Tensor, weight: Tensor) -> None:
        """Set both from [I] labels and how often each counts."""
        share = weight / weight.sum()
        mean = (share * decades).sum()
        self.mean.copy_(mean)
        self.deviation.copy_((share * (decades - mean).square()).sum().sqrt().clamp(min=1e-3))

    def forward(self, value: Tensor) -> Tensor:
        """Log10 labels of network outputs."""
        return self.mean + self.deviation * value.clamp(-REACH, REACH)


class PairModel(nn.Module):
    """Encoder, symmetric pair head and load head.

    Args:
        config: make and size.
        relative_width: columns of relative structure.
        widths: columns of the node features, where they are not those of our circuit graphs.
    """

    def __init__(
        self, config: PairModelConfig, relative_width: int, widths: Mapping[str, int] = INPUT_WIDTHS
    ) -> None:
        super().__init__()
        self.config = config
        width, hidden = config.encoder.width, config.hidden
        self.encoder = CircuitEncoder(config.encoder, widths)
        self.norm = nn.LayerNorm(width)
        self.relative_scale = Standardiser(relative_width)
        seen = 3 * width + config.relative * relative_width
        self.pair_head = perceptron(seen, hidden, 2, config.dropout)
        self.load_head = perceptron(width, hidden, 1, config.dropout)
        self.class_head = perceptron(seen, hidden, CLASS_COUNT, config.dropout)
        self.coupling_scale, self.load_scale = LabelScale(), LabelScale()

    def sides(self, graph: PairGraph) -> Tensor:
        """What the heads see of every net, then of every pin, [N + P, H]."""
        states = self.encoder(graph.hetero)
        sides: Tensor = self.norm(torch.cat([states[NodeType.NET], states[NodeType.PIN]]))
        return sides

    def pairs(self, sides: Tensor, ends: Tensor, relative: Tensor) -> PairOutputs:
        """Estimates of pairs.

        Args:
            sides: [N + P, H] of `sides`.
            ends: [R, 2] rows of it.
            relative: [R, F] relative structure.
        """
        a, b = sides[ends[:, 0]], sides[ends[:, 1]]
        inputs = [a + b, (a - b).abs(), a * b]
        if self.config.relative:
            inputs.append(self.relative_scale(relative))
        seen = torch.cat(inputs, dim=1)
        value, existence = self.pair_head(seen).unbind(dim=1)
        return PairOutputs(
            decades=self.coupling_scale(value),
            existence_logit=existence,
            class_logits=self.class_head(seen),
        )

    def load(self, sides: Tensor) -> Tensor:
        """Load of nodes, [I] log10 of femtofarad from [I, H] of `sides`."""
        decades: Tensor = self.load_scale(self.load_head(sides).squeeze(1))
        return decades
