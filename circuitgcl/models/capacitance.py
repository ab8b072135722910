r"""The capacitance model: additive over meeting contexts.

Coupling of nets a and b, with :math:`n_{abk}` occurrences of context k between them:

.. math:: C(a,b) = \sum_k n_{abk}\, e^{w_k}, \qquad
          P(\text{coupled}) = 1 - \exp\Big(-\sum_k n_{abk}\, e^{\lambda_k}\Big),

load to ground of net a that joins terminal q of :math:`m_{aq}` instances, and meets a rail in context k
:math:`r_{ak}` times: :math:`\sum_q m_{aq}\, e^{l_q} + \sum_k r_{ak}\, e^{w_k} (1 - e^{-e^{\lambda_k}})`,
since what couples to a rail is load.

The exponents come from boosted trees over context descriptors, or from networks over these and node
embeddings, corrected by a memory of known contexts. Every combination of the two sides is symmetric, hence
C(a,b) = C(b,a) exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from circuitgcl.config import name_choices
from circuitgcl.data.labels import Ground
from circuitgcl.data.tensors import FARAD_PER_FEMTO, DesignTensors
from circuitgcl.graph.feature_schema import NET_FEATURES, PAIR_FEATURES, TERMINAL_FEATURES
from circuitgcl.graph.pair_encodings import pair_encoding_schema
from circuitgcl.models.adjustment import Adjustment
from circuitgcl.models.contribution_trees import ContributionTrees
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.models.extents import joint_extent_log
from circuitgcl.models.label_shift import LabelLaw
from circuitgcl.models.memory import ContextMemory, Source
from circuitgcl.models.neighbourhoods import blocks
from circuitgcl.models.partitioned import net_embeddings
from circuitgcl.models.perceptron import perceptron
from circuitgcl.models.scaling import CLASS_COUNT, FLOOR_FF, Standardiser, TargetScale

LOG_RANGE = (-14.0, 7.0)  # natural logarithm of femtofarad a single context may contribute
HAZARD_RANGE = (-12.0, 4.0)
UNKNOWN_DISTANT_DECADES = -2.0
DISTANT_RANGE = (-6.0, 1.5)  # nets that meet nowhere are far apart, or strangers
COUPLING_TREE_INPUTS = len(PAIR_FEATURES) + 2 * len(TERMINAL_FEATURES)
LOAD_TREE_INPUTS = len(TERMINAL_FEATURES) + len(NET_FEATURES)
MEAN_DECIMALS = 3
LOWEST_LABEL_DECADES = math.log10(FLOOR_FF)
DECADE = math.log(10.0)
CLASS_NOISE_DECADES = 0.03  # of a load, before it is learned
LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Sizes of the capacitance model."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    hidden: int = 128
    dropout: float = 0.2
    target_scale: str = "wide"
    ground: Ground = Ground.EQUIVALENT  # what the load of a net is
    # Capacitances are estimated relative to what the technology lets expect: better on a technology that
    # no training design had, worse on new cells of one that they had.
    is_relative: bool = False

    def __post_init__(self) -> None:
        name_choices(self)


@dataclass(frozen=True, kw_only=True)
class ContextOutputs:
    """What trees and networks say of one design, before any memory; all natural logarithms."""

    weight: Tensor  # [K] femtofarad per context
    hazard: Tensor  # [K] of the coupling existing at all
    load: Tensor  # [Q] femtofarad per terminal
    weight_doubt: Tensor  # [K] by how much the trees' members disagree, standard deviation
    load_doubt: Tensor  # [Q]


@dataclass(frozen=True, kw_only=True)
class CouplingOutputs:
    """Coupling of the candidate pairs."""

    farad_log: Tensor  # [P] natural logarithm of femtofarad
    existence: Tensor  # [P] probability, not yet calibrated
    source: Tensor  # [P] Source of the larger part
    doubt: Tensor  # [P] of `farad_log`, where it is not remembered

    @property
    def hazard_log(self) -> Tensor:
        """Logarithm of the total hazard behind `existence`, [P]: what error laws calibrate existence on."""
        return torch.log(-torch.log1p(-self.existence.clamp(max=1 - 1e-7)) + 1e-9)

    def of(self, rows: Tensor) -> CouplingOutputs:
        """Outputs of the given rows, as of the class of every flat pair."""
        return CouplingOutputs(**{f.name: getattr(self, f.name).index_select(0, rows) for f in fields(self)})


@dataclass(frozen=True, kw_only=True)
class LoadOutputs:
    """Capacitance of the nets to ground, as `ModelConfig.ground` says."""

    farad_log: Tensor  # [N] natural logarithm of femtofarad
    source: Tensor  # [N]
    doubt: Tensor  # [N] of `farad_log`, where it is not remembered
    class_logits: Tensor  # [N, CLASS_COUNT]

    def of(self, rows: Tensor) -> LoadOutputs:
        """Outputs of the given rows, as of the class of every flat net."""
        return LoadOutputs(**{f.name: getattr(self, f.name).index_select(0, rows) for f in fields(self)})


def _start_at(head: nn.Sequential, *outputs: float) -> None:
    last = head[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.bias.copy_(torch.tensor(outputs))


def _start_at_nothing(head: nn.Sequential) -> None:
    last = head[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)


def symmetric(a: Tensor, b: Tensor) -> Tensor:
    """Order-free combination of two sides: sum and absolute difference, [*, F] twice to [*, 2F]."""
    return torch.cat([a + b, (a - b).abs()], dim=-1)


def log_sum_by(index: Tensor, values: Tensor, size: int, count: Tensor | None = None) -> Tensor:
    """Logarithm of the sum of exponentials per index, [size]; nearly nothing for empty ones.

    Args:
        index: [I] which sum each value belongs to.
        values: [I].
        size: number of sums.
        count: [I] how often each value counts; once when absent.
    """
    parts = values.exp() if count is None else count * values.exp()
    total = torch.zeros(size, dtype=values.dtype, device=values.device).index_add(0, index, parts)
    return torch.log(total + 1e-12)


class CapacitanceModel(nn.Module):
    """Encoder, context heads and memories.

    Shapes are those of `DesignTensors`; capacitances inside are natural logarithms of femtofarad.
    """

    class_cuts: Tensor  # [CLASS_COUNT - 1] limits of the classes of loads

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        width, hidden, dropout = config.encoder.width, config.hidden, config.dropout
        self.encoder = CircuitEncoder(config.encoder)
        self.net_scale = Standardiser(len(NET_FEATURES))
        self.terminal_scale = Standardiser(len(TERMINAL_FEATURES))
        self.pair_scale = Standardiser(len(PAIR_FEATURES))
        self.embedding_scale = Standardiser(width)
        side = len(TERMINAL_FEATURES) + width
        self.context_head = perceptron(len(PAIR_FEATURES) + 2 * side, hidden, 2, dropout)
        self.load_head = perceptron(side, hidden, 1, dropout)
        net = len(NET_FEATURES) + width
        # fitted in closed form (`circuitgcl.finetuning.distant_fitting`), never by gradients
        self.distant_line = nn.Linear(len(pair_encoding_schema()) + 1, 1).requires_grad_(False)
        self.set_distant_line(np.zeros(len(pair_encoding_schema()) + 1), UNKNOWN_DISTANT_DECADES)
        self.class_head = perceptron(net + 1, hidden, CLASS_COUNT, dropout)
        self.class_noise_log = nn.Parameter(torch.tensor(math.log(CLASS_NOISE_DECADES * DECADE)))
        cuts = np.log(np.array(TargetScale.named(config.target_scale).cuts_farad) / FARAD_PER_FEMTO)
        self.register_buffer("class_cuts", torch.from_numpy(cuts).float())
        self.coupling_memory = ContextMemory()
        self.existence_memory = ContextMemory()
        self.load_memory = ContextMemory()
        self.coupling_trees = ContributionTrees()
        self.load_trees = ContributionTrees()
        self.coupling_law = LabelLaw()
        self.load_law = LabelLaw()
        self.adjustment = Adjustment()
        # near a small cell's coupling and load
        _start_at(self.context_head, -3.5, -1.0)
        _start_at(self.load_head, -2.0)
        _start_at_nothing(self.class_head)

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """The model without its memories, as it meets cells that no training design contained."""
        kept = self.coupling_memory, self.existence_memory, self.load_memory
        self.coupling_memory, self.existence_memory, self.load_memory = (ContextMemory() for _ in kept)
        try:
            yield
        finally:
            self.coupling_memory, self.existence_memory, self.load_memory = kept

    @contextmanager
    def without_trees(self) -> Iterator[None]:
        """The model whose contexts are estimated by its networks."""
        kept = self.coupling_trees, self.load_trees
        self.coupling_trees, self.load_trees = ContributionTrees(), ContributionTrees()
        try:
            yield
        finally:
            self.coupling_trees, self.load_trees = kept

    def embed(self, design: DesignTensors) -> Tensor:
        """Net embeddings of a design, [N, H]; where nothing is learned in blocks, for the sake of memory."""
        if not torch.is_grad_enabled():
            return net_embeddings(self.encoder, design.hetero)
        embedding: Tensor = self.encoder(design.hetero)["net"]
        return embedding

    def contexts(self, design: DesignTensors, embedding: Tensor) -> ContextOutputs:
        """Estimates for every context and terminal; in training those of the networks."""
        terminal = torch.cat(
            [
                self.terminal_scale(design.terminal_features),
                mean_of_players(design, self.embedding_scale(embedding)),
            ],
            dim=1,
        )
        described = [
            self.context_head(self._context_inputs(design, terminal, rows))
            for rows in blocks(len(design.context_side))
        ]
        weight, hazard = torch.cat([terminal.new_zeros(0, 2), *described]).unbind(dim=1)
        load = self.load_head(terminal).squeeze(1).clamp(*LOG_RANGE)
        reference = self.reference_log(design)
        natural = self.natural_weight(weight.clamp(*LOG_RANGE), reference)
        weight_doubt, load_doubt = torch.zeros_like(natural), torch.zeros_like(load)
        if not (self.training or self.coupling_trees.is_empty):
            parts = [
                mean_and_doubt(self.coupling_trees(coupling_tree_inputs(design, rows)))
                for rows in blocks(len(natural))
            ]
            natural, weight_doubt = torch.cat([natural.new_zeros(2, 0), *parts], dim=1)
            natural = natural + self.tree_start(design)
        if not (self.training or self.load_trees.is_empty):
            load, load_doubt = mean_and_doubt(self.load_trees(load_tree_inputs(design)))
        return ContextOutputs(
            weight=self.adjustment(natural, design.context_features),
            hazard=hazard.clamp(*HAZARD_RANGE),
            load=load + reference + self.adjustment.load,
            weight_doubt=weight_doubt,
            load_doubt=load_doubt,
        )

    def _context_inputs(self, design: DesignTensors, terminal: Tensor, rows: slice) -> Tensor:
        """What the context head reads of some contexts, from the described terminals [Q, *]."""
        a, b = terminal[design.context_side[rows]].unbind(dim=1)
        return torch.cat([self.pair_scale(design.context_features[rows]), symmetric(a, b)], dim=1)

    def coupling(self, design: DesignTensors, outputs: ContextOutputs) -> CouplingOutputs:
        """Coupling of all candidate pairs, memory included."""
        weight, hazard, source = self._remembered(design, outputs)
        pair, rows, count = design.occurrence_pair, design.occurrence_context, design.context_count
        met = _Parts(
            whole=pair, value=weight[rows], source=source[rows], doubt=outputs.weight_doubt[rows], count=count
        )
        total = met.summed(design.pair_rows)
        total_hazard = log_sum_by(pair, hazard[rows], design.pair_rows, count).exp()
        return CouplingOutputs(
            farad_log=self._given_coupling(total.farad_log, total.source),
            existence=-torch.expm1(-total_hazard),
            source=total.source,
            doubt=total.doubt,
        )

    def _remembered(
        self, design: DesignTensors, outputs: ContextOutputs, rows: Tensor | slice = slice(None)
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Weight, hazard and source of the weight of some contexts, memory included."""
        keys = design.context_exact[rows], design.context_structural[rows]
        weight, source = self.coupling_memory(outputs.weight[rows], *keys)
        hazard, _ = self.existence_memory(outputs.hazard[rows], *keys)
        return weight, hazard, source

    def _tied(self, design: DesignTensors, outputs: ContextOutputs) -> _Parts:
        """What nets have to the rails that they meet, by context.

        Nothing for a model of what extractors call ground, from which rails are left out.
        """
        kept = slice(0) if self.config.ground is Ground.EXTRACTOR else slice(None)
        rows = design.tied_context[kept]
        weight, hazard, source = self._remembered(design, outputs, rows)
        likely = torch.log(-torch.expm1(-hazard.exp()) + 1e-12)
        return _Parts(
            whole=design.tied_net[kept],
            value=(weight + likely).detach(),  # labels of couplings tell what these are
            source=source,
            doubt=outputs.weight_doubt[rows],
            count=design.tied_count[kept],
        )

    def tied_load(self, design: DesignTensors, outputs: ContextOutputs) -> Tensor:
        """What the nets have to rails that they meet in some instances only, [N] femtofarad."""
        tied = self._tied(design, outputs)
        parts = tied.count * tied.value.exp()
        return parts.new_zeros(len(design.net_features)).index_add(0, tied.whole, parts)

    def load(self, design: DesignTensors, embedding: Tensor, outputs: ContextOutputs) -> LoadOutputs:
        """Load to ground and class logits of all nets, memory included."""
        value, source = self.load_memory(outputs.load, design.terminal_exact, design.terminal_structural)
        rows = design.occurrence_terminal
        joined = _Parts(
            whole=design.occurrence_net,
            value=value[rows],
            source=source[rows],
            doubt=outputs.load_doubt[rows],
            count=design.terminal_count,
        )
        total = joined.beside(self._tied(design, outputs)).summed(len(design.net_features))
        farad_log = self._natural_load(total.farad_log, total.source, self.reference_log(design))
        return LoadOutputs(
            farad_log=farad_log,
            source=total.source,
            doubt=total.doubt,
            class_logits=self.class_logits(design, embedding, farad_log),
        )

    def class_logits(
        self, design: DesignTensors, embedding: Tensor, farad_log: Tensor, rows: Tensor | slice = slice(None)
    ) -> Tensor:
        """Logits of the classes of nets that have the given load, [R, CLASS_COUNT].

        An ordered probit, the probability of every class for a load known but for normal noise, which a head
        corrects by what the nets are.

        Args:
            design: the design.
            embedding: [N, H] of its nets.
            farad_log: [R] natural logarithm of femtofarad.
            rows: [R] their net rows; all when absent.
        """
        below = torch.special.ndtr((self.class_cuts - farad_log.unsqueeze(1)) / self.class_noise_log.exp())
        ordered = torch.diff(nn.functional.pad(nn.functional.pad(below, (1, 0)), (0, 1), value=1.0), dim=1)
        inputs = torch.cat([self._nets(design, embedding)[rows], farad_log.unsqueeze(1)], dim=1)
        logits: Tensor = torch.log(ordered + LEAST_PROBABILITY) + self.class_head(inputs)
        return logits

    def distant(self, design: DesignTensors, encoding: Tensor) -> Tensor:
        """Coupling of pairs without any context, should it exist.

        Args:
            design: the design, for its technology.
            encoding: [L, F] `circuitgcl.graph.pair_encodings` of the pairs.

        Returns:
            [L] natural logarithm of femtofarad.
        """
        decades: Tensor = self.distant_line(self.distant_inputs(design, encoding)).squeeze(1)
        return (decades * DECADE).clamp(*DISTANT_RANGE) + self.adjustment.distant

    def distant_inputs(self, design: DesignTensors, encoding: Tensor) -> Tensor:
        """What the line of `distant` reads: encodings [L, F] and the technology, [L, F + 1]."""
        technology = torch.full_like(encoding[:, :1], design.technology_log)
        return torch.cat([encoding, technology], dim=1)

    def set_distant_line(self, weights: NDArray[np.floating], offset: float) -> None:
        """Give `distant` its line: weights of the inputs [F + 1] and offset, in decades of femtofarad."""
        with torch.no_grad():
            self.distant_line.weight.copy_(torch.from_numpy(weights).float().unsqueeze(0))
            self.distant_line.bias.fill_(offset)

    def reference_log(self, design: DesignTensors) -> float:
        """Natural logarithm of what the estimates of a design are relative to."""
        return design.technology_log if self.config.is_relative else 0.0

    def tree_start(self, design: DesignTensors) -> Tensor:
        """What the trees of couplings add to, [K] natural logarithms."""
        return joint_extent_log(design) + self.reference_log(design)

    def natural_weight(self, relative: Tensor, reference: float | Tensor) -> Tensor:
        """Context weights under the natural label law; contexts below all labels stay as they are.

        Args:
            relative: [K] logarithms of weights, relative to the technology.
            reference: that of the technology, `reference_log`.
        """
        weight = relative + reference
        if self.training:
            return weight
        natural = self.coupling_law(relative / DECADE) + reference / DECADE
        natural = natural.clamp(min=LOWEST_LABEL_DECADES)
        return torch.where(weight / DECADE > LOWEST_LABEL_DECADES, natural * DECADE, weight)

    def _given_coupling(self, farad_log: Tensor, source: Tensor) -> Tensor:
        """Estimates given that there is a coupling: what is not remembered lies above the label floor."""
        if self.training:
            return farad_log
        raised = torch.log(farad_log.exp() + FLOOR_FF)
        return torch.where(source == int(Source.MEMORY), farad_log, raised)

    def _natural_load(self, farad_log: Tensor, source: Tensor, reference: float) -> Tensor:
        """Loads the network estimates, under the natural label law; all others follow it already."""
        if self.training or not self.load_trees.is_empty:
            return farad_log
        natural = self.load_law((farad_log - reference) / DECADE) * DECADE + reference
        return torch.where(source == int(Source.NETWORK), natural, farad_log)

    def _nets(self, design: DesignTensors, embedding: Tensor) -> Tensor:
        return torch.cat([self.net_scale(design.net_features), self.embedding_scale(embedding)], dim=1)


def mean_of_players(design: DesignTensors, values: Tensor) -> Tensor:
    """Of every terminal the mean over the nets that play it, [Q, F], of values [N, F] of the nets."""
    parts = values[design.played_net] * design.played_share.unsqueeze(1)
    return values.new_zeros(len(design.terminal_features), values.shape[1]).index_add(
        0, design.played_terminal, parts
    )


def coupling_tree_inputs(design: DesignTensors, rows: slice = slice(None)) -> Tensor:
    """What coupling trees read of some contexts, [K, `COUPLING_TREE_INPUTS`]."""
    a, b = design.terminal_features[design.context_side[rows]].unbind(dim=1)
    return torch.cat([design.context_features[rows], symmetric(a, b)], dim=1)


def load_tree_inputs(design: DesignTensors) -> Tensor:
    """What load trees read of the terminals, [Q, `LOAD_TREE_INPUTS`].

    Means are rounded, since trees jump: how a mean is summed up must not tell on which side of a bound it is.
    """
    players = mean_of_players(design, design.net_features).round(decimals=MEAN_DECIMALS)
    return torch.cat([design.terminal_features, players], dim=1)


def mean_and_doubt(said: Tensor) -> Tensor:
    """Mean of the members [*, M], within bounds, and their standard deviation, [2, *]."""
    return torch.stack([said.mean(dim=1).clamp(*LOG_RANGE), said.std(dim=1, correction=0)])


@dataclass(frozen=True, kw_only=True)
class _Sums:
    """Sums of capacitances, as pairs and nets are."""

    farad_log: Tensor  # [S]
    source: Tensor  # [S] of the largest contribution; `NETWORK` where there is nothing
    doubt: Tensor  # [S] that of the parts, to the weight of their shares


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """I contributions to sums of capacitances."""

    whole: Tensor  # [I] which sum
    value: Tensor  # [I] natural logarithm of femtofarad
    source: Tensor  # [I]
    doubt: Tensor  # [I] of what trees say of it
    count: Tensor  # [I] how often it occurs

    def beside(self, other: _Parts) -> _Parts:
        """Contributions of both."""
        return _Parts(
            **{f.name: torch.cat([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)}
        )

    def summed(self, size: int) -> _Sums:
        """All that contributes to each of so many sums."""
        total = log_sum_by(self.whole, self.value, size, self.count)
        shares = torch.zeros(size, len(Source), device=self.value.device)
        parts = self.count * self.value.exp()
        shares.index_put_((self.whole, self.source), parts, accumulate=True)
        best = torch.where(shares.sum(dim=1) > 0, shares.argmax(dim=1), int(Source.NETWORK))
        doubt = self.doubt.where(self.source != int(Source.MEMORY), 0.0)
        share = self.count * (self.value - total[self.whole]).exp()
        return _Sums(
            farad_log=total,
            source=best,
            doubt=torch.zeros_like(total).index_add(0, self.whole, share * doubt),
        )
