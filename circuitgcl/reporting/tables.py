"""Estimates as files: JSON and CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from circuitgcl.files import check_output, write_atomically, write_together

if TYPE_CHECKING:
    from circuitgcl.estimation import Estimate

FORMATS = (".json", ".csv")


def write_estimates(estimates: Sequence[Estimate], path: Path) -> list[Path]:
    """Write estimates as JSON (one object, or a list for several designs) or as CSV (one file per table).

    Returns:
        The files written.

    Raises:
        InputError: unknown suffix or missing folder.
        DataError: a file cannot be written.
    """
    check_output(path, FORMATS)
    if path.suffix.lower() == ".json":
        trees: list[dict[str, Any]] = [estimate.to_dict() for estimate in estimates]
        content = trees[0] if len(trees) == 1 else trees
        write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        return [path]
    texts = {}
    for name in ("nets", "couplings"):
        target = path.with_suffix(f".{name}.csv")
        tables = [(estimate.design, getattr(estimate, name)) for estimate in estimates]
        if len(tables) == 1:
            table = tables[0][1]
        else:
            table = pd.concat([t.assign(design=d) for d, t in tables], ignore_index=True)
            table.insert(0, "design", table.pop("design"))
        texts[target] = table.to_csv(index=False, lineterminator="\n", float_format="%.6g")
    write_together(texts)
    return list(texts)
