"""Cards of one flat cell while a SPICE extraction is read, and the record they end in."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from circuitgcl.parasitics.blocks import decode
from circuitgcl.parasitics.cards import Mask, decoded
from circuitgcl.parasitics.records import (
    GROUND,
    FloatArray,
    IntArray,
    OffsetArray,
    Parasitics,
    SkippedCards,
    sum_capacitors,
    tie_to_ground,
)
from circuitgcl.parasitics.spice.repeated import counted_once
from circuitgcl.parasitics.spice.resistive import ResistiveNetwork


class PieceError(ValueError):
    """A piece of metal is put on two nets."""


class _NodeIds(dict[bytes, int]):
    """Node ids in order of first appearance; the reference node `0` is GROUND."""

    def __init__(self) -> None:
        super().__init__({b"0": GROUND})

    def __missing__(self, name: bytes) -> int:
        self[name] = number = len(self) - 1
        return number


class FlatCell:
    """Collects the capacitors, resistors, device pins and `*|P` records of one cell."""

    def __init__(self) -> None:
        self.n_devices = 0
        self._ids = _NodeIds()
        self._ends: list[IntArray] = []  # [2K] a0 b0 a1 b1 … of capacitors
        self._farads: list[FloatArray] = []  # [K]
        self._resistor_ends: list[IntArray] = []  # [2R]
        self._pieces: dict[bytes, tuple[bytes, bytes]] = {}  # node → net, pins with blanks between
        self._pins: list[tuple[int, bytes, str]] = []  # line, node, `device:terminal`

    @property
    def has_capacitors(self) -> bool:
        """Whether there is any capacitor."""
        return bool(self._ends)

    @property
    def has_resistors(self) -> bool:
        """Whether there is any resistor without a model."""
        return bool(self._resistor_ends)

    @property
    def n_resistors(self) -> int:
        """Number of resistors without a model."""
        return sum(map(len, self._resistor_ends)) // 2

    def add(self, ends: list[bytes], value: FloatArray, resistor: Mask) -> OffsetArray:
        """Add K cards.

        Args:
            ends: [2K] nodes a0 b0 a1 b1 …
            value: [K] farad of capacitors; not a number for cards that are devices of the circuit.
            resistor: [K] which are resistors.

        Returns:
            Capacitors with both ends on one node.
        """
        counts = value == value
        if not counts.all():
            ends = [end for end, kept in zip(ends, np.repeat(counts, 2).tolist(), strict=True) if kept]
        ids = np.fromiter(map(self._ids.__getitem__, ends), np.int32, len(ends))
        shorted = np.zeros(len(value), dtype=bool)
        shorted[counts] = ids[0::2] == ids[1::2]
        if resistor.any():
            of_resistor = np.repeat(resistor[counts], 2)
            self._resistor_ends.append(ids[of_resistor])
            ids = ids[~of_resistor]
        if len(ids):
            self._ends.append(ids)
            self._farads.append(value[counts & ~resistor])
        return np.flatnonzero(shorted & ~resistor)

    def add_pin(self, line: int, node: bytes, name: str) -> None:
        """A device pin."""
        self._pins.append((line, node, name))

    def put_piece(self, node: bytes, net: bytes, pins: bytes) -> None:
        """A piece of metal with its net and the device pins on it, blanks between them.

        Raises:
            PieceError: the piece lies on another net already.
        """
        known_net, known_pins = self._pieces.get(node, (net, b""))
        if known_net != net:
            raise PieceError(
                f"`*|P` puts node {decode(node)} on net {decode(net)}; "
                f"an earlier line puts it on {decode(known_net)}."
            )
        self._pieces[node] = net, known_pins + b" " + pins

    def to_parasitics(
        self,
        *,
        design: str,
        source: str,
        ports: Sequence[bytes],
        line: int,
        skipped: list[SkippedCards],
    ) -> Parasitics:
        """The record of everything collected; `line` is that of the first card."""
        ends, farad = np.concatenate(self._ends), np.concatenate(self._farads)
        end_a, end_b = ends[0::2], ends[1::2]
        kept = counted_once(end_a, end_b, farad, line, skipped)
        end_a, end_b, farad = end_a[kept], end_b[kept], farad[kept]
        resistors = np.concatenate([np.empty(0, np.int32), *self._resistor_ends])
        if len(resistors) and self._pieces:  # the records say already what belongs together
            skipped.append(SkippedCards(kind="R", count=self.n_resistors, first_line=line))
        elif len(resistors):
            self._pins.sort(key=itemgetter(0))  # blocks end anywhere
            known = [(self._ids[node], pin) for _, node, pin in self._pins if node != b"0"]
            names = decoded([*list(self._ids)[1:], *ports])
            network = ResistiveNetwork(
                names=names[: len(self._ids) - 1],
                ports=frozenset(names[len(self._ids) - 1 :]),
                cap_a=end_a,
                cap_b=end_b,
                cap_farad=farad,
                res_a=resistors[0::2],
                res_b=resistors[1::2],
                pin_node=np.array([node for node, _ in known], dtype=np.int32),
                pin_names=tuple(pin for _, pin in known),
                n_devices=self.n_devices,
                line=line,
            )
            return network.to_parasitics(design, source, skipped)
        return self._by_pieces(design, source, end_a, end_b, farad, skipped)

    def _by_pieces(
        self,
        design: str,
        source: str,
        end_a: IntArray,
        end_b: IntArray,
        farad: FloatArray,
        skipped: list[SkippedCards],
    ) -> Parasitics:
        """Every node is a net, or a piece of one by its `*|P` record."""
        nodes = [name for name, number in self._ids.items() if number >= 0]
        nodes += [name for name in self._pieces if name not in self._ids]
        ground, pair_a, pair_b, pair_farad = sum_capacitors(len(nodes), end_a, end_b, farad)
        net_of = self._pieces
        nets: dict[bytes, int] = {}
        node_net = [nets.setdefault(net_of[x][0] if x in net_of else x, len(nets)) for x in nodes]
        pins = [net_of[x][1].split() if x in net_of else [] for x in nodes]
        names = decoded([*nodes, *nets, *(pin for on_node in pins for pin in on_node)])
        node_names = names[: len(nodes)]
        found = Parasitics(
            design=design,
            source=source,
            nodes=node_names,
            ground_farad=ground,
            pair_a=pair_a,
            pair_b=pair_b,
            pair_farad=pair_farad,
            nets=names[len(nodes) : len(nodes) + len(nets)] if net_of else node_names,
            node_net=np.array(node_net, dtype=np.int32),
            pin_offset=np.concatenate([[0], np.cumsum([len(on_node) for on_node in pins])]).astype(np.int64),
            pin_names=names[len(nodes) + len(nets) :],
            skipped_cards=tuple(skipped),
        )
        return tie_to_ground(found, ["0"])  # pieces whose net is the reference node
