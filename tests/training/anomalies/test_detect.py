"""Every rule of the table: what sets it off, what does not, and that the page shows the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_events import OBSERVATIONS

from esper.contracts.actions import CNN_BLUEPRINTS, HEAD_NAMES, PerHead, head_sizes
from esper.contracts.counterfactual import CounterfactualMatrix, MaskedAccuracy
from esper.growth.hosts.kinds import slot_config
from esper.history.presets import load_preset, with_overrides
from esper.policy.config import PolicyConfig
from esper.telemetry.events import AnomalyDetected, AnomalyType, HeadUpdate, PPOMetrics, Severity
from esper.training.anomalies.critic import BLIND_UPDATES, CRITIC_RULES, CriticWatch
from esper.training.anomalies.detect import (
    Place,
    accuracy_anomalies,
    memory_anomalies,
    seed_anomalies,
    seed_epoch,
    update_anomalies,
)
from esper.training.anomalies.memory import MemoryReading
from esper.training.anomalies.rules import (
    ENV_RULES,
    HEAD_RULES,
    RUN_RULES,
    SEED_RULES,
    UPDATE_RULES,
    SeedReading,
    least_entropy_share,
)
from esper.training.anomalies.trends import TREND_RULES
from esper.training.config import TrainingConfig
from esper.training.ppo.skipped_updates import SkipCause

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
CONFIG = TrainingConfig(policy=PolicyConfig(probability_floors=PerHead.same(0.12)))
FLOORS = dict(zip(HEAD_NAMES, CONFIG.policy.probability_floors.in_order(), strict=True))
SLOTS = slot_config(CONFIG.host).num_slots
SIZES = {**dict(zip(HEAD_NAMES, head_sizes(SLOTS), strict=True)), "blueprint": len(CNN_BLUEPRINTS)}

HEALTHY = PPOMetrics(
    skipped=False,
    skip_cause=None,
    policy_loss=0.01,
    value_loss=0.5,
    entropy_loss=0.6,
    total_loss=0.2,
    entropy=0.7,
    kl_divergence=0.01,
    clip_fraction=0.1,
    explained_variance=0.4,
    ratio_max=1.3,
    ratio_min=0.8,
    gradient_norm=0.4,
    learning_rate=3e-4,
    entropy_coef=0.05,
    value_coef=0.5,
    entropy_floor_penalty=0.0,
    op_value_loss=0.4,
    op_values=(),
    contribution_error=None,
    advantage_mean=0.0,
    advantage_std=1.0,
    return_mean=1.0,
    return_std=1.0,
    value_mean=1.0,
    value_std=1.0,
    epochs_run=1,
    early_stopped=False,
    update_time_ms=10.0,
    heads=tuple(
        HeadUpdate(head=name, entropy=0.8, gradient_norm=0.1, ratio_max=1.2, clip_fraction=0.0, relevant_fraction=0.5)
        for name in HEAD_NAMES
    ),
    observations=OBSERVATIONS,
)


def with_head(name: str, **changes: float | None) -> PPOMetrics:
    heads = tuple(replace(head, **changes) if head.head == name else head for head in HEALTHY.heads)
    return replace(HEALTHY, heads=heads)


def alarms(metrics: PPOMetrics, batch: int = 9) -> tuple[AnomalyDetected, ...]:
    return update_anomalies(metrics, batch, CONFIG)


def test_a_healthy_update_raises_no_alarm() -> None:
    assert alarms(HEALTHY, batch=1) == alarms(HEALTHY) == ()


@pytest.mark.parametrize(
    ("field", "value", "rule", "severity"),
    [
        ("skip_cause", SkipCause.RETURNS, "numerical_instability", CRITICAL),
        ("ratio_max", 5.0, "ratio_explosion", WARNING),
        ("ratio_min", 0.1, "ratio_collapse", WARNING),
        ("kl_divergence", 0.1, "kl_spike", WARNING),
        ("kl_divergence", 0.5, "kl_spike", CRITICAL),
        ("value_loss", 5.0, "value_collapse", WARNING),
        ("gradient_norm", 20 * CONFIG.ppo.max_grad_norm, "gradient_explosion", WARNING),
        ("gradient_norm", 200 * CONFIG.ppo.max_grad_norm, "gradient_explosion", CRITICAL),
    ],
)
def test_each_rule_of_an_update_fires_on_its_own_figure(
    field: str, value: float | str, rule: str, severity: Severity
) -> None:
    (alarm,) = alarms(replace(HEALTHY, **{field: value}))
    assert (alarm.rule, alarm.severity, alarm.batch) == (rule, severity, 9)
    assert (alarm.head, alarm.env_id, alarm.slot_id, alarm.epoch) == (None, None, None, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ratio_max", 4.99),
        ("ratio_min", 0.11),
        ("kl_divergence", 0.099),
        ("value_loss", 4.99),
        ("gradient_norm", 19 * CONFIG.ppo.max_grad_norm),
    ],
)
def test_short_of_the_limit_is_silence(field: str, value: float) -> None:
    assert alarms(replace(HEALTHY, **{field: value})) == ()


def test_a_fleet_that_was_lost_before_it_decided_is_no_numerical_fault() -> None:
    assert alarms(replace(HEALTHY, skipped=True, skip_cause=SkipCause.NO_STEPS)) == ()


def test_a_vanished_gradient_is_reported() -> None:
    heads = tuple(replace(head, gradient_norm=1e-8) for head in HEALTHY.heads)
    (alarm,) = alarms(replace(HEALTHY, gradient_norm=1e-7, heads=heads))
    assert (alarm.rule, alarm.anomaly, alarm.severity) == (
        "gradient_vanishing",
        AnomalyType.GRADIENT_PATHOLOGY,
        WARNING,
    )


def test_the_gradient_is_measured_by_the_clip_of_the_run() -> None:
    tighter = with_overrides(CONFIG, ["ppo.max_grad_norm=0.01"])
    (alarm,) = update_anomalies(HEALTHY, 9, tighter)
    assert (alarm.rule, alarm.value) == ("gradient_explosion", pytest.approx(40.0))


def test_an_untrained_critic_raises_no_alarm() -> None:
    assert alarms(replace(HEALTHY, value_loss=7.0), batch=4) == ()


@pytest.mark.parametrize("head", HEAD_NAMES)
def test_a_head_that_had_choices_and_got_no_gradient_is_dead(head: str) -> None:
    (alarm,) = alarms(with_head(head, gradient_norm=0.0))
    assert (alarm.rule, alarm.head, alarm.severity) == ("dead_head", head, WARNING)
    assert alarms(with_head(head, gradient_norm=0.0, entropy=None)) == (), "it had no choice"


def floored_entropy(favourite: float, floor: float, legal: int) -> float:
    """Share of the maximum entropy of a head that puts favourite on one choice before its floor is laid under."""
    rest = (1 - favourite) / (legal - 1)
    shares = [(1 - floor) * share + floor / legal for share in (favourite, *[rest] * (legal - 1))]
    return -sum(share * math.log(share) for share in shares if share > 0) / math.log(legal)


@pytest.mark.parametrize("head", HEAD_NAMES)
def test_a_head_with_one_favourite_is_critical_whatever_its_mask_and_floor(head: str) -> None:
    """The floor alone keeps entropy far above 0.1, so a limit on entropy itself would never be reached."""
    for legal in range(2, SIZES[head] + 1):
        collapsed = floored_entropy(1.0, FLOORS[head], legal)
        assert collapsed > 0.1
        (alarm,) = alarms(with_head(head, entropy=collapsed))
        assert (alarm.rule, alarm.head, alarm.severity) == ("entropy_collapse", head, CRITICAL)


@pytest.mark.parametrize("head", HEAD_NAMES)
def test_a_head_that_narrows_is_a_warning_before(head: str) -> None:
    found = {
        alarm.severity if (alarm := next(iter(alarms(with_head(head, entropy=entropy))), None)) else None
        for favourite in (0.3, 0.8, 0.9, 0.95, 0.97, 1.0)
        for entropy in [floored_entropy(favourite, FLOORS[head], SIZES[head])]
    }
    assert found == {None, WARNING, CRITICAL}


@given(floor=st.floats(1e-6, 0.9), choices=st.integers(2, 30))
def test_the_least_entropy_is_that_of_one_favourite(floor: float, choices: int) -> None:
    assert least_entropy_share(floor, choices) == pytest.approx(floored_entropy(1.0, floor, choices), abs=1e-9)
    assert 0.0 < least_entropy_share(floor, choices) < 1.0


def test_what_was_not_measured_raises_no_alarm() -> None:
    heads = tuple(replace(head, entropy=None, gradient_norm=None, ratio_max=None) for head in HEALTHY.heads)
    unmeasured = replace(
        HEALTHY, ratio_max=None, ratio_min=None, kl_divergence=None, value_loss=None, gradient_norm=None, heads=heads
    )
    assert alarms(unmeasured) == ()


def matrix(main: float, first_off: float, second_off: float, none: float, **changes: object) -> CounterfactualMatrix:
    made = CounterfactualMatrix(
        active=(True, True),
        committed=(False, False),
        measurements=tuple(
            MaskedAccuracy(slots_on=mask, accuracy=accuracy)
            for mask, accuracy in {
                (True, True): main,
                (False, True): first_off,
                (True, False): second_off,
                (False, False): none,
            }.items()
        ),
    )
    return replace(made, **changes)


def suspects(seen: CounterfactualMatrix, prediction: float = 0.01) -> list[tuple[str, str | None, Severity]]:
    """What is told of both seeds once the same was seen three times; one validation prediction is this many points."""
    found: list[AnomalyDetected] = []
    for slot, slot_id in enumerate(("r0c0", "r0c1")):
        now = seed_epoch(seen, slot)
        reading = SeedReading(epochs=() if now is None else (now,) * 3, prediction=prediction)
        found += seed_anomalies(reading, Place(batch=1, batches=20, epoch=5, env_id=3, slot_id=slot_id))
    assert all((alarm.env_id, alarm.epoch, alarm.anomaly) == (3, 5, AnomalyType.REWARD_HACKING) for alarm in found)
    return [(alarm.rule, alarm.slot_id, alarm.severity) for alarm in found]


@pytest.mark.parametrize(
    ("main", "first_off", "none", "expected"),
    [
        (60.0, 50.0, 58.0, ("attribution_ratio", WARNING)),
        (60.0, 50.0, 58.1, ("attribution_ratio", WARNING)),
        (60.0, 50.0, 57.9, None),
        (60.0, 59.0, 59.9, None),  # c of a point or less is noise, however small I is
        (60.0, 59.8, 60.5, ("ransomware", WARNING)),
        (60.0, 58.0, 60.5, ("ransomware", CRITICAL)),
        (60.0, 58.0, 60.1, None),
        (60.0, 60.0, 65.0, None),  # it harms, but the host does not depend on it
    ],
)
def test_reward_hacking(main: float, first_off: float, none: float, expected: tuple[str, Severity] | None) -> None:
    found = suspects(matrix(main, first_off, main, none))
    assert found == ([] if expected is None else [(expected[0], "r0c0", expected[1])])


def test_a_fossilised_seed_earns_and_is_judged() -> None:
    ransom = matrix(60.0, 50.0, 60.0, 65.0, committed=(True, False))
    assert suspects(ransom) == [("ransomware", "r0c0", CRITICAL)]


@pytest.mark.parametrize(("prediction", "told"), [(0.2, True), (0.3, False)])
def test_a_difference_of_two_predictions_shows_nothing(prediction: float, told: bool) -> None:
    """The seed claims half a point, and both seeds together do half a point of harm."""
    assert bool(suspects(matrix(60.0, 59.5, 60.0, 60.5), prediction)) is told
    assert suspects(matrix(60.0, 50.0, 60.0, 60.5), 0.3) == []
    assert suspects(matrix(60.0, 59.5, 60.0, 70.0), 0.3) == []


def test_seeds_that_earn_nothing_are_not_suspected() -> None:
    ransom = matrix(60.0, 50.0, 60.0, 65.0)
    assert suspects(replace(ransom, measurements=ransom.measurements[:1])) == [], "nothing was switched off"
    alone = CounterfactualMatrix(
        active=(True, False),
        committed=(False, False),
        measurements=(
            MaskedAccuracy(slots_on=(True, False), accuracy=60.0),
            MaskedAccuracy(slots_on=(False, False), accuracy=50.0),
        ),
    )
    assert suspects(alone) == [], "what a lone seed claims is what all seeds bring"


def drops(accuracy: float, earlier: Sequence[float], batch: int = 10) -> list[float]:
    found = accuracy_anomalies(accuracy, earlier, env_id=2, batch=batch, batches=20)
    assert all((alarm.env_id, alarm.severity) == (2, WARNING) for alarm in found)
    return [alarm.value for alarm in found]


@pytest.mark.parametrize(
    ("accuracy", "earlier", "expected"),
    [
        (72.0, [80.0] * 4, [pytest.approx(0.1)]),
        (72.1, [80.0] * 4, []),
        (36.0, [40.0] * 4, [pytest.approx(0.1)]),  # relative: as many percent, fewer points
        (60.0, [90.0, 60.0, 75.0, 75.0], []),  # no larger than the usual scatter
        (10.0, [80.0, 80.0], []),  # two batches say little about what is usual
    ],
)
def test_performance_degradation(accuracy: float, earlier: list[float], expected: list[float]) -> None:
    assert drops(accuracy, earlier) == expected


def test_performance_is_not_judged_in_the_first_tenth_of_the_run() -> None:
    assert drops(10.0, [80.0] * 3, batch=2) == []
    assert drops(10.0, [80.0] * 3, batch=3) != []


def test_memory() -> None:
    (alarm,) = memory_anomalies(MemoryReading(used=85, total=100), 1, 20)
    assert (alarm.anomaly, alarm.value, alarm.severity) == (AnomalyType.MEMORY, 0.85, WARNING)
    assert memory_anomalies(MemoryReading(used=84, total=100), 1, 20) == ()
    assert memory_anomalies(None, 1, 20) == ()


def critic_alarms(updates: list[PPOMetrics], batch: int = 20) -> list[str]:
    """What the last of these updates of a run of 20 batches leads to."""
    watch = CriticWatch(batches=20)
    for one in updates[:-1]:
        watch.remember(one)
    return [alarm.rule for alarm in watch.after_update(batch, updates[-1])]


def test_a_critic_is_blind_if_none_of_five_updates_explained_anything() -> None:
    blind = [replace(HEALTHY, explained_variance=value) for value in (0.1, -0.6, 0.0, 0.02, 0.09)]
    assert critic_alarms(blind) == ["critic_blind"]
    assert critic_alarms([*blind, replace(HEALTHY, explained_variance=0.3)]) == []
    assert critic_alarms(blind[1:]) == [], "four updates do not make five"
    assert critic_alarms([replace(HEALTHY, explained_variance=None), *blind[1:]]) == []
    assert critic_alarms(blind, batch=10) == [], "a critic has half of the run to learn"


def test_values_are_adrift_if_they_stay_away_from_the_returns() -> None:
    away = replace(HEALTHY, explained_variance=0.9, return_mean=1.0, return_std=2.0, value_mean=7.0)
    assert critic_alarms([away] * BLIND_UPDATES) == ["values_adrift"]
    assert critic_alarms([replace(away, value_mean=6.9), *[away] * 4]) == []
    assert critic_alarms([replace(away, return_std=0.0), *[away] * 4]) == []


EVERY_RULE = (*UPDATE_RULES, *HEAD_RULES, *CRITIC_RULES, *SEED_RULES, *ENV_RULES, *RUN_RULES)


def test_every_kind_of_anomaly_has_a_rule_and_every_rule_a_limit() -> None:
    assert {rule.anomaly for rule in EVERY_RULE} == set(AnomalyType)
    assert len({rule.name for rule in EVERY_RULE}) == len(EVERY_RULE)
    assert all(rule.warning is not None or rule.critical is not None for rule in EVERY_RULE)


def limit(value: float | None, above: bool) -> str:
    return "–" if value is None else f"{'≥' if above else '≤'} {value:g}"


def silence(first_batch: int, share: float) -> str:
    if share:
        return f"first {share:.0%} of the batches"
    return "–" if first_batch == 1 else f"before batch {first_batch}"


def test_the_documented_table_is_that_of_the_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "anomalies.md").read_text(encoding="utf-8")
    rows = [
        f"| {rule.name} | {rule.anomaly.value} | {rule.formula} | {rule.unit} | {limit(rule.warning, rule.above)} | "
        f"{limit(rule.critical, rule.above)} | {silence(rule.first_batch, rule.quiet_share)} | {rule.source} | "
        f"{rule.meaning} |"
        for rule in EVERY_RULE
    ]
    rows += [
        f"| {rule.trend.value} | {rule.formula} | {rule.setting} | {rule.severity.value} | {rule.meaning} |"
        for rule in TREND_RULES
    ]
    titles = ("| rule", "| trend", "| ---")
    assert [line for line in page.splitlines() if line.startswith("| ") and not line.startswith(titles)] == rows


def test_the_presets_are_judged_by_their_own_floors() -> None:
    """A preset without floors: entropy itself is judged."""
    floors = [f"policy.probability_floors.{name}=0" for name in HEAD_NAMES]
    config = with_overrides(load_preset("digits"), floors)
    assert update_anomalies(with_head("op", entropy=0.31), 9, config) == ()
    (alarm,) = update_anomalies(with_head("op", entropy=0.29), 9, config)
    assert (alarm.severity, alarm.value) == (WARNING, pytest.approx(0.29))
