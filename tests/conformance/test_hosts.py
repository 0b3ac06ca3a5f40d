"""check_host finds nothing in our own hosts, and finds what is wrong with others."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from esper.conformance.hosts import check_host
from esper.conformance.report import ConformanceReport
from esper.contracts.actions import Topology
from esper.errors import ConfigError
from esper.growth.hosts import kinds as host_kinds
from esper.growth.hosts import registry as hosts
from esper.growth.hosts.cnn import StackedCNNHost
from esper.growth.hosts.config import HostConfig, TransformerConfig
from esper.growth.hosts.kinds import HostKind, cnn_points, slot_config, topology_of, transformer_points
from esper.growth.hosts.registry import HostFactory, register_host
from esper.growth.hosts.transformer import StackedTransformerHost

TINY = TransformerConfig(width=8, heads=2, layers=2, segments=2)


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts that a test registers are gone after it."""
    monkeypatch.setattr(host_kinds.KINDS, "_parts", dict(host_kinds.KINDS._parts))
    monkeypatch.setattr(hosts, "_FACTORIES", dict(hosts._FACTORIES))


def images(kind: str = "cnn", **values: object) -> ConformanceReport:
    return check_host(HostConfig(kind=kind, base_channels=4, **values), input_shape=(1, 8, 8), num_classes=5)


def tokens(kind: str = "transformer") -> ConformanceReport:
    return check_host(HostConfig(kind=kind, transformer=TINY), input_shape=(6,), num_classes=11)


def register(build: HostFactory, topology: Topology = Topology.CNN) -> None:
    images = topology is Topology.CNN
    register_host(
        HostKind(
            name="mine",
            description="for this test",
            topology=topology,
            sample_dims=3 if images else 1,
            points=cnn_points if images else transformer_points,
        ),
        build,
    )


def failures(report: ConformanceReport) -> list[str]:
    return [finding.check for finding in report.findings if not finding.passed]


@pytest.mark.parametrize("injection", ["post_pool", "pre_and_post_pool"])
def test_our_convolutional_host_passes(injection: str) -> None:
    report = images(injection=injection)
    assert report.passed, str(report)
    assert len(report.findings) == 7


def test_our_transformer_passes_and_is_also_asked_whether_it_looks_ahead() -> None:
    report = tokens()
    assert report.passed, str(report)
    assert report.findings[-1].check == "nothing looks ahead"


class DeadHost(StackedCNNHost):
    """Its classifier reads nothing."""

    def classify(self, features: Tensor) -> Tensor:
        return super().classify(features * 0)


class LeakingHost(StackedCNNHost):
    """Each row's logits contain the mean over all rows."""

    def classify(self, features: Tensor) -> Tensor:
        logits = super().classify(features)
        return logits + logits.mean(0, keepdim=True)


class SharedHost(StackedCNNHost):
    """One parameter for all rows."""

    def __init__(self, *arguments: object, **values: object) -> None:
        super().__init__(*arguments, **values)
        self.temperature = nn.Parameter(torch.ones(1))

    def classify(self, features: Tensor) -> Tensor:
        return super().classify(features) * self.temperature


class ProphetHost(StackedTransformerHost):
    """Every token sees the mean of the whole text."""

    def run_segment(self, index: int, features: Tensor) -> Tensor:
        features = super().run_segment(index, features)
        return features + features.mean(2, keepdim=True)


class MoodyHost(StackedCNNHost):
    """Its features are half as large under one algorithm."""

    def run_segment(self, index: int, features: Tensor) -> Tensor:
        features = super().run_segment(index, features)
        return 0.5 * features if self.algorithm == "native" else features


class NarrowHost(StackedCNNHost):
    """Drops half of its channels at the first point."""

    def run_segment(self, index: int, features: Tensor) -> Tensor:
        features = super().run_segment(index, torch.cat([features, features], 2) if index == 1 else features)
        return features[:, :, : features.shape[2] // 2] if index == 0 else features


def test_what_is_wrong_with_a_host_is_named() -> None:
    wrong = {
        DeadHost: "every parameter learns",
        LeakingHost: "rows are apart",
        MoodyHost: "all algorithms agree",
        NarrowHost: "points are as declared",
    }
    for build, check in wrong.items():
        host_kinds.KINDS._parts.pop("mine", None)
        register(build)
        report = images("mine")
        assert check in failures(report), str(report)
        assert f"FAIL  {check}" in str(report)


def test_a_parameter_without_rows_is_named() -> None:
    register(SharedHost)
    (finding,) = [one for one in images("mine").findings if one.check == "the row comes first"]
    assert not finding.passed
    assert "temperature" in finding.detail


def test_a_transformer_that_looks_ahead_is_caught() -> None:
    register(ProphetHost, Topology.TRANSFORMER)
    assert failures(tokens("mine")) == ["nothing looks ahead"]


def test_a_registered_host_is_a_kind_like_any_other() -> None:
    register(StackedCNNHost)
    config = HostConfig(kind="mine", blocks=2)
    assert topology_of(config) is Topology.CNN
    assert slot_config(config).slot_ids == ("r0c0", "r0c1")
    assert check_host(config, input_shape=(1, 8, 8), num_classes=5).passed
    with pytest.raises(ValueError, match="'mine' is already registered"):
        register(StackedCNNHost)
    with pytest.raises(ConfigError, match=r"host\.kind is 'mien': there is no such host; did you mean mine"):
        topology_of(HostConfig(kind="mien"))
