"""What the fleet needs from a host, whatever its family.

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

    A forward pass runs segment 0, whatever grows at point 0, segment 1 and so on, and then classify. The first axis of
    every parameter and buffer is the row, and rows never influence each other.

    topology: the family, which decides what blueprints fit.
    injection_specs: the points in the order in which they are computed.
    """

    topology: Topology
    injection_specs: tuple[InjectionSpec, ...]

    @abstractmethod
    def run_segment(self, index: int, features: Tensor) -> Tensor:
        """The features at injection point index, computed from those at the point before it.

        Segment 0 reads the inputs.

        Inputs are images [R, B, C, H, W], or token numbers [R, B, L].
        """

    @abstractmethod
    def classify(self, features: Tensor) -> Tensor:
        """The logits from the last features: [R, B, classes] for images, [R, B, L, vocabulary] for tokens."""

    @property
    def segments(self) -> int:
        """The number of segments, which is also the number of injection points."""
        return len(self.injection_specs)

    @property
    def parameter_count(self) -> int:
        """The number of parameters of one host."""
        return parameters_per_row(self)
