"""`evaluate`: a model against an extraction, by the strict protocol.

Every extracted signal-signal pair above the threshold counts, whether or not the model proposed it, and every
matched signal net with extracted load. Load is ground-equivalent or what the extractor calls ground
capacitance, whichever the model estimates; a net's total is its load and all its couplings to signals.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitgcl.data import Design, Labels
from circuitgcl.errors import ConfigError, DataError, SourceLocation
from circuitgcl.estimation import GraphConfig, Predictor, Prior
from circuitgcl.estimation.estimator import SOURCE_NAMES
from circuitgcl.estimation.predicting import COVERAGE, DistantPairs, Prediction, Quantity
from circuitgcl.evaluation.ceilings import encoded_classes, endpoint_classes
from circuitgcl.evaluation.scores import (
    bias_decades,
    ceiling_r2,
    class_scores,
    decade_scores,
    existence_scores,
    interval_scores,
    regression_scores,
)
from circuitgcl.graph.contexts import terminal_rows
from circuitgcl.models.scaling import TargetScale

MIN_LOAD_FARAD = 1e-17
PAIR_FACTORS = {"within_x1_5": 1.5, "within_x2": 2.0}
RANK_EXPONENT = 0.5  # between the likeliest pairs (0) and the most expected capacitance (1)
NET_FACTORS = {"within_x1_25": 1.25, "within_x1_5": 1.5}

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Settings of an evaluation."""

    graph: GraphConfig = field(default_factory=GraphConfig)
    prior: Prior = Prior.TRAIN  # label law that the estimates follow
    min_cap_farad: float = 1e-17  # pairs extracted below are not scored

    def __post_init__(self) -> None:
        if not (self.min_cap_farad > 0 and math.isfinite(self.min_cap_farad)):
            raise ConfigError(
                f"min_cap_farad = {self.min_cap_farad:g}; expected a positive capacitance in farad"
            )


@dataclass(frozen=True, kw_only=True)
class _ScoredPairs:
    """Extracted pairs above the threshold, X rows, with their estimates."""

    truth: FloatArray
    estimate: Quantity
    pair: NDArray[np.int32]  # [X, 2] flat nets
    context_group: NDArray[np.int64]  # pairs of one group share all contexts: no structure tells them apart


def evaluate(
    predictor: Predictor,
    design: Design,
    *,
    min_cap_farad: float = 1e-17,
    allow_calibrated: bool = False,
    prior: Prior = Prior.TRAIN,
) -> dict[str, Any]:
    """Metrics of one design, in the stable JSON form.

    Args:
        predictor: the model.
        design: a design with labels.
        min_cap_farad: pairs extracted below are not scored.
        allow_calibrated: score designs that the model was calibrated with; the figures flatter it.
        prior: label law that the estimates follow.

    Raises:
        DataError: the design has no labels, or those of another circuit, or calibrated the model.
    """
    labels = design.labels
    seen = None if allow_calibrated else predictor.checkpoint.calibration_with(design.content)
    if seen is not None:
        raise DataError(
            f"{design.files.name} is what the model {predictor.checkpoint.name!r} was calibrated with (as "
            f"{seen.name}); its figures would flatter it. Take another design, or force it",
            location=SourceLocation(str(design.files.extracted or design.files.schematic), 0),
        )
    if labels is None:
        raise DataError(f"{design.files.name} has no extraction to evaluate against")
    if not np.isfinite(labels.load_farad).any():
        raise DataError(
            f"{design.files.name}: no signal net of the schematic has a partner in {design.files.extracted}; "
            "is this the extraction of another cell?"
        )
    tensors = predictor.tensors(design.graph)
    prediction, distant = predictor.predict(tensors, min_cap_farad, prior=prior)
    nets = design.graph.circuit.net_count
    candidate_farad, row = _candidate_truth(prediction, labels, nets, min_cap_farad)
    scored = _scored_pairs(design, prediction, distant, labels, row, min_cap_farad)
    missed = labels.coupling_farad[(row < 0) & (labels.coupling_farad > min_cap_farad)]
    ranking = prediction.probability * np.maximum(prediction.coupling.farad, min_cap_farad) ** RANK_EXPONENT
    coupling = regression_scores(scored.truth, scored.estimate.farad, PAIR_FACTORS)
    scale, load = predictor.checkpoint.target_scale, labels.load_of(predictor.checkpoint.ground)
    return {
        "design": design.files.name,
        "min_cap_farad": min_cap_farad,
        "prior": prior.value,
        "ground": predictor.checkpoint.ground.value,
        "match": _match(labels),
        "coupling": coupling | {"ceiling_r2": ceiling_r2(scored.truth, scored.context_group)},
        "coupling_ceilings": _ceilings(design, scored),
        "coupling_by_source": {
            name: regression_scores(scored.truth[own], scored.estimate.farad[own], PAIR_FACTORS)
            for code, name in enumerate(SOURCE_NAMES)
            if (own := scored.estimate.source == code).any()
        },
        "coupling_class": class_scores(
            scale.coupling.classes(scored.truth), scale.coupling.classes(scored.estimate.farad)
        ),
        "existence": _with_short_names(existence_scores(ranking, candidate_farad, missed)),
        **_net_scores(scale, prediction, labels, load),
        "by_decade": {
            "coupling": decade_scores(scored.truth, scored.estimate.farad),
            "net_load": _load_by_decade(prediction, load),
        },
        "intervals": {str(COVERAGE): _interval(scored.truth, scored.estimate)},
    }


def evaluate_all(
    predictor: Predictor,
    designs: Iterable[Design],
    *,
    min_cap_farad: float = 1e-17,
    allow_calibrated: bool = False,
    prior: Prior = Prior.TRAIN,
) -> list[dict[str, Any]]:
    """Metrics of many designs, in their order; a generator keeps only one design in memory."""
    return [
        evaluate(
            predictor, design, min_cap_farad=min_cap_farad, allow_calibrated=allow_calibrated, prior=prior
        )
        for design in designs
    ]


def _ceilings(design: Design, scored: _ScoredPairs) -> dict[str, float | None]:
    """Limits of R² by what a model may look at: both ends, their relation too, or the contexts."""
    return {
        "end_classes": ceiling_r2(scored.truth, endpoint_classes(design.graph, scored.pair)),
        "end_classes_and_relation": ceiling_r2(scored.truth, encoded_classes(design.graph, scored.pair)),
        "contexts": ceiling_r2(scored.truth, scored.context_group),
    }


def _with_short_names(existence: dict[str, object]) -> dict[str, object]:
    """The stable form abbreviates the recall at 2 and 4; scripts may use these names or the full ones."""
    return existence | {key: existence[f"capacitance_recall{key}"] for key in ("_at_2", "_at_4")}


def _match(labels: Labels) -> dict[str, Any]:
    report = labels.report
    return {
        "nets_schematic": report.nets_schematic,
        "nets_extracted": report.nets_extracted,
        "nets_matched": round(report.nets_matched, 6),
        "capacitance_matched": round(report.capacitance_matched, 6),
        "ambiguous": len(report.ambiguous),
        "missing": len(report.missing),
        "extra": len(report.extra),
    }


def _candidate_truth(
    prediction: Prediction, labels: Labels, nets: int, min_cap_farad: float
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Extracted capacitance of each candidate above the threshold, and each label's candidate row or -1."""
    code = prediction.pair[:, 0] * nets + prediction.pair[:, 1]
    labelled = labels.pair[:, 0].astype(np.int64) * nets + labels.pair[:, 1]
    row = np.minimum(np.searchsorted(code, labelled), max(len(code) - 1, 0))
    row = np.where(code[row] == labelled, row, -1) if len(code) else np.full(len(labelled), -1)
    truth = np.zeros(len(code))
    counted = (row >= 0) & (labels.coupling_farad > min_cap_farad)
    truth[row[counted]] = labels.coupling_farad[counted]
    return truth, row


def _scored_pairs(
    design: Design,
    prediction: Prediction,
    distant: DistantPairs,
    labels: Labels,
    row: NDArray[np.int64],
    min_cap_farad: float,
) -> _ScoredPairs:
    above = labels.coupling_farad > min_cap_farad
    inside, outside = above & (row >= 0), above & (row < 0)
    proposed, others = row[inside], distant.coupling(labels.pair[outside].astype(np.int64))
    known = prediction.coupling
    group, far_group = (
        _context_groups(design, len(prediction.pair)),
        _end_groups(design, labels.pair[outside]),
    )
    return _ScoredPairs(
        truth=np.concatenate([labels.coupling_farad[inside], labels.coupling_farad[outside]]),
        estimate=Quantity(
            **{
                name: np.concatenate([getattr(known, name)[proposed], getattr(others, name)])
                for name in (column.name for column in fields(Quantity))
            }
        ),
        pair=np.concatenate([labels.pair[inside], labels.pair[outside]]),
        context_group=np.concatenate([group[proposed], far_group]),
    )


def _context_groups(design: Design, pairs: int) -> NDArray[np.int64]:
    """Hash of the multiset of exact contexts of every candidate pair, [P]."""
    contexts = design.graph.contexts
    total = np.zeros(pairs, np.uint64)
    np.add.at(total, contexts.occurrence_pair, contexts.key_exact[contexts.occurrence_context])
    return total.view(np.int64)


def _end_groups(design: Design, pair: NDArray[np.integer]) -> NDArray[np.int64]:
    """Hash of the two nets of [X, 2] pairs, each by the multiset of terminals it joins; symmetric."""
    circuit, terminals = design.graph.circuit, design.graph.terminals
    net = np.zeros(circuit.net_count, np.uint64)
    np.add.at(net, circuit.terminal_net, terminals.key_exact[terminal_rows(circuit, terminals)])
    low, high = np.sort(net[pair], axis=1).T
    mixed: NDArray[np.uint64] = low * np.uint64(0x9E3779B97F4A7C15) + high
    return mixed.view(np.int64)


def _net_scores(
    scale: TargetScale, prediction: Prediction, labels: Labels, load: FloatArray
) -> dict[str, Any]:
    nets = len(load)
    scored = scored_loads(load)
    load, estimate = load[scored], prediction.load.farad[scored]
    coupled = np.bincount(labels.pair.T.ravel(), weights=np.tile(labels.coupling_farad, 2), minlength=nets)
    expected = np.bincount(
        prediction.pair.T.ravel(),
        weights=np.tile(prediction.existence * prediction.coupling.farad, 2),
        minlength=nets,
    )
    total, total_estimate = load + coupled[scored], estimate + expected[scored]
    return {
        "net_load": _net_block(load, estimate),
        "net_total": _net_block(total, total_estimate),
        "ground_class": class_scores(
            scale.classes(load), prediction.class_probability[scored].argmax(axis=1)
        ),
        "net_load_intervals": {
            str(COVERAGE): interval_scores(
                load, prediction.load.lo_farad[scored], prediction.load.hi_farad[scored]
            )
        },
    }


def _load_by_decade(prediction: Prediction, load: FloatArray) -> dict[str, dict[str, object]]:
    scored = scored_loads(load)
    return decade_scores(load[scored], prediction.load.farad[scored])


def scored_loads(load_farad: FloatArray) -> NDArray[np.bool_]:
    """Which nets count, [N]: those with a load that is known and large enough."""
    scored: NDArray[np.bool_] = np.nan_to_num(load_farad) > MIN_LOAD_FARAD
    return scored


def _net_block(truth: FloatArray, estimate: FloatArray) -> dict[str, Any]:
    scores: dict[str, Any] = regression_scores(truth, estimate, NET_FACTORS)
    scores["bias_decades"] = bias_decades(truth, estimate)
    scores["sum_ratio"] = (
        round(float(estimate.sum() / truth.sum()), 4) if len(truth) and truth.sum() else None
    )
    return scores


def _interval(truth: FloatArray, estimate: Quantity) -> dict[str, Any]:
    return interval_scores(truth, estimate.lo_farad, estimate.hi_farad)
