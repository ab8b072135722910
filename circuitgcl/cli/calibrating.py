"""`circuitgcl calibrate`: a model and a few labels of a technology."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from circuitgcl.cli.options import (
    Config,
    MinCap,
    Model,
    NameMapFile,
    RunOutput,
    Settings,
    farad,
    labelled_files,
    settings_of,
)


def calibrate(
    designs: Annotated[
        list[Path], typer.Argument(metavar="SCHEMATIC EXTRACTED | MANIFEST|DIR", help="Labelled designs.")
    ],
    output: RunOutput,
    model: Model = "bundled",
    labels: Annotated[
        int | None,
        typer.Option("--labels", min=0, help="Couplings and loads to use, at random.", show_default="all"),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Chooses the labels.", show_default="0")] = None,
    refit_heads: Annotated[
        bool, typer.Option("--refit-heads", help="Fit the last layers of heads, too (a model without trees).")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Take labels that look wrong.")] = False,
    min_cap: MinCap = None,
    name_map: NameMapFile = None,
    config: Config = None,
    settings: Settings = None,
) -> None:
    """Fit a model to a technology with the labels of a few designs; their cells become known."""
    from rich.console import Console

    from circuitgcl.config import load_config
    from circuitgcl.data import open_design

    flags = {
        "labels": labels,
        "seed": seed,
        "refit_heads": "true" if refit_heads else None,
        "force": "true" if force else None,
        "min_cap_farad": farad(min_cap, "--min-cap"),
    }
    files = labelled_files(designs, (), name_map)
    with Console(stderr=True).status("calibrating"):
        from circuitgcl.finetuning.calibration import CalibrateConfig
        from circuitgcl.finetuning.calibration import calibrate as run_calibrate
        from circuitgcl.models.checkpoint import load_model

        resolved = load_config(CalibrateConfig, config, [*settings_of(flags), *(settings or ())])
        start = load_model(model)
        found = run_calibrate(start, [open_design(file) for file in files], resolved, folder=output)
    for quantity in ("coupling", "load"):
        fit = found.metrics[quantity]
        typer.echo(
            f"{quantity}: {fit['labels']} labels, fitted {', '.join(fit['fitted']) or 'nothing'}; "
            f"error of labels left out {fit['held_out_error_before']:.3f} -> "
            f"{fit['held_out_error_after']:.3f} decades"
        )
    typer.echo(f"wrote {output}: model {found.name}")
