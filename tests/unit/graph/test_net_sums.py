"""Sums over pins and devices of nets against loops over the flat circuit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgcl.graph.device_bodies import Bodies
from circuitgcl.graph.net_sums import NetSums
from circuitgcl.netlist import FlatCircuit

CELL = st.lists(st.tuples(*[st.sampled_from("pqrs")] * 4), min_size=1, max_size=4)
USES = st.lists(st.tuples(*[st.sampled_from("abcd")] * 3), min_size=1, max_size=5)
REUSED = [HealthCheck.function_scoped_fixture]
SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=REUSED)


@SETTINGS
@given(cell=CELL, uses=USES, own=st.lists(st.tuples(*[st.sampled_from("abcd")] * 4), max_size=3))
def test_sums_are_those_of_a_loop(
    flat: Callable[..., FlatCircuit],
    cell: list[tuple[str, ...]],
    uses: list[tuple[str, ...]],
    own: list[tuple[str, ...]],
):
    lines = [".subckt cell p q r"]
    lines += [f"m{n} {' '.join(nets)} nmos w={n + 1}u l=1u" for n, nets in enumerate(cell)]
    lines += [".ends", ".subckt top a b c d"]
    lines += [f"x{n} {' '.join(nets)} cell" for n, nets in enumerate(uses)]
    lines += [f"mt{n} {' '.join(nets)} nmos w=9u l=1u" for n, nets in enumerate(own)]
    circuit = flat("\n".join([*lines, ".ends", ""]), "top")
    bodies = Bodies.of(circuit)
    sums = NetSums.of(circuit, bodies)
    widths = circuit.table.width_m * 1e6
    per_pin, per_device = np.zeros((2, circuit.net_count))
    for device in range(circuit.device_count):
        nets = circuit.pin_net[circuit.pin_offset[device] : circuit.pin_offset[device + 1]].tolist()
        width = widths[circuit.device_card[device]]
        for net in nets:
            per_pin[net] += width
        for net in set(nets):
            per_device[net] += width
    values = np.repeat(widths[bodies.card], bodies.device_pins)
    np.testing.assert_allclose(sums.over_pins(values), per_pin)
    np.testing.assert_allclose(sums.over_devices(values), per_device)
    assert not sums.over_pins(np.zeros(len(values))).any()
