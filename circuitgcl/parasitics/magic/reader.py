"""Reader of Magic extractions (`.ext`), flat or hierarchical, with all digits the extractor wrote.

A hierarchical extraction is one file per cell. Names of nodes in subcells become paths: `inst/net`,
`inst/inst[2]/net`, `inst[row,column]/net`. What a cell calls its `substrate` is the
reference node, and whatever is connected to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from circuitgcl.errors import ParasiticsError, SourceLocation
from circuitgcl.parasitics.blocks import decode
from circuitgcl.parasitics.magic.cell import MagicCell, Use, read_magic_cell
from circuitgcl.parasitics.magic.nets import ReducedCell, SizeBudget, reduce_cell
from circuitgcl.parasitics.records import Parasitics, SkippedCards

MAX_DEPTH = 100  # levels of subcells


def read_magic_ext(path: str | Path) -> Parasitics:
    """Read the extraction of a cell; its subcells are read from files beside it (`cell.ext`, `cell.ext.gz`).

    Values are what the statements of all levels sum up to; a correction larger than what it corrects leaves
    a negative sum. Resistors only tell which nodes make up a net. Device pins are named
    `path/type@x,y:terminal`, with G, S, D and B for transistors.

    Raises:
        ParasiticsError: a file is missing, malformed or cut off; cells contain each other; the design is
            larger than `SizeBudget` allows; or there is no net besides the substrate.
    """
    top = Path(path)
    library = _Library(top)
    cell = library.top()
    if not cell.names:
        raise ParasiticsError(
            "no node besides the substrate; expected `node` statements of an extraction.",
            location=SourceLocation(str(path), 0),
        )
    by_net = np.argsort(cell.pin_net, kind="stable")
    pins = np.bincount(cell.pin_net, minlength=len(cell.names))
    names = tuple(map(decode, cell.names))
    return Parasitics(
        design=_cell_name(top),
        source=top.name,
        nodes=names,
        ground_farad=cell.ground_farad,
        pair_a=cell.pair_a,
        pair_b=cell.pair_b,
        pair_farad=cell.pair_farad,
        nets=names,
        node_net=np.arange(len(names), dtype=np.int32),
        pin_offset=np.concatenate([[0], np.cumsum(pins)]).astype(np.int64),
        pin_names=tuple(decode(cell.pin_names[i]) for i in by_net.tolist()),
        skipped_cards=tuple(library.skipped()),
        reference_names=library.substrate_names(),
    )


class _Library:
    """Cells read so far, and those being read."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._cells: dict[str, MagicCell] = {}
        self._reduced: dict[str, ReducedCell] = {}
        self._budget = SizeBudget()
        self._open: list[str] = []
        self._any_substrate = False

    def top(self) -> ReducedCell:
        """The top cell."""
        return self._reduce(_cell_name(self._top), self._top)

    def substrate_names(self) -> tuple[str, ...]:
        """What the top cell calls its substrate."""
        return tuple(sorted(map(decode, self._cells[_cell_name(self._top)].substrates)))

    def skipped(self) -> Iterator[SkippedCards]:
        """Statements without effect, per file; those of subcells carry their file's name."""
        for cell in self._cells.values():
            place = "" if cell.path == self._top else f" in {cell.path.name}"
            for kind, (count, line) in cell.skipped.items():
                yield SkippedCards(kind=kind + place, count=count, first_line=line)

    def _child(self, parent: MagicCell, use: Use) -> ReducedCell:
        if use.cell in self._open:
            chain = " > ".join([*self._open[self._open.index(use.cell) :], use.cell])
            parent.refuse(use.line, f"cell {use.cell} contains itself: {chain}.")
        if len(self._open) >= MAX_DEPTH:
            parent.refuse(use.line, f"cells are nested more than {MAX_DEPTH} levels deep.")
        if use.cell not in self._reduced:
            names = [f"{use.cell}.ext", f"{use.cell}.ext.gz"]
            path = next((path for name in names if _is_file(path := self._top.parent / name)), None)
            if path is None:
                parent.refuse(
                    use.line,
                    f"cell {use.cell} is used here, but there is no {names[0]} beside this file; "
                    "extract the whole hierarchy, or copy that file here.",
                )
            self._reduced[use.cell] = self._reduce(use.cell, path)
        return self._reduced[use.cell]

    def _reduce(self, name: str, path: Path) -> ReducedCell:
        cell = self._cells[name] = read_magic_cell(path)
        self._any_substrate |= bool(cell.substrates)
        self._open.append(name)
        children: list[tuple[Use, ReducedCell]] = []
        for use in cell.uses:
            child = self._child(cell, use)
            self._budget.spend(use.count * max(1, child.size), cell, use.line)
            children.append((use, child))
        self._open.pop()
        is_top = not self._open
        return reduce_cell(
            cell,
            children,
            self._budget,
            ports=cell.ports if is_top else set(),
            default_ground=is_top and not self._any_substrate,
        )


def _cell_name(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".ext")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
