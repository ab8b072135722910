"""Estimates as files: JSON and CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from circuitgcl.errors import InputError
from circuitgcl.estimation import Estimate
from circuitgcl.files import write_atomically

FORMATS = (".json", ".csv")


def check_output(path: Path) -> None:
    """Refuse an output file that cannot be written, before anything is computed.

    Raises:
        InputError: unknown suffix, missing folder, or a folder in the place of the file.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(
            f"{path}: unknown output format {path.suffix or '(no suffix)'}; known: {', '.join(FORMATS)}"
        )
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected a file name")
    if not path.parent.is_dir():
        raise InputError(f"{path}: folder {path.parent} does not exist")


def write_estimates(estimates: Sequence[Estimate], path: Path) -> list[Path]:
    """Write estimates as JSON (one object, or a list for several designs) or as CSV (one file per table).

    Returns:
        The files written.

    Raises:
        InputError: unknown suffix or missing folder.
        DataError: a file cannot be written.
    """
    check_output(path)
    if path.suffix.lower() == ".json":
        trees: list[dict[str, Any]] = [estimate.to_dict() for estimate in estimates]
        content = trees[0] if len(trees) == 1 else trees
        write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        return [path]
    written = []
    for name in ("nets", "couplings"):
        target = path.with_suffix(f".{name}.csv")
        tables = [(estimate.design, getattr(estimate, name)) for estimate in estimates]
        if len(tables) == 1:
            table = tables[0][1]
        else:
            table = pd.concat([t.assign(design=d) for d, t in tables], ignore_index=True)
            table.insert(0, "design", table.pop("design"))
        write_atomically(target, table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))
        written.append(target)
    return written
