"""Run folders: resolved config, logs, resumable state and metrics of one training run."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuitgcl.config import to_mapping
from circuitgcl.files import write_atomically

if TYPE_CHECKING:
    import lightning
    from torch.utils.data import DataLoader


class RunFolder:
    """One training run on disk.

    Holds `config.json` (resolved), `log/metrics.csv` (per epoch), `state/last.ckpt` (to resume from, removed
    when the run is done), `metrics.json` and the checkpoint.
    """

    def __init__(self, path: Path, config: Any) -> None:
        self.path = path
        self._state = path / "state"
        write_atomically(path / "config.json", json.dumps(to_mapping(config), indent=2) + "\n")

    def trainer(
        self, *, max_epochs: int, accelerator: str = "auto", progress: bool = False
    ) -> lightning.Trainer:
        """A trainer that logs and checkpoints into this folder."""
        import lightning
        from lightning.pytorch.callbacks import ModelCheckpoint
        from lightning.pytorch.loggers import CSVLogger

        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
        return lightning.Trainer(
            max_epochs=max_epochs,
            accelerator={"cuda": "gpu"}.get(accelerator, accelerator),
            devices=1,
            logger=CSVLogger(self.path, name="log", version=""),
            callbacks=[ModelCheckpoint(self._state, save_last=True, save_top_k=0)],
            enable_progress_bar=progress,
            enable_model_summary=False,
            log_every_n_steps=1,
        )

    def fit(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, loader: DataLoader[Any]
    ) -> None:
        """Train, resuming from the state of an unfinished run."""
        last = self._state / "last.ckpt"
        with warnings.catch_warnings():
            # graphs are in memory already: worker processes would only copy them
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
            warnings.filterwarnings("ignore", message=".*isinstance.*LeafSpec.*")
            trainer.fit(module, loader, ckpt_path=last if last.is_file() else None, weights_only=True)

    def finish(self) -> None:
        """Drop the resume state of a completed run."""
        for file in self._state.glob("*.ckpt"):
            file.unlink()
        if self._state.is_dir():
            self._state.rmdir()

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write `metrics.json` and mark the run as done."""
        write_atomically(self.path / "metrics.json", json.dumps(metrics, indent=2) + "\n")
        self.finish()
