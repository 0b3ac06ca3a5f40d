"""Observations in a real short run: the normaliser stands still while the fleet acts; what telemetry says of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from esper.history.presets import load_preset, with_overrides
from esper.policy.normalizer import RunningNormalizer
from esper.policy.totals import TensorSum
from esper.telemetry.events import Event, ObservationStats, PPOUpdateCompleted
from esper.telemetry.hub import Hub
from esper.training.ppo.rollout_buffer import RolloutBuffer
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized

ROUNDS, EPOCHS, ENVS = 3, 5, 2


class Updates:
    name = "updates"
    critical = False

    def __init__(self) -> None:
        self.seen: list[PPOUpdateCompleted] = []

    def accept(self, event: Event) -> None:
        if isinstance(event.payload, PPOUpdateCompleted):
            self.seen.append(event.payload)

    def close(self) -> None:
        pass


def run() -> list[ObservationStats]:
    overrides = [f"run.rounds={ROUNDS}", f"fleet.envs={ENVS}", f"fleet.episode_length={EPOCHS}", "run.threads=1"]
    sink, hub = Updates(), Hub()
    hub.add_sink(sink)
    train_ppo_vectorized(
        with_overrides(load_preset("digits"), [*overrides, "fleet.steps_per_epoch=2"]), RunHooks(hub=hub)
    )
    return [update.observations for update in sink.seen]


def test_the_normaliser_stands_still_during_a_rollout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every use of a batch sees the same statistics; then they move once, by the raw observations of that batch."""
    used: list[Tensor] = []
    batches: list[list[Tensor]] = []
    normalize, update = RunningNormalizer.normalize, RunningNormalizer.update

    def watched_normalize(normalizer: RunningNormalizer, features_ed: Tensor) -> Tensor:
        used.append(torch.cat((normalizer.state().mean_d, normalizer.state().variance_d)))
        return normalize(normalizer, features_ed)

    def watched_update(normalizer: RunningNormalizer, features_etd: Tensor, valid_et: Tensor, total: TensorSum) -> None:
        batches.append(used.copy())
        used.clear()
        update(normalizer, features_etd, valid_et, total)

    monkeypatch.setattr(RunningNormalizer, "normalize", watched_normalize)
    monkeypatch.setattr(RunningNormalizer, "update", watched_update)
    run()
    assert [len(batch) for batch in batches] == [EPOCHS] * ROUNDS, "each decision"
    for batch in batches:
        assert all(torch.equal(batch[0], state) for state in batch)
    assert not torch.equal(batches[0][0], batches[1][0])
    assert used == [], "and the update of the policy normalises nothing anew"


def test_what_is_stored_is_what_the_frozen_statistics_give(monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[tuple[Tensor, Tensor]] = []
    states: list[Tensor] = []
    honest, update = RolloutBuffer.tensors, RunningNormalizer.update

    def tensors(buffer: RolloutBuffer):  # type: ignore[no-untyped-def]
        rollout = honest(buffer)
        stored.append((rollout.raw_features_etd.clone(), rollout.features_etd.clone()))
        return rollout

    def watched_update(normalizer: RunningNormalizer, features_etd: Tensor, valid_et: Tensor, total: TensorSum) -> None:
        raw, normal = stored[-1]
        states.append(normalizer.normalize(raw) - normal)
        update(normalizer, features_etd, valid_et, total)

    monkeypatch.setattr(RolloutBuffer, "tensors", tensors)
    monkeypatch.setattr(RunningNormalizer, "update", watched_update)
    run()
    assert len(states) == ROUNDS
    assert all(difference.abs().max() < 1e-5 for difference in states)


def test_a_batch_tells_how_its_observations_lay() -> None:
    seen = run()
    assert len(seen) == ROUNDS
    for stats in seen:
        assert stats.non_finite_share == 0.0
        assert stats.clipped_share is not None
        assert stats.near_clip_share is not None
        assert 0.0 <= stats.clipped_share <= stats.near_clip_share <= 1.0
        assert stats.host_std is not None
        assert stats.host_std > 0.0
        assert stats.drift is not None
        assert 0.0 < stats.drift < 10.0
