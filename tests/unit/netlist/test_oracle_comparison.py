"""The comparison with other programs in `benchmarks/` finds what differs, and nothing where nothing does."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("benchmarks are not part of this copy", allow_module_level=True)
sys.path.append(str(BENCHMARKS))

comparison = importlib.import_module("netlist_peers.comparison")
deck_text = importlib.import_module("netlist_peers.deck_text")
ngspice = importlib.import_module("netlist_peers.ngspice")
views = importlib.import_module("netlist_peers.views")

DECK = """* cells with a process kit's device, copies and parameters
.param wn=1u
.subckt inv a y vdd gnd w=2u
Xn y a gnd gnd kit_nfet w={w} l=0.1u nf=2 m=2
Mp y a vdd vdd pch w={w*2} l=0.1u
.ends
.subckt buf a y vdd gnd
X1 a mid vdd gnd inv w={wn*3} m=3
X2 mid y vdd gnd inv
R1 a y 1.5k
C1 y gnd 20f
.ends
Xa in out vdd gnd buf m=2
Q1 out in 0 sub qmod
D1 in out dmod
.end
"""


def device(**changes: Any) -> Any:
    base = views.Device(
        name="x1.m1",
        letter="m",
        model="nch",
        nets=("x1.a", "b", "0", "0"),
        sizes={"w": 1e-6, "l": 1e-7, "m": 2},
    )
    return replace(base, **changes)


def kinds(ours: Any, theirs: Any, **rules: Any) -> dict[str, int]:
    return dict(
        comparison.compare_with_ngspice(
            {ours.name: ours}, {theirs.name: theirs}, comparison.NgspiceRules(**rules)
        ).kinds
    )


def test_equal_devices_give_no_finding() -> None:
    assert kinds(device(), device()) == {}
    assert kinds(device(), device(sizes={"w": 1.0, "l": 0.1, "m": 2}), scale=1e-6) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "pch"},
        {"nets": ("x1.a", "c", "0", "0")},
        {"nets": ("x1.a", "b", "0")},
        {"sizes": {"w": 2e-6, "l": 1e-7, "m": 2}},
        {"sizes": {"w": 1e-6, "l": 1.00001e-7, "m": 2}},
        {"sizes": {"w": 1e-6, "l": 1e-7, "m": 1}},
    ],
)
def test_a_changed_device_is_a_difference(changes: dict[str, Any]) -> None:
    assert kinds(device(), device(**changes)) == {"difference": 1}


def test_a_missing_device_is_a_difference() -> None:
    found = comparison.compare_with_ngspice({"m1": device(name="m1")}, {}, comparison.NgspiceRules())
    assert dict(found.kinds) == {"difference": 1}


def test_klayout_nets_may_have_other_names_but_not_other_partners() -> None:
    ours = [
        device(name="x1.m1", path=("x1", "m1")),
        device(name="m2", path=("m2",), nets=("b", "c", "0", "0")),
    ]
    theirs = [device(name="1.1", nets=("p", "q", "r", "r")), device(name="2", nets=("q", "s", "r", "r"))]
    for item in theirs:
        item.sizes.update(w=2.0, l=0.1)
    assert not comparison.compare_with_klayout(ours, theirs).kinds
    theirs[1] = replace(theirs[1], nets=("s", "q", "r", "r"))
    assert comparison.compare_with_klayout(ours, theirs).kinds["difference"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.5k", 1.5e3), ("2Meg", 2e6), ("3mil", 76.2e-6), ("20fF", 20e-15), ("-1e-3", -1e-3)],
)
def test_numbers(text: str, expected: float) -> None:
    assert deck_text.number(text) == pytest.approx(expected, rel=1e-12)


def test_models_are_no_numbers() -> None:
    assert deck_text.number("2n2222") != deck_text.number("2n2222")


@pytest.mark.skipif(ngspice.NGSPICE is None, reason="ngspice is not installed")
def test_a_deck_without_its_models_equals_its_expansion(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "deck.sp").write_text(DECK)
    ngspice.neutral_copy(tmp_path / "source", tmp_path / "copy")
    expansion = ngspice.expand(tmp_path / "copy" / "deck.sp", 60.0)
    assert expansion.error == ""
    (ours,) = views.our_view(views.Question(path=tmp_path / "source" / "deck.sp", tops=(None,)))
    found = comparison.compare_with_ngspice(
        views.by_name(ours.devices), expansion.below(0), comparison.NgspiceRules(scale=expansion.scale)
    )
    assert found.findings == []
    assert found.compared == len(ours.devices) == 8
    assert found.ours == found.theirs
