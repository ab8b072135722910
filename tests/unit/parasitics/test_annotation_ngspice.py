"""ngspice runs annotated netlists, and measures in them the capacitances that were written."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from annotation_oracle import NGSPICE, bench_nodes, matrix, measured, record, terminals

from circuitgcl import Estimate, Estimator, flatten, read_netlist
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.parasitics import Parasitics
from circuitgcl.parasitics.annotation.writer import write_annotated

pytestmark = pytest.mark.skipif(NGSPICE is None, reason="ngspice is not installed")

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "netlists").glob("*.sp"))
STYLES = ("ngspice", "hspice")  # by paths, in scopes

ODD_NAMES = """* names that need care
.global vbias!
.subckt odd a b! Out<0> vdd gnd
Xi1 a n/1 vdd gnd inner
X[2] N/1 b! vdd gnd inner
Xi.3 a Out<0> vdd gnd inner
Xsame a xi1_k! vdd gnd inner
R1 a q:1 1k
R2 q:1 7 1k
R3 7 n+1 1k
R4 n+1 n-2 1k
R5 n-2 n#3 1k
R6 n#3 n|4 1k
R7 n|4 n<5> 1k
R8 n<5> n@6 1k
R9 n@6 n%7 1k
R10 n%7 n~9 1k
R11 n~9 n^10 1k
R12 n^10 1e3 1k
R13 1e3 n? 1k
R14 n? n:1:2 1k
R15 n:1:2 n&1 1k
R16 n&1 \\n8 1k
R17 \\n8 vbias! 1k
Cpar1 vbias! b! 3f
.ends
.subckt inner p m vdd gnd
r1 p k! 1k
r2 K! m 1k
Xd p 3 vdd gnd deep
Xe b<1> m vdd gnd deep
r5 p k/1 1k
r6 k/1 a:b 1k
r7 3 b<1> 1k
.ends
.subckt deep y z vdd gnd
M1 y z x.y vdd pmos w=1u l=1u
M2 y z x.y gnd nmos w=1u l=1u
.ends
"""


def check(folder: Path, path: Path, circuit: FlatCircuit, parasitics: Parasitics, columns: int = 4) -> None:
    """Annotate in both styles, and compare what ngspice measures with and without the annotation."""
    number = {name: net for net, name in enumerate(circuit.net_names())}
    nets = [number[name] for name in parasitics.nodes]
    random = np.random.default_rng(0)
    driven = sorted(random.choice(len(nets), min(len(nets), columns), replace=False).tolist())
    before = measured(folder, path, circuit, bench_nodes(circuit, nets), driven)
    expected = matrix(parasitics)[driven]
    assert (np.diag(expected[:, driven]) > 0).all()
    for style in STYLES:
        copy = folder / f"{style}.sp"
        write_annotated(circuit, parasitics, copy, simulator=style)
        seen, seen_nets = circuit, nets
        if style != "ngspice":  # added ports rename inner nets
            seen = flatten(read_netlist(copy), circuit.name)
            keys = {net: key for key, net in terminals(circuit).items()}
            found = terminals(seen)
            seen_nets = [found[keys[net]] for net in nets]
        after = measured(folder, copy, seen, bench_nodes(seen, seen_nets), driven)
        np.testing.assert_allclose(after - before, expected, rtol=0, atol=1e-9 * expected.max())


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    return Estimator.from_pretrained()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples(estimator: Estimator, path: Path, tmp_path: Path) -> None:
    estimate: Estimate = estimator.estimate(path)
    parasitics = estimate.to_parasitics()
    totals = estimate.nets.set_index("net")["cap_total_farad"]
    np.testing.assert_allclose(
        np.diag(matrix(parasitics)), totals[list(parasitics.nodes)].to_numpy(), rtol=1e-5
    )
    check(tmp_path, path, estimate.circuit, parasitics)


def test_odd_names(tmp_path: Path) -> None:
    path = tmp_path / "odd.sp"
    path.write_text(ODD_NAMES)
    circuit = flatten(read_netlist(path), "odd")
    check(tmp_path, path, circuit, record(circuit, density=0.3), columns=12)


@pytest.mark.parametrize("style", STYLES)
def test_a_main_deck_runs_in_the_place_of_the_original(style: str, tmp_path: Path) -> None:
    """The deck, its control block included; a divider of four resistors, worked out by its node equations."""
    deck = (
        "a title that is no card\n.subckt half p m\nR1 p mid 10meg\nR2 mid m 10meg\n.ends\n"
        "V1 in 0 0 ac 1\nX1 in out half\nX2 out 0 half\n"
        ".control\nac lin 1 1e9 1e9\nprint real(v(out)) imag(v(out))\nquit\n.endc\n.end\n"
    )
    (tmp_path / "deck.sp").write_text(deck)
    circuit = flatten(read_netlist(tmp_path / "deck.sp"))
    parasitics = record(circuit)
    write_annotated(circuit, parasitics, tmp_path / "post.sp", simulator=style)
    nodes = ["in", "X1/mid", "out", "X2/mid"]
    order = [parasitics.nodes.index(name) for name in nodes]
    admittance = 1e-7 * np.array([[1, -1, 0, 0], [-1, 2, -1, 0], [0, -1, 2, -1], [0, 0, -1, 2]])
    admittance = admittance + 2j * np.pi * 1e9 * matrix(parasitics)[np.ix_(order, order)]
    expected = np.linalg.solve(admittance[1:, 1:], -admittance[1:, 0])[1]
    assert run(tmp_path, "deck.sp") == pytest.approx(0.5)
    assert run(tmp_path, "post.sp") == pytest.approx(expected, rel=1e-5)
    assert abs(expected - 0.5) > 0.01


def run(folder: Path, name: str) -> complex:
    """Voltage at the output that ngspice prints."""
    assert NGSPICE is not None
    shown = subprocess.run(
        [NGSPICE, "-b", name], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    real, imaginary = re.findall(r"^(?:real|imag)\(v\(out\)\) = (\S+)$", shown, re.M)
    return complex(float(real), float(imaginary))
