"""Small recorded runs."""

from __future__ import annotations

from pathlib import Path

from esper.history.presets import load_preset, with_overrides
from esper.history.recording import open_recording
from esper.training.config import TrainingConfig
from esper.training.vectorized_trainer import RunHooks, TrainingResult, train_ppo_vectorized

SHORT = (
    "run.threads=1",
    "fleet.envs=2",
    "fleet.episode_length=4",
    "policy.hidden_size=16",
    "policy.feature_size=16",
    "policy.floor_anneal_episodes=4",
    # Schedules, so that it matters how far they have come.
    "ppo.value_warmup_batches=10",
    "ppo.entropy_anneal_episodes=40",
    "ppo.entropy_coef_end=0.01",
)


def short_config(*overrides: str) -> TrainingConfig:
    return with_overrides(load_preset("digits_impaired"), [*SHORT, *overrides])


def record(config: TrainingConfig, runs_dir: Path) -> tuple[Path, TrainingResult]:
    """A recorded run, with its checkpoints."""
    with open_recording(config, runs_dir) as recording:
        result = train_ppo_vectorized(
            config,
            RunHooks(
                hub=recording.hub,
                run_id=recording.run_id,
                on_summary=recording.on_summary,
                on_checkpoint=recording.on_checkpoint,
            ),
        )
    return recording.directory.path, result
