"""What is known about a grown network beside its tensors: how to build it again, and where it came from.

Nothing here needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from esper.contracts.actions import AlphaAlgorithm, Blueprint
from esper.contracts.stages import SeedStage
from esper.growth.hosts.config import HostConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class GrownSeed:
    """A seed that takes part in a network's output.

    slot_id: the slot in which it grew.
    channels: the width of the features there.
    seed_id: the seed's name in the events of its run.
    blueprint: what it is made of.
    algorithm: how its output is blended into the host's.
    alpha: the strength of the blend, above 0 and at most 1.
    gated: whether it has a gate network.
    stage: how far it had come in its life.
    age: epochs since its germination.
    parameters: the number of its own parameters, including its gate's.
    contribution: its last measured contribution to the validation accuracy, in points; None if it was never measured.
    """

    slot_id: str
    channels: int
    seed_id: str
    blueprint: Blueprint
    algorithm: AlphaAlgorithm
    alpha: float
    gated: bool
    stage: SeedStage
    age: int
    parameters: int
    contribution: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrownHost:
    """A network as its episode left it.

    batch: the round, counted from 1.
    env_id: the env's row in the fleet.
    group_id: the policy group that grew it.
    episode: the number of its episode in the run, from 0.
    task: the data that it was trained on.
    input_shape: the shape of one sample: channels, height and width, or the context length alone.
    num_classes: the number of classes, or the size of the vocabulary.
    mean: what is subtracted from each channel of a stored image; empty for tokens.
    standard_deviation: what each channel is divided by afterwards; empty for tokens.
    host: the host's configuration.
    seeds: the seeds that take part in the output, in slot order.
    parameters: the number of parameters of host and seeds together.
    host_parameters: the number of parameters of the host alone.
    multiply_adds: the number of multiplications in convolutions and matrix products for one sample.
    fleet_test_accuracy: percent of the test split, as the fleet measured it; None if it was not measured.
    validation_accuracy: percent of the validation split, measured on the network as it is saved.
    test_accuracy: percent of the test split, measured on the network as it is saved.
    """

    batch: int
    env_id: int
    group_id: str
    episode: int
    task: str
    input_shape: tuple[int, ...]
    num_classes: int
    mean: tuple[float, ...]
    standard_deviation: tuple[float, ...]
    host: HostConfig
    seeds: tuple[GrownSeed, ...]
    parameters: int
    host_parameters: int
    multiply_adds: int
    fleet_test_accuracy: float | None
    validation_accuracy: float
    test_accuracy: float

    @property
    def name(self) -> str:
        """The name of the network's folder in its run."""
        return host_name(self.batch, self.env_id)


def host_name(batch: int, env_id: int) -> str:
    """The name of a network's folder.

    >>> host_name(12, 3)
    'round-000012-env-003'
    """
    return f"round-{batch:06d}-env-{env_id:03d}"
