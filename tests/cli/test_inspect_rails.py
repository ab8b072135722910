"""`inspect` says which nets it takes for supplies and why, and can be told otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DECK = """* a switched block
.subckt inv a y vdd gnd
mp y a vdd vdd pmos w=1u l=0.1u
mn y a gnd gnd nmos w=1u l=0.1u
.ends
.subckt top en n0 vctl vdd gnd
msw inner en vdd vdd pmos w=9u l=0.1u
x0 n0 n1 inner gnd inv
x1 n1 n2 inner gnd inv
x2 n2 n0 inner gnd inv
mc n1 vctl n2 gnd nmos w=1u l=0.1u
.ends
"""


@pytest.fixture
def deck(tmp_path: Path) -> Path:
    path = tmp_path / "deck.sp"
    path.write_text(DECK)
    return path


def inspected(call: Callable[..., Any], deck: Path, *options: str) -> tuple[dict[str, list[str]], str]:
    output = deck.with_suffix(".json")
    outcome = call("inspect", deck, "-o", output, *options)
    assert outcome.code == 0
    rows = json.loads(output.read_text())["rails"]
    return {row["net"]: [row["kind"], row["evidence"]] for row in rows}, outcome.out


def test_kind_and_evidence(call: Callable[..., Any], deck: Path):
    rails, printed = inspected(call, deck)
    assert rails == {
        "vdd": ["supply", "name"],
        "gnd": ["ground", "name"],
        "inner": ["virtual", "feeds gates"],
    }
    assert "vdd (supply, name), gnd (ground, name)" in printed
    assert "inner (virtual, feeds gates)" in printed


def test_a_guess_is_overruled(call: Callable[..., Any], deck: Path):
    rails, _ = inspected(call, deck, "--rails", "!gnd")
    assert rails["gnd"] == ["virtual", "feeds gates"]  # a signal now, which still feeds
    assert rails["vdd"] == ["supply", "name"]
    rails, printed = inspected(call, deck, "--rails", "v*,inner,gnd,!vctl")
    assert rails == {"vdd": ["supply", "user"], "gnd": ["ground", "user"], "inner": ["supply", "user"]}
    assert "virtual" not in printed


def test_a_virtual_supply_has_an_estimate(call: Callable[..., Any], deck: Path, tiny_model: Path):
    output = deck.with_name("estimate.json")
    assert call("estimate", deck, "--model", tiny_model, "-o", output).code == 0
    estimate = json.loads(output.read_text())
    assert estimate["summary"]["virtual_supplies"] == ["inner"]
    assert "inner" in {row["net"] for row in estimate["nets"]}
