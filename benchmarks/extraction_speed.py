"""Speed and memory of reading extraction results, on files generated the same on every machine.

    python benchmarks/extraction_speed.py [--lines 3000000] [--only dspf] [--folder DIR]

Every figure comes from a fresh process: processor seconds of reading (one core; the import left out) and the
largest resident size above that after the import. A further format is one writer of lines in `_DECKS`.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import multiprocessing
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

TARGET = 1e6  # lines a second and core


@dataclass(frozen=True, slots=True, kw_only=True)
class Deck:
    """A generated file and what reads it."""

    reader: str  # module:function
    groups: Callable[[int], Iterator[list[str]]]  # seed -> lines that belong together, without end
    head: str
    tail: str


def dspf_groups(seed: int) -> Iterator[list[str]]:
    """32 nets with a resistor network each, a few pins, and couplings to other nets of the group."""
    draw = random.Random(seed)  # noqa: S311 the same file on every machine
    for first in range(0, sys.maxsize, 32):
        yield [line for net in range(first, first + 32) for line in _section(net, draw)]


def _section(net: int, draw: random.Random) -> Iterator[str]:
    column = f"Xbank{net // 4096}/Xcol{net // 64 % 64}"
    name = f"{column}/net_{net}"
    pins, subnodes = draw.randrange(2, 6), draw.randrange(4, 24)
    yield f"*|NET {name} {draw.uniform(1e-4, 1e-2):.6g}PF\n"
    for pin in range(pins):
        device = f"{column}/MM{5 * net + pin}"
        yield f"*|I ({device}:G {device} G B 0 {draw.random():.3f} {draw.random():.3f})\n"
    for node in range(1, subnodes):
        yield f"*|S ({name}:{node} {draw.uniform(0, 900):.3f} {draw.uniform(0, 900):.3f})\n"
    for node in range(2, subnodes):
        yield f"R{net}_{node} {name}:{node - 1} {name}:{node} {draw.uniform(1, 50):.5g}\n"
    for node in range(1, subnodes):
        far = f"{column}/net_{net // 32 * 32 + draw.randrange(32)}:{draw.randrange(1, 4)}"
        yield f"Cg{net}_{node} {name}:{node} 0 {draw.uniform(1e-18, 1e-16):.6g}\n"
        yield f"Cc{net}_{node} {name}:{node} {far} {draw.uniform(1e-19, 1e-17):.6g}\n"


def spice_groups(seed: int) -> Iterator[list[str]]:
    """C cards between nets; every fourth to ground."""
    draw = random.Random(seed)  # noqa: S311 the same file on every machine
    for card in range(sys.maxsize):
        near = card // 25
        far = 0 if card % 4 == 0 else f"net_{max(near + draw.randrange(-40, 40), 0)}"
        yield [f"C{card} net_{near} {far} {draw.uniform(1e-18, 1e-16):.6g}\n"]


def resistive_groups(seed: int) -> Iterator[list[str]]:
    """Nets of 20 sub-nodes as Calibre names them: a chain of resistors, and two capacitors per sub-node."""
    draw = random.Random(seed)  # noqa: S311 the same file on every machine
    for net in range(sys.maxsize):
        lines = [
            f"R{net}_{i} N_n{net}_c_{i}_n N_n{net}_c_{i + 1}_n {draw.uniform(1, 50):.5g}\n" for i in range(19)
        ]
        for i in range(20):
            far = f"N_n{max(net + draw.randrange(-9, 9), 0)}_c_{draw.randrange(20)}_n"
            lines.append(f"Cg{net}_{i} N_n{net}_c_{i}_n 0 {draw.uniform(1e-18, 1e-16):.6g}\n")
            lines.append(f"Cc{net}_{i} N_n{net}_c_{i}_n {far} {draw.uniform(1e-19, 1e-17):.6g}\n")
        yield lines


def levelled_groups(seed: int) -> Iterator[list[str]]:
    """The same, the network of each net in a subcircuit of its own, with the couplings outside."""
    draw = random.Random(seed)  # noqa: S311 the same file on every machine
    for net in range(sys.maxsize):
        lines = [f".subckt PM_big%n{net} {' '.join(map(str, range(20)))}\n"]
        lines += [f"r{i} {i} {i + 1} {draw.uniform(1, 50):.5g}\n" for i in range(19)]
        lines += [f"c{i} {i} 0 {draw.uniform(1e-18, 1e-16):.6g}\n" for i in range(20)]
        lines += [
            ".ends\n",
            f"x_PM_big%n{net} {' '.join(f'N_n{net}_c_{i}_n' for i in range(20))} PM_big%n{net}\n",
        ]
        for i in range(20):
            far = f"N_n{max(net - draw.randrange(9), 0)}_c_{draw.randrange(20)}_n"
            lines.append(f"cc_{net}_{i} N_n{net}_c_{i}_n {far} {draw.uniform(1e-19, 1e-17):.6g}\n")
        yield lines


def spef_groups(seed: int) -> Iterator[list[str]]:
    """32 nets with a resistor network each, and couplings to other nets of the group, listed once."""
    draw = random.Random(seed)  # noqa: S311 the same file on every machine
    for first in range(0, sys.maxsize, 32):
        yield [line for net in range(first, first + 32) for line in _spef_section(net, draw)]


def _spef_section(net: int, draw: random.Random) -> Iterator[str]:
    points = draw.randrange(4, 24)
    yield f"*D_NET net_{net} {draw.uniform(1, 9):.5g}\n*CONN\n*I u{net}:A I *D cell\n*CAP\n"
    for i in range(1, points):
        far = f"net_{net // 32 * 32 + draw.randrange(32)}:{draw.randrange(1, 4)}"
        yield f"{2 * i} net_{net}:{i} {draw.uniform(0, 0.1):.6g}\n"
        yield f"{2 * i + 1} net_{net}:{i} {far} {draw.uniform(0, 0.01):.6g}\n"
    yield "*RES\n"
    for i in range(1, points):
        yield f"{i} net_{net}:{i} net_{net}:{i + 1} {draw.uniform(1, 50):.5g}\n"
    yield "*END\n"


def magic_groups(seed: int) -> Iterator[list[str]]:
    """A node, a few devices and 20 couplings at a time."""
    draw = random.Random(seed)  # noqa: S311 the same file on every machine
    for net in range(sys.maxsize):
        lines = [f'node "net_{net}" 12 {draw.uniform(1, 900):.6g} {net} 0 m1 0 0 0 0\n']
        for _ in range(20):
            far = max(net - draw.randrange(1, 40), 0)
            lines.append(f'cap "net_{net}" "net_{far}" {draw.uniform(0.1, 90):.6g}\n')
        yield lines


_SPEF_HEAD = '*SPEF "IEEE 1481-1998"\n*DESIGN "big"\n*DIVIDER /\n*DELIMITER :\n*C_UNIT 1 FF\n'
_DECKS = {
    "dspf": Deck(
        reader="circuitgcl.parasitics.dspf:read_dspf",
        groups=dspf_groups,
        head='*|DSPF 1.3\n*|DESIGN "big"\n*|DIVIDER /\n*|DELIMITER :\n*|GROUND_NET 0\n.SUBCKT big\n',
        tail=".ENDS\n",
    ),
    "spef": Deck(reader="circuitgcl.parasitics.spef:read_spef", groups=spef_groups, head=_SPEF_HEAD, tail=""),
    "magic": Deck(
        reader="circuitgcl.parasitics.magic:read_magic_ext",
        groups=magic_groups,
        head="timestamp 0\nversion 8.3\ntech sky130A\nscale 1000 1 500000\n",
        tail="",
    ),
    "spice": Deck(
        reader="circuitgcl.parasitics.spice:read_spice",
        groups=spice_groups,
        head="* extraction\n.subckt big\n",
        tail=".ends\n",
    ),
    "spice_rc": Deck(
        reader="circuitgcl.parasitics.spice:read_spice",
        groups=resistive_groups,
        head="* extraction\n.subckt big\n",
        tail=".ends\n",
    ),
    "spice_levels": Deck(
        reader="circuitgcl.parasitics.spice:read_spice",
        groups=levelled_groups,
        head="* extraction\n",
        tail="",
    ),
}


def generate(name: str, n_lines: int, folder: Path) -> Path:
    """Write a deck unless it is there."""
    path = folder / f"{name}_{n_lines}.txt"
    deck = _DECKS[name]
    if not path.exists():
        part = path.with_suffix(".part")
        with part.open("w") as file:
            file.write(deck.head)
            written = 0
            for group in deck.groups(1):
                file.writelines(group)
                written += len(group)
                if written >= n_lines:
                    break
            file.write(deck.tail)
        part.replace(path)
    return path


def packed(path: Path) -> Path:
    """The same file gzip'd, unless it is there."""
    target = path.with_name(path.name + ".gz")
    if not target.exists():
        part = target.with_suffix(".part")
        with path.open("rb") as source, gzip.open(part, "wb", compresslevel=3) as file:
            shutil.copyfileobj(source, file, 1 << 20)
        part.replace(target)
    return target


def measure(name: str, path: Path) -> dict[str, float]:
    """Read one file in this process."""
    module, function = _DECKS[name].reader.split(":")
    read = getattr(importlib.import_module(module), function)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, wall = time.process_time(), time.perf_counter()
    found = read(path)
    seconds, wall = time.process_time() - start, time.perf_counter() - wall
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "seconds": seconds,
        "wall": wall,
        "megabytes": grown / 1024,
        "nodes": len(found.nodes),
        "pairs": len(found.pair_a),
    }


def main() -> None:
    """Print a line for every format, plain and gzip'd."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=int, default=3_000_000)
    parser.add_argument("--only", choices=sorted(_DECKS))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "circuitgcl-extractions")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    fresh = multiprocessing.get_context("spawn")
    console = Console(width=140)
    for name in [options.only] if options.only else sorted(_DECKS):
        plain = generate(name, options.lines, options.folder)
        with plain.open("rb") as file:
            n_lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
        for path in (plain, packed(plain)):
            with ProcessPoolExecutor(1, mp_context=fresh) as pool:
                figures = pool.submit(measure, name, path).result()
            rate = n_lines / figures["seconds"] / 1e6
            console.print(
                f"{path.name:28} {n_lines:>11,} lines {figures['seconds']:7.2f} s {rate:5.2f} M lines/s "
                f"(target {TARGET / 1e6:.0f}) {figures['megabytes']:6.0f} MB for "
                f"{figures['nodes']:,.0f} nodes and {figures['pairs']:,.0f} pairs"
            )


if __name__ == "__main__":
    main()
