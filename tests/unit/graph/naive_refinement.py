"""Colour refinement pin by pin, in plain Python: slow, and nothing like the array form."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph import CircuitGraph


def naive_classes(graph: CircuitGraph, rounds: int) -> dict[str, list[int]]:
    """Class of every net, device and pin, numbered by first mention."""
    circuit = graph.circuit
    signal = (graph.rails == 0).tolist()
    pin_net, pin_device = circuit.pin_net.tolist(), circuit.pin_device.tolist()
    net: list[Hashable] = [
        (tuple(row), kind) for row, kind in zip(graph.net_features.tolist(), signal, strict=True)
    ]
    device: list[Hashable] = [tuple(row) for row in graph.device_features.tolist()]
    pin: list[Hashable] = [tuple(row) for row in graph.pin_features.tolist()]
    net, device, pin = numbered(net), numbered(device), numbered(pin)
    for _ in range(rounds):
        at_net: list[list[Hashable]] = [[] for _ in net]
        at_device: list[list[Hashable]] = [[] for _ in device]
        for p, (n, d) in enumerate(zip(pin_net, pin_device, strict=True)):
            at_device[d].append(pin[p])
            if signal[n]:
                at_net[n].append(pin[p])
        heard = [colour if is_signal else None for colour, is_signal in zip(net, signal, strict=True)]
        new_pin = [
            (pin[p], device[d], heard[n]) for p, (n, d) in enumerate(zip(pin_net, pin_device, strict=True))
        ]
        device = numbered([(own, tuple(sorted(seen))) for own, seen in zip(device, at_device, strict=True)])
        net = numbered([(own, tuple(sorted(seen))) for own, seen in zip(net, at_net, strict=True)])
        pin = numbered(new_pin)
    return {"net": net, "device": device, "pin": pin}


def numbered(colours: list[Hashable]) -> list[int]:
    """Equal colours as equal numbers, counted from 0 in the order of their first mention."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(colour, len(numbers)) for colour in colours]


def partition(classes: NDArray[np.int64]) -> list[int]:
    """Class numbers in the order of their first mention, so that equal partitions are equal lists."""
    return numbered(classes.tolist())
