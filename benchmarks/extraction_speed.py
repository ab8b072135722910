"""Speed and memory of reading extraction results, on files generated the same on every machine.

    python benchmarks/extraction_speed.py [--lines 3000000] [--only dspf] [--folder DIR]

Every figure comes from a fresh process: processor seconds of reading (one core; the import left out) and the
largest resident size above that after the import. A further format is one writer of lines in `_DECKS`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import random
import resource
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


_DECKS = {
    "dspf": Deck(
        reader="circuitgcl.parasitics.dspf:read_dspf",
        groups=dspf_groups,
        head='*|DSPF 1.3\n*|DESIGN "big"\n*|DIVIDER /\n*|DELIMITER :\n*|GROUND_NET 0\n.SUBCKT big\n',
        tail=".ENDS\n",
    ),
    "spice": Deck(
        reader="circuitgcl.parasitics.spice:read_spice",
        groups=spice_groups,
        head="* extraction\n.subckt big\n",
        tail=".ends\n",
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
    """Print a line for every format."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=int, default=3_000_000)
    parser.add_argument("--only", choices=sorted(_DECKS))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "circuitgcl-extractions")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    fresh = multiprocessing.get_context("spawn")
    for name in [options.only] if options.only else sorted(_DECKS):
        path = generate(name, options.lines, options.folder)
        with ProcessPoolExecutor(1, mp_context=fresh) as pool:
            figures = pool.submit(measure, name, path).result()
        with path.open("rb") as file:
            n_lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
        figures |= {"lines": n_lines, "lines_per_second": n_lines / figures["seconds"], "target": TARGET}
        Console().print(name, json.dumps({key: round(value, 3) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
