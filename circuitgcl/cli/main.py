"""The command line: thin adapters over the public functions.

Heavy imports stay inside the commands, so that `--help` and `inspect` answer without loading torch.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from circuitgcl.cli.calibrating import calibrate
from circuitgcl.cli.comparing import compare
from circuitgcl.cli.dataset import dataset
from circuitgcl.cli.options import (
    Config,
    Device,
    Dialect,
    Lenient,
    MinCap,
    Model,
    NameMapFile,
    Netlists,
    Output,
    Rails,
    RunOutput,
    Settings,
    Top,
    check_device,
    expanded,
    farad,
    globs,
    labelled_files,
    settings_of,
)
from circuitgcl.cli.pretraining import pretrain
from circuitgcl.errors import CircuitGCLError, OnError

app = typer.Typer(
    help="Estimate the layout parasitics of analog and mixed-signal circuits from the SPICE netlist alone.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(dataset, name="dataset")
app.command()(pretrain)
app.command()(calibrate)
app.command()(compare)


def _show_version(asked: bool) -> None:
    if asked:
        from circuitgcl import __version__

        typer.echo(f"circuitgcl {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    pass


@app.command()
def estimate(
    netlists: Netlists,
    output: Output = None,
    spef: Annotated[Path | None, typer.Option("--spef", metavar="FILE", help="Write SPEF.")] = None,
    dspf: Annotated[Path | None, typer.Option("--dspf", metavar="FILE", help="Write DSPF.")] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            "--annotate", metavar="FILE", help="Write the netlist with capacitors (.inc: them alone)."
        ),
    ] = None,
    simulator: Annotated[
        str | None,
        typer.Option(
            "--simulator",
            help="Annotate for ngspice, hspice, spectre, xyce or ltspice.",
            show_default="by dialect",
        ),
    ] = None,
    top: Top = None,
    rails: Rails = None,
    dialect: Dialect = None,
    lenient: Lenient = False,
    model: Model = "bundled",
    device: Device = "auto",
    min_cap: MinCap = None,
    top_couplings: Annotated[int, typer.Option("--top-couplings", min=0, help="Couplings to print.")] = 20,
    include: Annotated[
        str | None, typer.Option("--include", metavar="GLOBS", help="Nets to list, as 'out*,bl[3]'.")
    ] = None,
    exclude: Annotated[
        str | None, typer.Option("--exclude", metavar="GLOBS", help="Nets not to list.")
    ] = None,
    bound: Annotated[
        str | None, typer.Option("--bound", help="mean, p10 or p90.", show_default="mean")
    ] = None,
    scale: Annotated[
        float | None, typer.Option("--scale", help="Factor on every capacitance.", show_default="1.0")
    ] = None,
    config: Config = None,
    settings: Settings = None,
) -> None:
    """Estimate the parasitic capacitances of bare netlists."""
    from rich.console import Console

    from circuitgcl.config import load_config
    from circuitgcl.reporting.outputs import OutputFiles

    paths = expanded(netlists)
    outputs = OutputFiles(tables=output, spef=spef, dspf=dspf, annotated=annotate, simulator=simulator)
    outputs.check(paths)
    check_device(device)
    flags = {
        "min_cap_farad": farad(min_cap, "--min-cap"),
        "include": include,
        "exclude": exclude,
        "bound": bound,
        "scale": scale,
        "graph.rails": ",".join(globs(rails)),
        "netlist.dialect": dialect,
        "netlist.on_error": "skip" if lenient else None,
    }
    with _status("loading the model"):
        from circuitgcl.estimation import EstimateConfig, Estimator
        from circuitgcl.reporting.terminal import print_estimate

        resolved = load_config(EstimateConfig, config, [*settings_of(flags), *(settings or ())])
        estimator = Estimator.from_pretrained(model, device)
    console = Console()
    estimates = []
    for number, path in enumerate(paths, 1):
        with _status(f"estimating {path.name} ({number} of {len(paths)})"):
            estimates.append(estimator.estimate(path, top=top, config=resolved))
    # files first: a reader that closes the pipe, such as `head`, must not cost the result
    written = outputs.write(estimates)
    for one in estimates:
        print_estimate(console, one, couplings=top_couplings)
    for file in written:
        console.print(f"wrote {file}", highlight=False, markup=False, soft_wrap=True)


@app.command()
def inspect(
    netlist: Annotated[Path, typer.Argument(help="A SPICE netlist, plain or gzip'd.")],
    output: Output = None,
    top: Top = None,
    rails: Rails = None,
    dialect: Dialect = None,
    lenient: Lenient = False,
) -> None:
    """Show what a netlist contains and how it was understood."""
    from rich.console import Console

    from circuitgcl.files import check_output, write_atomically
    from circuitgcl.graph.quotient import class_counts
    from circuitgcl.graph.rails import guess_rails
    from circuitgcl.graph.virtual_supplies import describe_supplies
    from circuitgcl.netlist.inspection import read_timed
    from circuitgcl.reporting.inspection import print_inspection

    if output is not None:
        check_output(output, (".json",))
    with _status(f"reading {netlist.name}"):
        on_error = OnError.SKIP if lenient else OnError.RAISE
        circuit, found = read_timed(netlist, top, dialect=dialect, on_error=on_error)
    guess = guess_rails(circuit, globs(rails))
    found["rails"] = describe_supplies(circuit, guess)
    found["classes"] = class_counts(circuit, guess.kinds)
    if output is not None:
        write_atomically(output, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    print_inspection(Console(), found)


@app.command()
def finetune(
    manifests: Annotated[
        list[Path],
        typer.Argument(metavar="MANIFEST|DIR...", help="TOML lists of labelled designs, or data sets."),
    ],
    output: RunOutput,
    encoder: Annotated[
        Path | None, typer.Option("--encoder", metavar="RUN", help="Pretrained encoder.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="NAME|DIR", help="Model to continue, as 'bundled'.")
    ] = None,
    skip: Annotated[
        str | None, typer.Option("--skip", metavar="GLOBS", help="Designs to leave out, as 'a*,b'.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Name of the model.")] = "custom",
    version: Annotated[str, typer.Option("--version", help="Version of the model.")] = "1",
    device: Device = "auto",
    devices: Annotated[
        int, typer.Option("--devices", min=1, help="Processes, each on a device of its own.")
    ] = 1,
    config: Config = None,
    settings: Settings = None,
) -> None:
    """Train a model on labelled designs."""
    from circuitgcl.config import load_config
    from circuitgcl.data import list_designs, open_design
    from circuitgcl.data.designs import without
    from circuitgcl.finetuning import FinetuneConfig
    from circuitgcl.finetuning import finetune as run_finetune
    from circuitgcl.models.checkpoint import load_encoder, load_model

    resolved = load_config(FinetuneConfig, config, settings or ())
    check_device(device)
    pretrained = None if encoder is None else load_encoder(encoder)
    with _status("reading the designs"):
        found = [files for manifest in manifests for files in list_designs(manifest)]
        designs = [open_design(files) for files in without(found, globs(skip))]
    run_finetune(
        designs,
        resolved,
        folder=output,
        encoder=pretrained,
        start=None if start is None else load_model(start),
        name=name,
        version=version,
        accelerator=device,
        devices=devices,
        progress=_interactive(),
    )
    typer.echo(f"wrote {output}: model {name} {version}, trained on {len(designs)} designs")


@app.command()
def evaluate(
    designs: Annotated[
        list[Path], typer.Argument(metavar="SCHEMATIC EXTRACTED | MANIFEST|DIR", help="What to score.")
    ],
    output: Output = None,
    top: Top = None,
    rails: Rails = None,
    model: Model = "bundled",
    device: Device = "auto",
    min_cap: MinCap = None,
    name_map: NameMapFile = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="GLOBS", help="Designs of the manifest to score.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Score designs that the model was calibrated with.")
    ] = False,
    config: Config = None,
    settings: Settings = None,
) -> None:
    """Score a model against extracted layouts."""
    from rich.console import Console

    from circuitgcl.config import load_config
    from circuitgcl.data import open_design
    from circuitgcl.files import check_output, write_atomically

    if output is not None:
        check_output(output, (".json",))
    check_device(device)
    flags = {"min_cap_farad": farad(min_cap, "--min-cap"), "graph.rails": ",".join(globs(rails))}
    files = labelled_files(designs, globs(only), name_map)
    with _status("loading the model"):
        from circuitgcl.estimation import Predictor
        from circuitgcl.evaluation import EvaluateConfig, evaluate_all
        from circuitgcl.models.checkpoint import load_model
        from circuitgcl.reporting.terminal import print_metrics

        resolved = load_config(EvaluateConfig, config, [*settings_of(flags), *(settings or ())])
        predictor = Predictor(load_model(model), device)
    with _status(f"evaluating {len(files)} design{'s'[: len(files) > 1]}"):
        loaded = (open_design(file, top=top, rails=resolved.graph.rails) for file in files)
        metrics = evaluate_all(
            predictor,
            loaded,
            min_cap_farad=resolved.min_cap_farad,
            allow_calibrated=force,
            prior=resolved.prior,
        )
    if output is not None:
        content: Any = metrics[0] if len(metrics) == 1 else metrics
        write_atomically(output, json.dumps(content, indent=1, allow_nan=False) + "\n")
    print_metrics(Console(), metrics)


def _interactive() -> bool:
    return sys.stderr.isatty()


@contextmanager
def _status(text: str) -> Iterator[None]:
    """A spinner on standard error while something takes its time."""
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


# typer either depends on click or carries a copy of it; its usage errors share a base only there
_UsageError: Any = typer.BadParameter.__base__


def run() -> None:
    """Entry point: an error a user can mend is one line and exit code 2; a bug keeps its traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character is no reason to fail
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="circuitgcl", standalone_mode=False)
    except CircuitGCLError as error:
        code = _complain("circuitgcl", str(error))
    except _UsageError as error:
        place = error.ctx.command_path if error.ctx else "circuitgcl"
        code = _complain(place, f"{error.format_message()} (see {place} --help)")
    sys.exit(code)


def _complain(place: str, message: str) -> int:
    typer.echo(f"{place}: {' '.join(message.split())}", err=True)
    return 2


if __name__ == "__main__":
    run()
