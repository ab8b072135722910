"""Pictures of small circuits: devices by type, nets by name, pins by role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from circuitgcl.errors import DataError
from circuitgcl.graph.building import CircuitGraph
from circuitgcl.graph.pins import pin_role_codes
from circuitgcl.graph.rails import RailKind
from circuitgcl.schema import DeviceType, PinRole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_NODES = 400

# marker and colour by device type: dark-on-light hues told apart in grey as well by their markers
_DEVICE_STYLES = {
    DeviceType.NMOS: ("s", "#4477aa"),
    DeviceType.PMOS: ("D", "#cc6677"),
    DeviceType.NPN: ("^", "#228833"),
    DeviceType.PNP: ("v", "#999933"),
    DeviceType.DIODE: (">", "#882255"),
    DeviceType.RESISTOR: ("P", "#b08d57"),
    DeviceType.CAPACITOR: ("X", "#44aa99"),
    DeviceType.INDUCTOR: ("h", "#aa4499"),
}
_OTHER_STYLE = ("o", "#777777")
_RAIL_MARKS = {RailKind.GROUND: ("v", "#555555"), RailKind.SUPPLY: ("^", "#bb2222")}


def plot_circuit(graph: CircuitGraph, axes: Axes | None = None, *, seed: int = 0) -> Axes:
    """Draw a small circuit: devices as markers by type, signal nets as labelled dots, gates as dashed lines.

    Rails would join everything to everything; a device on one carries a small mark instead.

    Args:
        graph: the circuit graph.
        axes: where to draw; new ones when absent.
        seed: of the layout.

    Raises:
        DataError: more than `MAX_NODES` nets and devices, or matplotlib is not installed.
    """
    circuit, signal = graph.circuit, graph.signal_nets
    if (nodes := len(signal) + circuit.device_count) > MAX_NODES:
        raise DataError(
            f"{circuit.name} has {nodes:,} nets and devices; pictures are for up to {MAX_NODES}. "
            "Choose a smaller cell as the top"
        )
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise DataError("pictures need matplotlib; install circuitgcl[notebooks]") from None
    if axes is None:
        side = float(np.clip(2.5 + 0.75 * np.sqrt(nodes), 5.0, 16.0))
        axes = plt.subplots(figsize=(side, side * 0.75), layout="constrained")[1]
    device_at, net_at = _layout(graph, seed)
    _draw_pins(axes, graph, device_at, net_at)
    _draw_devices(axes, graph, device_at)
    points = net_at[signal]
    axes.scatter(points[:, 0], points[:, 1], s=26, color="black", zorder=3)
    for name, point in zip(circuit.net_names(signal.tolist()), points, strict=True):
        axes.annotate(
            name,
            point,
            xytext=(4, 4),
            textcoords="offset points",
            fontsize=8,
            zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
        )
    axes.set_title(circuit.name)
    axes.set_axis_off()
    axes.margins(0.08)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    return axes


def _layout(graph: CircuitGraph, seed: int) -> tuple[Any, Any]:
    """Places of devices, [D, 2], and of nets, [N, 2]; rails stay at the origin."""
    import networkx

    circuit = graph.circuit
    view = networkx.Graph()
    view.add_nodes_from(("net", net) for net in graph.signal_nets.tolist())
    view.add_nodes_from(("device", device) for device in range(circuit.device_count))
    on_signal = graph.rails[circuit.pin_net] == 0
    view.add_edges_from(
        (("device", device), ("net", net))
        for device, net in zip(
            circuit.pin_device[on_signal].tolist(), circuit.pin_net[on_signal].tolist(), strict=True
        )
    )
    # springs untangle parts that do not hang together; path lengths then spread what does
    places = networkx.spring_layout(view, pos=networkx.circular_layout(view), seed=seed, iterations=200)
    if networkx.is_connected(view):
        places = networkx.kamada_kawai_layout(view, pos=places)
    device_at, net_at = np.zeros((circuit.device_count, 2)), np.zeros((circuit.net_count, 2))
    for (kind, number), place in places.items():
        (net_at if kind == "net" else device_at)[number] = place
    return device_at, net_at


def _draw_pins(axes: Axes, graph: CircuitGraph, device_at: Any, net_at: Any) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.transforms import offset_copy

    circuit, role = graph.circuit, pin_role_codes(graph.circuit)
    on_signal = graph.rails[circuit.pin_net] == 0
    ends = np.stack([device_at[circuit.pin_device], net_at[circuit.pin_net]], axis=1)
    gate, bulk = role == PinRole.GATE, role == PinRole.BULK
    for chosen, line, label in (
        (on_signal & gate, "--", "gate"),
        (on_signal & ~gate & ~bulk, "-", "other pin"),
        (on_signal & bulk, ":", "bulk"),
    ):
        if chosen.any():
            lines = LineCollection(
                list(ends[chosen]), linestyles=line, colors="0.6", linewidths=1.1, label=label
            )
            axes.add_collection(lines)
    for kind, (marker, colour) in _RAIL_MARKS.items():
        # bulks lie on rails nearly always, which tells nothing
        chosen = (graph.rails[circuit.pin_net] == kind) & ~bulk
        if not chosen.any():
            continue
        at = device_at[np.unique(circuit.pin_device[chosen])]
        beside = offset_copy(
            axes.transData,
            axes.get_figure(root=True),
            y=10 if kind == RailKind.SUPPLY else -10,
            units="points",
        )
        style: dict[str, Any] = {
            "marker": marker,
            "s": 22,
            "color": colour,
            "zorder": 3,
            "label": f"on {kind.name.lower()}",
        }
        axes.scatter(at[:, 0], at[:, 1], transform=beside, **style)


def _draw_devices(axes: Axes, graph: CircuitGraph, device_at: Any) -> None:
    types = graph.circuit.table.device_type[graph.circuit.device_card]
    for kind in np.unique(types).tolist():
        marker, colour = _DEVICE_STYLES.get(DeviceType(kind), _OTHER_STYLE)
        at = device_at[types == kind]
        axes.scatter(
            at[:, 0],
            at[:, 1],
            marker=marker,
            s=110,
            color=colour,
            edgecolors="white",
            zorder=4,
            label=DeviceType(kind).name.lower(),
        )
