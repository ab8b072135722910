"""Splits of a data set: by design family, never by chance across one.

Designs of one family share layout: a sub-block is cut out of its macro. A split that puts them on both sides
measures memory. Splitting the couplings of one design is possible, but only for who asks for it by name
(`split_couplings`).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from circuitgcl.errors import DataError

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

IndexArray = NDArray[np.int64]
Parts = dict[str, IndexArray]


def split_families(
    families: Sequence[str],
    fractions: Mapping[str, float],
    *,
    sizes: Sequence[int] | None = None,
    seed: int = 0,
) -> Parts:
    """Designs of each part, whole families at a time.

    Families come in random order and each goes to the part that lacks most of its share, so parts of a few
    large families meet their fractions only roughly.

    Args:
        families: [D] family of every design.
        fractions: share of each part, positive; they are scaled to sum to 1.
        sizes: [D] what the shares are counted in, for example nets; designs when absent.
        seed: chooses the order.

    Returns:
        Positions of designs by part, ascending.

    Raises:
        DataError: no part, a fraction that is not positive, or fewer families than parts.
    """
    if not fractions or min(fractions.values()) <= 0:
        raise DataError(
            f"fractions {dict(fractions)} cannot split anything; expected positive shares by part"
        )
    names, inverse = np.unique(np.array(families, dtype=object), return_inverse=True)
    if len(names) < len(fractions):
        raise DataError(
            f"{len(names)} families cannot be split into {len(fractions)} parts ({', '.join(fractions)}); "
            "families stay together, since their designs share layout"
        )
    weights = np.ones(len(families)) if sizes is None else np.asarray(sizes, np.float64)
    family_weight = np.bincount(inverse.ravel(), weights=weights, minlength=len(names))
    shares = np.array(list(fractions.values()), np.float64) / sum(fractions.values())
    lacking = shares * family_weight.sum()
    part_of = np.full(len(names), -1)
    order = np.random.default_rng(seed).permutation(len(names))
    for place, family in enumerate(order.tolist()):
        empty = [part for part in range(len(shares)) if not (part_of == part).any()]
        must_fill = len(names) - place <= len(empty)
        choice = empty if must_fill else range(len(shares))
        part_of[family] = max(choice, key=lambda part: lacking[part])
        lacking[part_of[family]] -= family_weight[family]
    found = part_of[inverse.ravel()]
    parts = {name: np.flatnonzero(found == part) for part, name in enumerate(fractions)}
    check_disjoint(families, parts)
    return parts


def named_families(
    families: Sequence[str], named: Mapping[str, Sequence[str]], *, rest: str = "train"
) -> Parts:
    """Designs of each part by the names of their families; all others go to the part `rest`.

    Args:
        families: [D] family of every design.
        named: glob patterns of families by part.
        rest: the part of families that no pattern names.

    Raises:
        DataError: a pattern names no family, or a family is named for two parts.
    """
    part_of: dict[str, str] = {}
    known = sorted(set(families))
    for part, patterns in named.items():
        for pattern in patterns:
            matching = fnmatch.filter(known, pattern)
            if not matching:
                raise DataError(f"no family matches {pattern!r}; known: {', '.join(known)}")
            for family in matching:
                if part_of.setdefault(family, part) != part:
                    raise DataError(
                        f"family {family} is named for {part_of[family]} and for {part}; name it once"
                    )
    of_design = [part_of.get(family, rest) for family in families]
    parts = {
        part: np.array([place for place, own in enumerate(of_design) if own == part], np.int64)
        for part in dict.fromkeys((rest, *named))
    }
    check_disjoint(families, parts)
    return parts


def check_disjoint(families: Sequence[str], parts: Mapping[str, IndexArray]) -> None:
    """Refuse parts that share a family.

    Raises:
        DataError: naming the family and two of the parts it stands in.
    """
    seen: dict[str, str] = {}
    for part, places in parts.items():
        for place in places.tolist():
            other = seen.setdefault(families[place], part)
            if other != part:
                raise DataError(
                    f"family {families[place]} stands in {other} and in {part}; its designs share layout, "
                    "so a score across this split would measure memory"
                )


def split_couplings(
    data: HeteroData, fractions: Mapping[str, float], *, seed: int = 0, net_disjoint: bool = False
) -> dict[str, HeteroData]:
    """One design several times, each with its own part of the target couplings.

    Nets of one design repeat each other, so such a split measures interpolation inside a layout; say so with
    every figure.

    Args:
        data: an item of a data set.
        fractions: share of each part, positive; they are scaled to sum to 1.
        seed: chooses the parts.
        net_disjoint: draw nets instead of couplings; couplings between nets of two parts are left out.

    Raises:
        DataError: no part, or a fraction that is not positive.
    """
    import torch

    if not fractions or min(fractions.values()) <= 0:
        raise DataError(
            f"fractions {dict(fractions)} cannot split anything; expected positive shares by part"
        )
    bounds = np.cumsum([0.0, *fractions.values()]) / sum(fractions.values())
    generator = np.random.default_rng(seed)
    net_draw = generator.random(data["net"].num_nodes)
    pin_net = _net_of_pins(data, net_draw) if net_disjoint else net_draw
    parts = {name: data.clone() for name in fractions}
    for relation in data.edge_types:
        if "y" not in data[relation]:
            continue
        edges = data[relation].edge_index.numpy()
        if net_disjoint:
            draws = [
                (net_draw if kind == "net" else pin_net)[ends]
                for kind, ends in zip((relation[0], relation[2]), edges, strict=True)
            ]
        else:
            draws = [generator.random(edges.shape[1])] * 2
        for part, low, high in zip(parts.values(), bounds[:-1], bounds[1:], strict=True):
            kept = torch.from_numpy(np.all([(low <= d) & (d < high) for d in draws], axis=0))
            part[relation].edge_index = data[relation].edge_index[:, kept]
            part[relation].y = data[relation].y[kept]
    return parts


def _net_of_pins(data: HeteroData, net_draw: NDArray[np.float64]) -> NDArray[np.float64]:
    """What was drawn for the net of each pin; NaN for a pin on a rail."""
    drawn = np.full(data["pin"].num_nodes, np.nan)
    pin, net = data["pin", "on", "net"].edge_index.numpy()
    drawn[pin] = net_draw[net]
    return drawn
