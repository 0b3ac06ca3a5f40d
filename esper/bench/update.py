"""`esper bench update`: how much of a run's wall-clock time the PPO update takes, by the run's own phase times."""

from __future__ import annotations

from statistics import median
from typing import Final

import torch

from esper.bench.timing import Comparison, spread
from esper.history.presets import load_preset, with_overrides
from esper.training.config import TrainingConfig
from esper.training.phase_clock import Phase
from esper.training.vectorized_trainer import train_ppo_vectorized
from esper.training.vectorized_types import BatchSummary

CASE: Final = "update-share-digits-E32-T25"
TARGET_PERCENT: Final = 10.0


def measure(name: str, device: torch.device, *, repeats: int) -> tuple[Comparison, ...]:
    """Measure the share in percent, as the median over as many rounds as there are repeats.

    The other side is the target.
    """
    config = with_overrides(load_preset("digits"), ["fleet.envs=32", "fleet.episode_length=25"])
    return (share(name, _for_this_process(config, device, rounds=repeats)),)


def share(name: str, config: TrainingConfig) -> Comparison:
    """Train with this configuration, and compare the update's share with the target."""
    fleet = config.fleet
    percents = [100.0 * _update_share(summary) for summary in train_ppo_vectorized(config).summaries]
    ratios = [TARGET_PERCENT / percent for percent in percents]
    return Comparison(
        bench="update",
        case=name,
        ours=median(percents),
        theirs=TARGET_PERCENT,
        unit="% of wall-clock",
        ratio=median(ratios),
        spread=spread(ratios),
        work=(
            f"preset {config.run.preset}, {fleet.envs} envs, {fleet.episode_length} epochs, "
            f"{config.ppo.epochs} passes per update, {config.run.rounds} rounds"
        ),
    )


def _update_share(summary: BatchSummary) -> float:
    assert summary.timings is not None, "a finished batch has been timed"
    (update,) = (phase for phase in summary.timings.phases if phase.phase == Phase.UPDATE)
    return update.milliseconds / (1e3 * summary.timings.wall_seconds)


def _for_this_process(config: TrainingConfig, device: torch.device, *, rounds: int) -> TrainingConfig:
    """The configuration of a benchmark's run, on its device and with its threads."""
    threads = torch.get_num_threads()
    return with_overrides(config, [f"run.rounds={rounds}", f"run.device={device}", f"run.threads={threads}"])
