"""Virtual supplies: nets that feed a circuit as a rail does, but that the circuit itself drives.

A switched rail behind a sleep transistor, the output of a regulator with logic behind it. They move, and a
designer wants their capacitance, so they remain signal nets; only their kind tells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.device_bodies import Bodies
from circuitgcl.graph.feeding import feeding_nets
from circuitgcl.graph.net_sums import NetSums
from circuitgcl.graph.rails import (
    RailEvidence,
    RailGuess,
    RailKind,
    is_virtual_supply_name,
    rail_kind_of_name,
)
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.schema import PinRole


def named_supplies(circuit: FlatCircuit, rails: NDArray[np.int8], sums: NetSums) -> NDArray[np.bool_]:
    """Signal nets that sources hang on, called as a virtual supply or, inside an instance, as a rail, [N]."""
    starts = np.concatenate([[0], np.cumsum([part.net_count for part in circuit.definitions])])
    called = np.zeros(int(starts[-1]), bool)
    top = int(circuit.instance_definition[0])
    for number, part in enumerate(circuit.definitions):
        called[starts[number] : starts[number + 1]] = [
            is_virtual_supply_name(label) or (number != top and bool(rail_kind_of_name(label)))
            for label in part.net_labels
        ]
    own = called[starts[circuit.instance_definition[circuit.net_instance]] + circuit.net_local]
    is_channel = sums.bodies.pin_role == PinRole.SOURCE_DRAIN
    found: NDArray[np.bool_] = own & (sums.over_pins(is_channel.astype(np.float64)) > 1) & (rails == 0)
    return found


def virtual_supplies(circuit: FlatCircuit, rails: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Signal nets that are virtual supplies, by name or by what they feed, [N]."""
    sums = NetSums.of(circuit, Bodies.of(circuit))
    found: NDArray[np.bool_] = feeding_nets(circuit, sums) & (rails == 0)
    return found | named_supplies(circuit, rails, sums)


def describe_supplies(circuit: FlatCircuit, guess: RailGuess) -> list[dict[str, str]]:
    """Rails, then virtual supplies, by name: `net`, `kind` and the `evidence` for it."""
    rails = np.flatnonzero(guess.kinds)
    sums = NetSums.of(circuit, Bodies.of(circuit))
    feeding = feeding_nets(circuit, sums) & (guess.kinds == 0)
    virtual = np.flatnonzero(feeding | named_supplies(circuit, guess.kinds, sums))
    kinds = [RailKind(kind).name.lower() for kind in guess.kinds[rails].tolist()]
    evidence = [RailEvidence(code).name.lower() for code in guess.evidence[rails].tolist()]
    kinds += ["virtual"] * len(virtual)
    evidence += ["feeds gates" if feeds else "name" for feeds in feeding[virtual].tolist()]
    names = circuit.net_names([*rails.tolist(), *virtual.tolist()])
    rows = zip(names, kinds, evidence, strict=True)
    return [{"net": net, "kind": kind, "evidence": told} for net, kind, told in rows]
