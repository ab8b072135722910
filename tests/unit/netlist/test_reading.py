from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgcl.errors import ConfigError, NetlistError
from circuitgcl.netlist import Netlist, flatten, read_netlist
from circuitgcl.netlist.reading import design_name, read_text

WriteDeck = Callable[..., Path]
DECK = "* t\n.subckt inv a y\nMn y a 0 0 nch w=1u\n+ l=60n\n.ends\nX1 p q inv\n"


def cards(netlist: Netlist) -> list[str]:
    inv = netlist.subcircuits["inv",]
    return [*(card.name for card in inv.cards), *(card.name for card in netlist.main.cards)]


@pytest.mark.parametrize(
    "data",
    [
        DECK.encode(),
        DECK.rstrip("\n").encode(),
        DECK.replace("\n", "\r\n").encode(),
        DECK.replace("\n", "\r").encode(),
        b"\xef\xbb\xbf" + DECK.encode(),
        gzip.compress(DECK.encode()),
        gzip.compress(DECK[:30].encode()) + gzip.compress(DECK[30:].encode()),
        gzip.compress(DECK.encode()) + b"\x00" * 512,
    ],
    ids=["plain", "no final newline", "CRLF", "CR", "BOM", "gzip", "gzip members", "gzip padding"],
)
def test_one_netlist_in_many_encodings(write_deck: WriteDeck, data: bytes) -> None:
    netlist = read_netlist(write_deck(data))  # the name says `.sp` even where the content is compressed
    assert cards(netlist) == ["Mn", "X1"]
    assert netlist.subcircuits["inv",].cards[0].parameters == {"w": "1u", "l": "60n"}


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_micro_sign(write_deck: WriteDeck, encoding: str) -> None:
    path = write_deck("* t\nM1 d g s b nch w=2\u00b5 l=0.1\u00b5m\n".encode(encoding))
    table = flatten(read_netlist(path)).table
    assert (table.width_m[0], table.length_m[0]) == (2e-6, 0.1e-6)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("ota.sp", "ota"),
        ("ota.sp.gz", "ota"),
        ("a.b.cdl", "a.b"),
        ("ota", "ota"),
        ("cell.pex.spice.gz", "cell.pex"),
        (".sp", ".sp"),
    ],
)
def test_design_name(file: str, name: str) -> None:
    assert design_name(Path("somewhere") / file) == name


def test_dialect_can_be_given(write_deck: WriteDeck) -> None:
    path = write_deck("*.unknown\nR1 a b 1\n")
    assert read_netlist(path, dialect="cdl").skipped_cards[0].kind == "*.unknown"
    assert read_netlist(path).skipped_cards == ()
    with pytest.raises(ConfigError, match="unknown dialect 'spectr'; known: spice, hspice"):
        read_netlist(path, dialect="spectr")


def test_includes_are_relative_to_the_file_that_names_them(write_deck: WriteDeck) -> None:
    write_deck("R3 a b 1\n", "lib/deep/c.sp")
    write_deck(".inc deep/c.sp\nR2 a b 1\n.end\nR9 a b 1\n", "lib/b.sp")
    path = write_deck("* t\n.include 'lib/b.sp'\nR1 a b 1\n")
    netlist = read_netlist(path)
    assert [card.name for card in netlist.main.cards] == ["R3", "R2", "R1"]
    assert netlist.main.cards[0].location.path.endswith("lib/deep/c.sp")


@pytest.mark.parametrize("form", ['"b c.sp"', "'b c.sp'", "{here}/b_c.sp", "b_c.sp trailing words"])
def test_forms_of_include(write_deck: WriteDeck, form: str) -> None:
    write_deck("R2 a b 1\n", "b c.sp")
    here = write_deck("R2 a b 1\n", "b_c.sp").parent
    netlist = read_netlist(write_deck(f"* t\n.include {form.format(here=here)}\nR1 a b 1\n"))
    assert [card.name for card in netlist.main.cards] == ["R2", "R1"]


def test_an_include_inside_a_definition_belongs_to_it(write_deck: WriteDeck) -> None:
    write_deck("R2 a 0 1\n", "body.sp")
    netlist = read_netlist(write_deck("* t\n.subckt s a\n.include body.sp\n.ends\nX1 n s\n"))
    assert [card.name for card in netlist.subcircuits["s",].cards] == ["R2"]


def test_an_included_file_cannot_close_what_it_did_not_open(write_deck: WriteDeck) -> None:
    write_deck(".ends\n", "body.sp")
    with pytest.raises(NetlistError, match=r"body\.sp:1: \.ends without a \.subckt"):
        read_netlist(write_deck("* t\n.subckt s a\n.include body.sp\n.ends\n"))


def test_a_file_included_twice_is_read_twice(write_deck: WriteDeck) -> None:
    write_deck(".subckt s a\nR2 a 0 1\n.ends\n", "s.sp")
    netlist = read_netlist(write_deck("* t\n.include s.sp\n.include s.sp\nX1 n s\n"))
    assert len(netlist.warnings) == 1
    assert "is defined again" in netlist.warnings[0]


def test_an_absolute_path_of_another_machine_is_skipped_and_named_when_missed(write_deck: WriteDeck) -> None:
    path = write_deck("* t\n.include /nowhere/at/all/pdk.sp\nX1 a b cell\nR1 a b 1\n")
    netlist = read_netlist(path)
    assert netlist.skipped_cards[0].kind == "missing .include /nowhere/at/all/pdk.sp"
    assert "does not exist; skipped" in netlist.warnings[0]
    with pytest.raises(
        NetlistError, match=r"not defined\. It may be in a file .*: \.include /nowhere/at/all/pdk"
    ):
        flatten(netlist)


def test_home_is_expanded(write_deck: WriteDeck, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write_deck("R2 a b 1\n", "home/b.sp")
    netlist = read_netlist(write_deck("* t\n.include ~/b.sp\n"))
    assert [card.name for card in netlist.main.cards] == ["R2"]


def test_a_netlist_survives_pickling(write_deck: WriteDeck) -> None:
    netlist = read_netlist(write_deck(DECK))
    copy = pickle.loads(pickle.dumps(netlist))
    assert cards(copy) == cards(netlist)
    assert flatten(copy).net_names() == flatten(netlist).net_names()


def test_text_has_single_line_feeds(write_deck: WriteDeck) -> None:
    assert read_text(write_deck(b"a\r\nb\rc\n")) == "a\nb\nc\n"
