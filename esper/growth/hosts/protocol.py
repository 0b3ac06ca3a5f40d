"""What the fleet asks of a host, whatever its family.

Legend: R rows (envs), B minibatch, L tokens of a sample.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from esper.contracts.actions import Topology
from esper.growth.hosts.injection import InjectionSpec
from esper.layers.rows import parameters_per_row


class HostProtocol(nn.Module, ABC):
    """R hosts of one build, cut into segments: segment i ends at injection point i.

    A forward pass is segment 0, whatever grows at point 0, segment 1, and so on, then classify. Every parameter and
    buffer has the row as its first axis, and rows never influence each other.

    topology: the family, which decides what blueprints fit.
    injection_specs: the points in the order in which they are computed.
    """

    topology: Topology
    injection_specs: tuple[InjectionSpec, ...]

    @abstractmethod
    def run_segment(self, index: int, features: Tensor) -> Tensor:
        """The features at injection point index, from those at the point before it; segment 0 reads the inputs.

        Inputs are images [R, B, C, H, W], or token numbers [R, B, L].
        """

    @abstractmethod
    def classify(self, features: Tensor) -> Tensor:
        """Logits from the features at the last point: [R, B, classes] of images, [R, B, L, vocabulary] of tokens."""

    @property
    def segments(self) -> int:
        """How many segments there are, and with that injection points."""
        return len(self.injection_specs)

    @property
    def parameter_count(self) -> int:
        """Parameters of one host."""
        return parameters_per_row(self)
