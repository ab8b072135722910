"""Decks run by ngspice, against the formulas of the circuits in them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from circuitgcl import simulate
from circuitgcl.errors import InputError, SimulationError

needs_ngspice = pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")

LOW_PASS = """* low pass
.include values.inc
R1 in out {r}
C1 out 0 {c}
V1 in 0 dc 1 ac 1 pulse(0 1 0 1p 1p 1 2)
"""


def deck(folder: Path, analyses: str) -> Path:
    (folder / "values.inc").write_text(".param r=1k c=2p\n")
    path = folder / "deck.sp"
    path.write_text(f"{LOW_PASS}{analyses}\n.end\n")
    return path


@needs_ngspice
def test_a_low_pass_follows_its_formulas(tmp_path: Path) -> None:
    tables = simulate(deck(tmp_path, ".ac dec 10 1meg 1g\n.tran 0.05n 10n 0 0.05n\n.op"))
    ac, tran, op = (tables[n] for n in ("AC Analysis", "Transient Analysis", "Operating Point"))
    expected = 1 / (1 + 2j * np.pi * ac["frequency"] * 1e3 * 2e-12)
    assert len(ac) == 31
    np.testing.assert_allclose(ac["v(out)"], expected, rtol=1e-6)
    assert np.abs(tran["v(out)"] - (1 - np.exp(-tran["time"] / 2e-9))).max() < 2e-3
    assert tran["time"].iloc[-1] == pytest.approx(10e-9)
    assert op["v(out)"].tolist() == pytest.approx([1.0])


@needs_ngspice
def test_repeated_analyses_are_numbered_and_nothing_is_left_beside_the_deck(tmp_path: Path) -> None:
    path = deck(tmp_path, ".dc V1 0 1 0.5\n.dc V1 0 4 2")
    tables = simulate(path)
    found = {name: table["v(out)"].tolist() for name, table in tables.items()}
    assert sorted(found.values()) == [[0, 0.5, 1], [0, 2, 4]]
    assert sorted(name.endswith(" 2") for name in found) == [False, True]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["deck.sp", "values.inc"]


@needs_ngspice
def test_a_fault_is_told(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=r"deck\.sp: ngspice gave no result: .*nosuchmodel"):
        simulate(deck(tmp_path, "M1 out in 0 0 nosuchmodel w=1u l=1u\n.op"))


@needs_ngspice
def test_a_deck_without_analysis(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=r"needs an analysis such as \.op"):
        simulate(deck(tmp_path, ""))


@needs_ngspice
def test_a_simulation_may_take_too_long(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=r"did not end within 0\.5 s"):
        simulate(deck(tmp_path, ".tran 1p 1 0 1p"), timeout_seconds=0.5)


def test_ngspice_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spicelib.simulators.ngspice_simulator import NGspiceSimulator

    monkeypatch.setattr(NGspiceSimulator, "spice_exe", [])
    with pytest.raises(SimulationError, match="ngspice was not found"):
        simulate(deck(tmp_path, ".op"))


def test_the_deck_may_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.sp: there is no such deck"):
        simulate(tmp_path / "gone.sp")
