"""Device pins of an extraction (`xarr/M1@2:G`), by device and terminal, and the schematic devices they mean.

A layout may draw one schematic device as several fingers: `M1`, `M1@2`, `M1__3`. All of them are that device.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from circuitgcl.parasitics.matching.name_ladder import Joined, climb, coarsest, slashed
from circuitgcl.parasitics.records import IntArray, Parasitics
from circuitgcl.schema import PinRole

OTHER_TERMINAL = 100  # role of a device's k-th terminal beyond the known ones: this and k, from 0
UNKNOWN_TERMINAL = -1

_DELIMITERS = (":", "|", "/", ".", "#")
_ROLES = {
    **dict.fromkeys(("g", "gate"), PinRole.GATE),
    **dict.fromkeys(("s", "d", "source", "drain", "src", "drn"), PinRole.SOURCE_DRAIN),
    **dict.fromkeys(("b", "bulk", "body", "sub", "bn", "nb"), PinRole.BULK),
    **dict.fromkeys(("c", "coll", "collector"), PinRole.COLLECTOR),
    **dict.fromkeys(("base",), PinRole.BASE),
    **dict.fromkeys(("e", "emit", "emitter"), PinRole.EMITTER),
    **dict.fromkeys(("plus", "minus", "pos", "neg", "p", "n", "t1", "t2"), PinRole.PLUS),
    **dict.fromkeys(("a", "anode"), PinRole.ANODE),
    **dict.fromkeys(("k", "cathode"), PinRole.CATHODE),
}
_FINGER = re.compile(r"(?:@|__)\d+$")
_ELEMENT_LETTER = re.compile(r"^[mrcdqjl]/?(?=x)|(?:(?<=/)|^)[mxrcdqjl]+(?=[^/]+$)")
_PLACED = re.compile(r"(?:.*/)?(?P<model>[^/@]+)@-?\d+,-?\d+")


@dataclass(frozen=True, kw_only=True, eq=False)
class DevicePins:
    """D devices with P pins on the nets of an extraction."""

    names: tuple[str, ...]  # [D]
    models: tuple[str, ...]  # [D] where names tell them (`nfet@12,40`), else empty
    pin_device: IntArray  # [P] ascending
    pin_net: IntArray  # [P]
    pin_role: IntArray  # [P] `PinRole`, `OTHER_TERMINAL` and a number, or `UNKNOWN_TERMINAL`
    pin_names: tuple[str, ...]  # [P]


def device_pins(parasitics: Parasitics) -> DevicePins:
    """Devices told from the pin names of an extraction; ports and names without a terminal are left out."""
    names = parasitics.pin_names
    delimiter = next((d for d in _DELIMITERS if 2 * sum(d in name for name in names) > len(names)), ":")
    cuts = [name.rpartition(delimiter) for name in names]
    is_pin = np.array([bool(cut[0]) for cut in cuts], bool)
    kept = np.flatnonzero(is_pin).tolist()
    devices: dict[str, int] = {}
    device = np.array([devices.setdefault(cuts[i][0], len(devices)) for i in kept], np.int32)
    words: dict[str, int] = {}
    role = np.array([words.setdefault(word, _role(word)) for word in (cuts[i][2] for i in kept)], np.int32)
    node = np.repeat(np.arange(len(parasitics.nodes)), np.diff(parasitics.pin_offset))
    net = parasitics.node_net[node][is_pin]
    bipolar = np.zeros(len(devices), bool)
    bipolar[device[np.isin(role, (PinRole.COLLECTOR, PinRole.EMITTER))]] = True
    role[bipolar[device] & (role == PinRole.BULK)] = PinRole.BASE
    placed = [_PLACED.fullmatch(name) for name in devices]
    order = np.argsort(device, kind="stable")
    return DevicePins(
        names=tuple(devices),
        models=tuple(match["model"] if match else "" for match in placed),
        pin_device=device[order],
        pin_net=net[order].astype(np.int32),
        pin_role=role[order],
        pin_names=tuple(names[kept[i]] for i in order.tolist()),
    )


def _role(word: str) -> int:
    if word.isdecimal() and 0 < int(word) < OTHER_TERMINAL:
        return OTHER_TERMINAL + int(word) - 1
    return _ROLES.get(word.casefold(), UNKNOWN_TERMINAL)


def match_devices(names: Sequence[str], schematic: Sequence[str], tops: Collection[str]) -> Joined:
    """Schematic device of each extracted device, by name; several fingers may be one device.

    The ladder of net names comes first, then the same without the letters that some tools put before paths
    and names of elements (`MXI1/M0`, `m.xi1.m0`), then without finger numbers.

    Args:
        names: extracted devices, distinct.
        schematic: flat schematic devices, distinct.
        tops: names of the top cell.
    """
    joined = Joined(partner=np.full(len(names), -1, np.int32))
    climb(joined, names, schematic, tops)
    if (joined.partner >= 0).all():
        return joined
    keys = _bare_keys(schematic)
    left = np.flatnonzero(joined.partner < 0).tolist()
    taken = set(joined.partner.tolist())
    own = _alone(_bare_keys([names[i] for i in left]), left)
    free = _alone(keys, range(len(keys)), taken)
    met = [key for key in own if key in free]
    joined.pair([own[key] for key in met], [free[key] for key in met], "up to element letters")
    left = [i for i in left if joined.partner[i] < 0 and _FINGER.search(names[i])]
    whole = _alone(keys, range(len(keys)))
    stems = zip(left, _bare_keys([_FINGER.sub("", names[i]) for i in left]), strict=True)
    fingers = [(i, whole[stem]) for i, stem in stems if stem in whole]
    joined.pair([i for i, _ in fingers], [device for _, device in fingers], "as fingers")
    return joined


def _bare_keys(names: Sequence[str]) -> list[str]:
    """Names without element letters in front, of the path and of the element."""
    return coarsest([_ELEMENT_LETTER.sub("", key) for key in slashed(names)])


def _alone(keys: Sequence[str], positions: Sequence[int], without: Collection[int] = ()) -> dict[str, int]:
    """Position of every key that occurs once, some positions left out."""
    counts = Counter(key for key, position in zip(keys, positions, strict=True) if position not in without)
    return {
        key: position
        for key, position in zip(keys, positions, strict=True)
        if position not in without and counts[key] == 1
    }
