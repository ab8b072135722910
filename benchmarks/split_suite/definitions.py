"""The splits of the benchmark: which designs train, which are judged, and which of their pairs.

Designs of one family never stand on both sides, but where a kind of block is left out: then no training
design contains one. Where a kind of cell is left out, training designs lose every pair that meets in such a
cell and the load of every net that joins one. Parts are told by the names of definitions, without the
macro's prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from circuitgcl.data import DesignFiles, read_manifest
from circuitgcl.data.pair_tables import PairTable
from circuitgcl.data.splits import split_families
from circuitgcl.evaluation.protocol import BoolArray

BLOCKS = ("control_logic_rw", "hierarchical_decoder", "sense_amp_array", "wordline_driver_array")
CELLS = {
    "bitcell": ("cell_1rw", "replica_cell_1rw", "dummy_cell_1rw"),
    "senseamp": ("sense_amp",),
    "flipflop": ("dff",),
}
CALIBRATING_CELLS = (0, 10, 100)
TRAIN_SHARE = {"train": 2.0, "test": 1.0}
CELL_SHARES = (0.125, 0.25, 0.5)  # of the training families
HIDDEN_SHARE = 0.3  # of the couplings of a design whose couplings are split

Judge = Callable[[PairTable, int], BoolArray]  # of a design and the seed, [X]


@dataclass(frozen=True)
class Figure:
    """A score and the bound it is asked to reach."""

    path: str  # into the scores of a row
    asked: float
    at_most: bool = False

    def reached(self, value: float) -> bool:
        """Whether a value is good enough."""
        return value <= self.asked if self.at_most else value >= self.asked


@dataclass(frozen=True, kw_only=True)
class Split:
    """One training and what is judged by it."""

    name: str
    train: tuple[DesignFiles, ...]
    tests: Mapping[str, tuple[DesignFiles, ...]]  # rows of the table: designs scored as one
    judged: Judge | None = None  # pairs of a test design that count; all when absent
    lacks: tuple[str, ...] = ()  # definitions no training design may contain
    hidden: Judge | None = None  # pairs of the training designs that are taken from them
    hidden_part: tuple[str, ...] = ()  # definitions whose pairs and loads are taken from them
    is_inside: bool = False  # the training designs are the test designs
    shares: str = ""  # of splits with the same training designs: what was trained for one serves all
    calibrates: tuple[DesignFiles, ...] = ()  # their labels calibrate the trained model
    labels: int = 0  # couplings, and as many loads, of each of them; all when 0
    figures: tuple[Figure, ...] = ()
    about: str = ""


def whole(files: DesignFiles) -> bool:
    """Whether a design is a macro, not a block cut out of one."""
    return "__" not in files.name


def macro_families(designs: Iterable[DesignFiles], *patterns: str) -> tuple[DesignFiles, ...]:
    """Macros of the given families and their blocks."""
    return tuple(d for d in designs if any(fnmatchcase(d.family, p) for p in patterns))


def named(designs: Sequence[DesignFiles], *names: str) -> dict[str, tuple[DesignFiles, ...]]:
    """Designs judged one by one."""
    return {name: tuple(d for d in designs if d.name == name) for name in names}


def part_name(definition: str, design: str) -> str:
    """Name of a definition without its macro: `scn4m_2x16_bank` is `bank`; numbered copies are one part."""
    macro = design.partition("__")[0]
    stem = definition.lower().removeprefix(f"{macro}_".lower())
    head, _, number = stem.rpartition("_")
    return head if head and number.isdigit() else stem


def contains(table: PairTable, parts: Sequence[str]) -> bool:
    """Whether a design has a definition of one of the parts."""
    return bool(_inside(table, parts).any())


def _inside(table: PairTable, parts: Sequence[str]) -> BoolArray:
    """Which definitions of a design are one of the parts."""
    name = table.design.files.name
    return np.array([part_name(d.name, name) in parts for d in table.graph.circuit.definitions])


def involving(parts: Sequence[str]) -> Judge:
    """Pairs that meet, somewhere, in an instance of one of the parts or beside it."""

    def judge(table: PairTable, _seed: int) -> BoolArray:
        contexts, terminals = table.graph.contexts, table.graph.terminals
        own = _inside(table, parts)[terminals.definition]
        context = own[contexts.side_a] | own[contexts.side_b]
        found = np.zeros(len(table.pair), bool)
        found[contexts.occurrence_pair[context[contexts.occurrence_context]]] = True
        return found

    return judge


def single_port_350(designs: Sequence[DesignFiles]) -> tuple[DesignFiles, ...]:
    """All single-port memories of 0.35 µm and their blocks."""
    return tuple(d for d in macro_families(designs, "scn4m_*") if "1rw1r" not in d.family)


def size_splits(designs: Sequence[DesignFiles]) -> Iterator[Split]:
    """Larger arrays of known cells, a two-port array, another technology."""
    load = (Figure("net_load.within_x1_5", 0.95), Figure("ground_class.macro_f1", 0.80))
    yield Split(
        name="size45",
        train=macro_families(designs, "fpdk45_2x16", "fpdk45_8x16", "fpdk45_8x32"),
        tests=named(designs, "fpdk45_16x64"),
        figures=(Figure("coupling.r2", 0.95), *load),
        about="larger arrays of known cells, 45 nm",
    )
    yield Split(
        name="size350",
        train=macro_families(designs, "scn4m_2x16", "scn4m_4x16", "scn4m_8x32", "scn4m_8x32_wm"),
        tests=named(designs, "scn4m_16x64", "scn4m_8x64_w4"),
        figures=(Figure("coupling.r2", 0.97), *load),
        about="larger and differently organised arrays of known cells, 0.35 µm",
    )
    single = single_port_350(designs)
    yield Split(
        name="port350",
        train=single,
        shares="single350",
        tests=named(designs, "scn4m_2x16_1rw1r"),
        figures=(Figure("coupling.r2", 0.70), Figure("net_load.within_x1_5", 0.80)),
        about="a two-port array after single-port ones: most cells new",
    )
    yield Split(
        name="port350-calibrated",
        train=single,
        shares="single350",
        tests=named(designs, "scn4m_2x16_1rw1r"),
        calibrates=named(designs, "scn4m_4x16_1rw1r")["scn4m_4x16_1rw1r"],
        figures=(Figure("coupling.r2", 0.88),),
        about="a two-port array after single-port ones, all labels of scn4m_4x16_1rw1r",
    )
    for technology, larger in (
        ("fpdk45", ("8x16", "8x32", "16x64")),
        ("scn4m", ("4x16", "8x32", "8x32_wm", "8x64_w4", "16x64")),
    ):
        yield Split(
            name=f"small-to-big-{technology}",
            train=named(designs, f"{technology}_2x16")[f"{technology}_2x16"],
            tests=named(designs, *(f"{technology}_{size}" for size in larger)),
            figures=(Figure("coupling.r2", 0.90),),
            about="one small macro alone trains for every larger one of its technology",
        )
    for labels in (0, 10, 100, 1000):
        known = f"{labels} labelled couplings and loads of fpdk45_2x16" if labels else "no label of it"
        yield Split(
            name=f"tech-{labels}",
            train=single,
            shares="single350",
            tests=named(designs, "fpdk45_8x32"),
            calibrates=named(designs, "fpdk45_2x16")["fpdk45_2x16"] if labels else (),
            labels=labels,
            figures=(Figure("coupling.within_x2", 0.70),) if labels == 100 else (),
            about=f"another technology, {known}",
        )


def part_splits(designs: Sequence[DesignFiles]) -> Iterator[Split]:
    """A kind of block, or of cell, that no training design contains."""
    asked = (Figure("by_knowledge.unknown.r2", 0.55),)
    technologies = ("fpdk45", "scn4m")
    kept = tuple(d for d in designs if "1rw1r" not in d.family and "16x64" not in d.family)
    for block in BLOCKS:
        yield Split(
            name=f"block-{block.split('_')[0]}",
            train=kept,
            tests={
                t: tuple(d for d in kept if d.technology == t and d.name.endswith(f"__{block}"))
                for t in technologies
            },
            lacks=(block,),
            figures=asked,
            about=f"no training design contains a {block}",
        )
    for cell, parts in CELLS.items():
        yield Split(
            name=f"newcell-{cell}",
            train=kept,
            tests=named(designs, *(f"{t}_16x64" for t in technologies)),
            judged=involving(parts),
            hidden=involving(parts),
            hidden_part=parts,
            figures=asked,
            about=f"nothing that meets in a {' or '.join(parts)} trains; judged are the pairs that do",
        )


def cell_designs(folder: Path) -> tuple[DesignFiles, ...]:
    """Standard cells with their Magic extractions; a family is a function in all its drive strengths."""
    return tuple(
        DesignFiles(
            name=schematic.stem,
            schematic=schematic,
            extracted=schematic.with_suffix(".ext"),
            technology="sky130",
            family=schematic.stem.rpartition("_")[0],
        )
        for schematic in sorted(folder.glob("*.spice"))
    )


def cell_split(folder: Path, seed: int) -> Split:
    """Two thirds of the cell families train, drawn by the seed; the others are judged as one."""
    cells = cell_designs(folder)
    parts = split_families([c.family for c in cells], TRAIN_SHARE, seed=seed)
    return Split(
        name="cells",
        train=tuple(cells[k] for k in parts["train"]),
        tests={"unseen families": tuple(cells[k] for k in parts["test"])},
        figures=(Figure("coupling.r2", 0.80), Figure("net_load.within_x1_5", 0.93)),
        about="SKY130 standard cells, one third of the families unseen (drawn by the seed)",
    )


def fewer_cell_splits(cells: Split, seed: int) -> Iterator[Split]:
    """The same test cells after a part of the training families: how accuracy grows with labelled cells."""
    families = sorted({cell.family for cell in cells.train})
    order = np.random.default_rng(seed).permutation(families).tolist()
    for share in CELL_SHARES:
        kept, parts = set(order[: round(share * len(order))]), round(1 / share)
        yield Split(
            name=f"cells-1of{parts}",
            train=tuple(cell for cell in cells.train if cell.family in kept),
            tests=cells.tests,
            about=f"SKY130 standard cells after one of {parts} training families of the split `cells`",
        )


def calibrated_cell_splits(designs: Sequence[DesignFiles], cells: Split, seed: int) -> Iterator[Split]:
    """Standard cells after memories alone, and after a few extracted cells of other families calibrate."""
    order = np.random.default_rng(seed).permutation(len(cells.train))
    for count in CALIBRATING_CELLS:
        yield Split(
            name=f"sram-to-cells-{count}",
            train=single_port_350(designs),
            shares="single350",
            tests=cells.tests,
            calibrates=tuple(cells.train[k] for k in order[:count]),
            about=f"SKY130 standard cells after 0.35 µm memories, {count or 'no'} extracted cells calibrate",
        )


def hidden(table: PairTable, seed: int) -> BoolArray:
    """Which pairs of a design are hidden from training where its couplings are split, [X]."""
    labelled = np.random.default_rng(seed).random(len(table.pair)) < HIDDEN_SHARE
    return labelled & (table.truth_ff > 0)


def without_pairs(table: PairTable, gone: BoolArray) -> PairTable:
    """A design without some of its [X] pairs: nothing tells whether they couple, not even as candidates."""
    graph, labels = table.graph, table.design.labels
    assert labels is not None
    contexts = graph.contexts
    kept = ~gone[: table.candidates]
    number = np.cumsum(kept) - 1
    occurs = kept[contexts.occurrence_pair]
    rows, row = np.unique(contexts.occurrence_context[occurs], return_inverse=True)
    tied = np.isin(contexts.tied_context, rows)
    by_context = ("kind", "side_a", "side_b", "relation", "coordinate", "key_exact", "key_structural")
    fewer = replace(
        contexts,
        **{name: getattr(contexts, name)[rows] for name in by_context},
        pair=contexts.pair[kept],
        occurrence_pair=number[contexts.occurrence_pair[occurs]],
        occurrence_context=row.ravel(),
        tied_net=contexts.tied_net[tied],
        tied_context=np.searchsorted(rows, contexts.tied_context[tied]),
    )
    listed = ~gone[table.label_row]
    return PairTable(
        replace(
            table.design,
            graph=replace(graph, contexts=fewer, pair_features=graph.pair_features[rows]),
            labels=replace(labels, pair=labels.pair[listed], coupling_farad=labels.coupling_farad[listed]),
        )
    )


def without_loads(table: PairTable, parts: Sequence[str]) -> PairTable:
    """A design without the load of the nets that join one of the parts."""
    labels, circuit = table.design.labels, table.graph.circuit
    assert labels is not None
    inside = _inside(table, parts)[circuit.instance_definition]
    joins = np.repeat(inside, np.diff(circuit.terminal_offset))
    load = labels.load_farad.copy()
    load[circuit.terminal_net[joins]] = np.nan
    return PairTable(replace(table.design, labels=replace(labels, load_farad=load)))


def training_table(table: PairTable, split: Split, seed: int) -> PairTable:
    """What a split leaves of one of its training designs."""
    if split.hidden is not None:
        table = without_pairs(table, split.hidden(table, seed))
    return without_loads(table, split.hidden_part) if split.hidden_part else table


def edge_split(designs: Sequence[DesignFiles]) -> Iterator[Split]:
    """Couplings of one design drawn at random: interpolation inside a layout, to compare with its ceiling."""
    for name in ("fpdk45_8x32", "scn4m_8x32"):
        tests = named(designs, name)
        yield Split(
            name=f"edges-{name.split('_')[0]}",
            train=tests[name],
            tests=tests,
            judged=hidden,
            hidden=hidden,
            is_inside=True,
            figures=(Figure("coupling.below_ceiling", 0.02, at_most=True),),
            about="couplings of one design drawn at random: interpolation inside a layout, no unseen design",
        )


def all_splits(manifest: Path, cells: Path, seed: int) -> dict[str, Split]:
    """Every split by name; `cells` only where its folder exists."""
    designs = read_manifest(manifest)
    splits = [*size_splits(designs)]
    if cells.is_dir():
        of_cells = cell_split(cells, seed)
        splits += [of_cells, *fewer_cell_splits(of_cells, seed)]
        splits += calibrated_cell_splits(designs, of_cells, seed)
    splits += [*part_splits(designs), *edge_split(designs)]
    return {split.name: split for split in splits}
