"""Coverage-guided fuzzing of the readers of extraction results with atheris, which must be installed for it.

    python benchmarks/fuzz/extraction_fuzz.py [--seconds 600] [--seeds FOLDER] [--corpus FOLDER]
                                              [--artifacts FOLDER] [CASE ...]

The first byte of an input selects plain or gzip'd, the size of blocks, and whether what was read is written
and read again; the format is told from the content, as for users. What must hold is written in
`extraction_checks.py`. The run stops at the first thing that does not hold and leaves the bytes among the
artifacts; files named on the command line are checked again without instrumentation.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from extraction_seeds import FILES, LINES, WORDS
from harness import Check, Target, foreign_seeds, parser_of, run

SELECTORS = (0, 11, 12)


def load(folder: Path) -> Check:
    """What is done with one input; its first byte selects how it is read."""
    import extraction_checks

    return lambda data: extraction_checks.check_extraction(folder, data[1:], data[0])


def seeds(foreign: Path | None) -> list[bytes]:
    """Inputs to begin with."""
    texts = [*(text.encode() for text in FILES), *foreign_seeds(foreign)]
    return [bytes([selector]) + text for text in texts for selector in SELECTORS]


def main(argv: Sequence[str]) -> None:
    """Run from the command line."""
    target = Target(
        packages=("circuitgcl.parasitics", "circuitgcl.units"),
        load=load,
        seeds=seeds,
        words=[word.encode() for word in WORDS],
        lines=[line.encode() for line in LINES],
    )
    run(target, parser_of(__doc__, "extraction results").parse_args(argv))


if __name__ == "__main__":
    main(sys.argv[1:])
