"""How near two local nets of one body are likely drawn, as far as its devices tell.

Layouts put transistors in rows of one polarity. Two that share a source or drain stand side by side if few
others want that place: a net that joins d of them offers each pair of them a share of 1 / (d - 1). What the
two nets are to such neighbours (gate or diffusion) says which of their shapes face each other. Beyond that,
the conductance over direct and two-hop paths tells how closely two nets are knit together.

Everything is symmetric in the two nets and counts copies, so one card with m=2 equals two cards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from circuitgcl.graph.feature_schema import ADJACENCY_FEATURES
from circuitgcl.graph.pins import body_pins
from circuitgcl.netlist.records import Definition, FlatCircuit
from circuitgcl.schema import DeviceType, PinRole

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class _Body:
    """Incidence of a body's d MOSFETs and its n nets."""

    gate: sparse.csr_array  # [d, n] gates of the device on the net
    diffusion: sparse.csr_array  # [d, n] sources and drains
    copies: FloatArray  # [d]
    width: FloatArray  # [d] of all copies, channel lengths
    is_pmos: BoolArray  # [d]
    conductance: sparse.csr_array  # [n, n] devices between signal nets, of any type


def adjacency_features(
    circuit: FlatCircuit,
    definition: Definition,
    pair: NDArray[np.integer],
    is_rail: BoolArray,
    card_width: FloatArray,
) -> FloatArray:
    """Columns of `ADJACENCY_FEATURES`, not yet logarithmic, [P, F].

    Args:
        circuit: the circuit, for the card table.
        definition: the body.
        pair: [P, 2] local nets, two different ones each.
        is_rail: [n] local nets that are a rail wherever the body is used.
        card_width: [K] width of every card, all copies, in channel lengths.
    """
    if not len(definition.device_card):
        return np.zeros((len(pair), len(ADJACENCY_FEATURES)))
    body = _body(circuit, definition, is_rail, card_width)
    a, b = pair[:, 0], pair[:, 1]
    beside = sum(_beside(body, is_pmos, a, b, is_rail) for is_pmos in (False, True))
    channel = (body.diffusion.T @ _diagonal(body.width) @ body.diffusion).tocsr()
    gate = (body.gate.T @ _diagonal(body.width) @ body.diffusion).tocsr()
    return np.column_stack(
        [
            beside,
            _of_one_gate(body, a, b),
            _at(gate, a, b) + _at(gate, b, a),
            _at(channel, a, b),
            _short_conductance(body.conductance, a, b),
        ]
    )


def _diagonal(values: FloatArray) -> sparse.csr_array:
    return sparse.diags_array(values).tocsr()


def _at(matrix: sparse.csr_array, a: NDArray[np.integer], b: NDArray[np.integer]) -> FloatArray:
    """Entries [a, b] of a matrix, [P]."""
    return np.asarray(matrix[a, b]).ravel()


def _products(one: sparse.csr_array, other: sparse.csr_array) -> FloatArray:
    """Products of corresponding rows, [P]."""
    return np.asarray(one.multiply(other).sum(axis=1)).ravel()


def _body(circuit: FlatCircuit, definition: Definition, is_rail: BoolArray, card_width: FloatArray) -> _Body:
    cards, nets = definition.device_card, definition.net_count
    device, kind, role = body_pins(circuit.table, definition)
    copies = np.maximum(np.nan_to_num(circuit.table.multiplier[cards], nan=1.0), 0.0)
    is_mos = np.isin(kind, (DeviceType.NMOS, DeviceType.PMOS))

    def incidence(chosen: BoolArray) -> sparse.csr_array:
        rows, columns = device[chosen], definition.pin_net[chosen]
        return sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(cards), nets)).tocsr()

    touched = incidence((role != PinRole.BULK) & ~is_rail[definition.pin_net])
    touched.data[:] = 1.0
    conductance = (touched.T @ _diagonal(copies) @ touched).tocsr()
    conductance -= _diagonal(conductance.diagonal())
    conductance.eliminate_zeros()
    return _Body(
        gate=incidence(is_mos & (role == PinRole.GATE)),
        diffusion=incidence(is_mos & (role == PinRole.SOURCE_DRAIN)),
        copies=copies,
        width=card_width[cards],
        is_pmos=circuit.table.device_type[cards] == DeviceType.PMOS,
        conductance=conductance,
    )


def _beside(
    body: _Body, is_pmos: bool, a: NDArray[np.integer], b: NDArray[np.integer], is_rail: BoolArray
) -> FloatArray:
    """Shapes of two nets in devices of one polarity side by side, [P, 6]: over signals, then over rails.

    With G and S the incidence of gates and diffusions, M the copies and C the shares of the nets, devices
    stand beside each other as A = S C Sᵀ, no copy beside itself; the columns are entries of GᵀMAMG,
    GᵀMAMS + SᵀMAMG and SᵀMAMS.
    """
    copies = np.where(body.is_pmos == is_pmos, body.copies, 0.0)
    weighted = _diagonal(copies) @ body.diffusion
    gates, diffusions = (body.gate.T @ weighted).tocsr(), (body.diffusion.T @ weighted).tocsr()
    wanted = np.asarray(weighted.sum(axis=0)).ravel()
    places = np.where(wanted > 1, 1.0 / np.maximum(wanted - 1.0, 1.0), 0.0)
    columns = []
    for share in (np.where(is_rail, 0.0, places), np.where(is_rail, places, 0.0)):
        own = _diagonal(copies * (body.diffusion.power(2) @ share))
        own_mixed, own_both = (
            (body.gate.T @ own @ body.diffusion).tocsr(),
            body.diffusion.T @ own @ body.diffusion,
        )
        gates_there, diffusions_there = (
            (gates @ _diagonal(share)).tocsr(),
            (diffusions @ _diagonal(share)).tocsr(),
        )
        mixed = _products(gates_there[a], diffusions[b]) + _products(gates_there[b], diffusions[a])
        columns += [
            _products(gates_there[a], gates[b]),
            mixed - _at(own_mixed, a, b) - _at(own_mixed, b, a),
            _products(diffusions_there[a], diffusions[b]) - _at(own_both, a, b),
        ]
    return np.maximum(np.column_stack(columns), 0.0)


def _of_one_gate(body: _Body, a: NDArray[np.integer], b: NDArray[np.integer]) -> FloatArray:
    """Pairs of diffusions of two devices with one gate net, of either polarity, [P]."""
    gates = (body.diffusion.T @ _diagonal(body.copies) @ body.gate).tocsr()
    own = (body.diffusion.T @ _diagonal(body.copies) @ body.diffusion).tocsr()
    return np.maximum(_products(gates[a], gates[b]) - _at(own, a, b), 0.0)


def _short_conductance(
    direct: sparse.csr_array, a: NDArray[np.integer], b: NDArray[np.integer]
) -> FloatArray:
    """Conductance between two nets over paths of one and two devices, [P].

    A path over x adds the series connection g_ax g_xb / (g_ax + g_xb).
    """
    resistance = direct.copy()
    resistance.data = 1.0 / resistance.data
    one, other = resistance[a], resistance[b]
    here, there = one.copy(), other.copy()
    here.data[:], there.data[:] = 1.0, 1.0
    series = one.multiply(there).tocsr() + other.multiply(here).tocsr()
    series.data = 1.0 / series.data
    total: FloatArray = _at(direct, a, b) + np.asarray(series.sum(axis=1)).ravel()
    return total
