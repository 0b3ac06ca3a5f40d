"""One policy group's part of a batch: its decisions are taken, carried out, rewarded, recorded and handed back.

Legend: E envs of the group that this process trains. An env's place is its index among them. Its env_id is its number
in the whole run, and its row is its index in the fleet.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from esper.contracts.actions import NUM_HEADS
from esper.fleet.measure import EnvMeasurement
from esper.growth.hosts.kinds import topology_of
from esper.growth.lifecycle.events import Fossilized, Germinated, Pruned
from esper.policy.acting import Decision
from esper.policy.legal import legal_choices
from esper.policy.masks import build_masks
from esper.policy.observations import Observation, build_observations
from esper.policy.signals import EnvSignals, after_action, after_epoch
from esper.policy.situation import EnvSituation, Situation
from esper.telemetry.events import CounterfactualMatrixComputed, EpochCompleted, OperatorAct, Payload, Severity
from esper.training.anomalies.watches import SeedWatch
from esper.training.controllers.protocol import StepResult
from esper.training.episode.action_decoding import decode_action, mask_flags
from esper.training.episode.env_episode import EnvEpisode
from esper.training.episode.orders import Obeyed, OrderBook, obey
from esper.training.episode.oversight import Oversight
from esper.training.episode.reward_step import reward_step
from esper.training.episode.seed_measurement import seed_measurement
from esper.training.episode.tallies import BatchTallies
from esper.training.episode.world import BatchWorld
from esper.training.garden import SlotEvent
from esper.training.governor import LossWindow
from esper.training.group import Group
from esper.training.payloads import counterfactual_payload, last_action_payload, seed_payload, slot_snapshots
from esper.training.phase_clock import Phase, PhaseClock
from esper.training.ranks.relay import EventRelay
from esper.training.vectorized_types import ActionSpec


class GroupRollout:
    """The episodes of one group in one batch."""

    def __init__(
        self, group: Group, world: BatchWorld, orders: OrderBook, *, relay: EventRelay, clock: PhaseClock
    ) -> None:
        self.group = group
        self._orders = orders
        self._config = group.config
        self._world = world
        self._controller = group.controller
        self._generator = torch.Generator().manual_seed(world.policy_seed)
        self._relay = relay
        self._reports = relay.target
        self._clock = clock
        self._slot_ids = world.fleet.slot_config.slot_ids
        self._oversight = Oversight(
            group.config.governor, fleet=world.fleet, garden=world.garden, random_guess_loss=world.random_guess_loss
        )
        self._seed_watch = SeedWatch(
            self._slot_ids,
            batch=world.batch,
            batches=group.config.run.rounds,
            validation_predictions=world.source.validation_predictions,
        )
        self.tallies = BatchTallies()
        self.episodes = tuple(self._new_episode(env) for env in group.rows)
        self.test_accuracies: tuple[float, ...] = ()
        self._evaluation_ms = 0.0

    def measured(self, measurements: Sequence[EnvMeasurement], evaluation_ms: float) -> None:
        """Take in this epoch's measurements of the whole fleet, and the duration of the fleet's validation pass."""
        self._evaluation_ms = evaluation_ms
        for episode in self._running():
            episode.measurement = measurements[self._world.fleet.row_of(episode.env_id)]
            episode.control_accuracy = self._control_accuracy(measurements, self._place(episode))

    def _control_accuracy(self, measurements: Sequence[EnvMeasurement], place: int) -> float | None:
        """What the host that started like this env and never grew reaches in the same epoch."""
        controls = self._world.control_rows
        return None if controls is None else measurements[self._world.fleet.row_of(controls[place])].val_accuracy

    def tested(self, measurements: Sequence[EnvMeasurement]) -> None:
        """Take in the whole fleet's measurements on the test split."""
        self.test_accuracies = tuple(
            measurements[self._world.fleet.row_of(env)].val_accuracy for env in self.group.rows
        )

    def play_epoch(self, epoch: int) -> None:
        """Record what this epoch measured, then decide and act on it."""
        situation = self.see(epoch)
        self._relay.deliver()
        with self._clock.measure(Phase.ACT):
            chosen = self._decide(situation)
        self.act(situation, chosen)
        self._relay.deliver()

    def _decide(self, situation: Situation) -> Sequence[Decision]:
        """Ask the controller. Each env has its own place among the draws of the group, whoever trains the others."""
        every, own = self.group.env_ids, self.group.rows
        self._pass_over(own.start - every.start)
        chosen = self._controller.decide(situation, self._generator)
        self._pass_over(every.stop - own.stop)
        return chosen

    def _pass_over(self, envs: int) -> None:
        """Leave out the draws that belong to envs of other ranks."""
        if envs:
            torch.rand(envs, NUM_HEADS, generator=self._generator)

    def see(self, epoch: int) -> Situation:
        """Record what this epoch measured, and return what whoever decides is shown."""
        with self._clock.measure(Phase.OBSERVE):
            for episode in self._running():
                self._record(episode, epoch)
        with self._clock.measure(Phase.OBSERVE):
            return self._situation(epoch)

    def bootstrap(self) -> None:
        """Show the controller the states that its last actions led to."""
        with self._clock.measure(Phase.ACT):
            self._controller.bootstrap(self.observe())

    def _running(self) -> list[EnvEpisode]:
        return [episode for episode in self.episodes if episode.running]

    def _place(self, episode: EnvEpisode) -> int:
        return episode.env_id - self.group.rows.start

    def _emit(self, payload: Payload, severity: Severity = Severity.INFO) -> None:
        self._reports.emit(payload, severity=severity, group_id=self.group.group_id)

    def _new_episode(self, env: int) -> EnvEpisode:
        drawn = self._world.conditions
        conditions = None if drawn is None else drawn[env - self.group.rows.start]
        return EnvEpisode(
            env_id=env,
            signals=EnvSignals.initial(self._config.fleet.episode_length, conditions),
            loss_window=LossWindow(),
            last_good=self._world.fleet.snapshot_row(env),
            rewards=[],
            accuracies=[],
        )

    def _record(self, episode: EnvEpisode, epoch: int) -> None:
        """Write an epoch's measurements into an env's state, let the governor judge them, and report."""
        env, measured, garden = episode.env_id, episode.measured, self._world.garden
        episode.epochs = epoch
        episode.accuracies.append(measured.val_accuracy)
        episode.signals = after_epoch(
            episode.signals,
            val_loss=measured.val_loss,
            val_accuracy=measured.val_accuracy,
            control_accuracy=episode.control_accuracy,
        )
        for slot, info in enumerate(garden.infos(env)):
            if info is not None:
                garden.record(env, slot, seed_measurement(measured, slot))
        self._report_epoch(episode, epoch)
        self._report_suspicions(episode, epoch)
        rollback = self._oversight.examine(episode, batch=self._world.batch, epoch=epoch)
        if rollback is not None:
            self.tallies.rollbacks += 1
            self._penalise(episode)
            self._emit(rollback.report, Severity.CRITICAL)
            self._count_seed_events(episode, rollback.seed_events)
            self._emit_seed_events(episode, rollback.seed_events)

    def _penalise(self, episode: EnvEpisode) -> None:
        """Assign the governor's penalty to the env's last executed step.

        An env that was lost before its first step has no step to blame.
        """
        if not episode.rewards:
            return
        penalty = -self._config.governor.penalty
        episode.penalise(penalty)
        # The penalty is not divided by the rewards' deviation: how bad a lost host is must not depend on what others
        # earn.
        self._controller.penalise(self._place(episode), self.group.reward_normalizer.clip_only(penalty))

    def _report_epoch(self, episode: EnvEpisode, epoch: int) -> None:
        env, measured, batch, garden = episode.env_id, episode.measured, self._world.batch, self._world.garden
        assert measured.train_loss is not None
        assert measured.train_accuracy is not None
        assert measured.host_grad_norm is not None
        with self._clock.measure(Phase.TELEMETRY):
            if any(measured.counterfactual.active):
                self._emit(self._counterfactual(episode, epoch))
            self._emit(
                EpochCompleted(
                    env_id=env,
                    batch=batch,
                    epoch=epoch,
                    train_loss=measured.train_loss,
                    train_accuracy=measured.train_accuracy,
                    val_loss=measured.val_loss,
                    val_accuracy=measured.val_accuracy,
                    host_grad_norm=measured.host_grad_norm,
                    control_accuracy=episode.control_accuracy,
                    total_params=garden.total_params(env),
                    host_params=self._world.fleet.host_parameter_count,
                    slots=slot_snapshots(garden.infos(env)),
                )
            )

    def _counterfactual(self, episode: EnvEpisode, epoch: int) -> CounterfactualMatrixComputed:
        return counterfactual_payload(
            episode.measured.counterfactual,
            env_id=episode.env_id,
            batch=self._world.batch,
            epoch=epoch,
            slot_ids=self._slot_ids,
            strategy=self._config.fleet.ablation,
            compute_ms=self._evaluation_ms,
        )

    def _report_suspicions(self, episode: EnvEpisode, epoch: int) -> None:
        env = episode.env_id
        seeds, matrix = self._world.garden.infos(env), episode.measured.counterfactual
        with self._clock.measure(Phase.TELEMETRY):
            for anomaly in self._seed_watch.after_epoch(env, epoch, matrix, seeds):
                self._emit(anomaly, anomaly.severity)

    def observe(self) -> Observation:
        """The raw observations of the group's envs, on the CPU."""
        garden = self._world.garden
        return build_observations(
            [episode.signals for episode in self.episodes],
            [garden.infos(episode.env_id) for episode in self.episodes],
        )

    def _situation(self, epoch: int) -> Situation:
        """What the controller is shown in this epoch."""
        envs = tuple(
            EnvSituation(
                signals=episode.signals,
                view=self._world.garden.view(episode.env_id),
                counterfactual=episode.measured.counterfactual,
                running=episode.running,
            )
            for episode in self.episodes
        )
        return Situation(
            epoch=epoch,
            max_epochs=self._config.fleet.episode_length,
            observation=self.observe(),
            masks=build_masks([env.view for env in envs], topology_of(self._config.host)),
            envs=envs,
        )

    def act(self, situation: Situation, chosen: Sequence[Decision]) -> None:
        """Carry out one decision per env, pay for the actions and report what became of them."""
        epoch = situation.epoch
        active = tuple(episode.running for episode in self.episodes)
        overridden = [False] * len(active)
        for episode in self._running():
            with self._clock.measure(Phase.EXECUTE):
                place = self._place(episode)
                obeyed = self._obey(episode, situation, chosen[place])
                decision = chosen[place] if obeyed is None else obeyed.decision
                overridden[place] = obeyed is not None and obeyed.by_operator
                spec = decode_action(decision.actions, situation.envs[place].view, self._world.fleet.slot_config)
                self._execute(episode, spec, decision, by_operator=overridden[place])
            with self._clock.measure(Phase.TELEMETRY):
                self._report_decision(episode, spec, decision, situation, None if obeyed is None else obeyed.act)
        with self._clock.measure(Phase.ACT):
            self._controller.record(
                StepResult(
                    epoch=epoch,
                    rewards=tuple(episode.outcome.reward_normalized for episode in self.episodes),
                    last=epoch == self._config.fleet.episode_length,
                    active=active,
                    overridden=tuple(overridden),
                )
            )

    def _obey(self, episode: EnvEpisode, situation: Situation, own: Decision) -> Obeyed | None:
        """What an order of the operator makes of the controller's own decision; None if there is no order."""
        order = self._orders.next_for(episode.env_id)
        if order is None:
            return None
        place = self._place(episode)
        legal = legal_choices(situation.masks, len(self._slot_ids))[place]
        return obey(order, own, legal=legal, view=situation.envs[place].view, slot_ids=self._slot_ids)

    def _execute(self, episode: EnvEpisode, spec: ActionSpec, decision: Decision, *, by_operator: bool) -> None:
        """Change the slot, let the clock tick once, and pay for the step."""
        env, garden = episode.env_id, self._world.garden
        before = garden.infos(env)
        execution = garden.execute(env, spec, episode.measured.val_accuracy)
        events = execution.events + garden.tick(env)
        success = execution.refused is None
        with self._clock.measure(Phase.REWARD):
            components = reward_step(
                episode,
                spec,
                config=self._config,
                normalizer=self.group.reward_normalizer,
                slot_ids=self._slot_ids,
                before=before,
                after=garden.infos(env),
                success=success,
                host_params=self._world.fleet.host_parameter_count,
                random_guess_loss=self._world.random_guess_loss,
                by_operator=by_operator,
            )
        episode.outcome.action_success = success
        episode.outcome.action_name = spec.op.name
        episode.outcome.refusal = execution.refused
        episode.signals = after_action(episode.signals, op=spec.op, success=success)
        flags = mask_flags([head.masked for head in decision.heads])
        self.tallies.count_decision(spec.op, success=success, flags=flags, components=components)
        self._count_seed_events(episode, events)
        self._emit_seed_events(episode, events)

    def _report_decision(
        self,
        episode: EnvEpisode,
        spec: ActionSpec,
        decision: Decision,
        situation: Situation,
        operator: OperatorAct | None,
    ) -> None:
        self._emit(
            last_action_payload(
                decision,
                spec,
                episode.outcome,
                operator=operator,
                view=situation.envs[self._place(episode)].view,
                env_id=episode.env_id,
                batch=self._world.batch,
                epoch=situation.epoch,
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
                    if contribution is not None and contribution >= self._config.growth.min_fossilize_contribution:
                        episode.contributing_fossilized += 1
                case _:
                    pass

    def _emit_seed_events(self, episode: EnvEpisode, events: Sequence[SlotEvent]) -> None:
        with self._clock.measure(Phase.TELEMETRY):
            for happened in events:
                self._emit(seed_payload(episode.env_id, self._slot_ids, happened))
