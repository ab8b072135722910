from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitgcl.errors import NetlistError, OnError, SourceLocation
from circuitgcl.netlist import read_netlist
from circuitgcl.netlist.assembly import Assembly
from circuitgcl.netlist.dialects import DIALECTS, DialectName
from circuitgcl.netlist.lexing import Statements
from circuitgcl.netlist.records import Card, Netlist, Subcircuit
from circuitgcl.netlist.spectre import SpectreParser
from circuitgcl.netlist.spectre_primitives import SPECTRE_PRIMITIVES, model_type_word
from circuitgcl.netlist.spectre_spelling import spice_expression
from circuitgcl.schema import DeviceType

SPECTRE = DIALECTS[DialectName.SPECTRE]
Included = list[tuple[str, str | None, int]]


def parse(text: str, on_error: OnError = OnError.RAISE, included: Included | None = None) -> Netlist:
    """Netlist of a Spectre text; what it includes is noted instead of read."""
    assembly = Assembly("t", "t.scs", case_sensitive=True, last_counts=True, on_error=on_error)

    def include(name: str, section: str | None, location: SourceLocation) -> None:
        if included is not None:
            included.append((name, section, location.line))

    mark = assembly.mark()
    SpectreParser(assembly, "t.scs", SPECTRE, include).parse(Statements(text, SPECTRE))
    assembly.close_to(mark)
    return assembly.finish()


def cell(text: str, name: str = "s") -> Subcircuit:
    found = parse(text).find(name)
    assert found is not None
    return found


def only(text: str) -> Card:
    (card,) = parse(text).main.cards
    return card


def skipped(text: str) -> list[tuple[str, int]]:
    return [(card.kind, card.location.line) for card in parse(text).skipped_cards]


# instances


@pytest.mark.parametrize(
    ("text", "name", "nodes", "master", "parameters"),
    [
        (
            "M0 (d g s b) nmos w=90n l=45n m=10",
            "M0",
            "d g s b",
            "nmos",
            {"w": "90e-9", "l": "45e-9", "m": "10"},
        ),
        ("M0 ( d g\ts b ) nmos", "M0", "d g s b", "nmos", {}),
        ("M0(d g s b)nmos", "M0", "d g s b", "nmos", {}),
        ("Rs1 n2 n21 resistor r=600", "Rs1", "n2 n21", "resistor", {"r": "600"}),
        ("xI0 nin vdd! 0 amp", "xI0", "nin vdd! 0", "amp", {}),
        ("x1 s1 p4=8", "x1", "", "s1", {"p4": "8"}),
        ("I1 () s1", "I1", "", "s1", {}),
        (
            "R1 (a b) res multi=(1) w = 2*(a + 1M) m =2",
            "R1",
            "a b",
            "res",
            {"multi": "(1)", "w": "2*(a + 1e6)", "m": "2"},
        ),
        ('V1 (a 0) vsource file="x y" type=pwl', "V1", "a 0", "vsource", {"file": '"x y"', "type": "pwl"}),
        ("V1 (a 0) vsource wave=[0 0 1n 1] type=pwl", "V1", "a 0", "vsource", {"type": "pwl"}),
        ("C1 (OUT VSS) cap c='a*2u'", "C1", "OUT VSS", "cap", {"c": "'a*2e-6'"}),
    ],
)
def test_instances_with_and_without_parentheses(
    text: str, name: str, nodes: str, master: str, parameters: Mapping[str, str]
) -> None:
    card = only(text)
    assert (card.name, card.kind, card.nodes) == (name, None, tuple(nodes.split()))
    assert (card.master, card.parameters) == (master, parameters)


def test_escaped_and_unescaped_names_are_one_net() -> None:
    netlist = parse("I10\\<0\\> (EN\\<1\\> VI\\+ a\\(1\\)) PM\\%GND\nI2 (EN<1> x\\=y z) t\n")
    first, second = netlist.main.cards
    assert (first.name, first.nodes, first.master) == ("I10<0>", ("EN<1>", "VI+", "a(1)"), "PM%GND")
    assert second.nodes == ("EN<1>", "x=y", "z")
    assert list(netlist.main.nodes).count("EN<1>") == 1


def test_names_differing_by_case_are_different() -> None:
    netlist = parse("subckt inv (a A)\nends inv\nsubckt INV (a)\nends INV\nI1 (n N) inv\n")
    assert [found.ports for found in netlist.subcircuits.values()] == [("a", "A"), ("a",)]
    assert list(netlist.main.nodes) == ["n", "N"]


def test_an_instance_with_a_range_stands_for_several() -> None:
    cards = parse("I0<1:0> (a\\<1:0\\> b) inv m=2\n").main.cards
    assert [(card.name, card.nodes) for card in cards] == [("I0<1>", ("a<1>", "b")), ("I0<0>", ("a<0>", "b"))]


def test_words_between_master_and_parameters_are_reported() -> None:
    netlist = parse("R1 (a b) resistor 1k m=2\n")
    assert netlist.main.cards[0].parameters == {"m": "2"}
    assert netlist.warnings == ("t.scs:1: R1 has 1k where `name=value` belongs; ignored",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("M1 (a b nmos w=1", r"t\.scs:1: 'M1 \(a b nmos w=1'; expected `name \(node"),
        ("M1 (a b) c) nmos", "expected `name"),
        ("lonely", "'lonely' is no Spectre statement"),
        (".param a=1", r"\.param is SPICE; is a `simulator lang=spice` missing"),
        ("M1 (a b) nmos w='1", r"t\.scs:1: ' is not balanced"),
        ("subckt", "subckt without a name"),
        ("inline foo", "inline foo; expected"),
        ("parameters a", "has no `name=value`"),
        ("model a", "model needs a name and a type"),
        ("include section=tt", "include without a file name"),
        ("real f(x) { x }", "expected `real name"),
        ("}", "a } without a {"),
        ("{", "a { without an if"),
        ("else r1 (a b) resistor", "an else without an if"),
        ("if (a r1 (a b) resistor", r"lacks its \)"),
        ("if (a) {\n}\n}\n", r"t\.scs:3: a } without"),
        ("\nmodel n bsim4 {\n1: type=n\n", r"t\.scs:2: a { is not closed"),
        ("x y { z }", "no braces were expected"),
    ],
)
def test_malformed_statements_are_located(text: str, message: str) -> None:
    with pytest.raises(NetlistError, match=message):
        parse(text)
    lenient = parse(text + "\nR1 (a b) resistor\n" if "{" not in text else text, OnError.SKIP)
    assert any(card.kind.startswith("error: ") for card in lenient.skipped_cards)


# definitions


def test_subcircuits_with_parameters_that_instances_override() -> None:
    found = cell("subckt s (a b)\nparameters w=1u l=w*2\nparameters m=1\nM1 (a b) n w=w\nends s\n")
    assert (found.ports, found.defaults) == (("a", "b"), {"w": "1e-6", "l": "w*2", "m": "1"})
    assert cell("inline subckt s a b\ns (a b) n\nends\n").ports == ("a", "b")
    assert cell("subckt s\nI1 (a b) n\nends s\n").ports == ()
    assert cell("topckt s a b\nI1 (a b) n\nends s\n").ports == ("a", "b")


def test_parameters_outside_definitions_are_global() -> None:
    netlist = parse("parameters Fs=2G pt=511 Fin=Fs*pt/1024 \\\n  c = 5f\n")
    assert netlist.main.parameters == {"fs": "2e9", "pt": "511", "fin": "Fs*pt/1024", "c": "5e-15"}
    assert not netlist.warnings


def test_parameters_that_differ_by_case_are_reported() -> None:
    assert "differ only by case" in parse("parameters W=1 w=2\n").warnings[0]


def test_definitions_nest_and_their_ends_may_be_missing() -> None:
    text = "subckt s a\nsubckt t b\nI1 (b) x\nends\nI2 (a) t\n"
    netlist = parse(text, OnError.SKIP)
    assert list(netlist.subcircuits) == [("s",), ("s", "t")]
    assert [card.location.line for card in netlist.skipped_cards] == [1]
    with pytest.raises(NetlistError, match=r"t\.scs:1: subcircuit s has no \.ends"):
        parse(text)


def test_functions_span_lines() -> None:
    netlist = parse("real f(real A, real b) {\n  return A*1M + b;\n}\nreal one() { return 1; }\n")
    assert netlist.main.functions == {"f": (("a", "b"), "A*1e6 + b"), "one": ((), "1")}


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("model m bsim4 type=n vth0=0.4", DeviceType.NMOS),
        ("model m bsim4 type=p", DeviceType.PMOS),
        ("model m bsim3v3 {\n1: type=p lmin=1u \\\n lmax=2u\n2: type=p\n}", DeviceType.PMOS),
        ("model m bsim4{ 1: type=p }", DeviceType.PMOS),
        ("model m bjt\n+ type = pnp\n+ tnom = 27", DeviceType.PNP),
        ("model m vbic", DeviceType.NPN),
        ("model m diode is=1e-15", DeviceType.DIODE),
        ("model m resistor rsh=10", DeviceType.RESISTOR),
        ("model m capacitor c=1p", DeviceType.CAPACITOR),
        ("model m inductor l=1n", DeviceType.INDUCTOR),
        ("model m jfet type=p", DeviceType.JFET),
        ("model m my_psp103_va type=-1", DeviceType.PMOS),
        ("model m my_module type=n", DeviceType.NMOS),
        ("model m nmos", DeviceType.NMOS),
    ],
)
def test_models_tell_what_their_devices_are(statement: str, kind: DeviceType) -> None:
    assert parse(f"{statement}\nM1 (a b) m\n").main.models == {"m": kind}


def test_a_model_of_an_unknown_module_is_listed() -> None:
    assert model_type_word("my_module", "a=1") == "my_module"
    assert skipped("model m my_module a=1\n") == [(".model my_module", 1)]


def test_every_primitive_has_a_type_or_no_part_in_a_layout() -> None:
    assert SPECTRE_PRIMITIVES["resistor"] is DeviceType.RESISTOR
    assert SPECTRE_PRIMITIVES["iprobe"] is DeviceType.SOURCE
    assert skipped("K1 mutual_inductor coupling=0.9 ind1=L1 ind2=L2\n") == [("mutual_inductor", 1)]


# what describes no circuit


def test_statements_without_a_circuit_are_listed() -> None:
    text = (
        "save I0:1 out\n"
        'ahdl_include "x.va"\n'
        "ic CK\\<1\\>=0\n"
        'tran tran stop=12u \\\n write="a {b"\n'
        "mynoise (out 0) noise start=1\n"
        "opts options reltol=1e-3 temp=27\n"
        "statistics {\n process {\n vary a dist=gauss std=1\n }\n}\n"
        "mc1 montecarlo numruns=10 {\n tran1 tran stop=1n\n}\n"
        "ag altergroup {\nparameters a=1\n}\n"
        "check1 assert sub=x min=0\n"
        "#ifdef X\n"
    )
    kinds = "save ahdl_include ic tran noise options statistics montecarlo altergroup assert #ifdef"
    assert [kind for kind, _ in skipped(text)] == kinds.split()
    assert len(parse(text).main.cards) == 0


def test_options_set_the_scale_of_drawn_lengths() -> None:
    assert parse("o options scale=1u temp=27\n").scale == pytest.approx(1e-6)


def test_globals_may_be_escaped() -> None:
    assert parse("global 0 vdd\\! gnd!\n").global_nets == ("0", "vdd!", "gnd!")


def test_includes_name_file_and_section() -> None:
    included: Included = []
    parse(
        'include "a b.scs" section=tt\ninclude ./c.scs\ninclude "d" section = "ss"\n#include "e"\n',
        included=included,
    )
    assert included == [("a b.scs", "tt", 1), ("./c.scs", None, 2), ("d", "ss", 3), ("e", None, 4)]


def test_sections_that_nobody_asked_for_are_listed() -> None:
    text = (
        "library corners\nsection tt\nparameters a=1\nendsection tt\n"
        "section ss\nendsection\nendlibrary\nparameters b=1\n"
    )
    netlist = parse(text)
    assert netlist.main.parameters == {"b": "1"}
    assert skipped(text) == [("section tt", 2), ("section ss", 5)]


# conditions


def conditions(text: str) -> list[tuple[str, str]]:
    """Name of every card of the cell `s` and the condition it stands under."""
    table = cell(f"subckt s (a b)\nparameters p=1 q=2\n{text}\nends s\n").cards
    return [
        (card.name, table.specs[spec].condition)
        for card, spec in zip(table, table.spec.tolist(), strict=True)
    ]


def test_an_if_holds_one_statement_or_a_list_in_braces() -> None:
    text = (
        "if (p>1M) r1 (a b) resistor\n"
        "if ((p>1) && (q<2)) {\n r2 (a b) resistor\n r3 (a b) resistor }\n"
        "r4 (a b) resistor"
    )
    assert conditions(text) == [
        ("r1", "((p>1e6))"),
        ("r2", "(((p>1) && (q<2)))"),
        ("r3", "(((p>1) && (q<2)))"),
        ("r4", ""),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "if (p) {\nr1 (a b) x\n} else if (q) {\nr2 (a b) x\n} else {\nr3 (a b) x\n}\nr4 (a b) x",
        "if (p)\n{ r1 (a b) x }\nelse if (q)\n{\nr2 (a b) x }\nelse\n{\nr3 (a b) x\n}\nr4 (a b) x",
        "if (p) r1 (a b) x\nelse if (q) r2 (a b) x\nelse r3 (a b) x\nr4 (a b) x",
    ],
)
def test_branches_of_an_if(text: str) -> None:
    first, second, third, fourth = conditions(text)
    assert first == ("r1", "((p))")
    assert second[1] == "!((p))&&((q))"
    assert third[1] == "!((p))&&!((q))"
    assert fourth == ("r4", "")


def test_an_else_belongs_to_the_closest_if_without_one() -> None:
    found = conditions("if (p) if (q) r1 (a b) x\nelse r2 (a b) x\nelse r3 (a b) x\nr4 (a b) x")
    assert [condition for _, condition in found] == ["((p))&&((q))", "((p))&&!((q))", "!((p))", ""]


def test_an_if_at_the_end_of_a_file_is_closed() -> None:
    netlist = parse("parameters p=1\nif (p) r1 (a b) resistor")
    assert len(netlist.main.cards) == 1
    assert not netlist.warnings


def test_a_branch_not_taken_leaves_nothing() -> None:
    netlist = parse(
        "parameters p=0\nif (p) {\nmodel m bsim4 {\n1: type=n\n}\nr1 (a b) resistor\n}\nr2 (a b) resistor"
    )
    assert [card.name for card in netlist.main.cards] == ["r2"]
    assert not netlist.main.models


# encrypted parts


@pytest.mark.parametrize(
    "text",
    [
        "parameters a=1\n//pragma protect begin_protected\n//pragma protect data\nQx=+/(){\n+zz\n"
        "//pragma protect end_protected\nR1 (a b) resistor\n",
        "parameters a=1\nprotect\nQx9+(zz\nmore}\nunprotect\nR1 (a b) resistor\n",
    ],
)
def test_encrypted_parts_are_one_located_error(text: str) -> None:
    with pytest.raises(NetlistError, match=r"t\.scs:[23]: this section is encrypted"):
        parse(text)
    netlist = parse(text, OnError.SKIP)
    assert [card.name for card in netlist.main.cards] == ["R1"]
    assert len(netlist.skipped_cards) == 1
    assert netlist.main.parameters == {"a": "1"}


def test_a_protected_part_in_plain_text_is_read() -> None:
    assert len(parse("protect\nR1 (a b) resistor\nunprotect\nR2 (a b) resistor\n").main.cards) == 2


# numbers


@pytest.mark.parametrize(
    ("spectre", "value"),
    [
        *(("1T", 1e12), ("1G", 1e9), ("1M", 1e6), ("1K", 1e3), ("1k", 1e3), ("1_", 1.0), ("1%", 0.01)),
        *(
            ("1c", 0.01),
            ("1m", 1e-3),
            ("1u", 1e-6),
            ("1n", 1e-9),
            ("1p", 1e-12),
            ("1f", 1e-15),
            ("1a", 1e-18),
        ),
        *(("1P", 1e15), ("2.5e3k", 2.5e6), (".5M", 5e5), ("5.M", 5e6), ("1e-3", 1e-3), ("10pF", 1e-11)),
        *(("90n", 90e-9), ("550.00m", 0.55), ("3V", 3.0), ("1meg", 1e6)),
    ],
)
def test_scale_factors_tell_capitals_from_small_letters(spectre: str, value: float) -> None:
    assert float(spice_expression(spectre)) == value


@pytest.mark.parametrize(
    ("spectre", "spice"),
    [
        ("a1M+2M*n3k", "a1M+2e6*n3k"),
        ("5%2", "5%2"),
        ("5% * 2", "5e-2 * 2"),
        ("2n2222", "2n2222"),
        ('"1M"', '"1M"'),
        ("(p ? 1M : 2m)", "(p ? 1e6 : 2e-3)"),
    ],
)
def test_expressions_keep_everything_but_scale_factors(spectre: str, spice: str) -> None:
    assert spice_expression(spectre) == spice


# whole files


def test_languages_alternate_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "mixed.scs"
    path.write_text(
        "// head\nsimulator lang=spectre\nsubckt inv (a y)\nM1 (y a 0 0) nch w=1u l=0.1u\n"
        "simulator lang=spice\nM2 y a 0 0 nch w=1u l=0.1u\n.model nch nmos\n"
        "simulator lang=spectre\nends inv\nI1 (in out) inv\n"
    )
    netlist = read_netlist(path)
    found = netlist.find("inv")
    assert found is not None
    assert [(card.name, card.location.line) for card in found.cards] == [("M1", 4), ("M2", 6)]
    assert netlist.case_sensitive


CORPUS = Path(__file__).parents[4] / "shared" / "corpus"


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of real netlists is not here")
def test_the_corpus_reads_or_says_why_not() -> None:
    files = [
        path for folder in ("spectre", "magical") for path in (CORPUS / folder).rglob("*") if path.is_file()
    ]
    read = 0
    for path in files:
        with contextlib.suppress(NetlistError):
            read_netlist(path, on_error=OnError.SKIP)  # many include files that are not there
            read += 1
    assert read >= len(files) - 5


PIECES = (
    "subckt ends inline s parameters model real include section endsection protect unprotect global if else "
    "( ) { } [ ] = a b 1M 1: \\ \\< \" ' , ; + // * type=n return tran options nmos resistor w=1 ! pragma "
    "begin_protected end_protected <1:0> I0<1:0>"
)


@given(st.lists(st.sampled_from([*PIECES.split(), "\n", " \n ", "\\\n"]), max_size=40).map(" ".join))
@settings(max_examples=300)
def test_no_text_raises_anything_but_netlist_errors(text: str) -> None:
    with contextlib.suppress(NetlistError):
        parse(text)
    parse(text, OnError.SKIP)


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "(",
            ")",
            "{",
            "}",
            "[",
            "a=[",
            "\\",
            "\\<",
            '"',
            "'",
            "1",
            "1.",
            "1e",
            "=",
            "a ",
            "(a",
            "a(",
            "if(",
            "else ",
        ),
        *(
            "x{",
            "real f(a){return ",
            "1: ",
            "begin_protected ",
            "begin_protected\n",
            "if (a) \n",
            "{\n",
            "a b\n",
        ),
        *("+\n", "\\\n", " "),
    ],
)
def test_long_texts_take_linear_time(unit: str) -> None:
    begin = time.perf_counter()
    for start in (
        "x ",
        "if (a) ",
        "model n b ",
        "parameters a=",
        "r1 (a b) resistor r=",
        "real f(x) { return ",
    ):
        parse(start + unit * 20_000, OnError.SKIP)
    assert time.perf_counter() - begin < 20.0
