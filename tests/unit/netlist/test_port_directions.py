"""Directions of ports as comments state them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.netlist import FlatCircuit, flatten, read_netlist
from circuitgcl.netlist.inspection import read_timed
from circuitgcl.netlist.port_directions import stated_directions
from circuitgcl.schema import PortDirection

CARDS = "M1 y a vss vss nch w=1u l=1u\nM2 y a vdd vdd pch w=1u l=1u\n"
STATED = {"a": "INPUT", "y": "OUTPUT", "vdd": "SUPPLY", "vss": "GROUND"}


def directions(circuit: FlatCircuit, cell: str = "inv") -> dict[str, str]:
    """Stated directions of the ports of a cell."""
    found = next(definition for definition in circuit.definitions if definition.name == cell)
    assert found.port_direction.shape == (found.port_count,)
    named = zip(found.net_labels, found.port_direction.tolist(), strict=False)
    return {label: PortDirection(code).name for label, code in named if code}


@pytest.mark.parametrize(
    "comments",
    [
        "*.PININFO a:I y:O vdd:P vss:G\n",
        "*.pininfo A:i Y:o\n*.PinInfo VDD:p VSS:g\n",
        "*.PININFO a:I y:O\n*.+ vdd:P vss:G\n",
        "*.PININFO a:I y:O\n*+ vdd:P\n+ vss:G\n",
        "*.ipin a\n*.opin y\n* POWER : vdd\n* GROUND: vss\n",
        "* INPUT : a \n* OUTPUT: y \n* POWER : vdd \n* GROUND: vss \n",
        "*input:a\n*output : y\n* power: vdd\n* ground :vss\n",
    ],
)
def test_every_way_of_stating(comments: str, flatten_deck: Callable[..., FlatCircuit]):
    circuit = flatten_deck(f"* t\n.subckt inv a y vdd vss\n{comments}{CARDS}.ends\n")
    assert directions(circuit) == STATED


def test_the_place_among_the_cards_does_not_matter(flatten_deck: Callable[..., FlatCircuit]):
    run = "".join(f"R{i} a n{i} 1k\n" for i in range(40))
    for body in (f"*.ipin a\n{run}{CARDS}", f"{run}*.ipin a\n{run}{CARDS}", f"{CARDS}{run}*.ipin a\n"):
        text = f"* t\n.subckt inv a y vdd vss\n{body}.ends\n"
        assert directions(flatten_deck(text.replace("R", "Ra", 40))) == {"a": "INPUT"}


def test_a_comment_belongs_to_the_innermost_open_definition(flatten_deck: Callable[..., FlatCircuit]):
    circuit = flatten_deck(
        "* t\n*.PININFO a:B\n.subckt top a y vdd vss\n*.PININFO a:O\n"
        f".subckt inv a y vdd vss\n*.PININFO a:I\n{CARDS}.ends\n*.PININFO y:I\n"
        "X1 a y vdd vss inv\n.ends\n*.PININFO vdd:I\n"
    )
    assert directions(circuit, "inv") == {"a": "INPUT"}
    assert directions(circuit, "top") == {"a": "OUTPUT", "y": "INPUT"}


def test_included_files_and_tops_of_xschem(write_deck: Callable[..., Path]):
    write_deck(f"*.PININFO a:I\n{CARDS}*.PININFO y:O\n", "body.cdl")
    circuit = flatten(read_netlist(write_deck("* t\n.subckt inv a y vdd vss\n.include body.cdl\n.ends\n")))
    assert directions(circuit) == {"y": "OUTPUT"}, "the first line of a file stands in no definition"
    circuit = flatten(read_netlist(write_deck(f"**.subckt inv a y vdd vss\n*.ipin a\n*.iopin vdd\n{CARDS}")))
    assert directions(circuit) == {"a": "INPUT", "vdd": "INOUT"}


def test_nonsense_states_nothing(flatten_deck: Callable[..., FlatCircuit]):
    comments = (
        "*.PININFO n1:I a:? y:Q :I a: : vdd\n*.PININFO\n*.pininfox a:I\n* input signal a\n** input : a\n"
        "*.ipin\n*.ipin n1 inv\n* POWER:\n* the input: a\n*.PININFO a=I\n"
    )
    circuit = flatten_deck(f"* t\n.subckt inv a y vdd vss\n{comments}R1 a n1 1k\n{CARDS}.ends\n")
    assert directions(circuit) == {}


def test_what_is_said_first_counts(flatten_deck: Callable[..., FlatCircuit]):
    circuit = flatten_deck(f"* t\n.subckt inv a y vdd vss\n*.PININFO a:I a:O\n*.opin a\n{CARDS}.ends\n")
    assert directions(circuit) == {"a": "INPUT"}


def test_case_counts_where_names_do(write_deck: Callable[..., Path]):
    text = f"simulator lang=spectre\nsubckt inv (A a vdd vss)\nsimulator lang=spice\n*.ipin a\n{CARDS}"
    circuit = flatten(read_netlist(write_deck(f"{text}simulator lang=spectre\nends inv\n", "t.scs")), "inv")
    assert directions(circuit) == {"a": "INPUT"}


def test_inspection_names_what_is_stated(write_deck: Callable[..., Path]):
    text = f"* t\n.subckt inv A y vdd vss\n*.PININFO a:I y:O vdd:B\n{CARDS}.ends\n"
    found = read_timed(write_deck(text))[1]
    assert found["port_directions"] == {"A": "input", "y": "output", "vdd": "inout"}


@given(st.text(alphabet=" *.+:\nainputPININFO", max_size=200))
def test_lines_of_statements(text: str):
    lines = text.split("\n")
    found = list(stated_directions(text, 0, len(text), 1))
    assert [line for line, _ in found] == sorted({line for line, _ in found})
    for line, stated in found:
        assert lines[line - 1].startswith("*")
        assert all(name and code for name, code in stated)


def test_a_part_counts_its_own_lines():
    text = "x\n*.ipin a\ny\n\n*.ipin b\n*.ipin c\n"
    begin = text.index("y")
    stop = text.index("*.ipin c")
    assert list(stated_directions(text, begin, stop, 3)) == [(5, [("b", PortDirection.INPUT)])]


def test_time_grows_with_the_length_of_the_text():
    def seconds(count: int) -> float:
        text = "\n*.PININFO" + "\n*.+" * count + "\n* input" * count + "\n* input :" * count
        start = time.process_time()
        list(stated_directions(text, 0, len(text), 1))
        return time.process_time() - start

    assert seconds(80_000) < 16 * max(seconds(10_000), 0.005)


def test_what_is_read_is_not_listed_as_skipped(flatten_deck: Callable[..., FlatCircuit]):
    circuit = flatten_deck(
        f"*.SCALE METER\n.subckt inv a y vdd vss\n*.PININFO a:I\n{CARDS}*.EQUATION\n.ends\n"
    )
    assert [card.kind for card in circuit.skipped_cards] == ["*.equation"]
    assert directions(circuit) == {"a": "INPUT"}
