"""What a pair model learns from: the pairs of a design as rows, from nets, from pins or from public graphs.

Pairs that the model cannot tell apart are one row with the mean of their labels, weighted by how many there
are; with a squared error that changes no gradient.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuitgcl.data import Design
from circuitgcl.data.pair_tables import FARAD_PER_FEMTO, PairTable
from circuitgcl.errors import DataError, SourceLocation
from circuitgcl.graph import CircuitGraph
from circuitgcl.graph.features import Float32Array
from circuitgcl.graph.hashing import combined, hashed, row_hashes, unordered
from circuitgcl.graph.pair_encodings import PairStructure
from circuitgcl.graph.quotient import quotient_graph, structural_colours
from circuitgcl.models.pair_model import PairGraph, PairModelConfig
from circuitgcl.models.scaling import CLASS_COUNT, FLOOR_FF, TargetScale

NET_NET, PIN_NET, PIN_PIN = range(3)  # places in `circuitgcl.data.dataset.TARGET_RELATIONS`

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class LabelledPairs:
    """X pairs of a design with N nets, each on its own."""

    ends: IndexArray  # [X, 2] flat nets, or N + flat pins
    relation: IndexArray  # [X] place in `TARGET_RELATIONS`
    relative: Float32Array  # [X, F] relative structure
    truth_ff: FloatArray  # [X] femtofarad; NaN where unknown
    candidate: NDArray[np.bool_]  # [X] whether nothing extracted tells that the pair does not couple


@dataclass(frozen=True, kw_only=True)
class PairLabels:
    """Labels of one design: R distinct pairs, N rows of nets, P of pins; and the X pairs they stand for."""

    graph: PairGraph
    ends: Tensor  # [R, 2] rows of nets, or N + rows of pins
    relation: Tensor  # [R] place in `TARGET_RELATIONS`
    relative: Tensor  # [R, F]
    decades: Tensor  # [R] mean log10 of femtofarad of the pairs that couple
    coupled: Tensor  # [R] how many couple above the floor
    absent: Tensor  # [R] how many candidates do not
    classes: Tensor  # [R, CLASS_COUNT] how many of those that couple are of each class
    load_decades: Tensor  # [N] mean log10 of femtofarad
    loaded: Tensor  # [N] how many nets of the row have load above the floor
    pair_row: Tensor  # [X] row of every pair
    truth_ff: Tensor  # [X] its femtofarad; NaN where unknown
    load_ff: Tensor  # [flat N] load of every net; NaN where unknown

    def to(self, device: torch.device | str) -> PairLabels:
        """The same design on another device."""
        return PairLabels(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def pair_graph(graph: CircuitGraph, layers: int) -> PairGraph:
    """Quotient of a circuit graph for an encoder of so many layers."""
    circuit, rails, features = graph.circuit, graph.rails, graph.net_features
    colours = structural_colours(circuit, rails, features, layers)
    quotient = quotient_graph(circuit, rails, features, colours)
    return PairGraph(
        hetero=quotient.to_hetero(),
        net_row=torch.from_numpy(quotient.net.row_class.astype(np.int64)),
        pin_row=torch.from_numpy(quotient.pin_class(circuit).astype(np.int64)),
    )


def pair_labels(table: PairTable, config: PairModelConfig) -> PairLabels:
    """Rows of the nets of a design: its candidates, and what else the extraction lists."""
    labels = table.design.labels
    assert labels is not None
    pairs = LabelledPairs(
        ends=table.pair,
        relation=np.full(len(table.pair), NET_NET),
        relative=table.relative,
        truth_ff=table.truth_ff,
        candidate=np.arange(len(table.pair)) < table.candidates,
    )
    graph = pair_graph(table.graph, config.encoder.layers)
    return labelled_rows(pairs, graph, labels.load_of(config.ground) / FARAD_PER_FEMTO, config)


def pin_labels(
    design: Design, config: PairModelConfig, *, floor_farad: float = FLOOR_FF * FARAD_PER_FEMTO
) -> PairLabels:
    """Rows of a pin-level extraction: metal and metal, pin and metal, pin and pin of different signal nets.

    A pair has the relative structure of `PairStructure`. What the extraction does not list is not said to be
    uncoupled: of pins there are far too many pairs.

    Args:
        design: a design whose extraction tells pins apart (`Labels.pins`).
        config: the model that will learn from them.
        floor_farad: capacitances up to here are not learned from. Where pairs that look alike lie on both
            sides of the threshold of a score, the floor should be that threshold.

    Raises:
        DataError: the extraction gives nets alone, or there is none.
    """
    labels, circuit = design.labels, design.graph.circuit
    if labels is None or labels.pins is None:
        raise DataError(
            f"{design.files.name} has no pin-level extraction; expected nodes for device pins, as `*|I` of "
            "DSPF or `*|P` lines name them",
            location=SourceLocation(str(design.files.extracted or design.files.schematic), 0),
        )
    pins, nets = labels.pins, circuit.net_count
    parts = (
        (pins.metal_pair, pins.metal_farad),
        (pins.pin_net_pair + np.array([nets, 0]), pins.pin_net_farad),
        (pins.pin_pair + nets, pins.pin_pair_farad),
    )
    ends = np.concatenate([pair.astype(np.int64) for pair, _ in parts])
    pairs = LabelledPairs(
        ends=ends,
        relation=np.repeat((NET_NET, PIN_NET, PIN_PIN), [len(pair) for pair, _ in parts]),
        relative=PairStructure(design.graph).encode(ends),
        truth_ff=np.concatenate([farad for _, farad in parts]) / FARAD_PER_FEMTO,
        candidate=np.zeros(len(ends), bool),
    )
    graph = pair_graph(design.graph, config.encoder.layers)
    load_ff = labels.load_of(config.ground) / FARAD_PER_FEMTO
    return labelled_rows(pairs, graph, load_ff, config, floor_ff=floor_farad / FARAD_PER_FEMTO)


def labelled_rows(
    pairs: LabelledPairs,
    graph: PairGraph,
    load_ff: FloatArray,
    config: PairModelConfig,
    *,
    floor_ff: float = FLOOR_FF,
) -> PairLabels:
    """Pairs that a model cannot tell apart, in one row each, in the order of their first.

    Args:
        pairs: of one design.
        graph: the design as the model reads it.
        load_ff: [flat N] load of its nets; NaN where unknown.
        config: the model.
        floor_ff: up to here nothing is there.
    """
    ends = graph.end_row.numpy()[pairs.ends]
    key = unordered(hashed(ends[:, 0]), hashed(ends[:, 1]))
    if config.relative:
        key = combined(key, row_hashes(pairs.relative))
    _, first, found = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    row, first, rows = np.argsort(order)[found.ravel()], first[order], len(first)
    truth = pairs.truth_ff
    coupled = np.flatnonzero(truth > floor_ff)
    scale = TargetScale.named(config.target_scale).coupling
    place = row[coupled] * CLASS_COUNT + scale.classes(truth[coupled] * FARAD_PER_FEMTO)
    classes = np.bincount(place, minlength=rows * CLASS_COUNT).reshape(rows, CLASS_COUNT)
    absent = np.bincount(row[pairs.candidate & (truth <= floor_ff)], minlength=rows)
    decades, count = _means(row, truth, rows, floor_ff)
    load, loaded = _means(graph.net_row.numpy(), load_ff, graph.nets, floor_ff)
    return PairLabels(
        graph=graph,
        ends=torch.from_numpy(ends[first]),
        relation=torch.from_numpy(pairs.relation[first]),
        relative=torch.from_numpy(pairs.relative[first]),
        decades=decades,
        coupled=count,
        absent=torch.from_numpy(absent).float(),
        classes=torch.from_numpy(classes).float(),
        load_decades=load,
        loaded=loaded,
        pair_row=torch.from_numpy(row),
        truth_ff=torch.from_numpy(truth),
        load_ff=torch.from_numpy(load_ff),
    )


def _means(
    row: NDArray[np.integer], truth_ff: FloatArray, rows: int, floor_ff: float
) -> tuple[Tensor, Tensor]:
    """Mean log10 and number of the labels above the floor, by row; 0 where there is none."""
    present = truth_ff > floor_ff
    count = np.bincount(row[present], minlength=rows)
    total = np.bincount(row[present], weights=np.log10(truth_ff[present]), minlength=rows)
    return torch.from_numpy(total / np.maximum(count, 1)).float(), torch.from_numpy(count).float()
