from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgcl.netlist import FlatCircuit, flatten, read_netlist

OTA = """.subckt ota inp inn bias out vdd gnd
m1 x inp tail gnd nmos w=2u l=0.1u
m2 out inn tail gnd nmos w=2u l=0.1u
m3 x x vdd vdd pmos w=1u l=0.2u
m4 out x vdd vdd pmos w=1u l=0.2u
m5 tail bias gnd gnd nmos w=4u l=0.1u m=2
r1 out fb 10k
c1 fb gnd 20f
.ends
"""

BIT = """.subckt bit bl br wl vdd gnd
ma bl wl q gnd nmos w=0.2u l=0.05u
mb q nq gnd gnd nmos w=0.3u l=0.05u
mc q nq vdd vdd pmos w=0.1u l=0.05u
md nq q gnd gnd nmos w=0.3u l=0.05u
me nq q vdd vdd pmos w=0.1u l=0.05u
mf br wl nq gnd nmos w=0.2u l=0.05u
.ends
"""


@pytest.fixture
def flat(tmp_path: Path) -> Callable[..., FlatCircuit]:
    """Flattens a netlist text below a top cell."""

    def flatten_text(text: str, top: str | None = None) -> FlatCircuit:
        path = tmp_path / "deck.sp"
        path.write_text("* deck\n" + text)
        return flatten(read_netlist(path), top)

    return flatten_text


@pytest.fixture
def ota_text() -> str:
    return OTA


@pytest.fixture
def ota(flat: Callable[..., FlatCircuit]) -> FlatCircuit:
    return flat(OTA)


@pytest.fixture
def bit_array(flat: Callable[..., FlatCircuit]) -> Callable[[int, int], FlatCircuit]:
    """Flattens an array of bits."""

    def build(rows: int, columns: int) -> FlatCircuit:
        ports = [f"{line}_{c}" for line in ("bl", "br") for c in range(columns)]
        ports += [f"wl_{r}" for r in range(rows)]
        bits = [
            f"xbit_r{r}_c{c} bl_{c} br_{c} wl_{r} vdd gnd bit" for r in range(rows) for c in range(columns)
        ]
        return flat("\n".join([BIT, f".subckt array {' '.join(ports)} vdd gnd", *bits, ".ends", ""]), "array")

    return build
