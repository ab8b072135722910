"""Annotated netlists: what the user wrote stays, and every capacitor stands once on the right nets."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from annotation_oracle import assert_same, record, recovered
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgcl.errors import CircuitGCLError, DataError, NetlistError
from circuitgcl.netlist import flatten, read_netlist
from circuitgcl.parasitics import Parasitics, read_spice
from circuitgcl.parasitics.annotation.writer import Simulator, annotated_text, write_annotated

LATCH = """* two inverters in a loop
.subckt inv a y vdd gnd w=1u
* the load is inside
R1 y t 10  ; a comment
M1 t a gnd gnd nch w={w} l=1u
M2 t a vdd vdd pch w='2*w'
+ l=1u
.ends inv
.subckt latch q qb vdd gnd
Xa q qb vdd gnd inv
Xb qb q
* between the lines
+ vdd gnd inv w=2u
.ends latch
"""


def annotate(path: Path, simulator: str, *, top: str | None = None, values: int = 1000) -> Parasitics:
    """Write `post.sp` beside a netlist, and check that it says what was put into it."""
    circuit = flatten(read_netlist(path), top)
    parasitics = record(circuit, values=values)
    copy = path.parent / f"post{path.suffix.removesuffix('.gz') or '.sp'}"
    write_annotated(circuit, parasitics, copy, simulator=simulator)
    if simulator != "ngspice":  # our own reader does not take a path for a net
        assert_same(recovered(flatten(read_netlist(copy), top), circuit, parasitics), parasitics)
    return parasitics


def added_lines(before: str, after: str) -> list[str]:
    """Lines that were put into a text at one place; nothing else may differ."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    begin = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(old))
    count = len(new) - len(old)
    assert new[:begin] + new[begin + count :] == old
    return new[begin : begin + count]


# by paths


def test_cards_with_paths_stand_before_the_end_of_the_top_cell(tmp_path: Path) -> None:
    path = tmp_path / "latch.sp"
    path.write_text(LATCH)
    parasitics = annotate(path, "ngspice")
    assert parasitics.nodes == ("q", "qb", "Xa/t", "Xb/t")
    lines = added_lines(LATCH, (tmp_path / "post.sp").read_text())
    assert lines[0] == "* estimated wiring capacitances of latch: 4 to ground, 6 couplings\n"
    farad = [*parasitics.ground_farad.tolist(), *parasitics.pair_farad.tolist()]
    ends = ["q 0", "qb 0", "Xa.t 0", "Xb.t 0", "q qb", "q Xa.t", "q Xb.t", "qb Xa.t", "qb Xb.t", "Xa.t Xb.t"]
    assert lines[1:] == [
        f"Cpar{i} {pair} {value!r}\n"
        for i, (pair, value) in enumerate(zip(ends, farad, strict=True), start=1)
    ]
    after = (tmp_path / "post.sp").read_text().splitlines()
    assert after[-1] == ".ends latch"


MAIN = LATCH + "X1 s sb vdd 0 latch\nV1 vdd 0 1\n.control\nrun\n.endc\n"
BYTES = [
    pytest.param(MAIN.encode() + b".end\n", id="end"),
    pytest.param(MAIN.encode() + b".END\n* notes\n", id="text after the end"),
    pytest.param(MAIN.encode() + b".control\n.end of what\n.endcontrol\n.end\n", id="two control blocks"),
    pytest.param(MAIN.encode(), id="no end"),
    pytest.param(MAIN.rstrip("\n").encode(), id="no last line feed"),
    pytest.param(MAIN.replace("\n", "\r\n").encode() + b".end\r\n", id="CRLF"),
    pytest.param(b"\xef\xbb\xbf" + MAIN.encode() + b".end\n", id="BOM"),
    pytest.param(MAIN.replace("loop", "\xb5-loop").encode("latin-1") + b".end\n", id="latin-1"),
]


@pytest.mark.parametrize("data", BYTES)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_the_deck_stays_byte_for_byte(data: bytes, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / ("deck.sp.gz" if packed else "deck.sp")
    stored = gzip.compress(data) if packed else data
    path.write_bytes(stored)
    annotate(path, "ngspice")
    after = (tmp_path / "post.sp").read_bytes()
    begin = next((i for i, (a, b) in enumerate(zip(data, after, strict=False)) if a != b), len(data))
    begin = max(data.rfind(b"\n", 0, begin) + 1, begin if begin == len(data) else 0)
    stop = begin + len(after) - len(data)
    assert after[:begin] + after[stop:] == data
    block = after[begin:stop].split()
    assert b"Cpar1" in block
    assert b"X1.Xa.t" in block
    assert path.read_bytes() == stored


def test_the_cards_alone_read_back_as_the_record(tmp_path: Path) -> None:
    path = tmp_path / "latch.sp"
    path.write_text(LATCH)
    circuit = flatten(read_netlist(path))
    parasitics = record(circuit)
    write_annotated(circuit, parasitics, tmp_path / "post.inc")
    text = (tmp_path / "post.inc").read_text()
    assert text.startswith("* to be included in subcircuit latch, before its .ends\n")
    found = read_spice(tmp_path / "post.inc")
    assert [name.replace(".", "/") for name in found.nodes] == list(parasitics.nodes)
    for name in ("ground_farad", "pair_a", "pair_b", "pair_farad"):
        np.testing.assert_array_equal(getattr(found, name), getattr(parasitics, name))


def test_names_of_cards_are_free(tmp_path: Path) -> None:
    path = tmp_path / "own.sp"
    path.write_text("* t\nCpar1 a b 1f\ncPAR_x a 0 1f\nR1 a b 1k\n")
    circuit = flatten(read_netlist(path))
    text = annotated_text(circuit, record(circuit), tmp_path / "post.sp")
    names = [line.split()[0].casefold() for line in text.splitlines() if line[:1] in "cC"]
    assert len(names) == len(set(names)) == 5


# in scopes


def test_a_definition_is_copied_once_for_each_set_of_values(tmp_path: Path) -> None:
    path = tmp_path / "row.sp"
    cells = "".join(f"X{i} n{i} n{i + 1} vdd gnd inv\n" for i in range(6))
    path.write_text(LATCH.split(".subckt latch")[0] + f".subckt row vdd gnd\n{cells}.ends\n")
    circuit = flatten(read_netlist(path))
    x = record(circuit, density=0)
    inner = np.array([name.endswith("/t") for name in x.nodes])
    ground = np.where(inner, 2e-16, 0.0)
    ground[x.nodes.index("X3/t")] = 5e-16
    few = Parasitics(**{**x.__dict__, "ground_farad": ground})
    text = annotated_text(circuit, few, tmp_path / "post.sp", simulator="hspice")
    assert text.count(".subckt inv_p") == 2
    masters = [line.split()[5] for line in text.splitlines() if line.startswith("X")]
    assert sorted(masters.count(name) for name in set(masters)) == [1, 5]
    assert text.count("5e-16") == text.count("2e-16") == 1


def test_a_definition_without_values_stays(tmp_path: Path) -> None:
    path = tmp_path / "latch.sp"
    path.write_text(LATCH)
    circuit = flatten(read_netlist(path))
    x = record(circuit)
    nodes = [x.nodes.index(name) for name in ("q", "qb")]
    only = Parasitics(
        **{
            **x.__dict__,
            "nodes": ("q", "qb"),
            "nets": ("q", "qb"),
            "ground_farad": x.ground_farad[nodes],
            "pair_a": x.pair_a[:1],
            "pair_b": x.pair_b[:1],
            "pair_farad": x.pair_farad[:1],
            "node_net": x.node_net[:2],
            "pin_offset": x.pin_offset[:3],
        }
    )
    text = annotated_text(circuit, only, tmp_path / "post.sp", simulator="hspice")
    assert len(added_lines(LATCH, text)) == 4


def test_what_an_instance_multiplies_stands_outside_of_it(tmp_path: Path) -> None:
    path = tmp_path / "many.sp"
    path.write_text(
        "* t\n.subckt rr p m\nR1 p mid 1k\nR2 mid m 1k\n.ends\n"
        ".subckt r2 p m m=2\nR1 p mid 1k m={m}\nR2 mid m 1k m={m}\n.ends\n"
        ".subckt pair p m\nX1 p q rr\nX2 q m rr\n.ends\n"
        "X1 a b rr m=3\nX2 a b rr m=1\nX3 a b pair m = 2\nX4 a b r2\nV1 a 0 1\n"
    )
    annotate(path, "hspice")
    lines = (tmp_path / "post.sp").read_text().splitlines()
    ground = {line.split()[1] for line in lines if line.startswith("Cpar") and line.split()[2] == "0"}
    assert ground == {"a", "b", "mid", "X1_mid", "X3_q", "X3_X1_mid", "X3_X2_mid", "X4_mid"}


SPECTRE = r"""// deck
simulator lang=spectre
global gnd! vdd!
subckt inv (a y)
parameters w=1u
mn (y a mid\<1\> gnd!) nch w=w l=0.1u
rp (mid\<1\> vdd!) resistor r=10
ends inv
subckt buf a y
x1 (a m\[0\]) inv w=1u
x2 m\[0\] y inv \
   w=4u
ends buf
model nch bsim4 type=n
xb (in n\-1) buf
xc n\-1 out buf
XC out n\-1 buf
v1 (vdd! gnd!) vsource dc=1
"""


def test_spectre(tmp_path: Path) -> None:
    path = tmp_path / "deck.scs"
    path.write_text(SPECTRE)
    annotate(path, "spectre", values=3)
    lines = (tmp_path / "post.scs").read_text().splitlines()
    ground = [line for line in lines if line.startswith("Cpar") and line.split()[2] == "gnd!)"]
    assert any(line.startswith(r"Cpar1 (mid\<1\> gnd!) capacitor c=") for line in ground)
    assert any(line.startswith(r"xc n\-1 out xc_m_0 xc_x1_mid_1 xc_x2_mid_1 buf_p") for line in lines)


def test_parameters_after_their_keyword(tmp_path: Path) -> None:
    path = tmp_path / "x.sp"
    path.write_text(
        "* t\n.subckt half p m params: r=1k\nR1 p mid {r}\nR2 mid m {r}\n.ends\n"
        "X1 a b half PARAMS: r={2 * 3k}\n"
    )
    annotate(path, "xyce")
    lines = (tmp_path / "post.sp").read_text().splitlines()
    assert "X1 a b half_p1 PARAMS: r={2 * 3k}" in lines
    assert ".subckt half_p1 p m params: r=1k" in lines


def test_spectre_that_holds_spice(tmp_path: Path) -> None:
    path = tmp_path / "deck.scs"
    path.write_text(
        "simulator lang=spectre\nx1 (a b) half\nv1 (a 0) vsource dc=1\nsimulator lang=spice\n"
        ".subckt half p m\nr1 p mid 1k\nr2 mid m 1k\n.ends\n"
    )
    annotate(path, "spectre")
    text = (tmp_path / "post.scs").read_text()
    assert text.count("Cpar1 mid 0 ") == 1


def test_the_note_speaks_of_instances_only_where_something_stands_inside(tmp_path: Path) -> None:
    path = tmp_path / "flat.scs"
    path.write_text("simulator lang=spectre\nr1 (a b) resistor r=1\nv1 (a 0) vsource dc=1\n")
    annotate(path, "spectre")
    assert "// estimated wiring capacitances of flat\n" in (tmp_path / "post.scs").read_text()
    path.write_text(SPECTRE)
    annotate(path, "spectre")
    text = (tmp_path / "post.scs").read_text()
    assert "// estimated wiring capacitances of flat; others stand inside its instances\n" in text


def test_a_cdl_instance(tmp_path: Path) -> None:
    path = tmp_path / "cell.cdl"
    path.write_text(
        "*.PININFO a:I\n.SUBCKT half p m\nRr1 p mid 1k\nRr2 mid m 1k\n.ENDS\n"
        ".SUBCKT cell a b\nXi0 a b / half\nXi1 ( b a ) half\nXi2\ta\tb\thalf\n.ENDS\n"
    )
    annotate(path, "hspice", top="cell")
    text = (tmp_path / "post.cdl").read_text()
    assert "Xi0 a b Xi0_mid / half_p" in text
    assert "Xi1 ( b a Xi1_mid) half_p" in text
    assert "Xi2 a b Xi2_mid half_p" in text


def test_every_dialect_has_its_simulator(tmp_path: Path) -> None:
    for text, is_by_paths in [("* t\n", True), (".option post\n", False), (".global_param a=1\n", False)]:
        path = tmp_path / "deck.sp"
        path.write_text("* t\n" + text + LATCH + "X1 s sb vdd 0 latch\n")
        circuit = flatten(read_netlist(path))
        written = annotated_text(circuit, record(circuit), tmp_path / "post.sp")
        assert ("X1.Xa.t" in written) is is_by_paths


# several files


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A deck in a folder, with what it includes in another."""
    (tmp_path / "deck").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "lib" / "inv.sp").write_text(LATCH.split(".subckt latch")[0].removeprefix("* two"))
    (tmp_path / "lib" / "latch.sp").write_text(
        "* latch\n.include inv.sp\n.subckt latch" + LATCH.split(".subckt latch")[1] + ".end\nX9 never q\n"
    )
    (tmp_path / "lib" / "models.lib").write_text(".lib tt\n.model nch nmos level=1\n.endl\n")
    (tmp_path / "deck" / "main.sp").write_text(
        "* main\n.lib '../lib/models.lib' tt\n.include \"../lib/latch.sp\"  \n"
        ".include /nowhere/models.sp\nX1 s sb vdd 0 latch\nX2 sb s vdd 0 latch\n.end\n"
    )
    return tmp_path


@pytest.mark.parametrize("place", ["deck", "out"])
@pytest.mark.parametrize("simulator", ["ngspice", "hspice"])
@pytest.mark.parametrize("top", [None, "latch"])
def test_included_files(place: str, simulator: str, top: str | None, folders: Path) -> None:
    path, copy = folders / "deck" / "main.sp", folders / place / "post.sp"
    before = {file: file.read_bytes() for file in folders.rglob("*.*") if file.is_file()}
    circuit = flatten(read_netlist(path), top)
    parasitics = record(circuit)
    write_annotated(circuit, parasitics, copy, simulator=simulator)
    assert {file: file.read_bytes() for file in before} == before
    again = flatten(read_netlist(copy), top)  # finds all files
    if simulator == "hspice":
        assert_same(recovered(again, circuit, parasitics), parasitics)
    else:
        assert again.device_count == circuit.device_count + 4 + 6 if top else circuit.device_count + 8 + 28
    text = copy.read_text()
    assert ("lib '../lib/models.lib' tt" in text) is (place == "deck")
    assert "/nowhere/models.sp" in text
    assert ("* copied from latch.sp:" in text) is (top == "latch")
    assert "never" not in text


def test_a_top_cell_in_a_library_section(folders: Path) -> None:
    (folders / "lib" / "cells.lib").write_text(f".lib tt\n{LATCH}.endl\n")
    path = folders / "deck" / "x.sp"
    path.write_text("* t\n.lib ../lib/cells.lib tt\nR1 a b 1\n")
    circuit = flatten(read_netlist(path), "latch")
    with pytest.raises(DataError, match=r"x\.sp: cells\.lib holds a subcircuit .* not included as a whole"):
        annotated_text(circuit, record(circuit), folders / "out" / "post.sp", simulator="ngspice")


# what cannot be


def refuse(path: Path, simulator: str | None = None, name: str = "post.sp", top: str | None = None) -> str:
    circuit = flatten(read_netlist(path), top)
    before = sorted(path.parent.iterdir())
    with pytest.raises(CircuitGCLError) as caught:
        write_annotated(circuit, record(circuit), path.parent / name, simulator=simulator)
    assert sorted(path.parent.iterdir()) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bad_requests(tmp_path: Path) -> None:
    path = tmp_path / "latch.sp"
    path.write_text(LATCH)
    assert "unknown simulator 'nix'; known: ngspice, hspice, spectre, xyce, ltspice" in refuse(path, "nix")
    assert "latch.sp is the netlist itself" in refuse(path, name="latch.sp")
    assert "cannot write" in refuse(path, name="latch.sp/post.sp")
    assert "hspice reaches inner nets only from inside" in refuse(path, "hspice", "post.inc")
    assert path.read_text() == LATCH
    for simulator in Simulator:
        annotate(path, simulator)


def test_spectre_is_for_spectre(tmp_path: Path) -> None:
    path = tmp_path / "deck.scs"
    path.write_text(SPECTRE)
    assert "deck.scs is in the Spectre language, which ngspice does not read" in refuse(path, "ngspice")


@pytest.mark.parametrize(("name", "character"), [("a{b}", "{"), ("a'b'", "'"), ("$N_1", "$"), ("a//b", "//")])
def test_names_that_ngspice_cuts(name: str, character: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.cdl"
    path.write_text("* t\n.subckt t a vdd gnd\nR1 a x 1k\nR2 x gnd 1k\n.ends\n")
    circuit = flatten(read_netlist(path))
    definition = circuit.definitions[-1]
    labels = type(definition.net_labels).of([name if n == "x" else n for n in definition.net_labels])
    object.__setattr__(definition, "net_labels", labels)
    with pytest.raises(DataError) as caught:
        annotated_text(circuit, record(circuit), tmp_path / "post.sp")
    assert str(caught.value).startswith(f"{path}:2: net {name} cannot be a node of a card for ngspice")
    assert repr(character) in str(caught.value)


def test_files_that_have_changed(tmp_path: Path) -> None:
    path = tmp_path / "latch.sp"
    for simulator in ("ngspice", "hspice"):
        path.write_text(LATCH)
        circuit = flatten(read_netlist(path))
        parasitics = record(circuit)
        path.write_text("* one more line\n" + LATCH)
        with pytest.raises(DataError, match=r"latch\.sp:9: subcircuit latch does not begin here any more"):
            annotated_text(circuit, parasitics, tmp_path / "post.sp", simulator=simulator)
        path.unlink()
        with pytest.raises(NetlistError, match=r"latch\.sp: the file does not exist"):
            annotated_text(circuit, parasitics, tmp_path / "post.sp", simulator=simulator)


def test_definitions_that_cannot_be_copied(tmp_path: Path) -> None:
    path = tmp_path / "x.sp"
    half = ".subckt half p m\nR1 p mid 1k\nR2 mid m 1k\n.ends\n"
    path.write_text(f"* t\n.subckt top a b\n{half}X1 a b half\n.ends\n")
    assert "x.sp:3: subcircuit half is defined inside another one" in refuse(path, "hspice")
    annotate(path, "ngspice")
    path.write_text(f"*.PININFO\n{half}.subckt top a b\nX1<0:1> a b half\n.ends\n")
    assert "x.sp:6: instance X1<0> of half is no card of its own" in refuse(path, "hspice", top="top")
    path = tmp_path / "x.scs"
    path.write_text(
        "simulator lang=spectre\ninline subckt res (p m)\nr1 (p mid) resistor r=1\nres (mid m) resistor r=1\n"
        "ends res\nx1 (a b) res\nv1 (a 0) vsource dc=1\n"
    )
    assert "x.scs:2: res is an inline subcircuit" in refuse(path, "spectre")


def test_a_record_of_another_circuit(tmp_path: Path) -> None:
    path = tmp_path / "latch.sp"
    path.write_text(LATCH)
    circuit = flatten(read_netlist(path))
    x = record(circuit)
    other = Parasitics(**{**x.__dict__, "nodes": ("q", "nix", *x.nodes[2:])})
    with pytest.raises(DataError, match="pin-level"):
        annotated_text(circuit, other, tmp_path / "post.sp")
    other = Parasitics(**{**other.__dict__, "nets": other.nodes})
    with pytest.raises(DataError, match=r"latch\.sp: latch has no net nix"):
        annotated_text(circuit, other, tmp_path / "post.sp")


# any hierarchy


@st.composite
def hierarchies(draw: st.DrawFn, *, is_spectre: bool) -> str:
    """A random hierarchy of resistors, cells above using cells below, nets shared or not."""
    lines = ["simulator lang=spectre", "global 0 bias"] if is_spectre else ["* random", ".global bias"]
    dot, bus = ("", r"n\[{}\]") if is_spectre else (".", "n[{}]")
    resistor = "R{} ({} {}) resistor r=1k" if is_spectre else "R{} {} {} 1k"
    ports_of: list[int] = []
    for level in range(draw(st.integers(1, 4))):
        ports, inner = draw(st.integers(1, 3)), draw(st.integers(0, 3))
        nodes = [*(f"p{i}" for i in range(ports)), *(bus.format(i) for i in range(inner)), "bias"]
        header, parameter = " ".join(nodes[:ports]), draw(st.sampled_from(["", "k=1", "m=1", "m=2"]))
        lines.append(f"{dot}subckt c{level} " + (f"({header})" if is_spectre else f"{header} {parameter}"))
        if is_spectre and parameter:
            lines.append(f"parameters {parameter}")
        pick = st.sampled_from(nodes)
        lines += [resistor.format(i, draw(pick), draw(pick)) for i in range(draw(st.integers(1, 3)))]
        for number in range(draw(st.integers(0, 3)) if level else 0):
            cell = draw(st.integers(0, level - 1))
            used = draw(st.sampled_from([" ", "\n+ "])).join(draw(pick) for _ in range(ports_of[cell]))
            used = f"({used})" if is_spectre and draw(st.booleans()) else used
            lines.append(f"X{number} {used} c{cell}{draw(st.sampled_from(['', ' k=2', ' m=2']))}")
        lines.append(f"{dot}{draw(st.sampled_from(['ends', f'ends c{level}']))}")
        ports_of.append(ports)
    if draw(st.booleans()):
        lines += [f"Xt{number} {' '.join('abc'[: ports_of[-1]])} c{level}" for number in range(2)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("suffix", "simulator"), [(".sp", "hspice"), (".scs", "spectre")])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), seed=st.integers(0, 99), values=st.sampled_from([1, 2, 999]))
def test_scopes_give_the_record_back(
    data: st.DataObject, suffix: str, simulator: str, seed: int, values: int, tmp_path: Path
) -> None:
    path, copy = tmp_path / f"random{suffix}", tmp_path / f"post{suffix}"
    path.write_text(data.draw(hierarchies(is_spectre=suffix == ".scs")))
    netlist = read_netlist(path)
    top = None if len(netlist.main.cards) else list(netlist.subcircuits.values())[-1].name
    circuit = flatten(netlist, top)
    parasitics = record(circuit, seed=seed, density=0.5, values=values)
    write_annotated(circuit, parasitics, copy, simulator=simulator)
    found = recovered(flatten(read_netlist(copy), top), circuit, parasitics)
    assert_same(found, parasitics)


CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpus"
FOREIGN = [path for path in sorted(CORPUS.glob("*/*/**/*.*")) if path.is_file()][::7]


@pytest.mark.skipif(not FOREIGN, reason="the corpus is not there")
def test_netlists_of_others(tmp_path: Path) -> None:
    """Every readable one is annotated and gives its record back, or is refused for a reason."""
    annotated, refused = 0, []
    for path in FOREIGN:
        try:
            circuit = flatten(read_netlist(path))
        except CircuitGCLError:
            continue
        if not 0 < circuit.net_count < 400:
            continue
        parasitics = record(circuit, density=0.2, values=20)
        copy = tmp_path / path.name.removesuffix(".gz")
        try:
            annotated_text(circuit, parasitics, copy, simulator="ngspice")
            write_annotated(circuit, parasitics, copy, simulator="hspice")
        except CircuitGCLError as error:
            refused.append(str(error))
            continue
        is_main = (
            "**.subckt" in copy.read_text("utf-8", "replace") or not circuit.definitions[-1].location.line
        )
        again = flatten(read_netlist(copy), None if is_main else circuit.name)
        assert_same(recovered(again, circuit, parasitics), parasitics)
        annotated += 1
    reasons = ("is in the Spectre language", "cannot be a node of a card")
    assert [text for text in refused if not any(reason in text for reason in reasons)] == []
    assert annotated > 20


def test_two_nets_of_one_flat_name(tmp_path: Path) -> None:
    path = tmp_path / "x.sp"
    path.write_text("* t\n.subckt half p m\nR1 p q 1k\nR2 q m 1k\n.ends\nX1 a b half\nR1 a X1/q 1k\n")
    circuit = flatten(read_netlist(path))
    names = [name for name in circuit.net_names() if name == "X1/q"]
    assert len(names) == 2
    with pytest.raises(DataError, match="two nets have the flat name X1/q"):
        annotated_text(circuit, record(circuit), tmp_path / "post.sp")
