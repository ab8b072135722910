"""Estimates as files of tables: JSON, CSV and parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from circuitgcl.errors import InputError
from circuitgcl.files import check_output, write_together

if TYPE_CHECKING:
    from circuitgcl.estimation import Estimate

FORMATS = (".json", ".csv", ".parquet")
TABLES = ("nets", "couplings")


def check_tables(path: Path) -> None:
    """Refuse a file that cannot be written, before anything is computed.

    Raises:
        InputError: unknown suffix, missing folder, or no package that writes the format.
    """
    check_output(path, FORMATS)
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise InputError(
            f"{path}: parquet needs the package pyarrow (`pip install pyarrow`); without it, .csv and .json"
        )


def table_paths(path: Path) -> list[Path]:
    """The files that `table_files` makes."""
    suffix = path.suffix.lower()
    return [path] if suffix == ".json" else [path.with_suffix(f".{name}{suffix}") for name in TABLES]


def table_files(estimates: Sequence[Estimate], path: Path) -> dict[Path, str | bytes]:
    """Contents of the files of a path: one JSON file, an object or a list of them, or one file per table."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        trees: list[dict[str, Any]] = [estimate.to_dict() for estimate in estimates]
        content = trees[0] if len(trees) == 1 else trees
        return {path: json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"}
    tables = [_joined(estimates, name) for name in TABLES]
    encoded = [_csv(table) if suffix == ".csv" else _parquet(table) for table in tables]
    return dict(zip(table_paths(path), encoded, strict=True))


def write_estimates(estimates: Sequence[Estimate], path: Path) -> list[Path]:
    """Write estimates as JSON (one object, or a list for several designs), CSV or parquet (a file per table).

    Returns:
        The files written.

    Raises:
        InputError: unknown suffix, missing folder, or no package that writes the format.
        DataError: a file cannot be written.
    """
    check_tables(path)
    contents = table_files(estimates, path)
    write_together(contents)
    return list(contents)


def _joined(estimates: Sequence[Estimate], name: str) -> pd.DataFrame:
    """One table of all estimates; of several, the first column tells the design."""
    tables: list[pd.DataFrame] = [getattr(estimate, name) for estimate in estimates]
    if len(tables) == 1:
        return tables[0]
    designs = [estimate.design for estimate in estimates]
    joined = pd.concat([t.assign(design=d) for d, t in zip(designs, tables, strict=True)], ignore_index=True)
    joined.insert(0, "design", joined.pop("design"))
    return joined


def _csv(table: pd.DataFrame) -> str:
    text: str = table.to_csv(index=False, lineterminator="\n", float_format="%.6g")
    return text


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False, engine="pyarrow")
    return buffer.getvalue()
