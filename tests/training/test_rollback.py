"""A host that is lost in the middle of a batch: it alone goes back, is penalised and ends; the others do not notice.

Faults are put into the weights of one row of a real fleet; the trainer has to find out by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest
import torch
from torch import nn

from esper.contracts.seeds import PruneInitiator
from esper.fleet.fleet import Fleet
from esper.fleet.measure import TrainTotals
from esper.fleet.shard import RowSnapshot
from esper.history.presets import load_preset, with_overrides
from esper.telemetry.events import (
    CounterfactualMatrixComputed,
    EpisodeOutcome,
    EpochCompleted,
    Event,
    GovernorRollback,
    LastAction,
    OutcomeType,
    Payload,
    SeedPruned,
)
from esper.telemetry.hub import Hub
from esper.training.ppo.rollout_buffer import RolloutBuffer, RolloutTensors
from esper.training.vectorized_trainer import RunHooks, TrainingResult, train_ppo_vectorized

P = TypeVar("P", bound=Payload)
Fault = Callable[[nn.Module, int], None]

ENVS = 3
EPOCHS = 12
LOST_ENV = 1
FAULT_EPOCH = 8
PENALTY = -10.0


@torch.no_grad()
def nan_in_one_row_of_weights(host: nn.Module, env: int) -> None:
    next(host.parameters())[env, 0] = torch.nan


@torch.no_grad()
def exploding_loss(host: nn.Module, env: int) -> None:
    *_, weight, _bias = host.parameters()
    weight[env] *= 1e4


@torch.no_grad()
def lobotomy(host: nn.Module, env: int) -> None:
    """The host answers the same whatever it is shown."""
    for parameter in host.parameters():
        parameter[env] = 0.0


FAULTS: dict[str, tuple[Fault, int]] = {
    # The fault, and the epochs until the governor acts on it: divergence takes three anomalous epochs in a row.
    "governor_nan": (nan_in_one_row_of_weights, 0),
    "governor_divergence": (exploding_loss, 2),
    "governor_lobotomy": (lobotomy, 0),
}


@dataclass
class Record:
    """What a run did.

    snapshots: (env, epoch after which it was taken, host).
    """

    fleet: Fleet | None = None
    epoch: int = 0
    snapshots: list[tuple[int, int, torch.Tensor]] = field(default_factory=list)
    rollouts: list[RolloutTensors] = field(default_factory=list)
    payloads: list[Payload] = field(default_factory=list)
    result: TrainingResult | None = None

    name = "record"
    critical = False

    def accept(self, event: Event) -> None:
        self.payloads.append(event.payload)

    def close(self) -> None:
        pass

    def of(self, kind: type[P], env: int | None = None) -> list[P]:
        found = [payload for payload in self.payloads if isinstance(payload, kind)]
        return found if env is None else [one for one in found if one.env_id == env]

    @property
    def rollout(self) -> RolloutTensors:
        return self.rollouts[0]

    def host(self, env: int) -> torch.Tensor:
        assert self.fleet is not None
        return self.fleet.snapshot_row(env).host


def untimed(payloads: Sequence[Payload]) -> list[Payload]:
    return [
        replace(payload, compute_ms=0.0) if isinstance(payload, CounterfactualMatrixComputed) else payload
        for payload in payloads
    ]


def run(
    fault: Fault | None, *options: str, fault_epoch: int = FAULT_EPOCH, rows: tuple[int, ...] = (LOST_ENV,)
) -> Record:
    """One batch; the fault hits the weights between training and validation of fault_epoch."""
    record, train, snapshot, tensors = Record(), Fleet.train_epoch, Fleet.snapshot_row, RolloutBuffer.tensors

    def train_epoch(fleet: Fleet, batches: object) -> tuple[TrainTotals, ...]:
        totals = train(fleet, batches)  # type: ignore[arg-type]
        record.fleet, record.epoch = fleet, record.epoch + 1
        if fault is not None and record.epoch == fault_epoch:
            for env in rows:
                fault(fleet._shards[0]._network.host, env)
        return totals

    def snapshot_row(fleet: Fleet, env: int) -> RowSnapshot:
        taken = snapshot(fleet, env)
        record.snapshots.append((env, record.epoch, taken.host))
        return taken

    def read(buffer: RolloutBuffer) -> RolloutTensors:
        seen = tensors(buffer)
        record.rollouts.append(seen)
        return seen

    # Only the loop algorithm computes a row the same way to the bit whatever its neighbours hold.
    overrides = ["run.rounds=1", f"fleet.envs={ENVS}", f"fleet.episode_length={EPOCHS}", "fleet.conv_algorithm=loop"]
    overrides += ["run.threads=1", "governor.min_samples=3", "governor.window=4", "growth.single_incubation=false"]
    overrides += options
    hub = Hub()
    hub.add_sink(record)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fleet, "train_epoch", train_epoch)
        patch.setattr(Fleet, "snapshot_row", snapshot_row)
        patch.setattr(RolloutBuffer, "tensors", read)
        record.result = train_ppo_vectorized(with_overrides(load_preset("digits"), overrides), RunHooks(hub=hub))
    return record


@pytest.fixture(scope="module")
def clean() -> Record:
    torch.set_num_threads(1)
    return run(None)


@pytest.fixture(scope="module", params=FAULTS)
def reason(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def lost(reason: str) -> Record:
    torch.set_num_threads(1)
    return run(FAULTS[reason][0])


@pytest.fixture(scope="module")
def lost_epoch(reason: str) -> int:
    return FAULT_EPOCH + FAULTS[reason][1]


def test_the_governor_finds_the_fault(lost: Record, reason: str, lost_epoch: int) -> None:
    (report,) = lost.of(GovernorRollback)
    assert (report.env_id, report.epoch, report.reason) == (LOST_ENV, lost_epoch, reason)
    last_good = [epoch for env, epoch, _ in lost.snapshots if env == LOST_ENV][-1]
    assert (report.restored_epoch, report.penalty) == (last_good, PENALTY)
    assert report.restored_epoch < FAULT_EPOCH


def test_the_other_envs_do_not_notice(lost: Record, clean: Record) -> None:
    for env in (0, 2):
        for kind in (EpochCompleted, CounterfactualMatrixComputed, SeedPruned, EpisodeOutcome):
            assert untimed(lost.of(kind, env)) == untimed(clean.of(kind, env))
        assert torch.equal(lost.host(env), clean.host(env))
        # Rewards are divided by a deviation that is taken over all envs, so that one number may move.
        decided = [replace(action, reward_normalized=0.0) for action in lost.of(LastAction, env)]
        assert decided == [replace(action, reward_normalized=0.0) for action in clean.of(LastAction, env)]
        for name in ("features_etd", "actions_eth", "log_probs_eth", "values_et", "done_et", "valid_et"):
            assert torch.equal(getattr(lost.rollout, name)[env], getattr(clean.rollout, name)[env]), name


def test_its_episode_ends_with_one_outcome(lost: Record, lost_epoch: int) -> None:
    assert len(lost.of(EpochCompleted, LOST_ENV)) == lost_epoch
    assert len(lost.of(LastAction, LOST_ENV)) == lost_epoch - 1
    (outcome,) = lost.of(EpisodeOutcome, LOST_ENV)
    assert (outcome.outcome, outcome.episode_length) == (OutcomeType.ROLLBACK, lost_epoch)
    assert len(lost.of(EpisodeOutcome)) == ENVS


def test_its_live_seeds_are_pruned_by_the_governor(lost: Record, reason: str) -> None:
    (report,) = lost.of(GovernorRollback)
    own = [item for item in lost.of(SeedPruned, LOST_ENV) if item.initiator is PruneInitiator.GOVERNOR]
    assert report.pruned_slots, "this run has live seeds when it is lost"
    assert tuple(item.slot_id for item in own) == report.pruned_slots
    assert {item.reason for item in own} == {reason}
    (outcome,) = lost.of(EpisodeOutcome, LOST_ENV)
    assert outcome.prunes == len(lost.of(SeedPruned, LOST_ENV))
    assert not [item for item in lost.of(SeedPruned) if item.env_id != LOST_ENV and item.reason == reason]


def test_the_last_good_host_comes_back_without_optimiser_state(lost: Record) -> None:
    good = [host for env, _, host in lost.snapshots if env == LOST_ENV][-1]
    assert torch.equal(lost.host(LOST_ENV), good)
    assert lost.fleet is not None
    (momentum_rp,) = lost.fleet._shards[0]._optimizer._state
    assert momentum_rp[[0, 2]].abs().sum(1).min() > 0
    assert not momentum_rp[LOST_ENV].any()


def test_no_snapshot_holds_a_lost_host(lost: Record, clean: Record) -> None:
    taken = [(epoch, host) for env, epoch, host in lost.snapshots if env == LOST_ENV]
    assert all(epoch < FAULT_EPOCH and host.isfinite().all() and host.any() for epoch, host in taken)
    assert [epoch for epoch, _ in taken] == [
        epoch for env, epoch, _ in clean.snapshots if env == LOST_ENV and epoch < FAULT_EPOCH
    ]
    assert any(epoch >= FAULT_EPOCH for env, epoch, _ in clean.snapshots if env == LOST_ENV)


def test_the_penalty_sits_on_the_last_executed_transition(lost: Record, clean: Record, lost_epoch: int) -> None:
    blamed = lost_epoch - 2  # Index of the step of the epoch before.
    rewards, spared = lost.rollout.rewards_et[LOST_ENV], clean.rollout.rewards_et[LOST_ENV]
    assert rewards[blamed] == PENALTY, "clipped, not divided by the deviation of the rewards"
    # What the diverging host earned before it was lost differs; until the fault nothing does, and nothing is forfeited.
    assert torch.equal(rewards[: FAULT_EPOCH - 2], spared[: FAULT_EPOCH - 2])
    done, truncated = lost.rollout.done_et[LOST_ENV], lost.rollout.truncated_et[LOST_ENV]
    assert done.nonzero().flatten().tolist() == [blamed]
    assert not truncated.any()
    assert lost.rollout.valid_et[LOST_ENV].nonzero().flatten().tolist() == list(range(blamed + 1))


def test_the_raw_log_has_the_penalty_in_place_of_the_last_reward(lost: Record) -> None:
    earned = [action.reward for action in lost.of(LastAction, LOST_ENV)]
    (outcome,) = lost.of(EpisodeOutcome, LOST_ENV)
    assert outcome.episode_reward == pytest.approx(sum(earned[:-1]) + PENALTY)
    assert lost.result is not None
    sums = lost.result.summaries[0].reward_summary[LOST_ENV]
    assert sums.total_reward == pytest.approx(outcome.episode_reward)


def test_the_batch_still_teaches(lost: Record) -> None:
    assert lost.result is not None
    (summary,) = lost.result.summaries
    assert summary.ppo_metrics is not None
    assert not summary.ppo_metrics.skipped


def test_a_whole_fleet_that_is_lost_at_once_still_ends_the_batch() -> None:
    record = run(nan_in_one_row_of_weights, fault_epoch=1, rows=(0, 1, 2))
    assert record.of(LastAction) == []
    assert [report.penalty for report in record.of(GovernorRollback)] == [None] * ENVS
    assert [report.restored_epoch for report in record.of(GovernorRollback)] == [0] * ENVS
    assert [outcome.episode_reward for outcome in record.of(EpisodeOutcome)] == [0.0] * ENVS
    assert record.result is not None
    (summary,) = record.result.summaries
    assert summary.ppo_metrics is not None
    assert summary.ppo_metrics.skipped


def test_without_the_governor_a_lost_host_is_paid_for_its_losses_to_the_end() -> None:
    """Its episode goes on. Every epoch without a finite loss costs as much as the steepest rise."""
    record = run(nan_in_one_row_of_weights, "governor.enabled=false", "reward.family=loss")
    assert record.of(GovernorRollback) == []
    progress = [
        term.value
        for action in record.of(LastAction, LOST_ENV)
        for term in action.reward_terms
        if term.name == "loss_progress"
    ]
    assert progress[FAULT_EPOCH - 1 :] == [-25.0] * (EPOCHS - FAULT_EPOCH + 1)
    assert record.result is not None
    (summary,) = record.result.summaries
    assert summary.ppo_metrics is not None
    assert not summary.ppo_metrics.skipped
