"""How much of the labels structure can explain: the limit beside which every R² stands.

Pairs that a model cannot tell apart get one estimate, so its R² is at most the share of the label variance
that lies between the classes of such pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph import CircuitGraph
from circuitgcl.graph.hashing import combined, hashed, row_hashes, unordered
from circuitgcl.graph.pair_encodings import PairStructure
from circuitgcl.graph.quotient import DEFAULT_ROUNDS, classes_of, structural_colours

FloatArray = NDArray[np.float64]
Classes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """Largest R² of an estimate that is constant in each class."""

    r2: float | None  # None where no class repeats, or all labels are equal
    classes: int
    repeated: float  # share of the items whose class has another member: the others show no spread


def ceiling(values: FloatArray, classes: NDArray[np.integer]) -> Ceiling:
    r"""Unbiased share of the variance of [I] values between their classes.

    :math:`1 - s_w^2 / s^2` with the sample variance :math:`s^2` of all values and :math:`s_w^2 = \sum_g n_g
    s_g^2 / \sum_g n_g` over the classes with at least two members, :math:`s_g^2` their sample variances (the
    law of total variance; both variances have the divisor n - 1, which makes them unbiased). The R² of class
    means on the values they are means of is larger by up to the share of classes among the items: a class of
    one always fits. Classes of one count in :math:`s^2` only, so they are taken to spread as the others do.

    Args:
        values: labels on the scale R² is measured on.
        classes: class number of each.
    """
    if not len(values):
        return Ceiling(r2=None, classes=0, repeated=0.0)
    _, inverse, count = np.unique(classes, return_inverse=True, return_counts=True)
    mean = np.bincount(inverse, weights=values) / count
    squares = np.bincount(inverse, weights=(values - mean[inverse]) ** 2)
    several = count > 1
    members = int(count[several].sum())
    total = float(values.var(ddof=1)) if len(values) > 1 else 0.0
    share = None
    if members and total > 0:
        within = float((count[several] * squares[several] / (count[several] - 1)).sum()) / members
        share = 1.0 - within / total
    return Ceiling(r2=share, classes=len(count), repeated=members / len(values))


def endpoint_classes(graph: CircuitGraph, pair: NDArray[np.integer], rounds: int = DEFAULT_ROUNDS) -> Classes:
    """Classes of [P, 2] pairs of nets for a model that embeds both ends on their own.

    Args:
        graph: the circuit graph.
        pair: flat nets.
        rounds: layers of its encoder.
    """
    colours = combined(structural_colours(graph.circuit, graph.rails, graph.net_features, rounds).net)
    return classes_of(unordered(colours[pair[:, 0]], colours[pair[:, 1]])).row_class


def encoded_classes(graph: CircuitGraph, pair: NDArray[np.integer], rounds: int = DEFAULT_ROUNDS) -> Classes:
    """Classes of the same pairs for a model that sees their pair-relative encodings as well."""
    ends = endpoint_classes(graph, pair, rounds)
    encodings = PairStructure(graph).encode(pair)
    return classes_of(combined(hashed(ends), row_hashes(encodings))).row_class
