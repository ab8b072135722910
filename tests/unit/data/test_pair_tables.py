"""Pairs of a design as rows: which there are, what was extracted, and what models are given of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from circuitgcl.data import Design, DesignFiles, load_design, synthetic_array
from circuitgcl.data.pair_tables import RELATIONS, PairTable, PairView
from circuitgcl.graph.feature_schema import PAIR_FEATURES, TERMINAL_FEATURES
from circuitgcl.graph.pair_encodings import PairStructure, pair_encoding_schema

NETLIST = """* two cells in a row; their inner nets meet nowhere
.subckt cell a y vdd gnd
mp y a vdd vdd pmos w=0.6u l=0.05u
m1 y a m gnd nmos w=0.3u l=0.05u
m2 m a gnd gnd nmos w=0.2u l=0.05u
.ends
.subckt pair left middle right vdd gnd
xone left middle vdd gnd cell
xtwo middle right vdd gnd cell
.ends
"""
EXTRACTED = """* extracted
.subckt pair left middle right vdd gnd
c1 left middle 2e-15
c2 xone/m xtwo/m 3e-16
c3 left gnd 1e-15
c4 left vdd 4e-15
.ends
"""


@pytest.fixture
def table(tmp_path: Path) -> PairTable:
    schematic, extracted = tmp_path / "pair.sp", tmp_path / "pair.pex.sp"
    schematic.write_text(NETLIST)
    extracted.write_text(EXTRACTED)
    return PairTable(load_design(DesignFiles(name="pair", schematic=schematic, extracted=extracted)))


def row_of(table: PairTable, *names: str) -> int:
    found = table.graph.circuit.net_names()
    wanted = sorted(found.index(name) for name in names)
    return table.pair.tolist().index(wanted)


def test_candidates_come_first_and_labelled_strangers_last(table: PairTable):
    assert np.array_equal(table.pair[: table.candidates], table.graph.contexts.pair)
    assert len(table.pair) == table.candidates + 1
    assert row_of(table, "xone/m", "xtwo/m") == table.candidates


def test_truth_is_the_extraction_and_zero_where_it_lists_nothing(table: PairTable):
    assert table.truth_ff[row_of(table, "left", "middle")] == pytest.approx(2.0)
    assert table.truth_ff[row_of(table, "xone/m", "xtwo/m")] == pytest.approx(0.3)
    assert table.truth_ff[row_of(table, "middle", "right")] == 0.0
    labels = table.design.labels
    assert labels is not None
    assert np.array_equal(table.pair[table.label_row], labels.pair)


def test_relation_is_the_closest_way_to_meet(table: PairTable):
    def relation(*names: str) -> str:
        return RELATIONS[table.relation[row_of(table, *names)]]

    assert relation("left", "middle") == "leaf cell"
    assert relation("xone/m", "xtwo/m") == "no context"
    assert relation("left", "right") == "connecting body"


def test_inputs_of_a_pair_by_hand(table: PairTable):
    row = row_of(table, "left", "right")
    nets = table.net_inputs(PairView.ENDPOINTS)
    low, high = nets[table.pair[row, 0]], nets[table.pair[row, 1]]
    ends = np.concatenate([np.minimum(low, high), np.maximum(low, high), low + high])
    assert np.array_equal(table.inputs(PairView.ENDPOINTS)[row], ends)
    whole = table.inputs(PairView.STRUCTURE)[row]
    assert np.array_equal(whole[: len(ends)], ends)
    assert np.array_equal(whole[len(ends) :], table.relative[row])
    encodings = PairStructure(table.graph).encode(table.pair[row : row + 1])[0]
    assert np.array_equal(table.relative[row, : len(encodings)], encodings)
    assert table.relative.shape[1] == (
        len(pair_encoding_schema()) + 1 + len(PAIR_FEATURES) + 2 * len(TERMINAL_FEATURES)
    )


def test_contexts_add_up(table: PairTable):
    """The number of contexts is exact, and so is the sum of what they are, as log(1 + x)."""
    contexts = table.graph.contexts
    place = len(pair_encoding_schema())
    times = np.bincount(contexts.occurrence_pair, minlength=len(table.pair))
    assert np.allclose(np.expm1(table.relative[:, place]), times, atol=1e-4)
    row = row_of(table, "left", "middle")
    own = contexts.occurrence_context[contexts.occurrence_pair == row]
    total = np.expm1(table.graph.pair_features[own].astype(float)).sum(axis=0)
    found = table.relative[row, place + 1 : place + 1 + len(PAIR_FEATURES)]
    assert np.allclose(np.expm1(found), total, rtol=1e-4)
    stranger = table.relative[table.candidates, place:]
    assert not stranger.any()


def test_terminals_add_up_over_instances(table: PairTable):
    """A net in the middle joins a gate of one cell and drains of another; another joins one of the two."""
    names = table.graph.circuit.net_names()
    own = table.net_inputs(PairView.STRUCTURE)[:, len(table.net_inputs(PairView.ENDPOINTS)[0]) :]
    gates = [feature.name for feature in TERMINAL_FEATURES].index("nmos_gates")
    joined = np.expm1(own[:, gates])
    # `left` counts its gates in the cell and in the body that holds the cell
    assert joined[names.index("left")] == pytest.approx(4.0, rel=1e-4)
    assert joined[names.index("middle")] == pytest.approx(4.0, rel=1e-4)
    assert joined[names.index("right")] == pytest.approx(0.0, abs=1e-5)


def test_equal_pairs_of_an_array_have_equal_inputs(tmp_path: Path):
    design: Design = load_design(synthetic_array(4, 4).write(tmp_path))
    table = PairTable(design)
    rows = [row_of(table, f"xcore/xbit_r{r}_c{c}/q", f"xcore/xbit_r{r}_c{c}/nq") for r, c in ((1, 1), (2, 2))]
    first, second = table.inputs(PairView.STRUCTURE)[rows]
    assert np.array_equal(first, second)
