"""How reading time grows with the size of one structure: linear, or worse.

    python benchmarks/fuzz/growth.py [--only WORD] [--size 25] [--seconds 5]

Every deck of `growth_decks.py` is read and flattened, strict and lenient, at one, two and four times a size.
The exponent is the slope of the logarithm of the time over that of the text, between the last two. The exit
status is 1 where a deck takes longer than `--seconds`, or where a time long enough to tell grows faster than
with the power 1.5. Times are those of the processor, so that a busy machine matters less.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1]))

from growth_decks import DECKS, Files, deck  # noqa: E402

from circuitgcl.errors import NetlistError, OnError  # noqa: E402
from circuitgcl.netlist import flatten, read_netlist  # noqa: E402

WORST_EXPONENT = 1.5
TOO_SHORT = 0.4  # seconds; below, an exponent says nothing
BYTES_OF_ONE = 6  # of text, about, for each that `n` counts


def seconds_for(files: Files) -> tuple[float, str]:
    """Processor time of reading and flattening a deck, of the slower mode, and what came out of both."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
        outcomes, worst = [], 0.0
        for mode in OnError:
            begin = time.process_time()
            try:
                outcomes.append(
                    f"{flatten(read_netlist(Path(folder) / 'deck.sp', on_error=mode)).device_count} devices"
                )
            except NetlistError as error:
                outcomes.append(str(error).partition(": ")[2][:40])
            worst = max(worst, time.process_time() - begin)
    return worst, "; ".join(outcomes)


def measure(name: str, count: int, most_seconds: float) -> bool:
    """Measure one deck and print its row; whether it grows as it should."""
    times, sizes, outcome = [], [], ""
    for factor in (1, 2, 4):
        files = deck(name, count * factor)
        seconds, outcome = seconds_for(files)
        times.append(seconds)
        sizes.append(sum(map(len, files.values())))
    grows = sizes[2] > sizes[1]
    slope = math.log(times[2] / times[1]) / math.log(sizes[2] / sizes[1]) if grows else 0.0
    holds = times[2] <= most_seconds and (times[2] <= TOO_SHORT or slope <= WORST_EXPONENT)
    shown = " ".join(f"{seconds:7.2f}" for seconds in times)
    sys.stdout.write(f"{name:32} {sizes[2] / 1000:6.0f} kB {shown} s  {slope:5.2f}  {outcome}")
    sys.stdout.write("\n" if holds else "  <--\n")
    sys.stdout.flush()
    return holds


def main(argv: Sequence[str]) -> int:
    """Measure every deck and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="decks with this in their name")
    parser.add_argument("--size", type=int, default=25, help="kB of the smallest text, about")
    parser.add_argument("--seconds", type=float, default=5.0, help="most a deck may take")
    options = parser.parse_args(argv)
    count = options.size * 1000 // BYTES_OF_ONE
    held = [measure(name, count, options.seconds) for name in DECKS if options.only in name]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
