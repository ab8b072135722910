"""`circuitgcl compare`: two files with capacitances of one design."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from circuitgcl.cli.options import MinCap, NameMapFile, Output, Rails, farad, globs

_File = "an extraction (SPEF, DSPF, SPICE, Magic .ext) or an estimate (.json, .csv, .parquet)"


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help=f"The reference: {_File}.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="What is compared with it, of any of these kinds.")],
    output: Output = None,
    min_cap: MinCap = None,
    name_map: NameMapFile = None,
    rails: Rails = None,
    ground: Annotated[
        str | None, typer.Option("--ground", metavar="NAMES", help="Nets that are the reference node.")
    ] = None,
) -> None:
    """Compare the capacitances of two files, matched by net names."""
    from rich.console import Console

    from circuitgcl.evaluation.comparing import compare as run_compare
    from circuitgcl.files import check_output, write_atomically
    from circuitgcl.parasitics import read_name_map
    from circuitgcl.reporting.comparison import print_comparison

    if output is not None:
        check_output(output, (".json",))
    least = farad(min_cap, "--min-cap")
    comparison = run_compare(
        a,
        b,
        min_cap_farad=1e-17 if least is None else least,
        name_map=None if name_map is None else read_name_map(name_map),
        rails=globs(rails),
        ground=globs(ground),
    )
    if output is not None:
        content = json.dumps(comparison.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        write_atomically(output, content + "\n")
    print_comparison(Console(), comparison)
