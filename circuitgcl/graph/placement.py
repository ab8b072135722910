"""How far apart the devices of two local nets of one body are likely placed, before there is any placement.

Placers pull devices together that share nets, most of all those that share a diffusion in one row. The
devices of a body form a graph of such links, and the distance of two of them is the square root of the
resistance between them, had every link its weight as conductance: small where many short ways lead from one
to the other (Klein and Randić, J. Math. Chem. 12, 1993). Such distances are Euclidean, so all that follows is
about clouds of points: where each net's lies, how wide it is, and where the two come close.

Resistances need no choice of an axis or of a first device: they do not change with the order of cards, nor
between mirrored halves of a circuit, and stay below those of the weak link that any two devices have.
Everything is symmetric in the two nets, and one card with m=2 equals two cards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.feature_schema import PLACEMENT_FEATURES
from circuitgcl.graph.pins import body_pins
from circuitgcl.netlist.records import Definition, FlatCircuit
from circuitgcl.schema import DeviceType, PinRole

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MAX_PLACED = 400  # devices of a body, copies counted; the cost of one device grows with their square
DIFFUSION_IN_ROW = 4.0  # conductance of a shared diffusion, of MOSFETs of one polarity
GATE_ACROSS_ROWS = 2.0  # of a shared gate, of opposite polarities: one column of poly
GATE_IN_ROW = 1.0
OTHER_LINK = 0.5
ANY_TWO = 0.02  # of all links that a device has just by being in the body
CLOSE = 0.5  # distance at which nearness has fallen to 1 / e
DECIMALS = 6  # what is left once the order of cards cannot matter


@dataclass(frozen=True, kw_only=True)
class _Places:
    """The d devices of a body, copies by themselves, and the u nets that join them."""

    distance: FloatArray  # [d, d]
    pins: FloatArray  # [u, d] gates, and one for diffusions or what other devices have
    row: NDArray[np.int64]  # [n] which of the u rows a local net is, -1 for none

    @property
    def share(self) -> FloatArray:
        """Pins of each net on each device, of all that it has, [u, d]."""
        found: FloatArray = self.pins / self.pins.sum(axis=1, keepdims=True)
        return found

    @property
    def mean_distance(self) -> FloatArray:
        """Mean distance of a pin of one net and one of another, or of the same, [u, u]."""
        share = self.share
        found: FloatArray = share @ self.distance @ share.T
        return found


def placement_features(
    circuit: FlatCircuit, definition: Definition, pair: NDArray[np.integer], is_rail: BoolArray
) -> FloatArray:
    """Columns of `PLACEMENT_FEATURES`, [P, F].

    All are 0 where a net joins no device of the body, bulks left out, and in a body of more devices than
    `MAX_PLACED`; nets that have a place are nearer than that.

    Args:
        circuit: the circuit, for the card table.
        definition: the body.
        pair: [P, 2] local nets.
        is_rail: [n] local nets that are a rail wherever the body is used; they pull nothing together.
    """
    found = np.zeros((len(pair), len(PLACEMENT_FEATURES)))
    places = _places(circuit, definition, is_rail)
    if places is None:
        return found
    rows = places.row[pair]
    placed = (rows >= 0).all(axis=1)
    a, b = rows[placed].T
    found[placed] = np.column_stack([column[a, b] for column in _columns(places)])
    return np.round(found, DECIMALS)


def compactness(circuit: FlatCircuit, definition: Definition, is_rail: BoolArray) -> FloatArray:
    """Proximity of the devices of every local net to each other, [n]; 1 for a single one, 0 without place."""
    found = np.zeros(definition.net_count)
    places = _places(circuit, definition, is_rail)
    if places is not None:
        placed = places.row >= 0
        found[placed] = _proximity(np.diagonal(places.mean_distance))[places.row[placed]]
    return np.round(found, DECIMALS)


def _columns(places: _Places) -> list[FloatArray]:
    """Every column for any two nets, [u, u] each."""
    apart, distance, joined = places.mean_distance, places.distance, places.pins > 0
    width = np.diagonal(apart)
    to_net = np.stack([distance[:, own].min(axis=1) for own in joined])  # [u, d] to the nearest of a net's
    nearest = np.stack([to_net[:, own].min(axis=1) for own in joined])
    facing = places.share @ to_net.T
    near = np.exp(-distance / CLOSE)
    return [
        _proximity(apart),
        _proximity(nearest),
        _proximity((facing + facing.T) / 2.0),
        _proximity(apart - (width[:, None] + width) / 2.0),
        np.log1p(joined.astype(np.float64) @ near @ joined.T),
    ]


def _proximity(distance: FloatArray) -> FloatArray:
    """1 at one place, towards 0 far away."""
    found: FloatArray = 1.0 / (1.0 + np.maximum(distance, 0.0))
    return found


def _places(circuit: FlatCircuit, definition: Definition, is_rail: BoolArray) -> _Places | None:
    """Distances of the devices of a body, nothing for one without devices or with too many."""
    multiplier = np.nan_to_num(circuit.table.multiplier[definition.device_card], nan=1.0)
    copies = np.rint(multiplier).clip(1, MAX_PLACED + 1).astype(np.int64)
    if not 0 < copies.sum() <= MAX_PLACED:
        return None
    device, _, role = body_pins(circuit.table, definition)
    kept = role != PinRole.BULK
    used, net = np.unique(definition.pin_net[kept], return_inverse=True)
    is_gate = role[kept] == PinRole.GATE
    gate, channel = np.zeros((2, len(used), len(copies)))
    gate[net[is_gate], device[kept][is_gate]] = 1.0
    channel[net[~is_gate], device[kept][~is_gate]] = 1.0
    gate, channel = (np.repeat(part, copies, axis=1) for part in (gate, channel))
    row = np.full(definition.net_count, -1)
    row[used] = np.arange(len(used))
    polarity = np.repeat(circuit.table.device_type[definition.device_card], copies)
    links = _links(gate, channel, polarity, is_rail[used])
    return _Places(distance=_distances(links), pins=gate + channel, row=row)


def _links(
    gate: FloatArray, channel: FloatArray, polarity: NDArray[np.int8], is_rail: BoolArray
) -> FloatArray:
    """Conductance between any two devices, [d, d]: what they share, the less the more others share it."""
    joined = np.count_nonzero(gate + channel, axis=1)
    share = np.where(is_rail | (joined < 2), 0.0, 1.0 / np.maximum(joined - 1.0, 1.0))[:, None]
    is_mos = np.isin(polarity, (DeviceType.NMOS, DeviceType.PMOS))
    mos = is_mos[:, None] & is_mos
    in_row = mos & (polarity[:, None] == polarity)
    across = mos & ~in_row
    mixed = (gate * share).T @ channel
    links: FloatArray = (channel * share).T @ channel * np.where(in_row, DIFFUSION_IN_ROW, OTHER_LINK)
    links += (
        (gate * share).T @ gate * np.select([in_row, across], [GATE_IN_ROW, GATE_ACROSS_ROWS], OTHER_LINK)
    )
    links += OTHER_LINK * (mixed + mixed.T)
    links += ANY_TWO / max(len(links) - 1, 1)
    np.fill_diagonal(links, 0.0)
    return links


def _distances(links: FloatArray) -> FloatArray:
    """Square root of the resistance between any two nodes of a connected graph of conductances, [d, d].

    With the Laplacian L of d nodes and P = (L + 11ᵀ / d)⁻¹, which differs from its pseudo-inverse by a
    constant, the resistance is P_ii + P_jj - 2 P_ij.
    """
    laplacian = np.diag(links.sum(axis=1)) - links
    potential = np.linalg.inv(laplacian + 1.0 / len(links))
    own = np.diagonal(potential)
    distance: FloatArray = np.sqrt(np.maximum(own[:, None] + own - 2.0 * potential, 0.0))
    np.fill_diagonal(distance, 0.0)
    return distance
