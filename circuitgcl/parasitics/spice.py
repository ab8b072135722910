"""Reader of extractions written as SPICE: one flat subcircuit of C cards.

    .subckt NAME ports…
    Cg0 netA 0 1.2e-16         capacitance to the reference node
    Cc0 netA netB 3.4e-17      coupling
    *|P piece net pin pin …    (pin-level files) the piece of metal, its net, the device pins on it

Cards in the plain four-field form are split and converted a block at a time; everything else (continuations,
`c=…`, inline comments, other cards) goes through a statement parser that knows the line.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from circuitgcl.errors import ParasiticsError, SourceLocation
from circuitgcl.parasitics.blocks import TextBlock, decode, read_blocks
from circuitgcl.parasitics.cards import (
    CARD_FIELDS,
    capacitor_farad,
    decoded,
    numbers,
    shortened,
    sort_lines,
    split_cards,
)
from circuitgcl.parasitics.records import (
    FloatArray,
    OffsetArray,
    Parasitics,
    SkippedCards,
    sum_capacitors,
    tie_to_ground,
)

_ONE_NODE = "C with both ends on one node"


def read_spice(path: str | Path) -> Parasitics:
    """Read a C-only SPICE netlist, plain or gzip'd, net-level or pin-level.

    Raises:
        ParasiticsError: the file cannot be read, a card is malformed, a value is negative or no number,
            capacitors stand in more than one subcircuit (the extraction is not flat), or there are none.
    """
    reader = _SpiceReader(path)
    for block in read_blocks(path):
        reader.take(block)
    return reader.finish()


class _NodeIds(dict[bytes, int]):
    """Node ids in order of first appearance; the reference node `0` is id -1."""

    def __init__(self) -> None:
        super().__init__({b"0": -1})

    def __missing__(self, name: bytes) -> int:
        self[name] = number = len(self) - 1
        return number


class _Scopes:
    """Which subcircuit each line lies in, and that all capacitors lie in the same one."""

    def __init__(self) -> None:
        self._stack: list[int] = [0]
        self._names: list[str] = [""]  # of all scopes met; 0 is the top of the file
        self._changes: list[tuple[int, int]] = [(0, 0)]  # line, scope from that line on
        self._home: int | None = None
        self._home_line = 0

    @property
    def home_name(self) -> str:
        return self._names[self._home or 0]

    def enter(self, name: str, line: int) -> None:
        self._names.append(name)
        self._stack.append(len(self._names) - 1)
        self._changes.append((line, self._stack[-1]))

    def leave(self, line: int) -> None:
        if len(self._stack) > 1:
            self._stack.pop()
        self._changes.append((line, self._stack[-1]))

    def claim(self, lines: OffsetArray) -> int:
        """Place the capacitors of a block; 0, or the line of one that lies outside the others' subcircuit."""
        change_lines = np.array([line for line, _ in self._changes])
        place = np.searchsorted(change_lines, lines, side="right") - 1
        for change, first in zip(*np.unique(place, return_index=True), strict=True):
            scope = self._changes[change][1]
            if self._home is None:
                self._home, self._home_line = scope, int(lines[first])
            if scope != self._home:
                return int(lines[first])
        del self._changes[:-1]
        return 0

    @property
    def home_text(self) -> str:
        inside = f"subcircuit {self.home_name}" if self._home else "the top of the file"
        return f"{inside} (line {self._home_line})"


class _SpiceReader:
    """State carried from block to block."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._ids = _NodeIds()
        self._scopes = _Scopes()
        self._pieces: dict[bytes, tuple[bytes, bytes]] = {}  # node → net, pins with blanks between
        self._skipped: dict[str, tuple[int, int]] = {}  # kind → count, first line
        self._ends: list[npt.NDArray[np.int32]] = []  # [2K] a0 b0 a1 b1 …
        self._farads: list[FloatArray] = []  # [K]
        self._pending: list[bytes] = []  # fields of the statement that a `+` line may still continue
        self._pending_line = 0
        self._odd_cards: list[tuple[int, bytes, bytes, float]] = []  # line, node, node, farad

    def take(self, block: TextBlock) -> None:
        lines = sort_lines(block.data)
        plain = lines.begin_with(b"Cc") & (lines.fields == CARD_FIELDS) & ~lines.continued()
        for row, text in lines.texts(~plain & ~lines.comment):
            self._take_line(text, block.first_line + row)
        rows = np.flatnonzero(plain) + block.first_line
        names, ends, values = split_cards(lines.words(plain))
        farad = numbers(values)
        for i in np.flatnonzero(~((farad >= 0) & (farad < np.inf))).tolist():
            farad[i] = self._card_farad([names[i], *ends[2 * i : 2 * i + 2], values[i]], int(rows[i]))
        self._store(rows, ends, farad)

    def finish(self) -> Parasitics:
        self._flush()
        self._store(np.empty(0, np.int64), [], np.empty(0))
        if not self._farads:
            raise self._error(
                0, f"no capacitors found{self._skipped_text()}; expected C cards of an extraction."
            )
        nodes = [name for name, number in self._ids.items() if number >= 0]
        nodes += [name for name in self._pieces if name not in self._ids]
        ends = np.concatenate(self._ends)
        ground, pair_a, pair_b, pair_farad = sum_capacitors(
            len(nodes), ends[0::2], ends[1::2], np.concatenate(self._farads)
        )
        net_of = self._pieces
        nets: dict[bytes, int] = {}
        node_net = [nets.setdefault(net_of[x][0] if x in net_of else x, len(nets)) for x in nodes]
        pins = [net_of[x][1].split() if x in net_of else [] for x in nodes]
        names = decoded([*nodes, *nets, *(pin for on_node in pins for pin in on_node)])
        node_names = names[: len(nodes)]
        found = Parasitics(
            design=self._scopes.home_name or Path(self._path).name.partition(".")[0],
            source=Path(self._path).name,
            nodes=node_names,
            ground_farad=ground,
            pair_a=pair_a,
            pair_b=pair_b,
            pair_farad=pair_farad,
            nets=names[len(nodes) : len(nodes) + len(nets)] if net_of else node_names,
            node_net=np.array(node_net, dtype=np.int32),
            pin_offset=np.concatenate([[0], np.cumsum([len(on_node) for on_node in pins])]).astype(np.int64),
            pin_names=names[len(nodes) + len(nets) :],
            skipped_cards=tuple(
                SkippedCards(kind=kind, count=count, first_line=line)
                for kind, (count, line) in self._skipped.items()
            ),
        )
        return tie_to_ground(found, ["0"])  # pieces whose net is the reference node

    def _take_line(self, line: bytes, number: int) -> None:
        """Handle one line outside the plain form: part of a statement, or a `*|P` record."""
        if line.startswith(b"*|"):
            self._take_piece(line, number)
        elif line.startswith(b"+"):
            if not self._pending:
                raise self._error(number, "continuation line `+` without a statement before it.")
            self._pending += line[1:].split()
        else:
            self._flush()
            self._pending, self._pending_line = line.split(), number

    def _take_piece(self, line: bytes, number: int) -> None:
        """Handle `*|P node net [pin …]`."""
        fields = line.split(None, 3)
        if fields[0] != b"*|P" or (fields[1:2] and fields[1].startswith(b"(")):
            raise self._error(
                number,
                f"`{shortened(line)}` belongs to DSPF; expected SPICE capacitors.",
            )
        if len(fields) < 3:
            raise self._error(number, "`*|P` needs a node and its net: *|P node net [pin …].")
        node, net = fields[1:3]
        pins = fields[3] if len(fields) > 3 else b""
        if node == b"0":
            self._skip("*|P on node 0", 1, number)
        elif node not in self._pieces:
            self._pieces[node] = net, pins
        else:
            known_net, known_pins = self._pieces[node]
            if known_net != net:
                raise self._error(
                    number,
                    f"`*|P` puts node {decode(node)} on net {decode(net)}; "
                    f"an earlier line puts it on {decode(known_net)}.",
                )
            self._pieces[node] = net, known_pins + b" " + pins

    def _flush(self) -> None:
        """Interpret the statement collected so far."""
        fields, line = self._pending, self._pending_line
        self._pending = []
        if not fields:
            return
        kind = fields[0][:1].upper()
        if kind == b"C":
            farad = self._card_farad(fields, line)
            self._odd_cards.append((line, fields[1], fields[2], farad))
        elif kind == b".":
            self._directive(fields, line)
        elif kind.isalpha():
            self._skip(decode(kind), 1, line)
        elif line > 1:  # the first line of a deck may be a title
            raise self._error(
                line,
                f"`{shortened(b' '.join(fields))}` is no SPICE statement; is this an extraction result?",
            )

    def _directive(self, fields: list[bytes], line: int) -> None:
        name = decode(fields[0]).lower()
        if name in {".subckt", ".macro"}:
            if len(fields) < 2:
                raise self._error(line, f"{name} has no name.")
            self._scopes.enter(decode(fields[1]), line)
        elif name in {".ends", ".eom"}:
            self._scopes.leave(line)
        elif name != ".end":
            self._skip(name, 1, line)

    def _card_farad(self, fields: list[bytes], line: int) -> float:
        try:
            return capacitor_farad(fields)
        except ValueError as error:
            raise self._error(line, str(error)) from None

    def _store(self, lines: OffsetArray, ends: list[bytes], farad: FloatArray) -> None:
        """Keep the cards of a block, plain ones and others, in file order."""
        if self._odd_cards:
            odd_lines, odd_a, odd_b, odd_farad = zip(*self._odd_cards, strict=True)
            self._odd_cards = []
            order = np.argsort(np.concatenate([lines, odd_lines]), kind="stable")
            lines = np.concatenate([lines, odd_lines])[order]
            farad = np.concatenate([farad, odd_farad])[order]
            a, b = [*ends[0::2], *odd_a], [*ends[1::2], *odd_b]
            ends = [end for i in order.tolist() for end in (a[i], b[i])]
        if not len(lines):
            return
        stray = self._scopes.claim(lines)
        if stray:
            raise self._error(
                stray,
                f"this capacitor lies in another subcircuit than those in {self._scopes.home_text}; "
                "expected a flat extraction. Flatten the layout before extracting.",
            )
        ids = np.fromiter(map(self._ids.__getitem__, ends), np.int32, len(ends))
        self._ends.append(ids)
        self._farads.append(farad)
        shorted = np.flatnonzero(ids[0::2] == ids[1::2])
        if len(shorted):
            self._skip(_ONE_NODE, len(shorted), int(lines[shorted[0]]))

    def _skip(self, kind: str, count: int, line: int) -> None:
        known, first = self._skipped.get(kind, (0, line))
        self._skipped[kind] = (known + count, first)

    def _skipped_text(self) -> str:
        if not self._skipped:
            return ""
        return " among " + ", ".join(
            f"{count} {kind}" for kind, (count, _) in list(self._skipped.items())[:8]
        )

    def _error(self, line: int, message: str) -> ParasiticsError:
        return ParasiticsError(message, location=SourceLocation(str(self._path), line))
