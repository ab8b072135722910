from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from circuitgcl.data import DesignFiles

BIT = """.subckt bit bl br wl vdd gnd
ma bl wl q gnd nmos w=0.2u l=0.05u
mb q nq gnd gnd nmos w=0.3u l=0.05u
mc q nq vdd vdd pmos w=0.1u l=0.05u
md nq q gnd gnd nmos w=0.3u l=0.05u
me nq q vdd vdd pmos w=0.1u l=0.05u
mf br wl nq gnd nmos w=0.2u l=0.05u
.ends
.subckt driver a y vdd gnd
mn y a gnd gnd nmos w=0.4u l=0.05u
mp y a vdd vdd pmos w=0.8u l=0.05u
.ends
"""
# femtofarad inside one bit, as a layout that is not mirror-symmetric would have them
INSIDE = {
    ("bl", "q"): 0.02,
    ("br", "nq"): 0.31,
    ("bl", "wl"): 0.05,
    ("br", "wl"): 0.07,
    ("q", "nq"): 0.24,
    ("q", "wl"): 0.03,
    ("nq", "wl"): 0.11,
    ("bl", "br"): 0.015,
}
BESIDE = {("br", "bl"): 0.09, ("nq", "bl"): 0.02}  # right column's net second
BELOW = {("wl", "wl"): 0.06, ("q", "q"): 0.012}
GROUND = {"bl": 0.08, "br": 0.11, "wl": 0.05, "q": 0.2, "nq": 0.25}
SUPPLY = {"q": 0.03, "nq": 0.04}
DRIVER = {("a", "y"): 0.17}
DRIVER_GROUND = {"a": 0.3, "y": 0.6}


def _schematic(rows: int, columns: int) -> Iterator[str]:
    bits = " ".join(f"bl_{c} br_{c}" for c in range(columns))
    yield f"* {rows} by {columns} bits with word line drivers\n{BIT}"
    yield f".subckt array {bits} {' '.join(f'in_{r}' for r in range(rows))} vdd gnd"
    for r in range(rows):
        yield f"xdrive_{r} in_{r} wl_{r} vdd gnd driver"
        for c in range(columns):
            yield f"xbit_r{r}_c{c} bl_{c} br_{c} wl_{r} vdd gnd bit"
    yield ".ends"


def _extracted(rows: int, columns: int) -> Iterator[str]:
    """Every bit and every neighbourhood adds its own, so that bit lines grow with the rows."""
    found: dict[tuple[str, str], float] = {}

    def add(a: str, b: str, femtofarad: float) -> None:
        key = (a, b) if a < b else (b, a)
        found[key] = found.get(key, 0.0) + femtofarad

    def net(name: str, r: int, c: int) -> str:
        where = {"bl": f"bl_{c}", "br": f"br_{c}", "wl": f"wl_{r}"}
        return where.get(name, f"xbit_r{r}_c{c}/{name}")

    for r in range(rows):
        ends = {"a": f"in_{r}", "y": f"wl_{r}"}
        for (a, b), value in DRIVER.items():
            add(ends[a], ends[b], value)
        for name, value in DRIVER_GROUND.items():
            add(ends[name], "0", value)
        for c in range(columns):
            for (a, b), value in INSIDE.items():
                add(net(a, r, c), net(b, r, c), value)
            for name, value in GROUND.items():
                add(net(name, r, c), "gnd", value)
            for name, value in SUPPLY.items():
                add(net(name, r, c), "vdd", value)
            for (a, b), value in BESIDE.items():
                if c + 1 < columns:
                    add(net(a, r, c), net(b, r, c + 1), value)
            for (a, b), value in BELOW.items():
                if r + 1 < rows:
                    add(net(a, r, c), net(b, r + 1, c), value)
    yield "* capacitances\n.subckt array_pex"
    for k, ((a, b), femtofarad) in enumerate(found.items()):
        yield f"C{k} {a} {b} {femtofarad:.6g}f"
    yield ".ends"


@pytest.fixture(scope="session")
def additive_array(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, int], DesignFiles]:
    """Writes bit arrays of any size whose extracted capacitances add up from cell to cell."""
    folder = tmp_path_factory.mktemp("arrays")

    def write(rows: int, columns: int) -> DesignFiles:
        name = f"array_{rows}x{columns}"
        schematic, extracted = folder / f"{name}.sp", folder / f"{name}.pex.sp"
        schematic.write_text("\n".join(_schematic(rows, columns)) + "\n")
        extracted.write_text("\n".join(_extracted(rows, columns)) + "\n")
        return DesignFiles(name=name, schematic=schematic, extracted=extracted, family=name)

    return write


@pytest.fixture(scope="session")
def manifest(
    additive_array: Callable[[int, int], DesignFiles], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Two training arrays and a larger one."""
    path = tmp_path_factory.mktemp("manifest") / "arrays.toml"
    entries = [
        f'[[design]]\nname = "{files.name}"\nschematic = "{files.schematic}"\n'
        f'extracted = "{files.extracted}"\nfamily = "{files.family}"\n'
        for files in (additive_array(3, 3), additive_array(4, 2), additive_array(6, 6))
    ]
    path.write_text("\n".join(entries))
    return path
