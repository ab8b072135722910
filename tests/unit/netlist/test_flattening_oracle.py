"""The array-based flattener against recursion over dictionaries, on random hierarchies and on real macros."""

from __future__ import annotations

import gzip
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive_flattener import devices_of, flatten_naively, random_deck, read_cells

from circuitgcl.netlist import FlatCircuit, flatten, read_netlist

ROOT = Path(__file__).parents[3]
MACROS = sorted(
    path
    for folder in (ROOT / "netlists" / "openram", ROOT.parent / "shared" / "data" / "openram")
    if folder.is_dir()
    for path in folder.glob("*.sp*")
    if ".pex." not in path.name
)


def assert_consistent(circuit: FlatCircuit) -> None:
    """Relations between the arrays that hold for every flat circuit."""
    definitions = circuit.definitions
    sizes = np.array([definition.net_count for definition in definitions])
    assert np.array_equal(np.diff(circuit.terminal_offset), sizes[circuit.instance_definition])
    owned = circuit.terminal_net[circuit.terminal_offset[circuit.net_instance] + circuit.net_local]
    assert np.array_equal(owned, np.arange(circuit.net_count))
    for instance in range(1, len(circuit.instance_parent)):
        parent, child = circuit.instance_parent[instance], circuit.instance_child[instance]
        body = definitions[circuit.instance_definition[parent]]
        assert body.child_definition[child] == circuit.instance_definition[instance]
        assert parent + body.child_instance[child] == instance
        start, stop = body.child_net_offset[child : child + 2]
        outer = circuit.terminal_net[circuit.terminal_offset[parent] :][body.child_net[start:stop]]
        inner = circuit.terminal_net[circuit.terminal_offset[instance] :][: stop - start]
        assert np.array_equal(outer, inner)
    device = 0
    for instance, kind in enumerate(circuit.instance_definition):
        body = definitions[kind]
        stop = device + len(body.device_card)
        assert np.array_equal(circuit.device_card[device:stop], body.device_card)
        assert (circuit.device_instance[device:stop] == instance).all()
        pins = circuit.pin_net[circuit.pin_offset[device] : circuit.pin_offset[stop]]
        local = circuit.terminal_net[circuit.terminal_offset[instance] :][body.pin_net]
        assert np.array_equal(pins, local)
        device = stop
    assert device == circuit.device_count


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(random=st.randoms(use_true_random=False))
def test_random_hierarchies_agree_with_the_naive_flattener(tmp_path: Path, random: Random) -> None:
    text = random_deck(random)
    path = tmp_path / "deck.sp"
    path.write_text(text)
    netlist = read_netlist(path)
    cells, global_nets = read_cells(text)
    for top in (None, *(name for name in cells if name)):
        circuit = flatten(netlist, top)
        assert devices_of(circuit) == flatten_naively(cells, global_nets, top or "")
        assert_consistent(circuit)


@pytest.mark.skipif(not MACROS, reason="no SRAM macros on this machine")
def test_sram_macros_agree_with_the_naive_flattener() -> None:
    checked = 0
    for path in MACROS:
        data = path.read_bytes()
        text = gzip.decompress(data).decode() if path.suffix == ".gz" else data.decode()
        if len(text) > 120_000:
            continue
        netlist = read_netlist(path)
        circuit = flatten(netlist)
        cells, global_nets = read_cells(text)
        expected = flatten_naively(cells, global_nets, circuit.name.casefold())
        assert devices_of(circuit) == expected, path.name
        checked += 1
    assert checked
    assert_consistent(circuit)
