"""The strict protocol for any method: what it says of a design, and the scores that follow.

Every extracted signal-signal pair counts, proposed or not, under the natural label law; every figure is also
given for pairs of which the training designs showed a context, for those that meet in unknown contexts only,
and for those that meet nowhere. What is known depends on the split, never on the method.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from circuitgcl.data import Design, Ground
from circuitgcl.data.pair_tables import FARAD_PER_FEMTO, RELATIONS, PairTable
from circuitgcl.estimation import Predictor
from circuitgcl.evaluation.evaluating import (
    NET_FACTORS,
    PAIR_FACTORS,
    RANK_EXPONENT,
    scored_loads,
)
from circuitgcl.evaluation.scores import (
    bias_decades,
    ceiling_r2,
    class_scores,
    existence_scores,
    interval_scores,
    regression_scores,
)
from circuitgcl.finetuning.pair_rows import pair_graph
from circuitgcl.graph.contexts import terminal_rows
from circuitgcl.graph.hashing import multisets, unordered
from circuitgcl.models.pair_model import PairModel
from circuitgcl.models.scaling import TargetScale

MIN_CAP_FARAD = 1e-17
FEW = 30  # pairs of a label decade below which its error is not called the worst

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.int64]


class Knowledge(IntEnum):
    """What the training designs showed of the contexts of a pair."""

    KNOWN = 0  # at least one of them
    UNKNOWN = 1  # none
    NONE = 2  # it has no context


@dataclass(frozen=True, kw_only=True, eq=False)
class DesignEstimate:
    """What a method says of one design: X pairs as in `PairTable`, P candidates first, and N nets."""

    coupling_farad: FloatArray  # [X] should the pair couple
    probability: FloatArray  # [P] that a candidate couples above `MIN_CAP_FARAD`
    load_farad: FloatArray  # [N]
    ground: Ground = Ground.EQUIVALENT  # what `load_farad` is
    coupling_class: IndexArray | None = None  # [X]; the class of `coupling_farad` when absent
    load_class: IndexArray | None = None  # [N]; the class of `load_farad` when absent
    coupling_interval: FloatArray | None = None  # [2, X] central 80 %
    load_interval: FloatArray | None = None  # [2, N]


def model_estimate(predictor: Predictor, table: PairTable) -> DesignEstimate:
    """What a capacitance model says of a design."""
    tensors = predictor.tensors(table.graph)
    prediction, distant = predictor.predict(tensors, MIN_CAP_FARAD)
    near, far = prediction.coupling, distant.coupling(table.pair[table.candidates :])
    interval = [np.concatenate([near.lo_farad, far.lo_farad]), np.concatenate([near.hi_farad, far.hi_farad])]
    return DesignEstimate(
        coupling_farad=np.concatenate([near.farad, far.farad]),
        probability=prediction.probability,
        load_farad=prediction.load.farad,
        ground=predictor.checkpoint.ground,
        load_class=prediction.class_probability.argmax(axis=1),
        coupling_interval=np.stack(interval),
        load_interval=np.stack([prediction.load.lo_farad, prediction.load.hi_farad]),
    )


@torch.inference_mode()
def pair_model_estimate(model: PairModel, table: PairTable) -> DesignEstimate:
    """What a pair model says of a design."""
    graph = pair_graph(table.graph, model.config.encoder.layers)
    sides = model.sides(graph)
    ends = graph.net_row[torch.from_numpy(table.pair)]
    outputs = model.pairs(sides, ends, torch.from_numpy(table.relative))
    load = model.load(sides[: graph.nets])[graph.net_row]
    return DesignEstimate(
        coupling_farad=10.0 ** outputs.decades.double().numpy() * FARAD_PER_FEMTO,
        probability=outputs.existence_logit[: table.candidates].double().sigmoid().numpy(),
        load_farad=10.0 ** load.double().numpy() * FARAD_PER_FEMTO,
        ground=model.config.ground,
        coupling_class=outputs.class_logits.argmax(dim=1).numpy(),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredRows:
    """Truth beside estimate of one or several designs: L labelled pairs, P candidates, N nets with load."""

    truth: FloatArray  # [L] farad
    estimate: FloatArray  # [L]
    interval: FloatArray  # [2, L] NaN where the method gives none
    knowledge: IndexArray  # [L]
    coupling_class: IndexArray  # [L]
    coupling_class_estimate: IndexArray  # [L]
    relation: IndexArray  # [L] row of `RELATIONS`
    group: IndexArray  # [L] pairs of one group share all contexts
    ranking: FloatArray  # [P]
    candidate: FloatArray  # [P] extracted farad above the threshold, else 0
    missed: FloatArray  # extracted farad above the threshold of pairs that are no candidates
    load: FloatArray  # [N]
    load_estimate: FloatArray  # [N]
    load_interval: FloatArray  # [2, N]
    load_class: IndexArray  # [N]
    load_class_estimate: IndexArray  # [N]

    @staticmethod
    def joined(parts: Sequence[ScoredRows]) -> ScoredRows:
        """Rows of several designs as if they were one."""
        names = [field.name for field in fields(ScoredRows)]
        return ScoredRows(
            **{name: np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in names}
        )


def context_keys(designs: Iterable[Design]) -> NDArray[np.uint64]:
    """Exact keys of all contexts of some designs, ascending."""
    keys = [design.graph.contexts.key_exact for design in designs]
    return np.unique(np.concatenate([np.zeros(0, np.uint64), *keys]))


def knowledge(table: PairTable, known: NDArray[np.uint64]) -> IndexArray:
    """`Knowledge` of all pairs of a design, [X]."""
    contexts = table.graph.contexts
    seen = np.isin(contexts.key_exact, known)
    found = np.full(len(table.pair), int(Knowledge.NONE))
    found[: table.candidates] = int(Knowledge.UNKNOWN)
    found[contexts.occurrence_pair[seen[contexts.occurrence_context]]] = int(Knowledge.KNOWN)
    return found


def context_groups(table: PairTable) -> IndexArray:
    """[X] pairs that no model of contexts can tell apart, in one group each.

    They share all contexts; where there is none, their nets join the same terminals.
    """
    contexts, circuit, terminals = table.graph.contexts, table.graph.circuit, table.graph.terminals
    keys = contexts.key_exact[contexts.occurrence_context]
    met = multisets(contexts.occurrence_pair, keys, table.candidates)
    net = multisets(
        circuit.terminal_net, terminals.key_exact[terminal_rows(circuit, terminals)], circuit.net_count
    )
    ends = net[table.pair[table.candidates :]]
    return np.concatenate([met, unordered(ends[:, 0], ends[:, 1])]).view(np.int64)


def scored_rows(
    table: PairTable,
    estimate: DesignEstimate,
    known: NDArray[np.uint64],
    scale: TargetScale,
    judged: BoolArray | None = None,
) -> ScoredRows:
    """Truth beside estimate of one design.

    Args:
        table: the design.
        estimate: what a method says of it.
        known: `context_keys` of the training designs.
        scale: classes of the ground capacitance, and of couplings those of its own scale of them.
        judged: [X] pairs whose coupling is scored; all when absent.
    """
    labels = table.design.labels
    assert labels is not None
    truth = table.truth_ff * FARAD_PER_FEMTO
    counts = np.isfinite(truth) if judged is None else np.isfinite(truth) & judged
    labelled = table.label_row[counts[table.label_row]]
    above = np.where(truth > MIN_CAP_FARAD, truth, 0.0)
    missed = above[table.candidates :]
    farad = np.maximum(estimate.coupling_farad[: table.candidates], MIN_CAP_FARAD)
    load = labels.load_of(estimate.ground)
    has_load = scored_loads(load)
    load = load[has_load]
    classes = scale.classes(estimate.load_farad) if estimate.load_class is None else estimate.load_class
    coupling_classes = estimate.coupling_class
    if coupling_classes is None:
        coupling_classes = scale.coupling.classes(estimate.coupling_farad)
    return ScoredRows(
        truth=truth[labelled],
        estimate=estimate.coupling_farad[labelled],
        interval=_rows(estimate.coupling_interval, labelled),
        coupling_class=scale.coupling.classes(truth[labelled]),
        coupling_class_estimate=coupling_classes[labelled],
        knowledge=knowledge(table, known)[labelled],
        relation=table.relation[labelled],
        group=context_groups(table)[labelled],
        ranking=estimate.probability * farad**RANK_EXPONENT,
        candidate=above[: table.candidates],
        missed=missed[missed > 0],
        load=load,
        load_estimate=estimate.load_farad[has_load],
        load_interval=_rows(estimate.load_interval, np.flatnonzero(has_load)),
        load_class=scale.classes(load),
        load_class_estimate=classes[has_load],
    )


def _rows(interval: FloatArray | None, rows: IndexArray) -> FloatArray:
    return np.full((2, len(rows)), np.nan) if interval is None else interval[:, rows]


def scores(rows: ScoredRows) -> dict[str, Any]:
    """All metrics of some designs; capacitances compare in decades of log10."""
    above = rows.truth > MIN_CAP_FARAD
    truth, estimate = rows.truth[above], rows.estimate[above]
    known, relation = rows.knowledge[above], rows.relation[above]
    load = regression_scores(rows.load, rows.load_estimate, NET_FACTORS)
    load["bias_decades"] = bias_decades(rows.load, rows.load_estimate)
    load["sum_ratio"] = float(rows.load_estimate.sum() / rows.load.sum()) if rows.load.sum() else None
    return {
        "coupling": _coupling_scores(truth, estimate, rows.group[above]),
        "coupling_without_threshold": regression_scores(rows.truth, rows.estimate, PAIR_FACTORS),
        "by_knowledge": {
            kind.name.lower(): regression_scores(truth[known == kind], estimate[known == kind], PAIR_FACTORS)
            for kind in Knowledge
        },
        "by_relation": {
            name: regression_scores(truth[relation == row], estimate[relation == row], PAIR_FACTORS)
            for row, name in enumerate(RELATIONS)
        },
        "by_decade": by_decade(truth, estimate),
        "coupling_class": class_scores(rows.coupling_class[above], rows.coupling_class_estimate[above]),
        "existence": existence_scores(rows.ranking, rows.candidate, rows.missed),
        "net_load": load,
        "ground_class": class_scores(rows.load_class, rows.load_class_estimate),
        "intervals": _interval_scores(truth, rows.interval[:, above]),
        "net_load_intervals": _interval_scores(rows.load, rows.load_interval),
    }


def twin_scores(rows: ScoredRows, labelled: IndexArray) -> dict[str, Any]:
    """Coupling scores of the pairs that share all contexts with a labelled pair, as `scores` has them.

    Args:
        rows: truth beside estimate.
        labelled: `context_groups` of labelled training pairs.
    """
    chosen = (rows.truth > MIN_CAP_FARAD) & np.isin(rows.group, labelled)
    return _coupling_scores(rows.truth[chosen], rows.estimate[chosen], rows.group[chosen])


def _coupling_scores(truth: FloatArray, estimate: FloatArray, group: IndexArray) -> dict[str, Any]:
    """Regression scores, and how far they stay below the ceiling."""
    found = regression_scores(truth, estimate, PAIR_FACTORS)
    found["ceiling_r2"] = limit = ceiling_r2(truth, group)
    reached = found["r2"]
    below = limit - reached if limit is not None and isinstance(reached, float) else None
    found["below_ceiling"] = None if below is None else round(below, 4)
    return found


def by_decade(truth: FloatArray, estimate: FloatArray) -> dict[str, Any]:
    """Mean absolute error in decades by decade of the label, and the worst of those with enough pairs."""
    found: dict[str, Any] = {}
    decade = np.floor(np.log10(truth / FARAD_PER_FEMTO)).astype(np.int64)
    for lowest in np.unique(decade).tolist():
        own = regression_scores(truth[decade == lowest], estimate[decade == lowest], {})
        found[f"{10.0**lowest:g} fF"] = {"n": own["n"], "mae_decades": own["mae_decades"]}
    errors = [entry["mae_decades"] for entry in found.values() if entry["n"] >= FEW]
    return found | {"worst": max(errors, default=None)}


def _interval_scores(truth: FloatArray, interval: FloatArray) -> dict[str, object]:
    given = bool(len(truth)) and np.isfinite(interval).all()
    return interval_scores(truth, *interval) if given else {"coverage": None, "width_decades": None}
