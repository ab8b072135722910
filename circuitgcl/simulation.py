"""Running a deck in ngspice: what the estimated capacitances do to a circuit.

The only module that uses spicelib (GPL-3.0), which finds and runs the simulator and reads its raw files.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from circuitgcl.errors import InputError, SimulationError, SourceLocation

_FAULT = re.compile(
    r"error|no such|can't find|could not|singular|no simulations|doesn't exist", re.IGNORECASE
)
_AXES = ("time", "frequency")


def simulate(deck: str | Path, *, timeout_seconds: float | None = None) -> dict[str, pd.DataFrame]:
    """Run the analyses of a deck in ngspice.

    Nothing is written beside the deck, and relative includes are found as usual. ngspice executes the
    `.control` section of the deck, shell commands included: run only decks that you would run by hand.

    Args:
        deck: plain text with sources and analyses, such as a test bench around an annotated netlist.
        timeout_seconds: how long the simulator may take.

    Returns:
        One table per analysis, in the order in which ngspice ran them, by its name of it (`AC Analysis`,
        `Transient Analysis`), the second of a kind with a 2. Columns are vectors in SI units, complex where
        ngspice's are; the first one is `time`, `frequency` or the swept source.

    Raises:
        InputError: there is no such deck.
        SimulationError: ngspice is not installed, took too long, or reports a fault.
    """
    deck = Path(deck)
    if not deck.is_file():
        raise InputError("there is no such deck.", location=SourceLocation(str(deck), 0))
    ngspice = _ngspice()
    if not ngspice.is_available():
        raise SimulationError("ngspice was not found on the search path; install it to simulate.")
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "deck.sp"  # results come to lie beside it
        link.symlink_to(deck.resolve())
        try:
            ngspice.run(link, timeout=timeout_seconds, cwd=deck.resolve().parent, exe_log=True)
        except subprocess.TimeoutExpired:
            raise SimulationError(
                f"ngspice did not end within {timeout_seconds:g} s.", location=SourceLocation(str(deck), 0)
            ) from None
        raw = link.with_suffix(".raw")
        if not raw.is_file():
            said = "\n".join(
                log.read_text(errors="replace")
                for log in (link.with_suffix(".log"), link.with_suffix(".exe.log"))
                if log.is_file()
            )
            raise SimulationError(_fault(said), location=SourceLocation(str(deck), 0))
        return _tables(raw)


def _ngspice() -> Any:
    """Ngspice of spicelib, reading decks as the user's own ngspice does."""
    from spicelib.simulators.ngspice_simulator import NGspiceSimulator

    plain: Any = type("Ngspice", (NGspiceSimulator,), {})  # its settings are those of a class
    plain.set_compatibility_mode("")
    return plain


def _fault(said: str) -> str:
    """What went wrong, from what ngspice said."""
    lines = [" ".join(line.split()) for line in said.splitlines()]
    first = next((number for number, line in enumerate(lines) if _FAULT.search(line)), None)
    if first is None:
        return (
            "ngspice gave no result; the deck needs an analysis such as .op, .ac or .tran outside .control."
        )
    return f"ngspice gave no result: {' '.join(filter(None, lines[first : first + 4]))}"


def _tables(raw: Path) -> dict[str, pd.DataFrame]:
    from spicelib import RawRead

    found: dict[str, pd.DataFrame] = {}
    for plot in RawRead(raw, dialect="ngspice", verbose=False).plots:
        name = number = plot.get_plot_name()
        again = 1
        while number in found:
            again += 1
            number = f"{name} {again}"
        columns = {trace: np.asarray(plot.get_wave(trace)) for trace in plot.get_trace_names()}
        found[number] = pd.DataFrame(
            {trace: values.real if trace in _AXES else values for trace, values in columns.items()}
        )
    return found
