from __future__ import annotations

from pathlib import Path

import pytest

from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.netlist import flatten, read_netlist

AMPLIFIER = """* two-stage amplifier
.subckt amplifier inp inn out bias vdd vss
m1 x inn tail vss nmos w=4u l=0.2u
m2 y inp tail vss nmos w=4u l=0.2u
m3 x x vdd vdd pmos w=2u l=0.2u
m4 y x vdd vdd pmos w=2u l=0.2u
m5 tail bias vss vss nmos w=8u l=0.4u
m6 out y vdd vdd pmos w=16u l=0.2u
m7 out bias vss vss nmos w=8u l=0.4u
m8 bias bias vss vss nmos w=2u l=0.4u
c1 out z 1p
r1 y z 2k
.ends
"""
RING = """* five inverters
.subckt inverter a y vdd vss
mn y a vss vss nmos w=0.3u l=0.06u
mp y a vdd vdd pmos w=0.6u l=0.06u
.ends
.subckt ring enable out vdd vss
x1 out n1 vdd vss inverter
x2 n1 n2 vdd vss inverter
x3 n2 n3 vdd vss inverter
x4 n3 n4 vdd vss inverter
mn5 out n4 foot vss nmos w=0.3u l=0.06u
mp5 out n4 vdd vdd pmos w=0.6u l=0.06u
me foot enable vss vss nmos w=0.6u l=0.06u
.ends
"""


@pytest.fixture
def graphs(tmp_path: Path) -> list[CircuitGraph]:
    found = []
    for name, text in (("amplifier", AMPLIFIER), ("ring", RING)):
        path = tmp_path / f"{name}.sp"
        path.write_text(text)
        found.append(build_graph(flatten(read_netlist(path))))
    return found
