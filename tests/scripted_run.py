"""A made-up but plausible run, event by event: same arguments, same events."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sample_events import OBSERVATIONS, STARTED

from esper.contracts.actions import HEAD_NAMES, AlphaAlgorithm, AlphaCurve, AlphaMode, Blueprint, Op, head_sizes
from esper.contracts.gates import Gate, GateCheck
from esper.contracts.seeds import PruneInitiator
from esper.contracts.stages import SeedStage
from esper.telemetry.events import (
    ActionDistribution,
    Alternative,
    BatchEpochCompleted,
    BatchStats,
    EpisodeOutcome,
    EpochCompleted,
    Event,
    GovernorRollback,
    HeadChoice,
    HeadUpdate,
    LastAction,
    NamedValue,
    OpCount,
    OutcomeType,
    Payload,
    PhaseTime,
    PPOUpdateCompleted,
    RunEnd,
    SeedFossilized,
    SeedGateEvaluated,
    SeedGerminated,
    SeedPruned,
    SeedStageChanged,
    SlotSnapshot,
    Throughput,
    TrainingEnded,
    TrainingStarted,
)

SLOT_IDS = ("r0c0", "r0c1", "r0c2")
HOST_PARAMS = 6418
START = 1_770_000_000.0
BLUEPRINTS = ("CONV_LIGHT", "ATTENTION", "NORM", "DEPTHWISE")
NEXT_STAGE = {
    SeedStage.GERMINATED: (SeedStage.TRAINING, Gate.G1),
    SeedStage.TRAINING: (SeedStage.BLENDING, Gate.G2),
    SeedStage.BLENDING: (SeedStage.HOLDING, Gate.G3),
    SeedStage.HOLDING: (SeedStage.FOSSILIZED, Gate.G5),
}


@dataclass
class Seed:
    seed_id: str
    blueprint: str
    params: int
    stage: SeedStage = SeedStage.GERMINATED
    epochs: int = 0


@dataclass
class Host:
    accuracy: float = 11.0
    episode_reward: float = 0.0
    best: float = 0.0
    slots: dict[str, Seed] = field(default_factory=dict)


@dataclass
class ScriptedRun:
    """rollback_env: an env that the governor rolls back in the second round.
    nan_env: its loss becomes NaN there.
    """

    envs: int = 4
    epochs: int = 8
    rounds: int = 2
    seed: int = 7
    max_rounds: int | None = None
    rollback_env: int | None = 1
    nan_env: int | None = None
    end: RunEnd | None = RunEnd.FINISHED
    seconds_per_epoch: float = 0.4
    slot_ids: tuple[str, ...] = SLOT_IDS

    def events(self) -> list[Event]:
        random_numbers = random.Random(self.seed)
        time = START
        events: list[Event] = []
        for seconds, payload in self._payloads(random_numbers):
            time += seconds
            events.append(Event(seq=len(events) + 1, time=round(time, 3), payload=payload))
        return events

    def _payloads(self, rng: random.Random) -> Iterator[tuple[float, Payload]]:
        yield 0.0, self._started()
        for batch in range(1, self.rounds + 1):
            yield from self._round(batch, rng)
        if self.end is not None:
            error = "RuntimeError: out of luck" if self.end is RunEnd.FAILED else None
            yield 0.1, TrainingEnded(end=self.end, batches_completed=self.rounds, wall_seconds=12.5, error=error)

    def _started(self) -> TrainingStarted:
        return replace(
            STARTED,
            run_id="20260202-digits-a3f1",
            host_params=HOST_PARAMS,
            slot_ids=self.slot_ids,
            n_envs=self.envs,
            max_epochs=self.epochs,
            max_batches=self.max_rounds or self.rounds,
            steps_per_epoch=9,
            learning_rate=3e-4,
            blueprints=(Blueprint.CONV_LIGHT, Blueprint.NORM),
        )

    def _round(self, batch: int, rng: random.Random) -> Iterator[tuple[float, Payload]]:
        hosts = [Host() for _ in range(self.envs)]
        tally: dict[str, int] = {op.name: 0 for op in Op}
        for epoch in range(1, self.epochs + 1):
            for env_id, host in enumerate(hosts):
                yield self.seconds_per_epoch if env_id == 0 else 0.001, self._epoch(batch, epoch, env_id, host, rng)
            for env_id, host in enumerate(hosts):
                op, slot, payloads = self._act(batch, env_id, host, rng)
                tally[op.name] += 1
                for payload in payloads:
                    yield 0.001, payload
                if batch == 2 and env_id == self.rollback_env and epoch == self.epochs - 2:
                    host.accuracy -= 22.0
                    yield 0.001, self._rollback(batch, epoch, env_id)
                yield 0.001, self._action(batch, epoch, env_id, host, op, slot, rng)
        for env_id, host in enumerate(hosts):
            yield 0.001, self._outcome(batch, env_id, host)
        yield from self._tail(batch, hosts, tally, rng)

    def _epoch(self, batch: int, epoch: int, env_id: int, host: Host, rng: random.Random) -> EpochCompleted:
        host.accuracy += (92.0 - host.accuracy) * 0.2 + rng.uniform(-2.0, 2.0)
        host.best = max(host.best, host.accuracy)
        for seed in host.slots.values():
            seed.epochs += 1
        broken = env_id == self.nan_env and batch == 2 and epoch > 3
        return EpochCompleted(
            env_id=env_id,
            batch=batch,
            epoch=epoch,
            train_loss=2.3 * math.exp(-0.2 * epoch),
            train_accuracy=host.accuracy + 2.0,
            val_loss=math.nan if broken else 2.3 * math.exp(-0.18 * epoch),
            val_accuracy=round(host.accuracy, 3),
            host_grad_norm=0.8,
            total_params=HOST_PARAMS + sum(seed.params for seed in host.slots.values()),
            host_params=HOST_PARAMS,
            slots=tuple(self._slot(name, host.slots[name], rng) for name in self.slot_ids if name in host.slots),
        )

    def _slot(self, slot_id: str, seed: Seed, rng: random.Random) -> SlotSnapshot:
        alphas = {SeedStage.BLENDING: min(1.0, 0.25 * (1 + seed.epochs)), SeedStage.HOLDING: 1.0}
        alpha = 1.0 if seed.stage is SeedStage.FOSSILIZED else alphas.get(seed.stage, 0.0)
        return SlotSnapshot(
            slot_id=slot_id,
            seed_id=seed.seed_id,
            stage=seed.stage,
            blueprint=seed.blueprint,
            params=seed.params,
            epochs_in_stage=seed.epochs,
            epochs_total=seed.epochs,
            alpha=alpha,
            alpha_target=1.0,
            alpha_mode=AlphaMode.HOLD,
            improvement=1.2,
            contribution=round(rng.uniform(-0.5, 2.0), 3) if alpha else None,
            contribution_velocity=None,
            gradient_norm=0.3,
            gradient_health=1.0,
            gradient_ratio=0.9,
        )

    def _act(self, batch: int, env_id: int, host: Host, rng: random.Random) -> tuple[Op, str, list[Payload]]:
        roll, slot = rng.random(), rng.choice(self.slot_ids)
        seed = host.slots.get(slot)
        if seed is None and roll < 0.5:
            seed = Seed(seed_id=f"b{batch}e{env_id}{slot}", blueprint=rng.choice(BLUEPRINTS), params=148)
            host.slots[slot] = seed
            return Op.GERMINATE, slot, [_germinated(env_id, slot, seed)]
        if seed is not None and seed.stage in NEXT_STAGE and roll < 0.6:
            target, gate = NEXT_STAGE[seed.stage]
            passed = rng.random() < 0.8
            payloads: list[Payload] = [_gate(env_id, slot, seed, gate, target, passed)]
            fossilize = target is SeedStage.FOSSILIZED
            if passed:
                payloads.append(_stage(env_id, slot, seed, target))
                if fossilize:
                    payloads.append(_fossilized(env_id, slot, seed))
                seed.stage, seed.epochs = target, 0
            return (Op.FOSSILIZE if fossilize else Op.ADVANCE), slot, payloads
        if seed is not None and seed.stage is SeedStage.TRAINING and roll > 0.9:
            del host.slots[slot]
            return Op.PRUNE, slot, [_pruned(env_id, slot, seed)]
        return Op.WAIT, slot, []

    def _rollback(self, batch: int, epoch: int, env_id: int) -> GovernorRollback:
        return GovernorRollback(
            env_id=env_id,
            batch=batch,
            epoch=epoch,
            reason="divergence",
            loss=14.1,
            threshold=12.0,
            consecutive_panics=3,
            restored_epoch=epoch - 3,
            penalty=-10.0,
            pruned_slots=("r0c1",),
        )

    def _action(
        self, batch: int, epoch: int, env_id: int, host: Host, op: Op, slot: str, rng: random.Random
    ) -> LastAction:
        terms = {
            "bounded_attribution": round(rng.uniform(-0.2, 0.6), 4),
            "compute_rent": -0.031,
            "alpha_shock": round(-rng.uniform(0, 0.02), 4),
            "stage_bonus": 0.05 if op is Op.ADVANCE else 0.0,
        }
        reward = math.fsum(terms.values())
        host.episode_reward += reward
        legal = ("WAIT", "GERMINATE", "PRUNE", "ADVANCE")
        refused = op is Op.FOSSILIZE and rng.random() < 0.5
        return LastAction(
            env_id=env_id,
            batch=batch,
            epoch=epoch,
            op=op.name,
            effective_op="WAIT" if refused else op.name,
            slot_id=slot,
            success=not refused,
            refusal="gate G5: contribution below 0.5" if refused else None,
            heads=_heads(op, slot, rng),
            legal_ops=legal,
            operator=None,
            op_masks=None,
            alternatives=(
                Alternative(op="WAIT", probability=0.18),
                Alternative(op="ADVANCE", probability=0.06),
            ),
            decision_entropy=0.82,
            value_estimate=round(rng.uniform(-0.5, 1.0), 3),
            op_values=tuple(NamedValue(name=op.name, value=0.4 if op.name in legal else None) for op in Op),
            reward=reward,
            reward_normalized=reward / 0.7,
            episode_reward=host.episode_reward,
            reward_terms=(
                *(NamedValue(name=name, value=value) for name, value in terms.items()),
                NamedValue(name="terminal", value=None),
            ),
        )

    def _outcome(self, batch: int, env_id: int, host: Host) -> EpisodeOutcome:
        params = HOST_PARAMS + sum(seed.params for seed in host.slots.values())
        kept = sum(seed.stage is SeedStage.FOSSILIZED for seed in host.slots.values())
        return EpisodeOutcome(
            env_id=env_id,
            batch=batch,
            episode=(batch - 1) * self.envs + env_id + 1,
            episode_length=self.epochs,
            outcome=OutcomeType.SUCCESS if host.accuracy > 80 else OutcomeType.TIMEOUT,
            final_accuracy=host.accuracy,
            test_accuracy=host.accuracy - 1.0,
            best_accuracy=host.best,
            episode_reward=host.episode_reward,
            stability=0.9,
            host_params=HOST_PARAMS,
            total_params=params,
            param_ratio=params / HOST_PARAMS,
            num_fossilized=kept,
            num_contributing_fossilized=kept,
            germinations=2,
            prunes=1,
            reward_mode="shaped",
        )

    def _tail(
        self, batch: int, hosts: list[Host], tally: dict[str, int], rng: random.Random
    ) -> Iterator[tuple[float, Payload]]:
        yield 0.2, _update(batch, rng)
        accuracy = sum(host.accuracy for host in hosts) / len(hosts)
        returns = sorted(host.episode_reward for host in hosts)
        mean_return = sum(returns) / len(returns)
        yield (
            0.001,
            BatchStats(
                batch=batch,
                episodes_completed=batch * self.envs,
                avg_accuracy=accuracy,
                rolling_avg_accuracy=accuracy - 0.5,
                best_accuracy=max(host.best for host in hosts),
                avg_test_accuracy=accuracy - 1.0,
                avg_return=mean_return,
                return_p10=returns[0],
                return_p90=returns[-1],
                entropy=0.92,
                kl_divergence=0.012,
                explained_variance=0.21,
                seeds_created=5,
                seeds_fossilized=1,
                seeds_pruned=2,
                rollbacks=0,
                skipped_update=False,
            ),
        )
        yield (
            0.001,
            BatchEpochCompleted(
                batch=batch,
                max_batches=self.max_rounds or self.rounds,
                episodes_completed=batch * self.envs,
                n_envs=self.envs,
                avg_accuracy=accuracy,
                rolling_avg_accuracy=accuracy - 0.5,
                avg_reward=mean_return,
                env_accuracies=tuple(host.accuracy for host in hosts),
            ),
        )
        ops = tuple(OpCount(op=op, chosen=count, succeeded=count) for op, count in tally.items())
        yield 0.001, ActionDistribution(batch=batch, ops=ops)
        yield (
            0.001,
            Throughput(
                batch=batch,
                wall_ms=3200.0,
                step_time_ms=400.0,
                dataloader_wait_ms=3.0,
                env_epochs_per_second=9.5,
                images_per_second=11_000.0,
                update_ms=180.0,
                phases=(PhaseTime(phase="train", milliseconds=2400.0), PhaseTime(phase="act", milliseconds=300.0)),
            ),
        )


def _heads(op: Op, slot: str, rng: random.Random) -> tuple[HeadChoice, ...]:
    choices = {
        "slot": slot,
        "blueprint": "CONV_LIGHT",
        "style": "SIGMOID_ADD",
        "tempo": "STANDARD",
        "alpha_target": "SEVENTY",
        "alpha_speed": "INSTANT",
        "alpha_curve": "SIGMOID_GENTLE",
        "op": op.name,
    }
    relevant = {"op"} | (set() if op is Op.WAIT else {"slot"})
    if op is Op.GERMINATE:
        relevant |= {"blueprint", "style", "tempo", "alpha_target"}
    heads: list[HeadChoice] = []
    for name, size in zip(HEAD_NAMES, head_sizes(len(SLOT_IDS)), strict=True):
        legal = {"op": 4, "blueprint": 4, "slot": 2}.get(name, size)
        heads.append(
            HeadChoice(
                head=name,
                choice=choices[name],
                probability=round(rng.uniform(0.3, 0.95), 3),
                entropy=round(rng.uniform(0.2, 1.4), 3),
                second=None,
                second_probability=None,
                legal=legal,
                size=size,
                masked=legal < size,
                relevant=name in relevant,
            )
        )
    return tuple(heads)


def _germinated(env_id: int, slot: str, seed: Seed) -> SeedGerminated:
    return SeedGerminated(
        env_id=env_id,
        slot_id=slot,
        seed_id=seed.seed_id,
        blueprint=seed.blueprint,
        params=seed.params,
        tempo_epochs=5,
        alpha_target=0.7,
        alpha_algorithm=AlphaAlgorithm.ADD,
        alpha_curve=AlphaCurve.SIGMOID,
    )


def _gate(env_id: int, slot: str, seed: Seed, gate: Gate, target: SeedStage, passed: bool) -> SeedGateEvaluated:
    checks = (
        GateCheck(name="epochs in stage", value=3.0, threshold=2.0, passed=True),
        GateCheck(name="improvement", value=0.4, threshold=0.5, passed=passed),
    )
    return SeedGateEvaluated(
        env_id=env_id,
        slot_id=slot,
        seed_id=seed.seed_id,
        gate=gate,
        target_stage=target,
        passed=passed,
        score=1.0 if passed else 0.5,
        checks=checks,
    )


def _stage(env_id: int, slot: str, seed: Seed, target: SeedStage) -> SeedStageChanged:
    return SeedStageChanged(
        env_id=env_id,
        slot_id=slot,
        seed_id=seed.seed_id,
        blueprint=seed.blueprint,
        from_stage=seed.stage,
        to_stage=target,
        alpha=0.0,
        accuracy_delta=0.8,
        epochs_in_stage=seed.epochs,
    )


def _fossilized(env_id: int, slot: str, seed: Seed) -> SeedFossilized:
    return SeedFossilized(
        env_id=env_id,
        slot_id=slot,
        seed_id=seed.seed_id,
        blueprint=seed.blueprint,
        params_added=seed.params,
        alpha=1.0,
        epochs_total=12,
        improvement=1.1,
        contribution=0.9,
    )


def _pruned(env_id: int, slot: str, seed: Seed) -> SeedPruned:
    return SeedPruned(
        env_id=env_id,
        slot_id=slot,
        seed_id=seed.seed_id,
        blueprint=seed.blueprint,
        reason="[b]not worth its rent[/x]",
        initiator=PruneInitiator.POLICY,
        epochs_total=6,
        improvement=-0.4,
        contribution=None,
    )


def _update(batch: int, rng: random.Random) -> PPOUpdateCompleted:
    return PPOUpdateCompleted(
        batch=batch,
        skipped=False,
        skip_cause=None,
        policy_loss=-0.01,
        value_loss=round(0.5 / batch, 4),
        entropy_loss=-1.1,
        total_loss=0.3,
        entropy=round(0.95 - 0.02 * batch, 4),
        kl_divergence=round(0.008 + 0.026 * (batch % 2), 4),
        clip_fraction=round(rng.uniform(0.05, 0.2), 4),
        explained_variance=round(0.2 + 0.1 * batch, 4) if batch > 1 else None,
        ratio_max=1.31,
        ratio_min=0.8,
        gradient_norm=1.84,
        learning_rate=3e-4,
        entropy_coef=0.05,
        value_coef=0.5,
        entropy_floor_penalty=0.0,
        op_value_loss=0.4,
        op_values=tuple(NamedValue(name=op.name, value=None if op is Op.PRUNE else 0.5) for op in Op),
        contribution_error=None,
        advantage_mean=0.0,
        advantage_std=1.01,
        return_mean=1.0,
        return_std=0.4,
        value_mean=0.9,
        value_std=0.2,
        epochs_run=1,
        early_stopped=False,
        update_time_ms=182.0,
        heads=tuple(
            HeadUpdate(
                head=name,
                entropy=None if name == "alpha_speed" else round(rng.uniform(0.3, 1.0), 3),
                gradient_norm=None if name == "alpha_speed" else 0.4,
                ratio_max=None if name == "alpha_speed" else 1.2,
                clip_fraction=None if name == "alpha_speed" else 0.1,
                relevant_fraction=0.0 if name == "alpha_speed" else 0.4,
            )
            for name in HEAD_NAMES
        ),
        observations=OBSERVATIONS,
    )
