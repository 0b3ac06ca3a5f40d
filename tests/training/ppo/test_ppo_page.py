"""docs/internals/ppo.md names every metric, option, probe and fault."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from test_probes import FAULTS, PROBES

from esper.policy.config import PolicyConfig
from esper.telemetry.events import HeadUpdate, PPOMetrics
from esper.training.ppo.config import PPOConfig

PAGE = (Path(__file__).parents[3] / "docs" / "internals" / "ppo.md").read_text(encoding="utf-8")


def test_every_metric_and_option_is_named() -> None:
    names = {item.name for record in (PPOMetrics, HeadUpdate, PPOConfig, PolicyConfig) for item in fields(record)}
    assert {name for name in names if name not in PAGE} == set()


def test_every_probe_and_fault_is_named() -> None:
    names = [probe.__name__ for probe in PROBES] + [fault.name for fault in FAULTS]
    assert [name for name in names if name not in PAGE] == []
