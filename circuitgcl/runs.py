"""Run folders: resolved config, logs, resumable state and metrics of one training run."""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch.utils.data import DataLoader

from circuitgcl.config import to_mapping
from circuitgcl.errors import ConfigError, DataError
from circuitgcl.files import write_atomically


def _strategy(devices: int) -> str:
    """How processes start: anew, since neither CUDA nor a pool of OpenMP threads survives a fork."""
    return "auto" if devices == 1 else "ddp_spawn_find_unused_parameters_true"  # a step may lack a task


def _tensorboard(path: Path) -> Logger:
    if importlib.util.find_spec("tensorboard") is None:
        raise ConfigError(
            "tensorboard = true needs the package tensorboard; install it, or read log/metrics.csv"
        )
    return TensorBoardLogger(path, name="log", version="")


class RandomState(Callback):
    """Keeps the random state in the checkpoint: a resumed run ends where an uninterrupted one ends."""

    def state_dict(self) -> dict[str, Any]:
        """The state of torch's CPU generator, which shuffling and dropout draw from."""
        return {"torch": torch.get_rng_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on drawing from where the run was interrupted."""
        torch.set_rng_state(state_dict["torch"].cpu())


class RunFolder:
    """One training run on disk; an unfinished one can only go on with the settings it began with.

    Holds `config.json` (resolved), `log/metrics.csv` (per epoch), `state/last.ckpt` (to resume from, removed
    when the run is done), `metrics.json` and the checkpoint.
    """

    def __init__(self, path: Path, config: Any) -> None:
        self.path = path
        self._state = path / "state"
        resolved = json.dumps(to_mapping(config), indent=2) + "\n"
        settings = path / "config.json"
        if self._last.is_file() and settings.is_file() and settings.read_text(encoding="utf-8") != resolved:
            raise DataError(
                f"{path} holds an unfinished run with other settings; use these again, or another folder"
            )
        write_atomically(settings, resolved)

    @property
    def _last(self) -> Path:
        return self._state / "last.ckpt"

    def trainer(
        self,
        *,
        max_epochs: int,
        accelerator: str = "auto",
        devices: int = 1,
        progress: bool = False,
        precision: str = "32-true",
        callbacks: Sequence[Callback] = (),
        tensorboard: bool = False,
    ) -> lightning.Trainer:
        """A trainer that logs and checkpoints into this folder.

        On several devices each process computes its own gradient and takes the mean of all (data parallel);
        the processes end with the training, so the caller goes on as a single one.

        Raises:
            ConfigError: TensorBoard logs are asked for and it is not installed.
        """
        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
        loggers: list[Logger] = [CSVLogger(self.path, name="log", version="")]
        if tensorboard:
            loggers.append(_tensorboard(self.path))
        options: dict[str, Any] = {"precision": precision}
        return lightning.Trainer(
            max_epochs=max_epochs,
            accelerator={"cuda": "gpu"}.get(accelerator, accelerator),
            devices=devices,
            strategy=_strategy(devices),
            use_distributed_sampler=False,  # loaders split their steps themselves
            logger=loggers,
            **options,
            # one file, overwritten after every epoch
            callbacks=[
                *callbacks,
                ModelCheckpoint(self._state, filename="last", enable_version_counter=False),
                RandomState(),
            ],
            enable_progress_bar=progress,
            enable_model_summary=False,
            log_every_n_steps=1,
        )

    def best_epoch(self, monitored: str) -> ModelCheckpoint:
        """A callback that keeps the weights of the epoch with the least value of a metric, until `finish`."""
        return ModelCheckpoint(self._state, filename="best", monitor=monitored, enable_version_counter=False)

    def fit(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        loader: DataLoader[Any],
        held_out: DataLoader[Any] | None = None,
    ) -> None:
        """Train, resuming from the state of an unfinished run; `held_out` is judged after every epoch."""
        with warnings.catch_warnings():
            # graphs are in memory already: worker processes would only copy them
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
            warnings.filterwarnings("ignore", message=".*isinstance.*LeafSpec.*")
            # most runs hold no design out to stop on
            warnings.filterwarnings("ignore", message=".*defined a `validation_step` but have no.*")
            # a frozen encoder is meant to be in eval mode
            warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
            trainer.fit(
                module,
                loader,
                held_out,
                ckpt_path=self._last if self._last.is_file() else None,
                weights_only=True,
            )

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
