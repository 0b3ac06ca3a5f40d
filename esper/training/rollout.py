"""One batch of experience: E envs for T host epochs, every decision taken, rewarded, recorded and stored.

Legend: E envs, T epochs, S slots, H action heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from esper.fleet.fleet import Fleet
from esper.growth.lifecycle_events import Fossilized, Germinated, Pruned
from esper.policy.acting import Decision
from esper.policy.masks import build_masks
from esper.policy.observations import Observation, build_observations
from esper.policy.signals import EnvSignals, after_action, after_epoch
from esper.rewards.actions import MIN_FOSSILIZE_CONTRIBUTION
from esper.tasks.batches import BatchSource
from esper.telemetry.events import EpochCompleted, Severity
from esper.telemetry.hub import Hub
from esper.training.action_decoding import decode_action, mask_flags
from esper.training.agent import Agent
from esper.training.config import TrainingConfig
from esper.training.decision_reporting import last_action_payload
from esper.training.env_episode import EnvEpisode
from esper.training.garden import Garden, SlotEvent
from esper.training.governor import LossWindow
from esper.training.measuring import seed_measurement
from esper.training.oversight import Oversight
from esper.training.phase_clock import Phase, PhaseClock
from esper.training.reporting import counterfactual_payload, seed_payload, slot_snapshots
from esper.training.reward_step import reward_step
from esper.training.run_control import RunControl
from esper.training.tallies import BatchTallies
from esper.training.vectorized_types import ActionSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchWorld:
    """What one batch trains: fresh hosts, their seeds, their data and the random streams of this batch."""

    batch: int
    fleet: Fleet
    garden: Garden
    source: BatchSource
    random_guess_loss: float
    data_generators: Sequence[torch.Generator]
    policy_generator: torch.Generator


class Rollout:
    """Runs one batch and leaves its experience in the agent's buffer."""

    def __init__(
        self,
        config: TrainingConfig,
        world: BatchWorld,
        agent: Agent,
        *,
        hub: Hub,
        clock: PhaseClock,
        control: RunControl,
    ) -> None:
        self._config = config
        self._world = world
        self._agent = agent
        self._hub = hub
        self._clock = clock
        self._control = control
        self._slot_ids = world.fleet.slot_config.slot_ids
        self._hidden = agent.policy.initial_state(world.fleet.rows)
        self._oversight = Oversight(
            config.governor, fleet=world.fleet, garden=world.garden, random_guess_loss=world.random_guess_loss
        )
        self.tallies = BatchTallies()
        self.episodes = tuple(self._new_episode(env) for env in range(world.fleet.rows))
        self.test_accuracies: tuple[float, ...] = ()

    def run(self) -> bool:
        """Play the whole batch. False: a stop was requested and the batch was left unfinished."""
        for epoch in range(1, self._config.fleet.episode_length + 1):
            self._control.wait_while_paused()
            if self._control.stop_requested:
                return False
            self._train_and_measure()
            for episode in self._running():
                self._record(episode, epoch)
            self._decide_and_execute(epoch)
        self._bootstrap()
        self._measure_test()
        return True

    def _running(self) -> list[EnvEpisode]:
        return [episode for episode in self.episodes if episode.running]

    def _new_episode(self, env: int) -> EnvEpisode:
        return EnvEpisode(
            env_id=env,
            signals=EnvSignals.initial(self._config.fleet.episode_length),
            loss_window=LossWindow(),
            last_good=self._world.fleet.snapshot_row(env),
            rewards=[],
            accuracies=[],
        )

    def _train_and_measure(self) -> None:
        """Train every host for an epoch, validate and ablate it, and bring the numbers to the CPU."""
        world = self._world
        with self._clock.measure(Phase.TRAIN):
            train = world.fleet.train_epoch(world.source.train(world.data_generators))
        with self._clock.measure(Phase.EVALUATE):
            evaluation = world.fleet.evaluate(world.source.validation(), ablation=True)
            measurements = world.fleet.collect(train, evaluation)
        for episode in self._running():
            episode.measurement = measurements[episode.env_id]

    def _record(self, episode: EnvEpisode, epoch: int) -> None:
        """Write an epoch's measurements into an env's state, let the governor look, and report."""
        env, measured, garden = episode.env_id, episode.measured, self._world.garden
        episode.epochs = epoch
        episode.accuracies.append(measured.val_accuracy)
        episode.signals = after_epoch(episode.signals, val_loss=measured.val_loss, val_accuracy=measured.val_accuracy)
        for slot, info in enumerate(garden.infos(env)):
            if info is not None:
                garden.record(env, slot, seed_measurement(measured, slot))
        self._report_epoch(episode, epoch)
        rollback = self._oversight.examine(episode, batch=self._world.batch, epoch=epoch)
        if rollback is not None:
            self.tallies.rollbacks += 1
            self._agent.penalise(episode)
            self._hub.emit(rollback.report, severity=Severity.CRITICAL)
            self._emit_seed_events(episode, rollback.seed_events)

    def _report_epoch(self, episode: EnvEpisode, epoch: int) -> None:
        env, measured, batch, garden = episode.env_id, episode.measured, self._world.batch, self._world.garden
        assert measured.train_loss is not None
        assert measured.train_accuracy is not None
        assert measured.host_grad_norm is not None
        with self._clock.measure(Phase.TELEMETRY):
            if any(measured.counterfactual.active):
                self._hub.emit(counterfactual_payload(env, batch, epoch, self._slot_ids, measured.counterfactual))
            self._hub.emit(
                EpochCompleted(
                    env_id=env,
                    batch=batch,
                    epoch=epoch,
                    train_loss=measured.train_loss,
                    train_accuracy=measured.train_accuracy,
                    val_loss=measured.val_loss,
                    val_accuracy=measured.val_accuracy,
                    host_grad_norm=measured.host_grad_norm,
                    total_params=garden.total_params(env),
                    host_params=self._world.fleet.host_parameter_count,
                    slots=slot_snapshots(garden.infos(env)),
                )
            )

    def _observe(self) -> Observation:
        """Raw observations of every env, on the CPU."""
        garden = self._world.garden
        return build_observations(
            [episode.signals for episode in self.episodes],
            [garden.infos(episode.env_id) for episode in self.episodes],
        )

    def _decide_and_execute(self, epoch: int) -> None:
        """Ask the policy for every env, carry the actions out, pay for them and store the step."""
        agent = self._agent
        active = [episode.running for episode in self.episodes]
        with self._clock.measure(Phase.OBSERVE):
            raw = self._observe()
            views = [self._world.garden.view(episode.env_id) for episode in self.episodes]
            masks = build_masks(views, self._config.host.topology)
        with self._clock.measure(Phase.ACT):
            observation = agent.normalize(raw)
            step = agent.act(observation, masks, self._hidden, self._world.policy_generator)
            chosen = agent.decisions(step)
        self._hidden = step.hidden
        for episode in self._running():
            with self._clock.measure(Phase.EXECUTE):
                decision = chosen[episode.env_id]
                spec = decode_action(decision.actions, views[episode.env_id], self._world.fleet.slot_config)
                self._execute(episode, spec, decision)
            with self._clock.measure(Phase.TELEMETRY):
                self._report_decision(episode, spec, decision, epoch)
        with self._clock.measure(Phase.ACT):
            last = epoch == self._config.fleet.episode_length
            agent.store(
                epoch - 1,
                raw=raw,
                observation=observation,
                step=step,
                rewards=[episode.outcome.reward_normalized for episode in self.episodes],
                last=last,
                active=active,
            )

    def _execute(self, episode: EnvEpisode, spec: ActionSpec, decision: Decision) -> None:
        """Change the slot, let the clock tick once, and pay for the step."""
        env, garden = episode.env_id, self._world.garden
        before = garden.infos(env)
        execution = garden.execute(env, spec, episode.measured.val_accuracy)
        events = execution.events + garden.tick(env)
        success = execution.refused is None
        components = reward_step(
            episode,
            spec,
            config=self._config,
            normalizer=self._agent.reward_normalizer,
            slot_ids=self._slot_ids,
            before=before,
            after=garden.infos(env),
            success=success,
            host_params=self._world.fleet.host_parameter_count,
            random_guess_loss=self._world.random_guess_loss,
        )
        episode.outcome.action_success = success
        episode.outcome.action_name = spec.op.name
        episode.outcome.refusal = execution.refused
        episode.signals = after_action(episode.signals, op=spec.op, success=success)
        flags = mask_flags([head.masked for head in decision.heads])
        self.tallies.count_decision(spec.op, success=success, flags=flags, components=components)
        self._count_seed_events(episode, events)
        self._emit_seed_events(episode, events)

    def _report_decision(self, episode: EnvEpisode, spec: ActionSpec, decision: Decision, epoch: int) -> None:
        self._hub.emit(
            last_action_payload(
                decision,
                spec,
                episode.outcome,
                env_id=episode.env_id,
                batch=self._world.batch,
                epoch=epoch,
                slot_ids=self._slot_ids,
            )
        )

    def _count_seed_events(self, episode: EnvEpisode, events: Sequence[SlotEvent]) -> None:
        for happened in events:
            match happened.event:
                case Germinated():
                    self.tallies.germinated += 1
                case Pruned():
                    self.tallies.pruned += 1
                    episode.prunes += 1
                case Fossilized(contribution=contribution):
                    self.tallies.fossilized += 1
                    episode.snapshot_due = True
                    if contribution is not None and contribution >= MIN_FOSSILIZE_CONTRIBUTION:
                        episode.contributing_fossilized += 1
                case _:
                    pass

    def _emit_seed_events(self, episode: EnvEpisode, events: Sequence[SlotEvent]) -> None:
        with self._clock.measure(Phase.TELEMETRY):
            for happened in events:
                self._hub.emit(seed_payload(episode.env_id, self._slot_ids, happened))

    def _bootstrap(self) -> None:
        """Value of the states that the last actions led to, for episodes that ran out of time."""
        if self._config.ppo.horizon == "terminate":
            return
        with self._clock.measure(Phase.ACT):
            self._agent.store_bootstrap(self._config.fleet.episode_length - 1, self._observe(), self._hidden)

    def _measure_test(self) -> None:
        """Accuracy on the test split of every host at the end of its episode. Reported, never fed back."""
        with self._clock.measure(Phase.EVALUATE):
            world = self._world
            evaluation = world.fleet.evaluate(world.source.test(), ablation=False)
            self.test_accuracies = tuple(item.val_accuracy for item in world.fleet.collect(None, evaluation))
