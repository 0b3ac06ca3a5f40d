"""One batch of experience: the whole fleet for T host epochs, with each group's controller deciding for its own envs.

Legend: E envs, T epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from esper.telemetry.events import OperatorOrdered
from esper.telemetry.hub import Hub
from esper.training.episode.group_rollout import GroupRollout
from esper.training.episode.orders import OrderBook
from esper.training.episode.world import BatchWorld
from esper.training.group import Group, groups_of_envs
from esper.training.phase_clock import Phase, PhaseClock
from esper.training.ranks.agreement import may_go_on
from esper.training.ranks.protocol import SINGLE, Ranks
from esper.training.ranks.relay import EventRelay
from esper.training.run_control import RunControl


def _nothing() -> None:
    """What there is to save of a batch that is no part of a run."""


class Rollout:
    """Runs one batch and leaves its experience with the controllers. groups: one part per policy group."""

    def __init__(
        self,
        groups: Sequence[Group],
        world: BatchWorld,
        *,
        hub: Hub,
        clock: PhaseClock,
        control: RunControl,
        save: Callable[[], None] = _nothing,
        recorded_orders: Sequence[OperatorOrdered] = (),
        ranks: Ranks = SINGLE,
    ) -> None:
        """A batch that has not begun.

        save: writes a checkpoint of the last complete round, when control asks for one.
        recorded_orders: those that an interrupted run had taken in this batch.
        ranks: the processes that play the batch together.
        """
        self._episode_length = groups[0].config.fleet.episode_length
        self.world = world
        self._clock = clock
        self._control = control
        self._save = save
        self._ranks = ranks
        self._orders = OrderBook(
            world.batch, control, hub, groups=groups_of_envs(groups), recorded=recorded_orders, ranks=ranks
        )
        relay = EventRelay(hub, ranks)
        self.groups = tuple(GroupRollout(group, world, self._orders, relay=relay, clock=clock) for group in groups)

    def run(self) -> bool:
        """Play the whole batch. The result is False if a stop was requested and the batch was left unfinished."""
        for epoch in range(1, self._episode_length + 1):
            if not may_go_on(self._control, self._ranks, self._save):
                self._orders.take(epoch)  # They are in the record, and come due when the run goes on.
                return False
            self.train_and_measure()
            self._orders.take(epoch)
            for group in self.groups:
                group.play_epoch(epoch)
        for group in self.groups:
            group.bootstrap()
        self.measure_test()
        return True

    def train_and_measure(self) -> None:
        """Train every host for an epoch, validate and ablate it, and copy the numbers to the CPU."""
        world = self.world
        with self._clock.measure(Phase.TRAIN):
            batches = self._clock.each(Phase.DATA_WAIT, world.source.train(world.data_generators, world.own_data))
            train = world.fleet.train_epoch(batches)
        before = self._clock.seconds(Phase.EVALUATE)
        with self._clock.measure(Phase.EVALUATE):
            evaluation = world.fleet.evaluate(world.source.validation(), ablation=True)
            measurements = world.fleet.collect(train, evaluation)
        evaluation_ms = 1e3 * (self._clock.seconds(Phase.EVALUATE) - before)
        for group in self.groups:
            group.measured(measurements, evaluation_ms)

    def measure_test(self) -> None:
        """Measure every host on the test split at the end of its episode. The result is reported and never fed back."""
        with self._clock.measure(Phase.EVALUATE):
            world = self.world
            evaluation = world.fleet.evaluate(world.source.test(), ablation=False)
            measurements = world.fleet.collect(None, evaluation)
        for group in self.groups:
            group.tested(measurements)
