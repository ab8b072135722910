"""Label checks on the terminal."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from circuitgcl.data.findings import CheckReport

MAX_PER_KIND = 20


def print_check(console: Console, report: CheckReport) -> None:
    """Print findings by kind, each with its place."""
    for kind, group in groupby(report.findings, key=lambda finding: finding.kind):
        findings = list(group)
        console.print(Text(f"{kind.value}: {len(findings)}", style="bold"))
        for finding in findings[:MAX_PER_KIND]:
            place = Text(f"  {finding.location}", style="cyan")
            console.print(
                place.append(f" {finding.design}: {finding.message}", style="default"), soft_wrap=True
            )
        if len(findings) > MAX_PER_KIND:
            console.print(Text(f"  and {len(findings) - MAX_PER_KIND} more; write all with -o", style="dim"))
    for note in report.notes:
        console.print(Text(f"not checked: {note}", style="yellow"), soft_wrap=True)
    count = len(report.findings)
    found = f"{count} finding{'s'[: count != 1]}" if count else "nothing found"
    console.print(Text(f"{report.designs} designs checked: {found}"))
