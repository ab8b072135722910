"""Offsets by relation: which relation a context has, and that nothing is moved before a calibration."""

from __future__ import annotations

import torch

from circuitgcl.graph.feature_schema import PAIR_FEATURES
from circuitgcl.graph.indices import IndexRelation
from circuitgcl.models.adjustment import RELATION_COUNT, Adjustment, relation_codes

NAMES = [feature.name for feature in PAIR_FEATURES]


def context(**features: float) -> list[float]:
    return [features.get(name, 0.0) for name in NAMES]


def test_relations_of_one_instance_and_of_neighbours_are_told_apart():
    rows = torch.tensor(
        [
            context(is_same=1.0, relation_none=1.0),
            context(is_same=1.0, relation_bus_step_1=1.0),
            context(is_neighbour=1.0, relation_none=1.0, coordinate_1=1.0),
            context(is_neighbour=1.0, relation_cross_far=1.0),
        ]
    )
    neighbour = len(IndexRelation)
    assert relation_codes(rows).tolist() == [
        IndexRelation.NONE,
        IndexRelation.BUS_STEP_1,
        neighbour + IndexRelation.NONE,
        neighbour + IndexRelation.CROSS_FAR,
    ]
    assert neighbour + IndexRelation.CROSS_FAR == RELATION_COUNT - 1


def test_nothing_moves_until_calibrated_and_then_each_relation_by_its_own():
    adjustment = Adjustment()
    rows = torch.tensor([context(relation_bus_step_1=1.0), context(relation_bus_step_2=1.0)])
    weight = torch.tensor([0.5, -2.0])
    assert torch.equal(adjustment(weight, rows), weight)
    adjustment.offset[IndexRelation.BUS_STEP_2] = 0.25
    assert adjustment(weight, rows).tolist() == [0.5, -1.75]
