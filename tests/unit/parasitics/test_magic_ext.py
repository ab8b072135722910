from __future__ import annotations

import gzip
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgcl.errors import ParasiticsError
from circuitgcl.parasitics import Parasitics, match_nets, read_magic_ext, read_parasitics, read_spice
from circuitgcl.parasitics.magic import reader
from circuitgcl.parasitics.magic.nets import SizeBudget

SHARED = Path(__file__).resolve().parents[3].parent / "shared"
CELLS = SHARED / "data" / "sky130_fd_sc_hd"
CORPUS = SHARED / "corpus"
MAGIC = shutil.which("ext2spice")

HEAD = "timestamp 1\nversion 8.3\ntech scmos\nstyle lambda=1.0(gen)\n"
SUBSTRATE = 'substrate "S" 0 0 0 0 space 0 0\n'


def node(name: str, attofarad: float = 0) -> str:
    return f'node "{name}" 7 {attofarad} 0 0 m1 0 0\n'


def write(folder: Path, **cells: str) -> Path:
    """One file per cell; the path of the first."""
    for name, text in cells.items():
        (folder / f"{name}.ext").write_text(HEAD + text)
    return folder / f"{next(iter(cells))}.ext"


def ground(found: Parasitics) -> dict[str, float]:
    """Attofarad to the reference node by name."""
    return {name: round(farad * 1e18, 9) for name, farad in zip(found.nodes, found.ground_farad, strict=True)}


def coupled(found: Parasitics) -> dict[tuple[str, ...], float]:
    """Attofarad by names in alphabetical order."""
    return {
        tuple(sorted((found.nodes[a], found.nodes[b]))): round(farad * 1e18, 9)
        for a, b, farad in zip(found.pair_a, found.pair_b, found.pair_farad, strict=True)
    }


def test_flat_cell(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        inv="scale 1000 2 500000\n"
        + node("a", 10.25)
        + node("y", 3)
        + node("a_172_68#", 0.5)
        + SUBSTRATE
        + 'cap "a" "y" 1.5\ncap "y" "a" 0.25\ncap "S" "y" 4\ncap "a" "a" 9\nsubcap "a" -0.25\n',
    )
    found = read_magic_ext(path)
    assert (found.design, found.source) == ("inv", "inv.ext")
    assert found.nets == found.nodes == ("a", "y", "a_172_68#")
    assert ground(found) == {"a": 20, "y": 14, "a_172_68#": 1}  # twice what is written: scale
    assert coupled(found) == {("a", "y"): 3.5}
    assert not found.is_pin_level
    assert found.skipped_cards == ()


def test_without_scale_values_are_attofarad(tmp_path: Path) -> None:
    found = read_magic_ext(write(tmp_path, c=node("a", 12.345678901) + SUBSTRATE))
    assert found.ground_farad.tolist() == [12.345678901 * 1e-18]


def test_unquoted_names_blanks_comments_and_continued_lines(tmp_path: Path) -> None:
    text = '# remark\nnode a 0 1 0 0 m1\n\nnode "b c" 0 2 0 0 m1\ncap a \\\n"b c" 3\ncap "b c" a 4\n'
    found = read_magic_ext(write(tmp_path, c=text + node('q"[3:0]"'.replace('"', ""), 8)))
    assert ground(found) == {"a": 1, "b c": 2, "q[3:0]": 8}
    assert coupled(found) == {("a", "b c"): 7}


def test_equivalent_names_make_one_net_and_the_best_name_wins(tmp_path: Path) -> None:
    text = (
        node("a_1_1#", 1) + node("long", 2) + node("x", 4) + 'equiv "a_1_1#" "long"\nequiv "long" "short"\n'
    )
    found = read_magic_ext(write(tmp_path, c=text + 'equiv "x" "x"\ncap "short" "x" 5\n'))
    assert ground(found) == {"long": 3, "x": 4}
    assert coupled(found) == {("long", "x"): 5}
    port = 'port "short" 1 0 0 1 1 m1\n'
    assert read_magic_ext(write(tmp_path, c=port + text)).nodes[0] == "short"


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (("a_1_1#", "longer_label"), "longer_label"),
        (("vdd!", "v"), "vdd!"),
        (("ab", "c"), "c"),
        (("a", "b"), "b"),
        (("u/a", "label"), "label"),
    ],
)
def test_order_of_names(tmp_path: Path, names: tuple[str, str], best: str) -> None:
    for one, other in (names, names[::-1]):
        path = write(tmp_path, c=node(one, 1) + node(other, 1) + f'equiv "{one}" "{other}"\n')
        assert read_magic_ext(path).nodes == (best,)


def test_substrate_and_what_is_connected_to_it_is_the_reference(tmp_path: Path) -> None:
    text = node("VGND", 5) + node("a", 1) + 'substrate "VNB" 0 0 0 0 pw 0 0\nequiv "VGND" "VNB"\n'
    found = read_magic_ext(write(tmp_path, c=text + 'cap "a" "VGND" 2\ncap "VNB" "VGND" 100\n'))
    assert ground(found) == {"a": 3}
    assert coupled(found) == {}


def test_gnd_is_the_reference_where_no_substrate_is_declared(tmp_path: Path) -> None:
    text = node("GND!", 5) + node("a", 1) + 'cap "a" "GND!" 2\n'
    assert ground(read_magic_ext(write(tmp_path, c=text))) == {"a": 3}
    assert ground(read_magic_ext(write(tmp_path, c=text + SUBSTRATE))) == {"GND!": 5, "a": 1}


LEAF = (
    "scale 1000 2 100\n"
    + node("in", 100)
    + node("a_1_1#", 50)
    + node("vdd!", 10)
    + SUBSTRATE
    + 'cap "in" "a_1_1#" 7\ncap "in" "S" 3\nsubcap "in" -1\n'
)
TOP = (
    "use leaf u1 1 0 0 0 1 0\n"
    + "use leaf arr[0:2:10][0:1:20] 1 0 0 0 1 0\nuse leaf row[0:2:10][0:0:20] 1 0 0 0 1 0\n"
    + 'port "A" 1 0 0 1 1 m1\n'
    + node("A", 1000)
    + node("Q", 500)
    + 'substrate "T" 0 0 0 0 space 0 0\nequiv "Q" "Qlong"\n'
    + 'merge "u1/in" "A" {0} 0 0\nmerge "arr[0:1,0:2]/in" "arr[0:1,0:2]/a_1_1#" {1}\n'
    + 'merge "row[0:1]/in" "row[1:2]/a_1_1#" {2} 0 0\n'
    + 'cap "Q" "u1/in" 13\ncap "Q" "u1/a_1_1#" -0.5\ncap "Q" "arr[1,2]/in" 4.25\n'
)


def test_hierarchy_with_arrays_and_corrections(tmp_path: Path) -> None:
    found = read_magic_ext(write(tmp_path, top=TOP.format(-30, -4, -2), leaf=LEAF))
    arrays = {f"arr[{y},{x}]/in": 300.0 for x in range(3) for y in range(2)}  # 204 + 100 - 4
    rows = {"row[0]/in": 302.0, "row[0]/a_1_1#": 100.0, "row[1]/in": 302.0, "row[2]/in": 204.0}
    assert ground(found) == arrays | rows | {
        "A": 1174,  # 1000 + 2 * (100 + 3 - 1) - 30
        "Q": 500,
        "vdd!": 200,  # ten times, one net
        "u1/a_1_1#": 100,
    }
    assert coupled(found) == {
        ("A", "Q"): 13,
        ("A", "u1/a_1_1#"): 14,
        ("Q", "u1/a_1_1#"): -0.5,
        ("Q", "arr[1,2]/in"): 4.25,
        ("row[0]/a_1_1#", "row[0]/in"): 14,
        ("row[0]/in", "row[1]/in"): 14,
        ("row[1]/in", "row[2]/in"): 14,
    }


def test_levels_and_compressed_children(tmp_path: Path) -> None:
    top = write(
        tmp_path,
        top='use mid m 1 0 0 0 1 0\nmerge "m/l/x" "m/y" -1\n' + node("z", 1) + 'cap "m/l/x" "z" 2\n',
        mid="use leaf l 1 0 0 0 1 0\n" + node("y", 4),
    )
    (tmp_path / "leaf.ext.gz").write_bytes(gzip.compress((HEAD + node("x", 8) + SUBSTRATE).encode()))
    found = read_parasitics(top)
    assert ground(found) == {"z": 1, "m/y": 11}
    assert coupled(found) == {("m/y", "z"): 2}


def test_a_subcells_substrate_reaches_its_parent(tmp_path: Path) -> None:
    top = write(
        tmp_path,
        top="use leaf l 1 0 0 0 1 0\n" + node("w", 3) + node("a", 1) + 'merge "l/S" "w"\ncap "a" "l/S" 2\n',
        leaf=node("x", 8) + SUBSTRATE,
    )
    assert ground(read_magic_ext(top)) == {"a": 3, "l/x": 8}


def test_device_terminals_are_pins(tmp_path: Path) -> None:
    text = (
        node("g", 1)
        + node("d", 1)
        + node("well", 1)
        + SUBSTRATE
        + 'device msubckt nfet 5 6 6 7 l=30 w=130 "S" "g" 60 0 "d" 130 0 "S" 130 0\n'
        + 'device mosfet pfet 1 2 2 3 10 20 "well" "g" 60 0 "d" 130 "at,r" "x y" 130 0\n'
        + 'device csubckt mim 8 9 9 10 w=1 l=2 "None" "d" 1 0 "g" 2 0\n'
        + 'device devres None 3 3 4 4 50 "d" 1 0 "g" 2 0\n'
        + 'fet old 0 1 1 2 100 40 "Gnd!" "g" 4 0 "d" 3 0\ndevice flux x 0 0 1 1 2\n'
    )
    top = write(tmp_path, top="use leaf u 1 0 0 0 1 0\n" + node("a", 1), leaf=text)
    found = read_magic_ext(top)
    pins = {name: set(found.pins_of(i)) for i, name in enumerate(found.nodes)}
    assert pins == {
        "a": set(),
        "u/g": {f"u/{pin}" for pin in ("nfet@5,6:G", "pfet@1,2:G", "mim@8,9:2", "None@3,3:2", "old@0,1:G")},
        "u/d": {f"u/{pin}" for pin in ("nfet@5,6:S", "pfet@1,2:S", "mim@8,9:1", "None@3,3:1", "old@0,1:S")},
        "u/well": {"u/pfet@1,2:B"},
        "u/x y": {"u/pfet@1,2:D"},
    }
    assert [(x.kind, x.count) for x in found.skipped_cards] == [("device flux in leaf.ext", 1)]


def test_resistance_extraction_replaces_a_net_by_its_pieces(tmp_path: Path) -> None:
    text = (
        node("net", 100)
        + node("b", 1)
        + 'cap "net" "b" 50\nkillnode "net"\nrnode "net.t0" 0 30 0 0 m1\nrnode "net.n1" 0 20 0 0 m1\n'
        + 'resist "net.t0" "net.n1" 12.5\ncap "net.t0" "b" 7\n'
    )
    found = read_magic_ext(write(tmp_path, c=text))
    assert ground(found) == {"net": 50, "b": 1}
    assert coupled(found) == {("b", "net"): 7}
    assert [(x.kind, x.count, x.first_line) for x in found.skipped_cards] == [("cap of a killed node", 1, 7)]


def test_statements_without_effect_are_listed(tmp_path: Path) -> None:
    text = (
        node("a", 1)
        + 'node "label" 0 0 0 0 comment 0 0\ncap "a" "no" 3\nmerge "a" "x/y"\nsubcap "no" 1\nnovelty 1 2\n'
    )
    found = read_magic_ext(write(tmp_path, c=text))
    assert found.nodes == ("a",)
    assert {(x.kind, x.first_line) for x in found.skipped_cards} == {
        ("node on layer comment", 6),
        ("cap of an undeclared node", 7),
        ("merge of an undeclared node", 8),
        ("subcap of an undeclared node", 9),
        ("novelty", 10),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scale 1000 0 5\n", "c.ext:5: scale needs three positive numbers"),
        ("scale 1000 atto 5\n", "c.ext:5: scale needs three positive numbers"),
        (node("a", 1) + "scale 1000 3 5\n", "c.ext:6: scale stands after capacitances"),
        ('node "a" 1 2\n', "c.ext:5: node has 4 fields; expected at least 7. Is the file cut off"),
        ('node "a" 1 1x 0 0 m1\n', "c.ext:5: `1x` is no capacitance"),
        (node("a") + node("b") + 'cap "a" "b" 1\ncap "a" "b" nan\n', "c.ext:8: `nan` is no capacitance"),
        (node("a") + 'cap "a" "a"\n', "c.ext:6: cap has 3 fields; expected at least 4"),
        (node("a") + 'merge "a" "a" 1e999\n', "c.ext:6: `1e999` is no capacitance"),
        (node("a") + 'cap "a" "b', "c.ext:6: a quoted name of this cap statement has no end"),
        (node("a") + "devi", "c.ext:6: the file ends with `devi`; is it cut off"),
        (node("a") + 'cap "a" \\\n', "c.ext:6: the file ends inside a continued line"),
        (node("a") + 'device msubckt n 0 0 1 1 "a" 2 0 "b" 3\n', "c.ext:6: device n has an incomplete"),
        (node("a") + "C1 a 0 1f\n", "c.ext:6: `C1` begins no statement"),
        (SUBSTRATE, "c.ext: no node besides the substrate"),
        ("use leaf x 1 0 0 0 1 0\n", "c.ext:5: cell leaf is used here, but there is no leaf.ext beside"),
        ("use ../leaf x 1 0 0 0 1 0\n", "c.ext:5: `../leaf` is no cell name"),
        ("use c x 1 0 0 0 1 0\n", "c.ext:5: cell c contains itself: c > c"),
    ],
)
def test_faults_are_located(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, c=text)
    with pytest.raises(ParasiticsError) as error:
        read_magic_ext(path)
    assert message in str(error.value)


def test_faults_of_the_hierarchy(tmp_path: Path) -> None:
    use = "use b u 1 0 0 0 1 0\n"
    path = write(tmp_path, a=use, b="use c u 1 0 0 0 1 0\n", c=use)
    with pytest.raises(ParasiticsError, match=r"c\.ext:5: cell b contains itself: b > c > b"):
        read_magic_ext(path)
    path = write(tmp_path, a=use + use, b=node("x"))
    with pytest.raises(ParasiticsError, match=r"a\.ext:6: instance u occurs twice"):
        read_magic_ext(path)
    path = write(tmp_path, a='use b u[0:3:1][0:0:1] 1 0 0 0 1 0\nmerge "u[0:1]/x" "u[0:2]/x"\n', b=node("x"))
    with pytest.raises(ParasiticsError, match=r"a\.ext:6: .* different numbers of array elements"):
        read_magic_ext(path)
    (tmp_path / "b.ext").write_text("library (x) {\n}\n")
    with pytest.raises(ParasiticsError, match=r"b\.ext:2: `}` begins no statement"):
        read_magic_ext(path)


def test_depth_and_size_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"c{i}" for i in range(reader.MAX_DEPTH + 2)]
    chain = {name: f"use {below} u 1 0 0 0 1 0\n" for name, below in pairwise(names)}
    path = write(tmp_path, **chain, **{names[-1]: node("x")})
    with pytest.raises(ParasiticsError, match="nested more than 100 levels"):
        read_magic_ext(path)
    doubling = {name: text + text.replace(" u ", " v ") for name, text in list(chain.items())[:40]}
    path = write(tmp_path, **doubling, c40=node("x", 1))
    monkeypatch.setattr(reader, "SizeBudget", lambda: SizeBudget(10_000))
    with pytest.raises(ParasiticsError, match=r"c27\.ext:5: the flattened design exceeds 10000 nets"):
        read_magic_ext(path)
    path = write(tmp_path, a="use b u[0:999999:1][0:999999:1] 1 0 0 0 1 0\n", b=SUBSTRATE)
    with pytest.raises(ParasiticsError, match=r"a\.ext:5: the flattened design exceeds"):
        read_magic_ext(path)
    wide = 'use b u 1 0 0 0 1 0\nmerge "u[0:999999,0:999999]/x" "u[0:999999,0:999999]/x"\n'
    with pytest.raises(ParasiticsError, match=r"a\.ext:6: the flattened design exceeds"):
        read_magic_ext(write(tmp_path, a=wide, b=node("x")))


def test_order_of_statements_does_not_matter(tmp_path: Path) -> None:
    head, *rest = LEAF.splitlines()
    straight = read_magic_ext(write(tmp_path, c=LEAF))
    turned = read_magic_ext(write(tmp_path, c="\n".join([head, *rest[::-1]]) + "\n"))
    assert ground(straight) == ground(turned)
    assert coupled(straight) == coupled(turned)


WORDS = st.sampled_from(
    [
        "node",
        "cap",
        "subcap",
        "equiv",
        "merge",
        "use",
        "device",
        "msubckt",
        "substrate",
        "scale",
        "killnode",
        "rnode",
        "resist",
        "port",
        "fet",
        '"a"',
        '"b"',
        "u/a",
        "u[0:2]/a",
        "u[0:2:5][0:0:5]",
        "leaf",
        "fuzz",
        "0",
        "1",
        "-2.5",
        "1e999",
        "nan",
        "1_0",
        "None",
        "m1",
        "comment",
        '"',
        "\\",
        "#",
        "x!",
        "GND!",
        "u",
    ]
)
LINES = st.lists(st.lists(WORDS, max_size=14).map(" ".join), max_size=12).map("\n".join)


def read_or_refusal(path: Path) -> Parasitics | ParasiticsError:
    try:
        return read_magic_ext(path)
    except ParasiticsError as error:
        return error


@settings(max_examples=300, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=LINES, ended=st.booleans())
def test_any_words_are_read_or_refused(tmp_path: Path, text: str, ended: bool) -> None:
    write(tmp_path, leaf=LEAF)
    found = read_or_refusal(write(tmp_path, fuzz=node("a", 1) + text + "\n" * ended))
    if isinstance(found, Parasitics):
        assert len(found.nodes) == len(found.ground_farad) == len(set(found.nodes)) > 0
        assert np.isfinite(found.ground_farad).all()
        assert np.isfinite(found.pair_farad).all()
    else:
        assert found.location is not None


@settings(max_examples=100, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, len(TOP) - 1), byte=st.integers(0, 255))
def test_damage_is_read_or_refused(tmp_path: Path, cut: int, byte: int) -> None:
    whole = (HEAD + TOP.format(-30, -4, -2)).encode()
    write(tmp_path, leaf=LEAF)
    path = tmp_path / "top.ext"
    for damaged in (whole[:cut], whole[:cut] + bytes([byte]) + whole[cut + 1 :]):
        path.write_bytes(damaged)
        found = read_or_refusal(path)
        assert isinstance(found, Parasitics) or found.location is not None


def netlisted(folder: Path, name: str) -> Parasitics:
    """What Magic makes of an extraction."""
    assert MAGIC
    flags = ["-J", "flat", "-f", "ngspice", "-c", "0", "-y", "9", "-o", "netlist.spice", name]
    subprocess.run(
        [MAGIC, "-T", "scmos", "--", *flags],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    text = (folder / "netlist.spice").read_text()
    text = text.replace("|", ",").replace(" $ **FLOATING", "")  # its spelling of `u[0,1]`
    (folder / "netlist.spice").write_text(text)
    return read_spice(folder / "netlist.spice")


@pytest.mark.skipif(MAGIC is None, reason="Magic is not installed")
def test_magic_agrees_about_the_hierarchy(tmp_path: Path) -> None:
    """Overlap corrections of merge are left out: Magic 8.3.105 reads them and does not add them."""
    top = (
        TOP.format(0, 0, 0).replace('cap "Q" "u1/a_1_1#" -0.5\n', "").replace('"T"', '"0"')
    )  # not shown if < 0
    path = write(tmp_path, top=top, leaf=LEAF)
    found, expected = read_magic_ext(path), netlisted(tmp_path, "top")
    named = {name.replace("vdd", "vdd!"): value for name, value in ground(expected).items()}
    assert ground(found) == pytest.approx(named, abs=1e-3)
    assert coupled(found) == pytest.approx(coupled(expected), abs=1e-3)


@pytest.mark.skipif(MAGIC is None or not CELLS.is_dir(), reason="Magic or the cells are not present")
@pytest.mark.parametrize("cell", ["a21oi_1", "dfxtp_1", "xor2_2"])
def test_magic_agrees_about_real_cells(tmp_path: Path, cell: str) -> None:
    lines = (CELLS / f"sky130_fd_sc_hd__{cell}.ext").read_text().splitlines(keepends=True)
    # Without ports, because Magic 8.3.105 drops the capacitance of some of them.
    text = "".join(line for line in lines[4:] if not line.startswith("port"))
    path = write(tmp_path, c=text.replace('"VNB"', '"0"'))
    found, expected = read_magic_ext(path), netlisted(tmp_path, "c")
    assert expected.coupling_total_farad > 1e-16
    own = {name: value for name, value in ground(found).items() if value > 1e-3}
    assert own == pytest.approx({k: v for k, v in ground(expected).items() if v > 1e-3}, abs=2e-3)
    pairs = {key: value for key, value in coupled(found).items() if value > 2e-3}
    assert pairs == pytest.approx({k: v for k, v in coupled(expected).items() if v > 2e-3}, abs=2e-3)


def schematic(path: Path) -> tuple[str, dict[str, None]]:
    """Name and nets of a schematic of one flat subcircuit, word by word."""
    name, nets = "", {}
    for words in map(str.split, path.read_text().splitlines()):
        if words and words[0] == ".subckt":
            name = words[1]
            nets.update(dict.fromkeys(words[2:]))
        elif words and words[0].startswith("X"):
            nets.update(dict.fromkeys([word for word in words[1:] if "=" not in word][:-1]))
    return name, nets


@pytest.mark.skipif(not CELLS.is_dir(), reason="labelled cells not present")
def test_sky130_cells_match_their_schematics() -> None:
    nets_total = nets_matched = 0
    farad_total = farad_matched = 0.0
    for path in sorted(CELLS.glob("*.ext")):
        found = read_parasitics(path)
        design, nets = schematic(path.with_suffix(".spice"))
        assert found.design == design
        text = path.read_text()
        substrate = text.partition('\nsubstrate "')[2].partition('"')[0]
        report = match_nets(found, list(nets)).report
        nets_total += len(nets.keys() - {substrate})
        nets_matched += report.nets_matched_count
        farad_total += report.capacitance_total_farad
        farad_matched += report.capacitance_matched_farad
        written = sum(
            float(words[3 if words[0] != "subcap" else 2])
            for words in map(str.split, text.splitlines())
            if words[0] in {"node", "cap", "subcap"} and f'"{substrate}"' not in words[:2]
        )
        assert found.ground_total_farad + found.coupling_total_farad == pytest.approx(written * 1e-18)
    assert nets_matched / nets_total > 0.999
    assert farad_matched / farad_total > 0.9999


@pytest.mark.skipif(not CORPUS.is_dir(), reason="corpus not present")
def test_a_foreign_array_agrees_with_its_netlist() -> None:
    """The netlist is rounded to 0.01 fF and leaves out what is below 2 fF or so."""
    folder = Path("w32agobot+SKY130_SAR-ADC/archive/mag/adc_array_topologies/adc_array_fingercap_8_topF")
    found = read_parasitics(CORPUS / "magic_ext" / folder / "extract.ext")
    netlist = read_parasitics(CORPUS / "magic_ext2spice" / folder / "extract.spice", ground_names=["VSUBS"])
    expected = coupled(netlist)
    assert len(expected) > 10
    assert {key: coupled(found)[key] for key in expected} == pytest.approx(expected, abs=5.1)
    large = {name: value for name, value in ground(netlist).items() if value}
    assert len(large) > 5
    assert {name: ground(found)[name] for name in large} == pytest.approx(large, abs=5.1)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="corpus not present")
def test_foreign_files_are_read_or_miss_a_cell() -> None:
    found = [read_or_refusal(path) for path in sorted((CORPUS / "magic_ext").rglob("*.ext"))]
    read = [x for x in found if isinstance(x, Parasitics)]
    assert len(read) >= 15
    assert not any("undeclared" in skipped.kind for x in read for skipped in x.skipped_cards)
    refused = [str(x) for x in found if isinstance(x, ParasiticsError)]
    assert all("beside this file" in text for text in refused)  # the corpus has not all subcells
