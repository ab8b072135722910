"""What a netlist contains, on the terminal; loads no model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

MAX_LISTED = 10
MAX_TREE_LINES = 40


def print_inspection(console: Console, inspection: Mapping[str, Any]) -> None:
    """Print what a netlist contains."""
    table = Table(show_header=False, title=str(inspection["top"]), title_justify="left")
    table.add_column("what", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_row("dialect", str(inspection["dialect"]))
    for key in ("subcircuits", "devices", "nets", "pins"):
        classes = inspection["classes"].get(key)
        table.add_row(key, f"{inspection[key]:,}" + (f" ({classes:,} classes)" if classes else ""))
    models = sorted(inspection["devices_by_model"].items(), key=lambda item: -item[1])
    table.add_row("devices by model", _listed([f"{count:,} {name}" for name, count in models]))
    directions = inspection["port_directions"]
    ports = [f"{port} ({directions[port]})" if port in directions else port for port in inspection["ports"]]
    table.add_row("ports", _listed(ports) or "none")
    supplies: dict[bool, list[str]] = {False: [], True: []}
    for rail in inspection["rails"]:
        text = f"{rail['net']} ({rail['kind']}, {rail['evidence']})"
        supplies[rail["kind"] == "virtual"].append(text)
    table.add_row("rails", _listed(supplies[False]) or "none recognised")
    if supplies[True]:
        table.add_row("virtual supplies", _listed(supplies[True]))
    table.add_row("skipped cards", _listed(_by_kind(inspection["skipped_cards"]), "\n") or "none")
    seconds = inspection["seconds"]
    table.add_row("time", f"read {seconds['read']:.2f} s, flatten {seconds['flatten']:.2f} s")
    table.add_row("peak memory", f"{inspection['peak_mib']:.0f} MiB")
    console.print(table)
    if len(inspection["cells"]) > 1:
        console.print(_tree(inspection["cells"]))
    warnings = inspection["warnings"]
    for warning in warnings[:MAX_LISTED]:
        console.print(Text(f"warning: {warning}", style="yellow"))
    if len(warnings) > MAX_LISTED:
        console.print(Text(f"and {len(warnings) - MAX_LISTED} more warnings", style="yellow"))


def _by_kind(skipped: Sequence[Mapping[str, str]]) -> list[str]:
    """Skipped cards by kind, with the place of the first of each."""
    places: dict[str, list[str]] = {}
    for card in skipped:
        places.setdefault(card["kind"], []).append(PurePath(card["location"]).name)
    return [
        f"{kind} at {found[0]}" if len(found) == 1 else f"{len(found):,} × {kind}, first at {found[0]}"
        for kind, found in places.items()
    ]


def _listed(items: Iterable[str], joint: str = ", ") -> Text:
    """The first few of many things, and how many more there are."""
    found = list(items)
    shown = found[:MAX_LISTED]
    if len(found) > len(shown):
        shown.append(f"and {len(found) - len(shown):,} more")
    return Text(joint.join(shown))


def _tree(cells: Sequence[Mapping[str, Any]]) -> Tree:
    """The hierarchy, each cell opened where it is met first."""
    by_name = {cell["cell"]: cell for cell in cells}
    tree = Tree(_cell_label(cells[0], 1))
    opened, lines = {cells[0]["cell"]}, 1
    pending = [(tree, cells[0])]
    while pending:
        branch, cell = pending.pop(0)
        for position, (name, count) in enumerate(cell["uses"].items()):
            if lines >= MAX_TREE_LINES:
                left = len(cell["uses"]) - position
                branch.add(Text(f"and {left} more cell{'s' if left > 1 else ''}", style="dim"))
                break
            lines += 1
            below = branch.add(_cell_label(by_name[name], count))
            if name not in opened:
                opened.add(name)
                pending.append((below, by_name[name]))
    return tree


def _cell_label(cell: Mapping[str, Any], count: int) -> Text:
    label = Text(f"{count:,} × " if count > 1 else "").append(cell["cell"], style="bold")
    if cell["devices"]:
        label.append(f"  {cell['devices']:,} device{'s' if cell['devices'] > 1 else ''}", style="dim")
    return label
