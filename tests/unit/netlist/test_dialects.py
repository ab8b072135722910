from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.netlist.dialects import DIALECTS, Dialect, DialectName, detect_dialect, language_sections

SPICE, SPECTRE = DIALECTS[DialectName.SPICE], DIALECTS[DialectName.SPECTRE]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("* x\n.subckt a b\nR1 a b 1\n.ends\n", DialectName.SPICE),
        ("", DialectName.SPICE),
        ("* x\n*.PININFO a:I\n", DialectName.CDL),
        (".subckt inv a y vdd\nXI2 a y vdd / CELL p=6E-08\n.ends\n", DialectName.CDL),
        (".subckt r a b\nR1 a b 260 $SUB=sub $[rppd] m=1\n.ends\n", DialectName.CDL),
        ("* x\n**.subckt top a,b\nR1 a b 1\n**.ends\n.end\n", DialectName.XSCHEM),
        ("** sch_path: x\n.subckt top a b\n*.PININFO a:I b:O\n.ends\n", DialectName.CDL),
        ("* C:\\d\\draft.asc\nR1 a b 1\n.tran 1\n.backanno\n.end\n", DialectName.LTSPICE),
        ("title\n.global_param w=1u\nR1 a 0 1\n", DialectName.XYCE),
        ("title\n.options timeint newlte=3\nR1 a 0 1\n", DialectName.XYCE),
        ("title\n.option post=1 probe\nR1 a 0 1\n", DialectName.HSPICE),
        ("title\nR1 a 0 1\n.alter\nR1 a 0 2\n.end\n", DialectName.HSPICE),
        ("// x\n\nsimulator lang=spectre\n.param is not spice\n", DialectName.SPECTRE),
        ("// x\nsubckt inv a y\nends inv\n", DialectName.SPECTRE),
        ("cc_1 ( a b ) capacitor c=1f\n", DialectName.SPECTRE),
        ("parameters w=1u\nM1 (a b c d) nch w=w\n", DialectName.SPECTRE),
        ("subckt of nothing\n.subckt inv a y\n.ends\n.end\n", DialectName.SPICE),
        ("* x\nsimulator lang=spice\n.model n nmos\n", DialectName.SPICE),
        ("*simulator lang=spectre\n.model n nmos\n", DialectName.SPICE),
        (".param a=1\nsimulator lang=spectre\nsubckt a b\nends\nsubckt c d\nends\n", DialectName.SPICE),
    ],
)
def test_dialects_are_told_by_content(text: str, name: DialectName) -> None:
    assert detect_dialect(text) is DIALECTS[name]


def test_an_included_file_without_signs_is_like_the_file_that_includes_it() -> None:
    assert detect_dialect("M1 a b c d nch\n", SPECTRE) is SPECTRE
    assert detect_dialect("M1 a b c d nch\n", DIALECTS[DialectName.CDL]).name == "cdl"
    assert detect_dialect(".model nch nmos\n", SPECTRE).name == "spice"


def test_a_sign_deep_in_a_large_file_is_found() -> None:
    assert detect_dialect("M1 a b c d nch\n" * 20_000 + "*.PININFO a:I\n").name == "cdl"


@pytest.mark.parametrize("unit", ["x / ", "(", "a(b", "* .asc ", ".option ", " ", "\n", "ends ", "model "])
def test_detection_takes_linear_time(unit: str) -> None:
    begin = time.perf_counter()
    detect_dialect(unit * 100_000)
    detect_dialect("x" + unit * 100_000)
    assert time.perf_counter() - begin < 5.0


def sections(text: str, dialect: Dialect) -> list[tuple[str, str, int]]:
    return [
        (found.name, text[begin:end], line) for found, begin, end, line in language_sections(text, dialect)
    ]


def test_a_file_without_switches_is_one_section() -> None:
    assert sections("R1 a b 1\n* simulator lang=spice\n", SPICE) == [
        ("spice", "R1 a b 1\n* simulator lang=spice\n", 1)
    ]
    assert sections("", SPICE) == [("spice", "", 1)]


def test_a_file_is_cut_at_its_language_switches() -> None:
    text = "// head\nsimulator lang=spectre\nr1 (a b) resistor\n simulator  lang = spice // back\n.param a=1"
    assert sections(text, SPECTRE) == [
        ("spectre", "// head\n", 1),
        ("spectre", "r1 (a b) resistor\n", 3),
        ("spice", ".param a=1", 5),
    ]


def test_spice_between_spectre_sections_keeps_the_dialect_of_the_file() -> None:
    text = "*.PININFO a:I\nsimulator lang=spectre\nr1 (a b) resistor\nsimulator lang=spice\nR1 a b 1\n"
    found = language_sections(text, DIALECTS[DialectName.CDL])
    assert [section[0].name for section in found] == ["cdl", "spectre", "cdl"]


def test_spice_in_a_spectre_file_has_no_title() -> None:
    text = "simulator lang=spectre\nsimulator lang=spice\nstatement\n"
    (section,) = language_sections(text, SPECTRE)
    assert (section[0].name, section[0].has_title_line, section[3]) == ("spice", False, 3)


LINES = st.sampled_from(
    [
        "simulator lang=spice",
        " simulator lang = spectre x",
        ".param a=1",
        "r1 (a b) resistor",
        "*.PININFO a:I",
        "",
    ]
)


@given(st.lists(st.one_of(LINES, st.text(max_size=20)), max_size=10).map("\n".join))
def test_sections_cover_everything_but_the_switches(text: str) -> None:
    found = language_sections(text, detect_dialect(text))
    position, line = 0, 1
    for _, begin, end, number in found:
        between = text[position:begin]
        assert all(part.lstrip(" \t").startswith("simulator") for part in between.splitlines() if part)
        line += between.count("\n")
        assert (number, begin <= end) == (line, True)
        position, line = end, line + text.count("\n", begin, end)
    assert all(part.lstrip(" \t").startswith("simulator") for part in text[position:].splitlines() if part)
