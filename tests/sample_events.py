"""Payloads that several tests start from; a test replaces the fields that it is about."""

from __future__ import annotations

from typing import Final

from esper.telemetry.events import ObservationStats, TrainingStarted

STARTED: Final = TrainingStarted(
    run_id="run",
    package_version="0.1.0",
    preset="digits",
    task="digits",
    host_params=1442,
    slot_ids=("r0c0", "r0c1"),
    n_envs=2,
    max_epochs=3,
    max_batches=2,
    start_batch=1,
    steps_per_epoch=17,
    num_classes=10,
    seed=42,
    device="cpu",
    threads=1,
    reward_mode="shaped",
    reward_family="contribution",
    learning_rate=1e-3,
    clip_ratio=0.2,
    entropy_coef=0.05,
    blueprints=None,
    conv_algorithm="grouped",
    blas=None,
    data_digest=None,
)
OBSERVATIONS: Final = ObservationStats(
    host_mean=0.1,
    host_std=0.9,
    slot_mean=0.0,
    slot_std=0.8,
    outlier_share=0.01,
    near_clip_share=0.0,
    clipped_share=0.0,
    non_finite_share=0.0,
    drift=0.2,
)
