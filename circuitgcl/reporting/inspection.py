"""What a netlist contains, on the terminal; loads no model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def print_inspection(console: Console, inspection: Mapping[str, Any]) -> None:
    """Print what a netlist contains."""
    table = Table(show_header=False, title=f"{inspection['top']}", title_justify="left")
    table.add_column("what")
    table.add_column("value", overflow="fold")
    for key in ("subcircuits", "devices", "nets", "pins"):
        table.add_row(key, f"{inspection[key]:,}")
    models = sorted(inspection["devices_by_model"].items(), key=lambda item: -item[1])
    table.add_row("devices by model", ", ".join(f"{count:,} {name}" for name, count in models[:10]))
    rails = ", ".join(f"{rail['net']} ({rail['kind']})" for rail in inspection["rails"])
    table.add_row("rails", rails or "none recognised")
    skipped = inspection["skipped_cards"]
    table.add_row(
        "skipped cards", ", ".join(f"{c['kind']} at {c['location']}" for c in skipped[:10]) or "none"
    )
    seconds = inspection["seconds"]
    table.add_row("time", f"read {seconds['read']:.2f} s, flatten {seconds['flatten']:.2f} s")
    table.add_row("peak memory", f"{inspection['peak_mib']:.0f} MiB")
    console.print(table)
