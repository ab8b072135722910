"""`circuitgcl pretrain`: an encoder from unlabelled netlists."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from circuitgcl.cli.options import (
    Config,
    Device,
    Dialect,
    Lenient,
    Netlists,
    Rails,
    RunOutput,
    Settings,
    check_device,
    expanded,
    globs,
)
from circuitgcl.errors import CircuitGCLError, InputError, OnError


def pretrain(
    netlists: Netlists,
    output: RunOutput,
    rails: Rails = None,
    dialect: Dialect = None,
    lenient: Lenient = False,
    device: Device = "auto",
    config: Config = None,
    settings: Settings = None,
) -> None:
    """Pretrain an encoder on unlabelled netlists: `--set preset=published` for the published setting."""
    from rich.console import Console

    from circuitgcl.pretraining import pretrain as run_pretrain
    from circuitgcl.pretraining.config import load_pretrain_config
    from circuitgcl.pretraining.netlists import read_circuits

    resolved = load_pretrain_config(config, settings or ())
    check_device(device)
    paths = expanded(netlists)
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file; expected the folder of a run, or a name that is free")
    console, left_out = Console(stderr=True), list[str]()

    def skipped(path: Path, error: CircuitGCLError) -> None:
        left_out.append(path.name)
        place = "" if error.location else f"{path}: "
        console.print(f"left out {place}{error}", markup=False, highlight=False, soft_wrap=True)

    with console.status("reading the netlists") as status:

        def announced() -> Iterator[Path]:
            for number, path in enumerate(paths, 1):
                status.update(f"reading {path.name} ({number} of {len(paths)})")
                yield path
            status.stop()

        on_error = OnError.SKIP if lenient else OnError.RAISE
        graphs = read_circuits(
            announced(), dialect=dialect, rails=globs(rails), on_error=on_error, skipped=skipped
        )
        checkpoint = run_pretrain(
            graphs, resolved, folder=output, accelerator=device, progress=sys.stderr.isatty()
        )
    typer.echo(f"wrote {output}: " + ", ".join(f"{k} {v:.3g}" for k, v in checkpoint.metrics.items()))
    if left_out:
        typer.echo(f"{len(left_out)} of {len(paths)} netlists left out")
