"""Makes the world of each batch: from a run's configuration to fresh hosts, their data and their random streams."""

from __future__ import annotations

from dataclasses import replace

import torch

from esper.contracts.conditions import Conditions
from esper.contracts.randomness import derive_seed
from esper.errors import ConfigError
from esper.fleet.autotune import AlgorithmChoice, FleetShape, choose_algorithm
from esper.fleet.devices import resolve_device
from esper.fleet.fleet import Fleet
from esper.fleet.thread_choice import settle_threads
from esper.fleet.trial import Trial
from esper.growth.hosts.kinds import topology_of
from esper.growth.hosts.registry import check_host_fits
from esper.tasks.batches import BatchSource
from esper.tasks.data import data_digest
from esper.tasks.own_data import OwnData, own_data
from esper.tasks.registry import load_task
from esper.training.config import TrainingConfig
from esper.training.episode.conditions import draw_conditions
from esper.training.episode.world import BatchWorld
from esper.training.garden import Garden
from esper.training.ranks.protocol import SINGLE, Ranks, own_envs


def random_stream(seed: int, stream: str, number: int) -> torch.Generator:
    """The named random stream of one batch or episode. No stream outlives its batch."""
    return torch.Generator().manual_seed(derive_seed(seed, stream, number))


class WorldMaker:
    """Holds what all batches of a run share: the task's data, where they are served from, and the devices.

    agreed: how the layers of all ranks compute; None in a run of one process, whose fleet knows it.
    """

    def __init__(self, config: TrainingConfig, *, groups: int, ranks: Ranks = SINGLE) -> None:
        """Load the task.

        config: any group's; only what all groups share is read.
        groups: the number of policy groups in the fleet.
        ranks: the processes of the run, which share out its envs.

        Raises:
            ConfigError: the config names a task, device or size that is not available here, a host that cannot read
                the task, or a blueprint that cannot grow in the host.
        """
        self._config = config
        self._groups = groups
        self._envs = own_envs(ranks, config.fleet.envs)
        names = config.run.devices or (config.run.device,)
        self._devices = [resolve_device(name, "run.devices") for name in names]
        data = load_task(config.task, config.run.seed)
        self.data_digest = data_digest(data)
        self.data = data.to(resolve_device(config.run.device))
        if config.variety.changes_data and data.has_tokens:
            raise ConfigError(
                f"variety.label_noise and variety.data_share need labels: task {data.name} has none; leave both empty"
            )
        check_host_fits(config.host, self.data.input_shape, self.data.name, batch_size=config.fleet.batch_size)
        self.source = BatchSource(
            self.data,
            envs=len(self._envs) * (groups + config.fleet.control_hosts),
            batch_size=config.fleet.batch_size,
            evaluation_batch_size=config.fleet.evaluation_batch_size,
            steps=config.fleet.steps_per_epoch,
            augment=config.task.augment,
        )
        self._shape = FleetShape(
            host=config.host,
            input_shape=self.data.input_shape,
            num_classes=self.data.num_classes,
            rows=config.fleet.envs * (groups + config.fleet.control_hosts) // len(self._devices) or 1,
            batch_size=config.fleet.batch_size,
            device=self._devices[0],
        )
        self._fleet = config.fleet
        self.agreed: AlgorithmChoice | None = None
        self._ranks = ranks
        Trial(shape=self._shape, growth=config.growth, fleet=config.fleet).run()

    def settle_threads(self) -> None:
        """Measure whether one thread is as fast as those that are set now, and take it then.

        All ranks compute with as many threads as the first one takes.
        """
        if self._ranks.rank == 0 and len(self._devices) == 1:
            settle_threads(self._shape, self._config.fleet.conv_algorithm)
        if self._ranks.size > 1:
            torch.set_num_threads(self._ranks.from_first(torch.get_num_threads))

    def agree(self) -> None:
        """Let all ranks compute alike: as the first one chooses for all envs of the run together.

        All ranks must call this before the first world is made. A run of one process has nothing to agree on.
        """
        if self._ranks.size == 1:
            return
        setting = self._config.fleet.conv_algorithm
        self.agreed = self._ranks.from_first(lambda: choose_algorithm(self._shape, setting))
        self._fleet = replace(self._config.fleet, conv_algorithm=self.agreed.algorithm)

    def make(self, batch: int) -> BatchWorld:
        """The world of a batch, whose rows are paired: env k of every group starts from the same streams."""
        config = self._config
        first_episode = (batch - 1) * config.fleet.envs
        episodes = [first_episode + env for env in self._envs]
        drawn = [draw_conditions(config.variety, config.run.seed, episode) for episode in episodes]
        conditions = tuple(one for one in drawn if one is not None)
        copies = self._groups + config.fleet.control_hosts
        episodes *= copies
        fleet = Fleet(
            host=config.host,
            growth=config.growth,
            fleet=self._fleet,
            input_shape=self.data.input_shape,
            num_classes=self.data.num_classes,
            devices=self._devices,
            generators=[self._stream("host", episode) for episode in episodes],
            first_env=self._envs.start,
        )
        grown = len(self._envs) * self._groups
        garden = Garden(
            fleet,
            config.growth,
            topology_of(config.host),
            run_seed=config.run.seed,
            first_episode=first_episode,
            group_size=config.fleet.envs,
        )
        if config.fleet.data_order == "shared":
            data_generators = [self._stream("data", batch)]
        else:
            data_generators = [self._stream("data of env", episode) for episode in episodes]
        return BatchWorld(
            batch=batch,
            fleet=fleet,
            garden=garden,
            source=self.source,
            random_guess_loss=self.data.random_guess_loss,
            data_generators=data_generators,
            policy_seed=derive_seed(config.run.seed, "actions", batch),
            control_rows=fleet.envs[grown:] if config.fleet.control_hosts else None,
            conditions=conditions or None,
            own_data=self._own_data(conditions * copies, episodes) if config.variety.changes_data else None,
        )

    def _own_data(self, conditions: tuple[Conditions, ...], episodes: list[int]) -> OwnData:
        """The data of every row, from the stream of its episode."""
        streams = [self._stream("own data", episode) for episode in episodes]
        return own_data(self.data, list(conditions), streams)

    def _stream(self, stream: str, number: int) -> torch.Generator:
        return random_stream(self._config.run.seed, stream, number)
