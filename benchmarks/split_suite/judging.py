"""One method on one split: trained on its training designs, scored on its tests."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from split_suite.definitions import Split, contains, training_table
from split_suite.methods import METHODS, Training, applies
from split_suite.raw import RAW_METHODS, TEST, raw_rows
from split_suite.rows import Row, RowKey

from circuitgcl.data import DesignFiles, load_design
from circuitgcl.data.pair_tables import FARAD_PER_FEMTO, PairTable
from circuitgcl.errors import CircuitGCLError
from circuitgcl.evaluation.protocol import (
    MIN_CAP_FARAD,
    ScoredRows,
    context_groups,
    context_keys,
    scored_rows,
    scores,
    twin_scores,
)
from circuitgcl.models.scaling import TargetScale

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tables:
    """Pair tables of designs, each made once."""

    made: dict[str, PairTable | None] = field(default_factory=dict)

    def of(self, files: Sequence[DesignFiles]) -> list[PairTable]:
        """Tables of the designs that have signal nets and labels."""
        for item in files:
            if item.name not in self.made:
                self.made[item.name] = _table(item)
        return [table for item in files if (table := self.made[item.name]) is not None]


def _table(files: DesignFiles) -> PairTable | None:
    try:
        return PairTable(load_design(files))
    except CircuitGCLError as error:  # a filler cell has no signal net
        log.info("left out: %s", error)
        return None


@dataclass(frozen=True, kw_only=True)
class Job:
    """Rows that are computed together."""

    keys: Sequence[RowKey]
    rows: Callable[[], Iterator[Row]]


def split_jobs(split: Split, seed: int, tables: Tables, scratch: Path, folds: int) -> Iterator[Job]:
    """A job for every method of a split."""
    for method in METHODS:
        if applies(method, split):
            yield Job(
                keys=[(split.name, design, method, seed) for design in split.tests],
                rows=lambda method=method: _rows(split, method, seed, tables, scratch, folds),
            )


def raw_job(data: Path, seed: int, scratch: Path) -> Job:
    """The job of the public graph files."""
    keys = [("raw", design, method, seed) for design in TEST for method in RAW_METHODS]
    return Job(keys=keys, rows=lambda: raw_rows(data, seed, scratch))


def _rows(split: Split, method: str, seed: int, tables: Tables, scratch: Path, folds: int) -> Iterator[Row]:
    train = [
        training_table(table, split, seed)
        for table in tables.of(split.train)
        if not contains(table, split.lacks)
    ]
    calibrating = tables.of(split.calibrates)
    known = context_keys(table.design for table in (*train, *calibrating))
    folder = scratch / f"{split.shares or split.name}-{seed}"
    folder.mkdir(exist_ok=True)
    start = time.perf_counter()
    estimator = METHODS[method](
        Training(
            tables=train, seed=seed, folder=folder, folds=folds, calibrating=calibrating, labels=split.labels
        )
    )
    seconds = time.perf_counter() - start
    scale = TargetScale.named("wide")
    for name, files in split.tests.items():
        parts = []
        for table in tables.of(files):
            judged = split.judged(table, seed) if split.judged else None
            parts.append(scored_rows(table, estimator(table), known, scale, judged))
        rows = ScoredRows.joined(parts)
        yield {
            "split": split.name,
            "design": name,
            "method": method,
            "seed": seed,
            "training_designs": len(train),
            "training_seconds": round(seconds, 1),
            **scores(rows),
            **({"with_twin": twin_scores(rows, _labelled_groups(train))} if split.is_inside else {}),
        }


def _labelled_groups(train: Sequence[PairTable]) -> NDArray[np.int64]:
    """Groups of the training pairs whose label is above the threshold."""
    groups = [context_groups(t)[t.truth_ff * FARAD_PER_FEMTO > MIN_CAP_FARAD] for t in train]
    return np.unique(np.concatenate(groups))
