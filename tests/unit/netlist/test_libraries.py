"""Library files: sections by `.lib file section`, whole files, and what goes wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgcl.errors import NetlistError
from circuitgcl.netlist import flatten, read_netlist

WriteDeck = Callable[..., Path]
CORNERS = """* corners
.lib TT $ typical
.param wscale=1
.model nx nmos
.lib 'corners.lib' common
.endl TT
.lib ff
.param wscale=2
.model nx pmos
.endl
.lib common
.param base=1u
.endl common
"""


def widths(path: Path) -> list[float]:
    return flatten(read_netlist(path)).table.width_m.tolist()


@pytest.mark.parametrize(("section", "width"), [("tt", 1e-6), ("TT", 1e-6), ("'tt'", 1e-6)])
def test_one_section_is_read_and_those_it_calls(write_deck: WriteDeck, section: str, width: float) -> None:
    write_deck(CORNERS, "corners.lib")
    deck = write_deck(f"* t\n.lib 'corners.lib' {section}\nM1 d g s b nx w='wscale*base' l=60n\n")
    assert widths(deck) == [width]
    assert read_netlist(deck).warnings == ()


def test_sections_nobody_asks_for_are_listed(write_deck: WriteDeck) -> None:
    netlist = read_netlist(write_deck(f"{CORNERS}R1 a b 1\n"))
    assert [card.kind for card in netlist.skipped_cards] == [
        ".lib section TT",
        ".lib section ff",
        ".lib section common",
    ]
    assert netlist.main.parameters == {}


def test_a_library_without_sections_is_read_whole(write_deck: WriteDeck) -> None:
    write_deck(".subckt cell a\nR1 a 0 1\n.ends\n", "cells.lib")
    assert flatten(read_netlist(write_deck("* t\n.lib cells.lib\nX1 n cell\n"))).device_count == 1


def test_a_missing_section_names_those_there_are(write_deck: WriteDeck) -> None:
    write_deck(CORNERS, "corners.lib")
    with pytest.raises(
        NetlistError, match=r"deck\.sp:2: library corners\.lib has no section ss; it has: TT, ff, common"
    ):
        read_netlist(write_deck("* t\n.lib corners.lib ss\nR1 a b 1\n"))


def test_a_missing_library_is_passed_over(write_deck: WriteDeck) -> None:
    """Topology and drawn sizes do not need the models; parameters only they define stay open."""
    path = write_deck(
        "* t\n.lib '$NOWHERE/models.lib' tt\nM1 d g s b nch w=1u l='lmin'\nX1 d g s b xyz_nmos w=1u l=60n\n"
    )
    circuit = flatten(read_netlist(path))
    assert circuit.device_count == 2
    assert circuit.table.width_m.tolist() == [1e-6, 1e-6]
    kinds = [card.kind for card in circuit.skipped_cards]
    assert kinds[0] == "missing .lib $NOWHERE/models.lib tt"
    assert "lmin" in kinds[1]


def test_a_library_that_calls_itself(write_deck: WriteDeck) -> None:
    write_deck(".lib a\n.lib loop.lib b\n.endl\n.lib b\n.lib loop.lib a\n.endl\n", "loop.lib")
    with pytest.raises(NetlistError, match=r"loop\.lib:5: file loop\.lib includes itself"):
        read_netlist(write_deck("* t\n.lib loop.lib a\n"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("* t\n.lib tt\n.param k=1\n.endl\n.lib ss\n.param k=2\n.endl\n", "library sections only"),
        (
            "simulator lang=spectre\nlibrary x\nsection tt\nR1 (a b) resistor\nendsection\nendlibrary\n",
            "library",
        ),
        (".param k=1\n.model nch nmos\n", "parameters and models only"),
        ("* nothing\n", "no element and no subcircuit found"),
    ],
)
def test_files_without_a_circuit_of_their_own(write_deck: WriteDeck, text: str, what: str) -> None:
    with pytest.raises(NetlistError, match=what):
        read_netlist(write_deck(text))
