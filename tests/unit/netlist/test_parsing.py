from __future__ import annotations

from collections.abc import Callable

import pytest

from circuitgcl.errors import NetlistError
from circuitgcl.netlist import Netlist
from circuitgcl.schema import DeviceType

ReadDeck = Callable[[str], Netlist]


def test_a_title_line_is_passed_over(read_deck: ReadDeck) -> None:
    for title in (
        "Miller OTA stage",
        "A 2 stage amplifier",
        "my circuit",
        "Xor gate with two inputs",
        "5t ota",
    ):
        netlist = read_deck(f"{title}\nR1 a b 1k\n")
        assert [card.name for card in netlist.main.cards] == ["R1"]
        assert [card.kind for card in netlist.skipped_cards] == ["title"]


def test_an_element_on_the_first_line_is_kept(read_deck: ReadDeck) -> None:
    for first in (
        "M1 d g s b nch",
        "Mtail d g s b nch w=1u",
        "X1 a b inv",
        "R1 a b 1k",
        ".subckt a b\n.ends",
    ):
        netlist = read_deck(f"{first}\nR2 a b 1k\n.subckt inv a b\n.ends\n")
        assert netlist.skipped_cards == ()


def test_a_malformed_element_is_no_title(read_deck: ReadDeck) -> None:
    for text in ("M1 d g s nch w=1u\n", "* t\nM1 d g s nch\n"):
        with pytest.raises(NetlistError, match="M1 has 3 nodes"):
            read_deck(f"{text}R1 a b 1\n")


def test_a_title_may_follow_blank_lines(read_deck: ReadDeck) -> None:
    assert read_deck("\n \nMiller OTA\nR1 a b 1\n").skipped_cards[0].location.line == 3


def test_definitions_and_their_bodies(read_deck: ReadDeck) -> None:
    netlist = read_deck(
        """* t
        .subckt inv A y vdd gnd wn=1u params: wp='2*wn'
        .param k = 3  j=4
        .func half(x) {x/2}
        .model nloc nmos level=1
        Mn y a gnd gnd nloc w=wn l=60n
        Mp y a vdd vdd pch w=wp l=60n
        .ends inv
        .macro buf a y
        X1 a m vdd 0 inv
        .eom
        """
    )
    inv = netlist.subcircuits["inv",]
    assert (inv.name, inv.ports) == ("inv", ("A", "y", "vdd", "gnd"))
    assert inv.defaults == {"wn": "1u", "wp": "'2*wn'"}
    assert inv.parameters == {"k": "3", "j": "4"}
    assert inv.functions == {"half": (("x",), "{x/2}")}
    assert inv.models == {"nloc": DeviceType.NMOS}
    assert [card.name for card in inv.cards] == ["Mn", "Mp"]
    assert [card.master for card in netlist.subcircuits["buf",].cards] == ["inv"]
    assert len(netlist.main.cards) == 0
    assert inv.location.line == 2
    assert inv.cards[1].location.line == 7


def test_header_parameters_with_and_without_the_keyword(read_deck: ReadDeck) -> None:
    for header in ("a b w=1u l='2*w'", "a b params: w=1u l='2*w'", "a, b w = 1u l = '2*w'"):
        cell = read_deck(f"* t\n.subckt cell {header}\nR1 a b 1\n.ends\n").subcircuits["cell",]
        assert (cell.ports, cell.defaults) == (("a", "b"), {"w": "1u", "l": "'2*w'"})


def test_a_closing_name_that_differs_is_reported_and_closes_the_open_one(read_deck: ReadDeck) -> None:
    netlist = read_deck("* t\n.subckt replica_cell a\nR1 a 0 1\n.ends cell_1rw\nX1 n replica_cell\n")
    assert len(netlist.main.cards) == 1
    (warning,) = netlist.warnings
    assert "deck.sp:4: .ends cell_1rw closes subcircuit replica_cell of " in warning


def test_nested_definitions_are_seen_from_inside_only(read_deck: ReadDeck) -> None:
    netlist = read_deck(
        """* t
        .subckt outer a
        .subckt inner b
        R1 b 0 1
        .ends inner
        X1 a inner
        .ends outer
        .subckt inner c d
        .ends
        """
    )
    outer, local, other = netlist.subcircuits.values()
    assert netlist.find("INNER", ("outer",)) is local
    assert netlist.find("inner") is other
    assert netlist.find("Outer", ("outer", "x")) is outer
    assert netlist.find("nosuch") is None


def test_one_ends_may_close_definitions_that_lack_their_own(read_deck: ReadDeck) -> None:
    netlist = read_deck("* t\n.subckt a x\n.subckt b y\nR1 y 0 1\n.ends a\nR2 p q 1\n")
    assert [card.name for card in netlist.main.cards] == ["R2"]
    assert len(netlist.warnings) == 1


def test_a_missing_ends_is_an_error(read_deck: ReadDeck) -> None:
    with pytest.raises(NetlistError, match=r"deck\.sp:2: subcircuit a has no \.ends; all that follows was"):
        read_deck("* t\n.subckt a x\nR1 x 0 1\n")


def test_the_first_of_two_definitions_counts(read_deck: ReadDeck) -> None:
    netlist = read_deck("* t\n.subckt a x\nR1 x 0 1\n.ends\n.subckt A x y\nR2 x 0 1\n.ends\n")
    assert netlist.subcircuits["a",].ports == ("x",)
    assert "deck.sp:5: subcircuit A is defined again" in netlist.warnings[0]


def test_parameters_and_functions(read_deck: ReadDeck) -> None:
    main = read_deck(
        "* t\n.param a=1 f(x)='x*2'\n.parameter b = a + 1\n.func g(x, y) 'x+y'\n.func h(z)=z\nR1 a b 1"
    ).main
    assert main.parameters == {"a": "1", "b": "a + 1"}
    assert main.functions == {"f": (("x",), "'x*2'"), "g": (("x", "y"), "'x+y'"), "h": (("z",), "z")}


def test_globals_are_kept_once_in_their_first_spelling(read_deck: ReadDeck) -> None:
    netlist = read_deck("*.PININFO a:I\n*.GLOBAL VDD:P vss\n.global vdd gnd!, :\nR1 a b 1\n")
    assert netlist.global_nets == ("VDD", "vss", "gnd!")


def test_models_options_and_libraries(read_deck: ReadDeck) -> None:
    netlist = read_deck(
        """* t
        .model NX NMOS(level=1)
        .model sw nosuchtype
        .option post scale=0.01u
        .options temp=25
        .lib 'models.lib' tt
        .PARAM
        .tran 1n 10n
        R1 a b 1
        """
    )
    assert netlist.main.models == {"nx": DeviceType.NMOS}
    assert netlist.scale == 0.01e-6
    kinds = [card.kind for card in netlist.skipped_cards]
    assert kinds == [".model nosuchtype", "missing .lib models.lib tt", ".param", ".tran"]
    assert "included file models.lib does not exist; skipped" in netlist.warnings[0]


@pytest.mark.parametrize("end", [".end", ".END", ".alter"])
def test_nothing_is_read_after_the_end(read_deck: ReadDeck, end: str) -> None:
    netlist = read_deck(f"* t\nR1 a b 1\n{end}\nR2 a b 1\n.ends\n")
    assert [card.name for card in netlist.main.cards] == ["R1"]


def test_control_blocks_are_passed_over(read_deck: ReadDeck) -> None:
    netlist = read_deck("* t\n.control\nrun\nplot v(a)\n.endc\nR1 a b 1\n")
    assert [card.name for card in netlist.main.cards] == ["R1"]
    assert [card.kind for card in netlist.skipped_cards] == [".control"]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (".ends", ".ends without a .subckt before it"),
        (".subckt", ".subckt without a name; expected `.subckt name port ...`"),
        (".param a", ".param 'a' has no `name = value`"),
        (".func f", ".func 'f'; expected `.func name(arguments) {expression}`"),
        (".model m", ".model needs a name and a type"),
        (".include", ".include without a file name"),
        (".include ''", ".include without a file name"),
        (".option scale=x", ".option scale: unknown parameter 'x'"),
    ],
)
def test_malformed_dot_cards(read_deck: ReadDeck, statement: str, message: str) -> None:
    with pytest.raises(NetlistError) as caught:
        read_deck(f"* t\nR1 a b 1\n{statement}\n")
    assert str(caught.value).endswith(f"deck.sp:3: {message}")


def test_definitions_that_are_never_closed_stop_early(read_deck: ReadDeck) -> None:
    with pytest.raises(NetlistError, match=r"deck\.sp:66: subcircuit c65 is defined inside 64 others"):
        read_deck("* t\n" + "\n".join(f".subckt c{number} a" for number in range(1, 5000)))
