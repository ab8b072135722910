"""The same decks through the expansion of ngspice, where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest
from naive_flattener import devices_of, random_deck

from circuitgcl.netlist import flatten, read_netlist

NGSPICE = shutil.which("ngspice")
pytestmark = pytest.mark.skipif(NGSPICE is None, reason="ngspice is not installed")

HAND_DECK = """* a hierarchy by hand
.param wn=1u
.global vdd
.subckt inv a y gnd w=2u k=2
Mn y a gnd gnd nch w={w} l=0.1u
Mp y a vdd vdd nch w={w*k} l=0.1u
.ends
.subckt buf a y w=1u
X1 a mid gnd inv w={w*2}
X2 mid y gnd inv w={w*4} k=3
.ends
Xb in out buf w={wn}
Xc out gnd buf
M1 out in 0 0 nch w={max(wn, 0.5u)} l=1u m=3
"""
MODELS = ".model nch nmos level=1\nVdd vdd 0 1\n.end\n"


def expanded_by_ngspice(path: Path) -> dict[str, tuple[str, tuple[str, ...], list[float]]]:
    """Model, nets and W, L, m of every MOSFET in `listing expand`, by flat name."""
    assert NGSPICE is not None
    shown = subprocess.run(
        [NGSPICE, "-n", "-p"],
        input=f"source {path.name}\nlisting expand\nquit\n",
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    found = {}
    for line in re.findall(r"^\s*\d+ : (m\S* .*)$", shown, re.M):
        name, *words = re.sub(r"\s*=\s*", "=", line).split()
        nodes = [word.replace(".", "/") for word in words if "=" not in word]
        sizes = {"m": "1"} | dict(word.split("=") for word in words if "=" in word)
        numbers = [float(sizes[key].replace("u", "e-6").replace("n", "e-9")) for key in "wlm"]
        found[name.removeprefix("m.").replace(".", "/")] = nodes[4], tuple(nodes[:4]), numbers
    return found


def check(path: Path, text: str) -> None:
    path.write_text(text)
    devices = devices_of(flatten(read_netlist(path)))
    ours = {name: (model, nets, list(sizes)) for name, model, nets, *sizes in devices if model == "nch"}
    theirs = expanded_by_ngspice(path)
    assert ours.keys() == theirs.keys()
    for name, (model, nets, sizes) in ours.items():
        assert (model, nets) == theirs[name][:2], name
        assert sizes == pytest.approx(theirs[name][2], rel=1e-12), name


def test_a_hand_written_hierarchy(tmp_path: Path) -> None:
    check(tmp_path / "deck.sp", HAND_DECK + MODELS)


@pytest.mark.parametrize("seed", range(8))
def test_random_hierarchies(tmp_path: Path, seed: int) -> None:
    # ngspice takes a port named like a global net for it, and version 39 loses copies of inner instances
    text = random_deck(Random(seed), copies=False, supply_ports=False)
    check(tmp_path / "deck.sp", text.replace(".end\n", MODELS))
