"""Scores of pair models on any of their designs, by relation: net and net, pin and net, pin and pin."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from circuitgcl.data.dataset import TARGET_RELATIONS
from circuitgcl.data.pair_tables import FARAD_PER_FEMTO
from circuitgcl.evaluation.evaluating import NET_FACTORS, PAIR_FACTORS, FloatArray, scored_loads
from circuitgcl.evaluation.protocol import MIN_CAP_FARAD
from circuitgcl.evaluation.scores import class_scores, regression_scores
from circuitgcl.finetuning.pair_rows import PairLabels
from circuitgcl.models.pair_model import PairModel
from circuitgcl.models.scaling import TargetScale


@torch.inference_mode()
def pair_scores(
    model: PairModel, labels: PairLabels, *, min_cap_farad: float = MIN_CAP_FARAD
) -> dict[str, Any]:
    """Scores of a trained pair model on a design: every pair and every net counts once.

    Args:
        model: the model.
        labels: the design, by `pair_labels`, `pin_labels` or `raw_labels`.
        min_cap_farad: pairs extracted below are not scored.
    """
    sides = model.sides(labels.graph)
    outputs = model.pairs(sides, labels.ends, labels.relative)
    return row_scores(
        labels,
        outputs.decades,
        model.load(sides[: labels.graph.nets]),
        TargetScale.named(model.config.target_scale),
        coupling_class=outputs.class_logits.argmax(dim=1),
        min_cap_farad=min_cap_farad,
    )


def row_scores(
    labels: PairLabels,
    decades: Tensor,
    load_decades: Tensor,
    scale: TargetScale,
    *,
    coupling_class: Tensor | None = None,
    min_cap_farad: float = MIN_CAP_FARAD,
) -> dict[str, Any]:
    """Scores of what any method says of the rows of a design.

    Args:
        labels: the design, R rows of pairs and N of nets.
        decades: [R] log10 of femtofarad.
        load_decades: [N] log10 of femtofarad.
        scale: classes of capacitances; couplings have those of its `coupling`.
        coupling_class: [R]; the class of `decades` when absent.
        min_cap_farad: pairs extracted below are not scored.

    Returns:
        `coupling` of all relations together, `by_relation` where there are pairs, `coupling_class`, and
        `net_load`.
    """
    truth = labels.truth_ff.double().numpy() * FARAD_PER_FEMTO
    above = truth > min_cap_farad
    row = labels.pair_row.numpy()[above]
    truth, estimate, relation = truth[above], _farad(decades)[row], labels.relation.numpy()[row]
    classes = scale.coupling.classes(estimate) if coupling_class is None else coupling_class.numpy()[row]
    load = labels.load_ff.double().numpy() * FARAD_PER_FEMTO
    loaded = scored_loads(load)
    return {
        "coupling": regression_scores(truth, estimate, PAIR_FACTORS),
        "by_relation": {
            kind: regression_scores(truth[own], estimate[own], PAIR_FACTORS)
            for place, (_, kind, _) in enumerate(TARGET_RELATIONS)
            if (own := relation == place).any()
        },
        "coupling_class": class_scores(scale.coupling.classes(truth), classes),
        "net_load": regression_scores(
            load[loaded], _farad(load_decades[labels.graph.net_row])[loaded], NET_FACTORS
        ),
    }


def _farad(decades: Tensor) -> FloatArray:
    values: FloatArray = 10.0 ** decades.double().numpy() * FARAD_PER_FEMTO
    return values
