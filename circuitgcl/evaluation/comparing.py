"""`compare`: the capacitances of two files of one design, net by net and pair by pair.

The first file is the reference: ratios and biases are of the second to the first, and the scale is the factor
on the second that brings it onto the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from circuitgcl.errors import ConfigError
from circuitgcl.evaluation.capacitance_tables import CapacitanceTable, read_capacitances
from circuitgcl.evaluation.scores import regression_scores
from circuitgcl.parasitics import MatchReport, NameMap, match_nets

FACTORS = {"within_x1_5": 1.5, "within_x2": 2.0}
WORST = 20  # offenders in the stable form
SCHEMA = 1

_CONFIDENCE = 0.95
_NORMAL_95 = 1.96  # standard errors
_ROUNDS = 20  # of choosing values and measuring their shift; a few are enough
_ROUNDING = 1e-5  # of a value: files with six significant digits differ by less
_QUANTITIES = ("ground", "coupling", "total")

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Two files of one design, matched; capacitances in farad, of the first file (a) and the second (b)."""

    a: str
    b: str
    min_cap_farad: float
    report: MatchReport  # a as the extraction, b as the schematic
    nets: pd.DataFrame  # net, net_b, ground_a, ground_b, coupling_a, coupling_b, total_a, total_b
    couplings: pd.DataFrame  # net_a, net_b, cap_a, cap_b; names of the first file, 0 where not listed
    only_a_farad: float  # total capacitance of nets that only the first file has
    only_b_farad: float

    def scores(self) -> dict[str, dict[str, Any]]:
        """Scatter figures of every quantity."""
        found = {
            f"net_{name}": _scores(self.nets[f"{name}_a"], self.nets[f"{name}_b"], self.min_cap_farad)
            for name in _QUANTITIES
        }
        pairs = self.couplings
        return found | {"pair_coupling": _scores(pairs["cap_a"], pairs["cap_b"], self.min_cap_farad)}

    def worst_nets(self, most: int = WORST) -> pd.DataFrame:
        """Nets with the largest difference of the total."""
        return _worst(self.nets, "total_a", "total_b", most)

    def worst_couplings(self, most: int = WORST) -> pd.DataFrame:
        """Pairs with the largest difference, of those that one file finds above the threshold."""
        found = self.couplings[["cap_a", "cap_b"]].max(axis=1) >= self.min_cap_farad
        return _worst(self.couplings[found], "cap_a", "cap_b", most)

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON form."""
        report, pairs = self.report, self.couplings
        return {
            "schema": SCHEMA,
            "a": self.a,
            "b": self.b,
            "min_cap_farad": self.min_cap_farad,
            "match": {
                "nets_a": report.nets_extracted,
                "nets_b": report.nets_schematic,
                "nets_matched": len(self.nets),
                "matched_by": dict(report.matched_by),
                "ambiguous": [{"net": item.name, "reason": item.reason} for item in report.ambiguous],
            },
            **self.scores(),
            "only_a": {
                "nets": [item.name for item in (*report.extra, *report.ambiguous)],
                "net_farad": self.only_a_farad,
                **_only(pairs["cap_a"], pairs["cap_b"], self.min_cap_farad),
            },
            "only_b": {
                "nets": [item.name for item in report.missing],
                "net_farad": self.only_b_farad,
                **_only(pairs["cap_b"], pairs["cap_a"], self.min_cap_farad),
            },
            "worst_nets": self.worst_nets().to_dict("records"),
            "worst_couplings": self.worst_couplings().to_dict("records"),
        }


def compare(
    a: str | Path,
    b: str | Path,
    *,
    min_cap_farad: float = 1e-17,
    name_map: NameMap | None = None,
    rails: Sequence[str] = (),
    ground: Sequence[str] = (),
) -> Comparison:
    """Compare two files with capacitances of one design: extractions, or estimates of `Estimator`.

    Nets are matched by the ladder of names of `match_nets`. Scatter figures count what both files list and
    one of them finds larger than the threshold; bias and scale what one does once the factor between the
    files is taken out, so that the threshold does not move them.

    Args:
        a: the reference.
        b: what is compared with it.
        min_cap_farad: smaller capacitances are not scored.
        name_map: names of `a` and of `b` that belong together.
        rails: glob patterns of rails in both files; recognised by name when empty.
        ground: names of nets that are the reference node.

    Raises:
        ParasiticsError: an extraction is unreadable, or no net is common to both.
        DataError: an estimate is unreadable.
        ConfigError: the threshold is no positive capacitance.
    """
    if not 0 < min_cap_farad < math.inf:
        raise ConfigError(f"min_cap_farad = {min_cap_farad:g}; expected a positive capacitance in farad")
    one = read_capacitances(a, rails=rails, ground=ground)
    other = read_capacitances(b, rails=rails, ground=ground)
    match = match_nets(one.parasitics, other.parasitics.nets, top=other.parasitics.design, name_map=name_map)
    partner = match.node_to_net.astype(np.int64)
    unmatched = np.ones(len(other.parasitics.nets), bool)
    unmatched[partner[partner >= 0]] = False
    return Comparison(
        a=str(a),
        b=str(b),
        min_cap_farad=min_cap_farad,
        report=match.report,
        nets=_net_table(one, other, partner),
        couplings=_pair_table(one, other, partner),
        only_a_farad=float(_totals(one)[partner < 0].sum()),
        only_b_farad=float(_totals(other)[unmatched].sum()),
    )


def _totals(table: CapacitanceTable) -> FloatArray:
    return table.parasitics.ground_farad + table.coupling_farad


def _net_table(one: CapacitanceTable, other: CapacitanceTable, partner: NDArray[np.int64]) -> pd.DataFrame:
    """Matched nets; several nets of the first file that a map makes one net are summed."""
    rows = np.flatnonzero(partner >= 0)
    target, first, group = np.unique(partner[rows], return_index=True, return_inverse=True)
    ground = np.bincount(group, weights=one.parasitics.ground_farad[rows], minlength=len(target))
    coupling = np.bincount(group, weights=one.coupling_farad[rows], minlength=len(target))
    a, b = partner[one.parasitics.pair_a], partner[one.parasitics.pair_b]
    joined = (a >= 0) & (a == b)  # one net now, which does not couple to itself
    np.subtract.at(coupling, np.searchsorted(target, a[joined]), 2.0 * one.parasitics.pair_farad[joined])
    ground_b, coupling_b = other.parasitics.ground_farad[target], other.coupling_farad[target]
    return pd.DataFrame(
        {
            "net": [one.parasitics.nets[i] for i in rows[first].tolist()],
            "net_b": [other.parasitics.nets[i] for i in target.tolist()],
            "ground_a": ground,
            "ground_b": ground_b,
            "coupling_a": coupling,
            "coupling_b": coupling_b,
            "total_a": ground + coupling,
            "total_b": ground_b + coupling_b,
        }
    )


def _pair_table(one: CapacitanceTable, other: CapacitanceTable, partner: NDArray[np.int64]) -> pd.DataFrame:
    """Pairs of matched nets that either file lists."""
    count = len(other.parasitics.nets)
    name = np.zeros(count, np.int64)
    rows = np.flatnonzero(partner >= 0)
    name[partner[rows[::-1]]] = rows[::-1]  # of several that a map makes one net the first, as for nets
    a, b = partner[one.parasitics.pair_a], partner[one.parasitics.pair_b]
    inside = (a >= 0) & (b >= 0) & (a != b)
    has_partner = np.zeros(count, bool)
    has_partner[partner[partner >= 0]] = True
    c, d = other.parasitics.pair_a.astype(np.int64), other.parasitics.pair_b.astype(np.int64)
    known = has_partner[c] & has_partner[d]
    codes = np.concatenate(
        [np.minimum(a, b)[inside] * count + np.maximum(a, b)[inside], c[known] * count + d[known]]
    )
    is_first = np.arange(len(codes)) < inside.sum()
    distinct, row = np.unique(codes, return_inverse=True)
    farad = np.concatenate([one.parasitics.pair_farad[inside], other.parasitics.pair_farad[known]])
    low, high = name[distinct // max(count, 1)], name[distinct % max(count, 1)]
    return pd.DataFrame(
        {
            "net_a": [one.parasitics.nets[i] for i in low.tolist()],
            "net_b": [one.parasitics.nets[i] for i in high.tolist()],
            "cap_a": np.bincount(row, weights=farad * is_first, minlength=len(distinct)),
            "cap_b": np.bincount(row, weights=farad * ~is_first, minlength=len(distinct)),
        }
    )


def _scores(a: pd.Series, b: pd.Series, least: float) -> dict[str, Any]:
    """Agreement where both files have a value and one of them is above the threshold."""
    reference, compared = a.to_numpy(np.float64), b.to_numpy(np.float64)
    both = np.minimum(reference, compared) > 0
    reference, compared = reference[both], compared[both]
    decades = _unselected_errors(reference, compared, least)
    scored = np.maximum(reference, compared) >= least
    reference, compared = reference[scored], compared[scored]
    scale, low, high = refit_scale(decades)
    count = len(decades)
    error = _NORMAL_95 * float(decades.std(ddof=1)) / math.sqrt(count) if count > 1 else None
    return regression_scores(reference, compared, FACTORS) | {
        "bias_decades": _rounded(float(decades.mean())) if count else None,
        "bias_error_decades": _rounded(error),
        "scale": _rounded(scale),
        "scale_low": _rounded(low),
        "scale_high": _rounded(high),
    }


def _unselected_errors(reference: FloatArray, compared: FloatArray, least: float) -> FloatArray:
    """log10 of compared over reference, of pairs of values chosen without regard to their errors.

    Of two files that differ by a factor, the threshold keeps the small values on which the larger file errs
    upwards. It is therefore put to both halfway between them, where it favours neither.
    """
    decades = np.log10(compared) - np.log10(reference)
    middle = np.log10(reference) + decades / 2
    chosen = np.maximum(reference, compared) >= least
    for _ in range(_ROUNDS):
        if not chosen.any():
            break
        shift = float(np.median(decades[chosen]))
        again = middle + np.abs(decades - shift) / 2 >= math.log10(least)
        if np.array_equal(again, chosen):
            break
        chosen = again
    return decades[chosen]


def refit_scale(decades: FloatArray) -> tuple[float | None, float | None, float | None]:
    """Factor that undoes the median of errors in decades, and its 95 % interval.

    The interval is that between two order statistics around the median, which holds whatever the errors'
    distribution is (W. J. Conover, "Practical Nonparametric Statistics", section 3.2); six errors are the
    fewest that have one.

    Args:
        decades: log10 of compared over reference, [n].
    """
    count = len(decades)
    if not count:
        return None, None, None
    scale = 10.0 ** -float(np.median(decades))
    rank = int(binom.ppf((1.0 - _CONFIDENCE) / 2.0, count, 0.5))  # of the lower end, from 1
    if rank < 1:
        return scale, None, None
    ordered = np.sort(decades)
    return scale, 10.0 ** -float(ordered[count - rank]), 10.0 ** -float(ordered[rank - 1])


def _only(own: pd.Series, other: pd.Series, least: float) -> dict[str, Any]:
    """Pairs of matched nets that one file lists above the threshold and the other not at all."""
    alone = (own >= least) & (other == 0)
    return {"pairs": int(alone.sum()), "pair_farad": float(own[alone].sum())}


def _worst(table: pd.DataFrame, a: str, b: str, most: int) -> pd.DataFrame:
    difference = (table[b] - table[a]).rename("difference")
    differs = difference[difference.abs() > _ROUNDING * table[[a, b]].max(axis=1)].abs()
    order = differs.sort_values(ascending=False, kind="stable").index[:most]
    return table.loc[order].assign(difference=difference[order])


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 4)
