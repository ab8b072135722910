"""How extractors call the sub-nodes of a net after it. Time is linear in the length of a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Naming = Callable[[str, Sequence[str], frozenset[str]], str]
"""The net that a node is called after, or an empty text; from its name, the devices on it, and all names."""

_CALIBRE_SUBNODE = re.compile(r"_c_\d+_[np]\Z", re.I)


def calibre_net(name: str, devices: Sequence[str], known: frozenset[str]) -> str:
    """`N_net_c_3_n`, `N_net_device_pin`, or any name inside an instance `x_PM_top%net`."""
    instance, _, _ = name.rpartition("/")
    before, percent, net = instance.partition("%")
    if percent:
        path, slash, owner = before.rpartition("/")
        return path + slash + net if owner.casefold().startswith(("x_pm_", "xpm_")) else ""
    subnode = _CALIBRE_SUBNODE.search(name)
    if name[:2] in {"N_", "n_"}:
        cut = subnode.start() if subnode else _device_at(name.casefold(), devices)
        return name[2:cut] if cut > 1 else ""
    path, slash, last = name.rpartition("/N_")
    return f"{path}/{last[: subnode.start() - len(name)]}" if slash and subnode else ""


def _device_at(folded: str, devices: Sequence[str]) -> int:
    """Where `_device_` stands in a name, without or with the letter of the card; -1 if nowhere."""
    spellings = (spelled.casefold() for device in devices for spelled in (device, device[1:]))
    return max((folded.rfind(f"_{spelled}_") for spelled in spellings), default=-1)


def _suffixed(suffix: str) -> Naming:
    pattern = re.compile(f"(.+){suffix}")

    def net(name: str, devices: Sequence[str], known: frozenset[str]) -> str:
        match = pattern.fullmatch(name)
        return match[1] if match else ""

    return net


def _numbered(name: str, devices: Sequence[str], known: frozenset[str]) -> str:
    """`net_3` and `net.3` where there is a node `net`, since nets of a schematic have such names, too."""
    base = name.rstrip("0123456789")
    return base[:-1] if base != name and base[-1:] in {"_", "."} and base[:-1] in known else ""


NAMINGS: tuple[Naming, ...] = (
    calibre_net,
    _suffixed(r":\d+"),
    _suffixed(r"#\d+"),
    _suffixed(r"\.[nt]\d+"),
    _numbered,
)
