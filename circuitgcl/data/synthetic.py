"""A synthetic circuit with known answers: an array of bits whose extracted capacitances add up exactly.

Every pair of nets inside a cell, and every pair of nets in two cells side by side, has a weight of its own,
drawn from the seed and the names of cells and nets alone. What is "extracted" is the sum of the weights over
the places where two nets meet. So arrays of one seed share their weights, whatever their size, and whoever
has learned them from a small array knows a large one. From three rows and three columns on, an array shows
every kind of neighbourhood there is.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from circuitgcl.data.designs import DesignFiles
from circuitgcl.errors import DataError
from circuitgcl.files import write_together

RAILS = ("vdd", "gnd")
SUBSTRATE = "0"  # the extraction's reference node
INSIDE_FF = (0.02, 0.6)  # range of a weight between two nets of one cell, femtofarad
BESIDE_FF = (0.01, 0.1)  # of one between two neighbouring cells
SUBSTRATE_FF = (0.05, 1.0)
INSIDE_SHARE, BESIDE_SHARE = 0.8, 0.3  # of the pairs, those that couple at all

_CELLS = {
    "bit": (
        ("bl", "br", "wl", "vdd", "gnd"),
        (
            "mleft bl wl q gnd nmos w=0.2u l=0.05u",
            "mpull_left q nq gnd gnd nmos w=0.3u l=0.05u",
            "mload_left q nq vdd vdd pmos w=0.1u l=0.05u",
            "mpull_right nq q gnd gnd nmos w=0.3u l=0.05u",
            "mload_right nq q vdd vdd pmos w=0.1u l=0.05u",
            "mright br wl nq gnd nmos w=0.2u l=0.05u",
        ),
    ),
    "driver": (
        ("in", "out", "vdd", "gnd"),
        (
            "mn1 mid in gnd gnd nmos w=0.3u l=0.05u",
            "mp1 mid in vdd vdd pmos w=0.6u l=0.05u",
            "mn2 out mid gnd gnd nmos w=0.9u l=0.05u",
            "mp2 out mid vdd vdd pmos w=1.8u l=0.05u",
        ),
    ),
    "amplifier": (
        ("plus", "minus", "bias", "out", "vdd", "gnd"),
        (
            "mtail tail bias gnd gnd nmos w=1u l=0.2u",
            "mplus mirror plus tail gnd nmos w=2u l=0.1u",
            "mminus out minus tail gnd nmos w=2u l=0.1u",
            "mdiode mirror mirror vdd vdd pmos w=1u l=0.2u",
            "mmirror out mirror vdd vdd pmos w=1u l=0.2u",
        ),
    ),
}
_INTERNAL = {"bit": ("q", "nq"), "driver": ("mid",), "amplifier": ("tail", "mirror")}


@dataclass(frozen=True, kw_only=True)
class SyntheticDesign:
    """A synthetic array, its extraction, and the answers behind it."""

    name: str
    netlist_text: str  # hierarchical SPICE
    extraction_text: str  # capacitors of the flat nets, SPICE
    coupling_farad: Mapping[tuple[str, str], float]  # flat signal nets in the order of their names -> farad
    load_farad: Mapping[str, float]  # every flat signal net -> farad to substrate and rails

    def write(self, folder: str | Path) -> DesignFiles:
        """Write schematic and extraction into a folder, as `name.sp` and `name.pex.sp`.

        Raises:
            DataError: the folder cannot be written.
        """
        schematic, extracted = Path(folder) / f"{self.name}.sp", Path(folder) / f"{self.name}.pex.sp"
        write_together({schematic: self.netlist_text, extracted: self.extraction_text})
        return DesignFiles(
            name=self.name,
            schematic=schematic,
            extracted=extracted,
            technology="synthetic",
            family=self.name,
        )


@dataclass(frozen=True, slots=True)
class _Placed:
    """A cell in its place."""

    cell: str
    path: str  # flat instance name
    ports: tuple[str, ...]  # flat nets, in the cell's port order
    place: tuple[int, ...]  # row and column of a bit, else row or column

    def nets(self) -> dict[str, str]:
        """Flat net by local net, internal ones included."""
        names, _ = _CELLS[self.cell]
        inside = {name: f"{self.path}/{name}" for name in _INTERNAL[self.cell]}
        return dict(zip(names, self.ports, strict=True)) | inside


def synthetic_array(rows: int, columns: int, seed: int = 0) -> SyntheticDesign:
    """An array of bits with word line drivers and one differential amplifier per column.

    Args:
        rows: number of word lines, at least 1.
        columns: number of bit line pairs, at least 1.
        seed: chooses the weights; arrays of one seed share them.

    Raises:
        DataError: less than one row or column.
    """
    if rows < 1 or columns < 1:
        raise DataError(
            f"an array of {rows} rows and {columns} columns cannot be made; expected at least one of each"
        )
    name = f"synthetic_{rows}x{columns}_s{seed}"
    capacitance = _capacitances(list(_placed(rows, columns)), seed)
    fixed = {*RAILS, SUBSTRATE}
    load: dict[str, float] = {}
    for pair, farad in capacitance.items():
        for net, other in (pair, pair[::-1]):
            if net not in fixed:
                load[net] = load.get(net, 0.0) + (farad if other in fixed else 0.0)
    return SyntheticDesign(
        name=name,
        netlist_text="\n".join(_netlist_lines(name, rows, columns)) + "\n",
        extraction_text="\n".join(_extraction_lines(name, capacitance)) + "\n",
        coupling_farad={pair: farad for pair, farad in capacitance.items() if fixed.isdisjoint(pair)},
        load_farad=load,
    )


def _netlist_lines(name: str, rows: int, columns: int) -> Iterator[str]:
    yield f"* {name}: {rows} word lines, {columns} bit line pairs"
    for cell, (ports, devices) in _CELLS.items():
        yield from (f".subckt {cell} {' '.join(ports)}", *devices, f".ends {cell}")
    core_ports = [*_bus("wl", rows), *_bus("bl", columns), *_bus("br", columns), *RAILS]
    yield f".subckt core {' '.join(core_ports)}"
    for r in range(rows):
        for c in range(columns):
            yield f"xbit_r{r}_c{c} bl[{c}] br[{c}] wl[{r}] {' '.join(RAILS)} bit"
    yield ".ends core"
    yield f".subckt {name} {' '.join([*_bus('row', rows), *_bus('dout', columns), 'bias', *RAILS])}"
    yield f"xcore {' '.join(core_ports)} core"
    for placed in _placed(rows, columns):
        if placed.cell != "bit":
            yield f"{placed.path} {' '.join(placed.ports)} {placed.cell}"
    yield f".ends {name}"


def _bus(name: str, width: int) -> list[str]:
    return [f"{name}[{index}]" for index in range(width)]


def _placed(rows: int, columns: int) -> Iterator[_Placed]:
    """All cells of the array under their flat names."""
    for r in range(rows):
        yield _Placed("driver", f"xdriver_{r}", (f"row[{r}]", f"wl[{r}]", *RAILS), (r,))
        for c in range(columns):
            nets = (f"bl[{c}]", f"br[{c}]", f"wl[{r}]", *RAILS)
            yield _Placed("bit", f"xcore/xbit_r{r}_c{c}", nets, (r, c))
    for c in range(columns):
        ports = (f"bl[{c}]", f"br[{c}]", "bias", f"dout[{c}]", *RAILS)
        yield _Placed("amplifier", f"xamplifier_{c}", ports, (c,))


def _capacitances(cells: list[_Placed], seed: int) -> dict[tuple[str, str], float]:
    """Farad between flat nets, rails and substrate included; pairs in the order of their names."""
    found: defaultdict[tuple[str, str], float] = defaultdict(float)
    at = {(cell.cell, cell.place): cell for cell in cells}
    for cell in cells:
        nets = cell.nets()
        for local, net in nets.items():
            if local not in RAILS:
                _add(found, net, SUBSTRATE, _weight((seed, cell.cell, local), SUBSTRATE_FF, 1.0))
            for other in nets:
                if local < other:
                    inside = (seed, "inside", cell.cell, local, other)
                    _add(found, net, nets[other], _weight(inside, INSIDE_FF, INSIDE_SHARE))
        for axis in range(len(cell.place)):
            step = tuple(value + (axis == place) for place, value in enumerate(cell.place))
            neighbour = at.get((cell.cell, step))
            for other, net_beside in (neighbour.nets() if neighbour else {}).items():
                for local, net in nets.items():
                    beside = (seed, "beside", cell.cell, axis, local, other)
                    if local not in RAILS and other not in RAILS:
                        _add(found, net, net_beside, _weight(beside, BESIDE_FF, BESIDE_SHARE))
    return dict(sorted(found.items()))


def _add(found: defaultdict[tuple[str, str], float], a: str, b: str, farad: float) -> None:
    if farad and a != b and not {a, b} <= {*RAILS, SUBSTRATE}:
        found[min(a, b), max(a, b)] += farad


def _weight(key: tuple[object, ...], range_ff: tuple[float, float], share: float) -> float:
    """Farad that belongs to a key: zero, or evenly spread over the logarithm of a range."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
    chance, place = (int.from_bytes(half, "little") / 2**64 for half in (digest[:8], digest[8:]))
    low, high = map(math.log, range_ff)
    return round(math.exp(low + (high - low) * place), 4) * 1e-15 if chance < share else 0.0


def _extraction_lines(name: str, capacitance: Mapping[tuple[str, str], float]) -> Iterator[str]:
    yield f"* capacitances of {name}; node 0 is the substrate"
    yield f".subckt {name}_pex"
    for number, ((a, b), farad) in enumerate(capacitance.items()):
        yield f"C{number} {a} {b} {farad!r}"
    yield f".ends {name}_pex"
