"""Netlists of any size for speed measurements, the same bytes on every machine.

Every deck is a tree of six-transistor memory cells with eight branches at each node, or a plain list of
cards. A deck is generated once into a cache folder and found there again.
"""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BRANCHES = 8
CELL_DEVICES = 6
_FORMAT = 3  # raise it when the text of any deck changes: cached files are named after it
_CELL_PORTS = "bl br wl vdd gnd"
_CELL = (
    "M1 q qb gnd gnd nch w=0.205u l=0.05u",
    "M2 qb q gnd gnd nch w=0.205u l=0.05u",
    "M3 q qb vdd vdd pch w=0.09u l=0.05u",
    "M4 qb q vdd vdd pch w=0.09u l=0.05u",
    "M5 bl wl q gnd nch w=0.135u l=0.05u",
    "M6 br wl qb gnd nch w=0.135u l=0.05u",
)
_MODELS = (".model nch nmos level=54", ".model pch pmos level=54")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the package promises for one deck."""

    seconds: float  # read and flatten together
    peak_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Deck:
    """One generated netlist."""

    name: str
    devices: int
    suffix: str
    lines: Callable[[], Iterator[str]]
    target: Target | None = None
    companions: Callable[[], dict[str, Iterator[str]]] | None = None  # file name -> lines, for includes

    @property
    def file_name(self) -> str:
        """Name of the deck's file in the cache folder."""
        return f"{self.name}-v{_FORMAT}{self.suffix}"

    def ensure(self, folder: Path) -> Path:
        """Path of the deck, written first where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, lines in (self.companions() if self.companions else {}).items():
            _write(folder / name, lines)
        _write(folder / self.file_name, self.lines())
        return folder / self.file_name


def _write(path: Path, lines: Iterator[str]) -> None:
    if path.exists():
        return
    partial = path.with_name(f"{path.name}.partial")
    if path.suffix == ".gz":
        with partial.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
            while block := list(itertools.islice(lines, 4096)):
                packed.write(("\n".join(block) + "\n").encode())
    else:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
    partial.rename(path)


def standard_decks(*, quick: bool = False) -> list[Deck]:
    """The decks of the benchmark.

    Args:
        quick: only the smallest size of each.
    """
    depths = (4,) if quick else (4, 5, 6)
    base = 4 if quick else 5  # levels of the decks that come in one size only
    decks = [hierarchical(depth) for depth in depths]
    decks += [flat(depth) for depth in depths]
    decks.append(flat(depths[-1], packed=True))
    decks += [
        parameterised(base),
        library_heavy(base),
        instance_row(1 << (14 if quick else 18)),
        varied_shapes(base),
        extracted_network(100_000 if quick else 800_000),
        circuit_description(base),
        spectre(base),
    ]
    return decks


def _size_name(devices: int) -> str:
    return f"{devices / 1e6:.2f}M" if devices >= 1_000_000 else f"{devices / 1e3:.0f}k"


def _cells(depth: int) -> int:
    return CELL_DEVICES * BRANCHES**depth


def _tree_nodes(level: int) -> list[str]:
    """Nodes at the ports of the eight children of a level: word and bit lines take turns at being local."""
    if level % 2:
        return [f"bl br w{child} vdd gnd" for child in range(BRANCHES)]
    return [f"b{child} c{child} wl vdd gnd" for child in range(BRANCHES)]


def hierarchical(depth: int) -> Deck:
    """The tree written as subcircuits, a few dozen lines whatever its size."""
    devices = _cells(depth)

    def lines() -> Iterator[str]:
        yield "* tree of memory cells"
        yield from _MODELS
        yield f".subckt cell0 {_CELL_PORTS}"
        yield from _CELL
        yield ".ends"
        for level in range(1, depth + 1):
            yield f".subckt cell{level} {_CELL_PORTS}"
            for child, nodes in enumerate(_tree_nodes(level)):
                yield f"X{child} {nodes} cell{level - 1}"
            yield ".ends"
        yield f"Xtop {_CELL_PORTS} cell{depth}"
        yield ".end"

    target = Target(seconds=3.0, peak_mib=700.0) if depth == 6 else None
    return Deck(name=f"hier-{_size_name(devices)}", devices=devices, suffix=".sp", lines=lines, target=target)


def _leaf_cells(depth: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Path and nets of every cell of the flattened tree, in order."""

    def visit(level: int, path: str, nets: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
        if level == 0:
            yield path, nets | {"q": f"{path}q", "qb": f"{path}qb"}
            return
        for child, nodes in enumerate(_tree_nodes(level)):
            inner = {
                port: nets.get(node, f"{path}{node}")
                for port, node in zip(_CELL_PORTS.split(), nodes.split(), strict=True)
            }
            yield from visit(level - 1, f"{path}{child}", inner)

    yield from visit(depth, "x", {port: port for port in _CELL_PORTS.split()})


def _flat_cards(depth: int) -> Iterator[tuple[str, list[str], str, str]]:
    """Name, nets, model and sizes of every transistor of the flattened tree."""
    cards = [card.split(None, 6) for card in _CELL]
    for path, nets in _leaf_cells(depth):
        for name, *nodes, model, sizes in cards:
            yield f"{name[0]}{path}{name[1:]}", [nets[node] for node in nodes], model, sizes


def flat(depth: int, *, packed: bool = False) -> Deck:
    """The same tree with every transistor on a line of its own.

    Args:
        depth: levels of the tree.
        packed: whether the file is compressed.
    """
    devices = _cells(depth)

    def lines() -> Iterator[str]:
        yield "* flat tree of memory cells"
        yield from _MODELS
        for name, nets, model, sizes in _flat_cards(depth):
            yield f"{name} {' '.join(nets)} {model} {sizes}"
        yield ".end"

    target = Target(seconds=20.0, peak_mib=1228.8) if depth == 6 and not packed else None
    kind, suffix = ("flat-gzip", ".sp.gz") if packed else ("flat", ".sp")
    return Deck(
        name=f"{kind}-{_size_name(devices)}", devices=devices, suffix=suffix, lines=lines, target=target
    )


def parameterised(depth: int) -> Deck:
    """The tree with widths that grow from level to level through expressions.

    Only header parameters are used: KLayout's reader does not look up global ones inside a subcircuit.
    """
    devices = _cells(depth)

    def lines() -> Iterator[str]:
        yield "* tree with parameters"
        yield from _MODELS
        yield f".subckt cell0 {_CELL_PORTS} wn=0.1u ratio=1 lmin=0.05u"
        for card in _CELL:
            name, *nodes, model, _ = card.split(None, 6)
            width = "wn*2*ratio" if model == "nch" else "wn+0.09u"
            yield f"{name} {' '.join(nodes)} {model} w='{width}' l='lmin'"
        yield ".ends"
        for level in range(1, depth + 1):
            yield f".subckt cell{level} {_CELL_PORTS} wn=0.1u ratio=1"
            for child, nodes in enumerate(_tree_nodes(level)):
                ratio = "ratio*2" if child == 0 else "ratio"
                yield f"X{child} {nodes} cell{level - 1} wn='wn*1.01' ratio='{ratio}'"
            yield ".ends"
        yield f"Xtop {_CELL_PORTS} cell{depth} wn=0.2u"
        yield ".end"

    return Deck(name=f"parameters-{_size_name(devices)}", devices=devices, suffix=".sp", lines=lines)


_CORNERS = ("tt", "ff", "ss", "fs", "sf")
_LIBRARY_MODELS = 400  # per corner and polarity
_MODEL_CONTINUED = (
    "+ toxe=1.2e-9 u0=0.04 vsat=1.1e5 k1=0.5 k2=-0.02 dvt0=1 dvt1=2 nfactor=1.8 eta0=0.01",
    "+ cgso=1.1e-10 cgdo=1.1e-10 cj=0.0012 mj=0.3 pb=0.9 cjsw=2e-10 mjsw=0.2 tnom=27",
)


def library_heavy(depth: int) -> Deck:
    """The tree behind a corner library: sections that call sections and files, with many model cards."""
    devices = _cells(depth)
    prefix = f"library-{_size_name(devices)}-v{_FORMAT}"

    def corner_lines() -> Iterator[str]:
        yield "* corners"
        for corner in _CORNERS:
            yield f".lib {corner}"
            yield f".param skew={_CORNERS.index(corner) * 0.01}"
            for number in range(200):
                yield f".param p_{number}={{1 + skew*{number}}}"
            yield f".lib '{prefix}.corners' {corner}_mos"
            yield f".include '{prefix}.{corner}.inc'"
            yield f".endl {corner}"
            yield f".lib {corner}_mos"
            for number in range(_LIBRARY_MODELS):
                for polarity in ("nmos", "pmos"):
                    name = f"{polarity[0]}{number}_{corner}"
                    yield f".model {name} {polarity} level=54 vth0={{0.4*p_{number % 200}}}"
                    yield from _MODEL_CONTINUED
            yield f".endl {corner}_mos"

    def extra_lines(corner: str) -> Iterator[str]:
        yield f"* statistics of {corner}"
        for number in range(1000):
            yield f".param stat_{number}='1 + 0.001*{number}*skew'"
        for polarity in ("nmos", "pmos"):
            yield f".model {polarity[0]}ch {polarity} level=54"

    def companions() -> dict[str, Iterator[str]]:
        files = {f"{prefix}.{corner}.inc": extra_lines(corner) for corner in _CORNERS}
        return {f"{prefix}.corners": corner_lines()} | files

    def lines() -> Iterator[str]:
        yield "* tree behind a model library"
        yield f".lib '{prefix}.corners' tt"
        yield from (line for line in hierarchical(depth).lines() if not line.startswith((".model", "*")))

    return Deck(
        name=f"library-{_size_name(devices)}",
        devices=devices,
        suffix=".sp",
        lines=lines,
        companions=companions,
    )


def instance_row(instances: int) -> Deck:
    """One level with very many instances, every one on nets of its own."""
    devices = instances * 2

    def lines() -> Iterator[str]:
        yield "* row of inverters"
        yield from _MODELS
        yield ".subckt inverter a y vdd gnd"
        yield "Mn y a gnd gnd nch w=0.2u l=0.05u"
        yield "Mp y a vdd vdd pch w=0.4u l=0.05u"
        yield ".ends"
        for number in range(instances):
            yield f"Xinv{number} in_{number} out_{number} vdd gnd inverter"
        yield ".end"

    return Deck(name=f"row-{_size_name(instances)}", devices=devices, suffix=".sp", lines=lines)


_SHAPES: tuple[tuple[str, str], ...] = (
    ("m", "W=0.2U L=0.05U m=2"),
    ("M", "w=0.4u l=0.05u nf=4 m=1"),
    ("M", "L=50n W=300n AD=2.1e-14 AS=2.1e-14 PD=0.74u PS=0.74u"),
    ("m", "w = 0.2u  l = 0.05u"),
    ("M", "W=0.205u L=0.05u NF=2 SA=1e-7 SB=1e-7 SD=2e-7"),
)


def varied_shapes(depth: int) -> Deck:
    """Flat transistors whose cards differ in case, order and number of parameters, with lines broken."""
    devices = _cells(depth)

    def lines() -> Iterator[str]:
        yield "* flat tree, cards of many shapes"
        yield from _MODELS
        for number, (name, nets, model, _) in enumerate(_flat_cards(depth)):
            letter, sizes = _SHAPES[number % len(_SHAPES)]
            nodes = " ".join(nets).upper() if number % 3 == 0 else " ".join(nets)
            if number % 10 == 9:
                yield f"{letter}{name[1:]} {nodes}"
                yield f"+ {model} {sizes}"
            else:
                yield f"{letter}{name[1:]} {nodes} {model} {sizes}"
            if number % 25 == 24:
                yield f"* row {number // 25}"
        yield ".end"

    return Deck(name=f"shapes-{_size_name(devices)}", devices=devices, suffix=".sp", lines=lines)


def extracted_network(cards: int) -> Deck:
    """What an extractor writes: resistors and capacitors, hardly two of the same value."""

    def lines() -> Iterator[str]:
        yield "* extracted network"
        state = 12345
        for number in range(cards // 2):
            state = (1103515245 * state + 12345) % (1 << 31)  # a value that does not repeat
            net = number // 40
            yield f"R{number} net{net}:{number % 40} net{net}:{number % 40 + 1} {state % 100_000 / 1000:.3f}"
            yield f"C{number} net{net}:{number % 40} net{state % (cards // 80 + 1)}:0 {state / 2**31:.6g}f"
        yield ".end"

    return Deck(name=f"extracted-{_size_name(cards)}", devices=cards, suffix=".sp", lines=lines)


def circuit_description(depth: int) -> Deck:
    """The tree as a schematic editor exports it for layout comparison: CDL."""
    devices = _cells(depth)
    flat_depth = 2  # so that plain cards count too: sixty-four cells on one level

    def lines() -> Iterator[str]:
        yield "* circuit description"
        yield "*.BIPOLAR"
        yield "*.SCALE METER"
        yield "*.GLOBAL gnd vdd"
        yield f".SUBCKT block {_CELL_PORTS}"
        yield "*.PININFO bl:B br:B wl:I vdd:B gnd:B"
        for name, nets, model, sizes in _flat_cards(flat_depth):
            yield f"{name} {' '.join(nets)} {model} {sizes.upper()} M=1.0"
        yield ".ENDS"
        below = "block"
        for level in range(flat_depth + 1, depth + 1):
            yield f".SUBCKT level{level} {_CELL_PORTS}"
            yield "*.PININFO bl:B br:B wl:I vdd:B gnd:B"
            for child, nodes in enumerate(_tree_nodes(level)):
                yield f"XI{child} {nodes} / {below}"
            yield ".ENDS"
            below = f"level{level}"
        yield f".SUBCKT top {_CELL_PORTS}"
        yield f"XI0 {_CELL_PORTS} / {below}"
        yield ".ENDS"

    return Deck(name=f"cdl-{_size_name(devices)}", devices=devices, suffix=".cdl", lines=lines)


def spectre(depth: int) -> Deck:
    """The flattened tree in Spectre's own language."""
    devices = _cells(depth)

    def lines() -> Iterator[str]:
        yield "// flat tree of memory cells"
        yield "simulator lang=spectre"
        yield "global 0 vdd gnd"
        yield "parameters lmin=50n"
        yield f"subckt array {_CELL_PORTS}"
        for name, nets, model, sizes in _flat_cards(depth):
            width = sizes.split()[0]
            yield f"{name} ({' '.join(nets)}) {model} {width} l=lmin"
        yield "ends array"
        yield f"I0 ({_CELL_PORTS}) array"

    return Deck(name=f"spectre-{_size_name(devices)}", devices=devices, suffix=".scs", lines=lines)
