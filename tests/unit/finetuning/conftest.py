from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from circuitgcl.data import Design, DesignFiles, Labels
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.netlist import flatten, read_netlist
from circuitgcl.parasitics import MatchReport

BIT = """.subckt bit bl br wl vdd gnd
ma bl wl q gnd nmos w=0.2u l=0.05u
mb q nq gnd gnd nmos w=0.3u l=0.05u
mc q nq vdd vdd pmos w=0.1u l=0.05u
md nq q gnd gnd nmos w=0.3u l=0.05u
me nq q vdd vdd pmos w=0.1u l=0.05u
mf br wl nq gnd nmos w=0.2u l=0.05u
.ends
"""
FEMTO = 1e-15


def _deck(rows: int, columns: int, tied: int) -> str:
    lines = [f"* {rows} by {columns} bits", BIT]
    bits = " ".join(f"bl_{c} br_{c}" for c in range(columns))
    words = " ".join(f"wl_{r}" for r in range(rows))
    lines.append(f".subckt array {bits} {words} vdd gnd")
    lines += [
        f"xbit_r{r}_c{c} bl_{c} br_{c} {f'wl_{r}' if r < rows - tied else 'gnd'} vdd gnd bit"
        for r in range(rows)
        for c in range(columns)
    ]
    return "\n".join([*lines, ".ends", ""])


def _drawn(key: int, low: float, high: float) -> float:
    """Capacitance in femtofarad that belongs to a context, the same wherever it occurs."""
    return float(np.exp(np.random.default_rng(key).uniform(np.log(low), np.log(high))))


def _additive_labels(graph: CircuitGraph) -> Labels:
    """Capacitances that are exact sums over contexts; one context in four contributes nothing."""
    contexts, terminals, circuit = graph.contexts, graph.terminals, graph.circuit
    weight = np.array([_drawn(k, 0.02, 0.5) if k % 4 else 0.0 for k in contexts.key_exact.tolist()])
    coupling = np.bincount(
        contexts.occurrence_pair, weight[contexts.occurrence_context], minlength=len(contexts.pair)
    )
    counts = np.diff(circuit.terminal_offset)
    local = np.arange(len(circuit.terminal_net)) - np.repeat(circuit.terminal_offset[:-1], counts)
    row = np.repeat(terminals.offset[circuit.instance_definition], counts) + local
    share = np.array([_drawn(k, 0.05, 2.0) for k in terminals.key_exact.tolist()])
    load = np.bincount(circuit.terminal_net, share[row], minlength=circuit.net_count)
    load += np.bincount(contexts.tied_net, weight[contexts.tied_context], minlength=circuit.net_count)
    load[graph.rails != 0] = np.nan
    coupled = coupling > 0
    return Labels(
        pair=contexts.pair[coupled],
        coupling_farad=coupling[coupled] * FEMTO,
        load_farad=load * FEMTO,
        ground_farad=load * FEMTO,
        report=MatchReport(
            nets_schematic=circuit.net_count,
            nets_extracted=circuit.net_count,
            nets_matched_count=circuit.net_count,
            matched_by=(),
            capacitance_total_farad=1.0,
            capacitance_matched_farad=1.0,
            ambiguous=(),
            missing=(),
            extra=(),
        ),
    )


@pytest.fixture
def array(tmp_path: Path) -> Callable[..., Design]:
    """Builds bit arrays whose extracted capacitances are exact sums over their contexts.

    The word lines of the last `tied` rows are tied to ground.
    """

    def build(
        rows: int, columns: int, *, family: str = "", is_labelled: bool = True, tied: int = 0
    ) -> Design:
        name = f"array_{rows}x{columns}" + (f"_{tied}" if tied else "")
        path = tmp_path / f"{name}.sp"
        path.write_text(_deck(rows, columns, tied))
        graph = build_graph(flatten(read_netlist(path)))
        return Design(
            files=DesignFiles(name=name, schematic=path, family=family or name),
            graph=graph,
            labels=_additive_labels(graph) if is_labelled else None,
        )

    return build
