"""One short recorded run that uses every op, blend, blueprint and curve that its host has, and replays."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from esper.cli.main import app
from esper.contracts.actions import (
    CNN_BLUEPRINTS,
    TRANSFORMER_BLUEPRINTS,
    AlphaAlgorithm,
    AlphaCurveChoice,
    Blueprint,
    Op,
    Style,
)
from esper.history import open_recording, read_events, read_history
from esper.history.presets import load_preset, with_overrides
from esper.telemetry.events import CounterfactualMatrixComputed, EventKind, LastAction, SeedFossilized, SeedGerminated
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized
from esper_tui.state.aggregator import Aggregator

LIVELY = [
    "run.rounds=1",
    "run.threads=1",
    "fleet.episode_length=40",
    "fleet.steps_per_epoch=1",
    "fleet.batch_size=16",
    "growth.min_training_epochs=1",
    "growth.min_prune_age=1",
    "growth.embargo_epochs=1",
    "growth.single_incubation=false",
    "policy.layers=2",
    "policy.contribution_head=true",
]


@pytest.mark.parametrize(
    ("preset", "overrides", "blueprints"),
    [
        ("digits", ["fleet.envs=16", "host.base_channels=2", "host.blocks=3"], CNN_BLUEPRINTS),
        (
            "text",
            [
                "fleet.envs=12",
                "host.transformer.width=8",
                "task.context=32",
                "task.validation_fraction=0.01",
                "task.test_fraction=0.01",
            ],
            TRANSFORMER_BLUEPRINTS,
        ),
    ],
)
def test_a_run_that_uses_everything_replays(
    preset: str, overrides: list[str], blueprints: frozenset[Blueprint], tmp_path: Path
) -> None:
    config = with_overrides(load_preset(preset), [*LIVELY, *overrides])
    with open_recording(config, tmp_path) as recording:
        result = train_ppo_vectorized(
            config, RunHooks(hub=recording.hub, run_id=recording.run_id, on_summary=recording.on_summary)
        )
    (metrics,) = (summary.ppo_metrics for summary in result.summaries)
    assert metrics.contribution_error is not None, "seeds were measured, and the contribution head learned from it"
    assert all(op.value is not None for op in metrics.op_values)
    events = read_events(recording.directory.path)
    payloads = [event.payload for event in events]
    done = [payload for payload in payloads if isinstance(payload, LastAction) and payload.success]
    chosen = {(head.head, head.choice) for action in done for head in action.heads if head.relevant}
    germinated = [payload for payload in payloads if isinstance(payload, SeedGerminated)]

    assert {action.op for action in done} == {op.name for op in Op}
    assert {seed.blueprint for seed in germinated} == {blueprint.name.lower() for blueprint in blueprints}
    assert {seed.alpha_algorithm for seed in germinated} == set(AlphaAlgorithm)
    assert {("style", style.name.lower()) for style in Style} <= chosen
    assert {("alpha_curve", curve.name.lower()) for curve in AlphaCurveChoice} <= chosen
    assert any(isinstance(payload, SeedFossilized) for payload in payloads)
    for action in (payload for payload in payloads if isinstance(payload, LastAction)):
        assert {item.name for item in action.op_values if item.value is not None} == set(action.legal_ops)

    ablations = [payload for payload in payloads if isinstance(payload, CounterfactualMatrixComputed)]
    assert {sum(ablation.active) for ablation in ablations} >= {1, 2}
    for ablation in ablations:
        accuracies = {config.slots_on: config.accuracy for config in ablation.configs}
        assert len(accuracies) == 2 ** sum(ablation.active)
        assert ablation.strategy == "full_factorial"
        gained = accuracies[ablation.active] - accuracies[(False,) * len(ablation.active)]
        assert sum(value for value in ablation.shapley if value is not None) == pytest.approx(gained)
        assert [value is not None for value in ablation.shapley] == list(ablation.active)
        assert ablation.compute_ms > 0

    assert read_history(recording.directory.path) == list(result.summaries)
    replayed = Aggregator()
    for event in events:
        replayed.apply(event)
    assert replayed.snapshot().ended is not None
    printed = CliRunner().invoke(app, ["replay", str(recording.directory.path), "--json"])
    assert printed.exit_code == 0
    assert len(printed.stdout.splitlines()) == len(events)
    assert events[-1].kind is EventKind.TRAINING_ENDED
