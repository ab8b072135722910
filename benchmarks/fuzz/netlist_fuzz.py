"""Coverage-guided fuzzing of the netlist room with atheris, which must be installed for it.

    python benchmarks/fuzz/netlist_fuzz.py {lexer,expressions,files} [--seconds 600] [--seeds FOLDER]
                                           [--corpus FOLDER] [--artifacts FOLDER] [CASE ...]

`lexer` takes text apart in every dialect, `expressions` evaluates, `files` reads and flattens decks of one
or several files: strict and lenient, plain and gzip'd, in bulk and card by card. What must hold is written in
`checks.py`. The run stops at the first thing that does not hold and leaves the bytes among the artifacts;
files named on the command line are checked again without instrumentation, which tells how long they take.

Files of a folder of netlists may be added to the built-in seeds with `--seeds`; they are read, never copied.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

from harness import Check, Target, foreign_seeds, parser_of, run
from seeds import DECKS, EXPRESSIONS, LINES

TARGETS = ("lexer", "expressions", "files")


def load(target: str, folder: Path) -> Check:
    """What to do with one input; the first byte of it selects the dialect and the like."""
    import checks

    from circuitgcl.netlist.dialects import DIALECTS

    dialects = list(DIALECTS.values())

    def lexer(data: bytes) -> None:
        text = data[1:].decode("utf-8", "replace")
        checks.check_lexer(text, dialects[data[0] % len(dialects)], Random(len(data)))  # noqa: S311

    def expressions(data: bytes) -> None:
        checks.check_expressions(data[1:].decode("utf-8", "replace"))

    def files(data: bytes) -> None:
        for old in folder.iterdir():
            old.unlink()
        case = checks.Case.of(data[0])
        checks.check_file(checks.write_files(folder, data[1:], case), case)

    return {"lexer": lexer, "expressions": expressions, "files": files}[target]


def seeds(target: str, foreign: Path | None) -> list[bytes]:
    """Inputs to begin with."""
    if target == "expressions":
        return [b"\0" + EXPRESSIONS.encode()]
    decks = [*(deck.encode() for deck in DECKS.values()), *foreign_seeds(foreign)]
    return [bytes([selector]) + deck for deck in decks for selector in (0, 1)]


def main(argv: Sequence[str]) -> None:
    """Run from the command line."""
    options = parser_of(__doc__, "netlists", targets=TARGETS).parse_args(argv)
    target = Target(
        packages=("circuitgcl.netlist", "circuitgcl.units"),
        load=partial(load, options.target),
        seeds=partial(seeds, options.target),
        words=Path(__file__).with_name("tokens.txt").read_bytes().splitlines(),
        lines=[] if options.target == "expressions" else [line.encode() for line in LINES],
    )
    run(target, options)


if __name__ == "__main__":
    main(sys.argv[1:])
