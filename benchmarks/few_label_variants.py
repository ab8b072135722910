"""Few-label transfer of settings and uses of the pretrained encoder, on two validation designs.

    python benchmarks/few_label_variants.py [--seeds 3] [-o FILE.json]

As `few_label_transfer.py`, but on designs that are among its training designs and left out of the pretraining
here, so that what is chosen by these figures is chosen on no test design. Each seed has several draws of
labels (`draw`), the same for all variants; trained-through encoders have one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from few_label_figures import print_tables
from few_label_transfer import (
    RESULTS,
    Arm,
    Rows,
    Use,
    macro_stage,
    measured,
    no_encoder,
    pretrained,
    random_encoder,
)

from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.pretraining import PretrainConfig, ScatteringPreset

VALIDATION = {"fpdk45_8x16": "size45", "scn4m_4x16": "size350"}
TRAINING = ("fpdk45_2x16", "scn4m_2x16", "scn4m_8x32_wm")
LABELS = (10, 100)
DRAWS = 4

FROZEN = {"": Use()}
USES = {
    "": Use(),
    ", embeddings alone": Use(inputs=False),
    ", 8 components": Use(components=8),
    ", 8 components alone": Use(inputs=False, components=8),
}
TRAINED_THROUGH = {", fine-tuned": Use(end_to_end=True)}
ALL_TASKS = {"masked_weight": 1.0, "distance_weight": 1.0, "membership_weight": 1.0}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """An encoder and the ways it is used, by what is added to its name."""

    arm: Arm
    uses: dict[str, Use]


def of(**changes: object) -> Variant:
    """The default pretraining with other settings, frozen and concatenated."""
    return Variant(arm=pretrained(PretrainConfig(**changes)), uses=FROZEN)  # type: ignore[arg-type]


VARIANTS: dict[str, Variant] = {
    "none": Variant(arm=no_encoder, uses=FROZEN),
    "random": Variant(arm=random_encoder, uses=USES | TRAINED_THROUGH),
    "default": Variant(arm=pretrained(PretrainConfig()), uses=USES | TRAINED_THROUGH),
    "all tasks": Variant(arm=pretrained(PretrainConfig(**ALL_TASKS)), uses=USES),
    "masked": of(masked_weight=1.0),
    "distance": of(distance_weight=1.0),
    "membership": of(membership_weight=1.0),
    "temperature 0.5": of(temperature=0.5),
    "temperature 8": of(temperature=8.0),
    "2 layers": of(encoder=EncoderConfig(layers=2)),
    "6 layers": of(encoder=EncoderConfig(layers=6)),
    "width 16": of(encoder=EncoderConfig(width=16)),
    "width 128": of(encoder=EncoderConfig(width=128)),
    "augmented: dropout 0.3": of(encoder=EncoderConfig(dropout=0.3)),
    # the weight makes the masks, too small to teach what they hide
    "augmented: masks of 30 %": of(masked_weight=1e-9, mask_share=0.3),
    "3 times longer": Variant(arm=pretrained(PretrainConfig(), longer=3.0), uses=FROZEN),
    "centre term alone": of(preset=ScatteringPreset.PUBLISHED),
}


def measure(seeds: int, table: Rows) -> None:
    """Rows that the table lacks."""
    stage = macro_stage(TRAINING, VALIDATION)
    for name, variant in VARIANTS.items():
        for seed in range(seeds):
            waiting = {
                name + suffix: use
                for suffix, use in variant.uses.items()
                if not table.has(pretraining=name + suffix, seed=seed)
            }
            if not waiting:
                continue
            encoder = variant.arm(stage, seed)
            for label, use in waiting.items():
                rows = []
                for target in stage.targets:
                    key = {"split": target.split, "design": target.design, "pretraining": label}
                    for draw in range(1 if use.end_to_end else DRAWS):
                        found = measured(stage, target, encoder, use, DRAWS * seed + draw, LABELS)
                        rows += [
                            {**key, "labels": r.pop("labels"), "seed": seed, "draw": draw, **r} for r in found
                        ]
                table.add(rows)


def main(words: Sequence[str] | None = None) -> int:
    """Measure what is missing in the table, then print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "-o", "--output", type=Path, default=RESULTS / "few_label_variants.json", metavar="FILE.json"
    )
    options = parser.parse_args(words)
    table = Rows(options.output)
    measure(options.seeds, table)
    names = [name + suffix for name, variant in VARIANTS.items() for suffix in variant.uses]
    print_tables(table.rows, names, [str(count) for count in LABELS])
    return 0


if __name__ == "__main__":
    sys.exit(main())
