"""A host of your own: the convolutional host with halved logits, checked and then grown."""

from __future__ import annotations

from torch import Tensor

import esper
from esper.conformance.hosts import check_host
from esper.contracts.actions import Topology
from esper.growth.hosts.cnn import StackedCNNHost
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import HostKind, cnn_points, cnn_smallest_minibatch
from esper.growth.hosts.registry import register_host


class CalmHost(StackedCNNHost):
    """Less sure of itself at birth than the host that it is made from."""

    def classify(self, features: Tensor) -> Tensor:
        return 0.5 * super().classify(features)


def main() -> None:
    kind = HostKind(
        name="calm",
        description="a convolutional host with halved logits",
        topology=Topology.CNN,
        sample_dims=3,
        points=cnn_points,
        smallest_minibatch=cnn_smallest_minibatch,
    )
    register_host(kind, CalmHost)
    report = check_host(HostConfig(kind="calm", blocks=2), input_shape=(1, 8, 8), num_classes=10)
    print(report)
    assert report.passed

    # Without an ordinary twin (esper.fleet.plain.registry), the grown networks of this host cannot be kept.
    run = esper.train("digits", rounds=1, envs=2, episode_length=5, set=["host.kind=calm", "run.keep_hosts=none"])
    print(f"{run.summaries[-1].avg_accuracy:.1f} % on the validation split")


if __name__ == "__main__":
    main()
