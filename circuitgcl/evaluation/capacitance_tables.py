"""Capacitances of one design from any file that holds them: an extraction result or one of our estimates.

Whatever the file, a net has its ground-equivalent capacitance (substrate, reference node and all rails) and
its couplings to other signal nets.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from circuitgcl.data.labels import Ground
from circuitgcl.errors import DataError, SourceLocation
from circuitgcl.graph.rails import RailKind, matches, rail_kind_of_name, wanted_and_refused
from circuitgcl.parasitics import Parasitics, read_parasitics, tie_to_ground, to_net_level
from circuitgcl.parasitics.records import sum_capacitors

_ESTIMATE_SUFFIXES = (".json", ".csv", ".parquet")
_TABLES = ("nets", "couplings")
_NET_COLUMNS = ("net", "cap_ground_farad", "cap_coupling_farad")
_PAIR_COLUMNS = ("net_a", "net_b", "cap_farad")
_EXPECTED = "cap_expected_farad"
_GROUND_KIND = "cap_ground_kind"


@dataclass(frozen=True, kw_only=True, eq=False)
class CapacitanceTable:
    """N signal nets of one design."""

    parasitics: Parasitics  # net level, rails folded into the reference node
    coupling_farad: NDArray[np.float64]  # [N] to all other signal nets, listed pair by pair or not


def read_capacitances(
    path: str | Path, *, rails: Sequence[str] = (), ground: Sequence[str] = ()
) -> CapacitanceTable:
    """Read an extraction (SPICE, DSPF, SPEF, Magic) or an estimate (JSON, or tables in CSV or parquet).

    Of the tables of an estimate, either file or their common stem (`x.csv` for `x.nets.csv` and
    `x.couplings.csv`) may be named. Its couplings are the expected values that the SPEF and DSPF files of
    `estimate` have (`cap_expected_farad`); a table without that column is taken to list `cap_farad`, by its
    `probability` where there is one.

    Args:
        path: the file.
        rails: glob patterns of nets whose coupling counts as load to ground; recognised by name when empty.
        ground: names of nets that are the reference node.

    Raises:
        ParasiticsError: an extraction is unreadable.
        DataError: an estimate is unreadable, holds several designs, or lacks a column.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in _ESTIMATE_SUFFIXES:
        nets, pairs = _read_json(path) if suffix == ".json" else _read_tables(path, suffix)
        table = _table(path, nets, pairs)
        return _folded(table.parasitics, rails, ground, table.coupling_farad)
    return _folded(to_net_level(read_parasitics(path)), rails, ground, None)


def _folded(
    parasitics: Parasitics,
    rails: Sequence[str],
    ground: Sequence[str],
    coupling_farad: NDArray[np.float64] | None,
) -> CapacitanceTable:
    """Rails and ground become the reference node."""
    tied = {name for name in parasitics.nets if _is_rail(name, rails)} | set(ground)
    folded = tie_to_ground(parasitics, tied)
    if coupling_farad is None:
        return CapacitanceTable(parasitics=folded, coupling_farad=_coupling_sums(folded))
    kept = {name: i for i, name in enumerate(parasitics.nets)}
    return CapacitanceTable(
        parasitics=folded, coupling_farad=coupling_farad[[kept[name] for name in folded.nets]]
    )


def _is_rail(name: str, patterns: Sequence[str]) -> bool:
    wanted, refused = wanted_and_refused(patterns)
    told = matches(name, wanted) if wanted else rail_kind_of_name(name) != RailKind.SIGNAL
    return told and not matches(name, refused)


def _coupling_sums(parasitics: Parasitics) -> NDArray[np.float64]:
    ends = np.concatenate([parasitics.pair_a, parasitics.pair_b])
    farad = np.tile(parasitics.pair_farad, 2)
    return np.bincount(ends, weights=farad, minlength=len(parasitics.nets)).astype(np.float64)


def _read_json(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    try:
        tree: Any = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DataError(
            f"no JSON: {error.msg}; is the file cut off?", location=SourceLocation(str(path), error.lineno)
        ) from None
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        _refuse(path, f"cannot read this estimate: {error}")
    if isinstance(tree, list) and len(tree) == 1:
        tree = tree[0]
    if isinstance(tree, list):
        _refuse(path, f"{len(tree)} designs in one file; expected the estimate of one")
    if not isinstance(tree, dict) or not all(isinstance(tree.get(name), list) for name in _TABLES):
        _refuse(path, "no estimate; expected an object with `nets` and `couplings`, as `estimate -o` writes")
    for name in _TABLES:
        if not all(isinstance(row, dict) for row in tree[name]):
            _refuse(path, f"a row of `{name}` is no object")
    return _columns(tree["nets"], _NET_COLUMNS), _columns(tree["couplings"], _PAIR_COLUMNS)


def _columns(rows: list[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(columns))


def _read_tables(path: Path, suffix: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    stem = path.with_suffix("")
    base = stem.with_suffix("") if stem.suffix in (".nets", ".couplings") else stem
    tables = []
    for name in _TABLES:
        file = base.parent / f"{base.name}.{name}{suffix}"
        try:
            table = pd.read_csv(file, keep_default_na=False) if suffix == ".csv" else pd.read_parquet(file)
        except FileNotFoundError:
            _refuse(file, "this table does not exist; expected both tables of an estimate side by side")
        except (OSError, ValueError, ImportError) as error:  # pandas and pyarrow errors are value errors
            _refuse(file, f"cannot read this table: {' '.join(str(error).split()) or type(error).__name__}")
        if "design" in table.columns and table["design"].nunique() > 1:
            _refuse(file, f"{table['design'].nunique()} designs in one file; expected the estimate of one")
        tables.append(table)
    return tables[0], tables[1]


def _table(path: Path, nets: pd.DataFrame, pairs: pd.DataFrame) -> CapacitanceTable:
    """Tables as the record that extractions are."""
    if _GROUND_KIND in nets.columns and (nets[_GROUND_KIND] != Ground.EQUIVALENT).any():
        _refuse(
            path,
            "holds what an extractor calls ground capacitance, without the rails; expected the estimate of a "
            "model of ground-equivalent capacitance",
        )
    for table, columns in ((nets, _NET_COLUMNS), (pairs, _PAIR_COLUMNS)):
        missing = [column for column in columns if column not in table.columns]
        if missing:
            _refuse(path, f"column {missing[0]} is missing; expected {', '.join(columns)}")
    names = [str(name) for name in nets["net"]]
    index = {name: i for i, name in enumerate(names)}
    if len(index) < len(names):
        _refuse(path, "a net is listed twice; expected one row for each")
    ends = [[index.get(str(name), -1) for name in pairs[column]] for column in ("net_a", "net_b")]
    a, b = np.array(ends[0], np.int64), np.array(ends[1], np.int64)
    known = (a >= 0) & (b >= 0)  # a coupling to a net that was not asked for has no row of its own
    farad = _coupling_farad(path, pairs)
    _, pair_a, pair_b, pair_farad = sum_capacitors(len(names), a[known], b[known], farad[known])
    nets_listed = tuple(names)
    parasitics = Parasitics(
        design=path.name.split(".")[0],
        source=path.name,
        nodes=nets_listed,
        ground_farad=_numbers(path, nets["cap_ground_farad"], "cap_ground_farad"),
        pair_a=pair_a,
        pair_b=pair_b,
        pair_farad=pair_farad,
        nets=nets_listed,
        node_net=np.arange(len(names), dtype=np.int32),
        pin_offset=np.zeros(len(names) + 1, np.int64),
        pin_names=(),
    )
    coupling = _numbers(path, nets["cap_coupling_farad"], "cap_coupling_farad")
    return CapacitanceTable(parasitics=parasitics, coupling_farad=coupling)


def _coupling_farad(path: Path, pairs: pd.DataFrame) -> NDArray[np.float64]:
    """[E] expected coupling of every listed pair."""
    if _EXPECTED in pairs.columns:
        return _numbers(path, pairs[_EXPECTED], _EXPECTED)
    farad = _numbers(path, pairs["cap_farad"], "cap_farad")
    if "probability" in pairs.columns:
        farad = farad * _numbers(path, pairs["probability"], "probability")
    return farad


def _numbers(path: Path, column: pd.Series, name: str) -> NDArray[np.float64]:
    try:
        values = column.to_numpy(dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.full(len(column), math.nan)
    if not np.isfinite(values).all() or (values < 0).any():
        _refuse(
            path, f"a value of {name} is no capacitance or probability; expected finite numbers from 0 on"
        )
    return values


def _refuse(path: Path, message: str) -> NoReturn:
    raise DataError(message, location=SourceLocation(str(path), 0))
