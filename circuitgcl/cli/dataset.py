"""`circuitgcl dataset`: data sets from labelled designs, and what is wrong with labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from circuitgcl.cli.options import Output
from circuitgcl.errors import OnError

dataset = typer.Typer(
    help="Build data sets from schematics and extractions, and check their labels.", rich_markup_mode=None
)


@dataset.command()
def build(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="TOML list of labelled designs.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder of the data set.")],
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Designs read at the same time.")] = 1,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Leave out and list designs that cannot be read.")
    ] = False,
) -> None:
    """Build a data set, one file per design; designs whose sources have not changed are kept."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from circuitgcl.data.building import build_data_set
    from circuitgcl.data.designs import read_manifest
    from circuitgcl.reporting.data_sets import print_built

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("building", total=len(read_manifest(manifest)))

        def finished(name: str, kept: bool) -> None:
            bar.update(task, advance=1, description=f"{'kept' if kept else 'built'} {name}")

        on_error = OnError.SKIP if lenient else OnError.RAISE
        built = build_data_set(manifest, output, jobs=jobs, on_error=on_error, progress=finished)
    print_built(Console(), built)


@dataset.command()
def check(
    designs: Annotated[Path, typer.Argument(metavar="MANIFEST|DIR", help="A manifest or a built data set.")],
    output: Output = None,
    strict: Annotated[bool, typer.Option("--strict", help="Leave with exit code 2 on findings.")] = False,
) -> None:
    """Look for wrong labels: units, double counting, swapped names, duplicates and more."""
    from rich.console import Console

    from circuitgcl.data.label_check import check_labels
    from circuitgcl.files import check_output, write_atomically
    from circuitgcl.reporting.label_check import print_check

    if output is not None:
        check_output(output, (".json",))
    with Console(stderr=True).status(f"checking {designs.name}") as status:
        report = check_labels(
            designs, progress=lambda step: status.update(f"checking {designs.name}: {step}")
        )
    if output is not None:
        write_atomically(output, json.dumps(report.to_dict(), indent=1, ensure_ascii=False) + "\n")
    print_check(Console(), report)
    if strict and report.findings:
        raise typer.Exit(2)
