"""The stored rows of the benchmark, one for every (split, design, method, seed)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from circuitgcl.files import write_atomically

KEY = ("split", "design", "method", "seed")

Row = dict[str, Any]
RowKey = tuple[str, str, str, int]


@dataclass(frozen=True)
class Rows:
    """Rows in a file; every addition is on disk at once.

    Args:
        path: a JSON file; it need not exist yet.
        order: splits and methods in the order in which their rows are stored.
    """

    path: Path
    order: Sequence[str]
    by_key: dict[RowKey, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the rows of earlier runs."""
        if self.path.is_file():
            self._enter(json.loads(self.path.read_text(encoding="utf-8"))["rows"])

    def add(self, rows: Iterable[Row]) -> None:
        """Enter rows in place of those of the same key, and store all."""
        self._enter(rows)
        lines = ",\n".join(json.dumps(row) for row in self.ordered())
        write_atomically(self.path, f'{{"schema": 1, "rows": [\n{lines}\n]}}\n')

    def ordered(self) -> list[Row]:
        """All rows, by split, design, method and seed."""
        return sorted(self.by_key.values(), key=self._place)

    def _enter(self, rows: Iterable[Row]) -> None:
        self.by_key.update({(r["split"], r["design"], r["method"], r["seed"]): r for r in rows})

    def _place(self, row: Row) -> tuple[int | str, ...]:
        places = {name: place for place, name in enumerate(self.order)}
        split, method = (places.get(row[key], len(places)) for key in ("split", "method"))
        return split, row["split"], row["design"], method, row["method"], row["seed"]
