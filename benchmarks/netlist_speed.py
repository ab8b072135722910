"""Speed and memory of reading and flattening netlists, beside KLayout's reader on the same files.

    python benchmarks/netlist_speed.py [--quick] [--only 'flat*'] [--no-klayout] [--folder DIR] [-o FILE.json]

The decks are generated once, the same on every machine, into a cache folder. Every figure comes from a fresh
process: seconds of reading and of flattening, the import left out, and the largest resident size of the whole
process, the import included (shown by itself under the table). Both readers must find the same number of
devices. Where the package promises a figure, it stands in the last column. KLayout comes from `pip install
klayout`; without it its columns stay empty.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from netlist_peers.decks import Deck, standard_decks
from netlist_peers.measurement import Measurement, measure
from rich.console import Console
from rich.table import Table

_READERS = ("circuitgcl", "klayout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Both readers on one deck."""

    deck: Deck
    megabytes: float
    ours: Measurement
    peer: Measurement | None

    @property
    def ratio(self) -> float | None:
        """How many times longer the peer takes, or `None` where one of the two gives no figure."""
        if self.peer is None or self.peer.error or self.ours.error:
            return None
        return self.peer.total_s / self.ours.total_s

    @property
    def devices_verdict(self) -> str:
        """Whether the device counts agree with the deck and with each other."""
        counts = {self.deck.devices}
        counts.update(found.devices for found in (self.ours, self.peer) if found and not found.error)
        return "" if len(counts) == 1 else f"device counts differ: {sorted(counts)}"

    @property
    def target_verdict(self) -> str:
        """The promise for this deck and whether it is kept."""
        target = self.deck.target
        if target is None:
            return ""
        kept = (
            not self.ours.error
            and self.ours.total_s <= target.seconds
            and self.ours.peak_mib <= target.peak_mib
        )
        return f"≤ {target.seconds:g} s, ≤ {target.peak_mib:,.0f} MiB: {'kept' if kept else 'MISSED'}"

    @property
    def failures(self) -> str:
        """Why a reader gives no figures, shortened."""
        failed = [found for found in (self.ours, self.peer) if found and found.error]
        return "; ".join(f"{found.reader}: {_shortened(found.error)}" for found in failed)

    def as_json(self) -> dict[str, Any]:
        """Everything about the row, for a file."""
        return {
            "deck": self.deck.name,
            "megabytes": self.megabytes,
            "devices": self.deck.devices,
            "circuitgcl": asdict(self.ours),
            "klayout": asdict(self.peer) if self.peer else None,
            "ratio": self.ratio,
            "devices_verdict": self.devices_verdict,
            "target": self.target_verdict,
        }


def _shortened(error: str) -> str:
    """The first words of an error, folders left out."""
    return re.sub(r"\S*/", "", error)[:90]


def _run(deck: Deck, folder: Path, *, with_peer: bool, timeout_s: float) -> Row:
    path = deck.ensure(folder)
    files = [path, *(folder / name for name in (deck.companions() if deck.companions else ()))]
    with_peer = with_peer and not deck.name.startswith("spectre")
    return Row(
        deck=deck,
        megabytes=sum(file.stat().st_size for file in files) / 1e6,
        ours=measure("circuitgcl", path, timeout_s),
        peer=measure("klayout", path, timeout_s) if with_peer else None,
    )


def _cells(found: Measurement | None, devices: int) -> list[str]:
    if found is None or found.error:
        return ["–"] * 5
    return [
        f"{found.read_s:.2f}",
        f"{found.flatten_s:.2f}",
        f"{found.total_s:.2f}",
        f"{found.peak_mib:,.0f}",
        f"{found.total_s / devices * 1e6:.2f}",
    ]


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="Text to flat circuit", caption="seconds; peak in MiB; µs per device")
    table.add_column("deck", no_wrap=True)
    for name in ("MB", "devices"):
        table.add_column(name, justify="right")
    for reader in ("ours", "KLayout"):
        for name in ("read", "flatten", "total", "peak", "µs/dev"):
            table.add_column(f"{reader}\n{name}", justify="right")
    table.add_column("KLayout\n/ ours", justify="right")
    table.add_column("target and remarks")
    for row in rows:
        devices = row.deck.devices
        table.add_row(
            row.deck.name,
            f"{row.megabytes:.1f}",
            f"{devices:,}",
            *_cells(row.ours, devices),
            *_cells(row.peer, devices),
            f"{row.ratio:.1f}×" if row.ratio else "",
            "; ".join(filter(None, (row.target_verdict, row.devices_verdict, row.failures))),
        )
    return table


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="only the smallest size of every deck")
    parser.add_argument("--only", metavar="GLOB", default="*", help="decks whose name matches")
    parser.add_argument("--no-klayout", action="store_true", help="measure our reader alone")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for one reader on one deck")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write the figures there")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()) / "circuitgcl-netlist-decks",
        help="where generated decks are kept",
    )
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the file; 1 when device counts differ."""
    options = _arguments(words)
    console = Console(width=None if sys.stdout.isatty() else 200)
    progress = Console(stderr=True)
    readers = _READERS[:1] if options.no_klayout else _READERS
    imports = {reader: measure(reader, None, options.timeout) for reader in readers}
    with_peer = "klayout" in imports and not imports["klayout"].error
    rows = []
    for deck in standard_decks(quick=options.quick):
        if not fnmatch.fnmatch(deck.name, options.only):
            continue
        progress.print(f"{deck.name} …")
        rows.append(_run(deck, options.folder, with_peer=with_peer, timeout_s=options.timeout))
    console.print(_table(rows))
    for reader, found in imports.items():
        console.print(f"{reader}: {found.error or f'{found.peak_mib:,.0f} MiB after the import alone'}")
    if options.output:
        figures = {
            "import_mib": {reader: found.peak_mib for reader, found in imports.items()},
            "decks": [row.as_json() for row in rows],
        }
        options.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return int(any(row.devices_verdict for row in rows))


if __name__ == "__main__":
    sys.exit(main())
