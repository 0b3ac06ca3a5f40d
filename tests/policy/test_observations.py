from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from esper.contracts.actions import Op
from esper.contracts.conditions import Conditions
from esper.contracts.constants import GAMMA, UNMEASURED
from esper.contracts.seeds import SeedInfo
from esper.policy.features import BASE_FEATURES, CONDITION_FEATURES, SLOT_FEATURES, SYMLOG_LIMIT, feature_table
from esper.policy.observations import build_observations, observation_size
from esper.policy.signals import EnvSignals, after_action, after_epoch

SLOT_IDS = ("r0c0", "r0c1", "r0c2")
TABLE = feature_table(SLOT_IDS)
LOSSES = st.floats(min_value=0.0) | st.just(float("nan"))


def observe(signals: EnvSignals, slots: tuple[SeedInfo | None, ...] = (None, None, None)) -> dict[str, float]:
    row = build_observations([signals], [slots]).features_ed[0].tolist()
    return {feature.name: value for feature, value in zip(TABLE, row, strict=True)}


def signals_after(*epochs: tuple[float, float]) -> EnvSignals:
    signals = EnvSignals.initial(25)
    for val_loss, val_accuracy in epochs:
        signals = after_epoch(signals, val_loss=val_loss, val_accuracy=val_accuracy)
    return signals


def test_the_table_names_every_feature_once() -> None:
    assert len(TABLE) == observation_size(3) == 117
    assert len({feature.name for feature in TABLE}) == 117


@given(data=st.data())
def test_features_are_finite_and_in_their_declared_range(data: st.DataObject, any_slots: st.SearchStrategy) -> None:
    epochs = data.draw(st.lists(st.tuples(LOSSES, st.floats(0.0, 100.0)), max_size=7))
    slots = data.draw(any_slots)
    row = build_observations([signals_after(*epochs)], [slots]).features_ed[0]
    assert torch.isfinite(row).all()
    for feature, value in zip(TABLE, row.tolist(), strict=True):
        assert feature.low - 1e-6 <= value <= feature.high + 1e-6, feature.name


def test_losses_and_accuracies_are_scaled_and_right_aligned() -> None:
    features = observe(signals_after((2.0, 30.0), (1.0, 50.0)))
    assert features["epoch"] == pytest.approx(2 / 25)
    assert features["val_loss"] == pytest.approx(math.log1p(1.0) / 7)
    assert features["val_loss_0_ago"] == features["val_loss"]
    assert features["val_loss_1_ago"] == pytest.approx(math.log1p(2.0) / 7)
    assert features["val_accuracy_1_ago"] == pytest.approx(0.3)
    assert features["val_loss_2_ago"] == features["val_accuracy_4_ago"] == UNMEASURED


def test_a_diverged_loss_reads_as_bad_as_can_be() -> None:
    assert observe(signals_after((float("nan"), 10.0)))["val_loss"] == SYMLOG_LIMIT
    assert observe(signals_after((float("inf"), 10.0)))["val_loss"] == SYMLOG_LIMIT


def test_the_last_action_and_its_success_are_seen() -> None:
    features = observe(after_action(signals_after((2.0, 30.0)), op=Op.PRUNE, success=False))
    assert [features[f"last_op_{op.name.lower()}"] for op in Op] == [0, 0, 0, 1, 0, 0]
    assert features["last_action_success"] == 0


def test_unmeasured_is_not_a_plausible_number_of_its_own(seed: SeedInfo) -> None:
    features = observe(signals_after((2.0, 30.0)), (seed, None, None))
    assert features["r0c0.contribution"] == 0, "no fallback on an improvement that the host may have made"
    assert features["r0c0.counterfactual_freshness"] == UNMEASURED
    assert features["r0c0.gradient_norm"] == features["r0c0.gradient_vanishing"] == UNMEASURED
    assert features["r0c0.gradient_health"] == 0


def test_measured_seed_features(seed: SeedInfo) -> None:
    measured = replace(seed, contribution=4.0, epochs_since_counterfactual=2, contribution_velocity=-30.0)
    features = observe(signals_after((2.0, 30.0)), (None, measured, None))
    assert features["r0c1.contribution"] == pytest.approx(0.4)
    assert features["r0c1.contribution_velocity"] == -1.0
    assert features["r0c1.counterfactual_freshness"] == pytest.approx(GAMMA**2)
    assert features["r0c1.stage_training"] == 1
    assert features["training_share"] == pytest.approx(1 / 3)


def test_a_seed_is_seen_in_its_own_slot_only(seed: SeedInfo) -> None:
    observation = build_observations([signals_after((2.0, 30.0))] * 2, [(None, seed, None), (None, None, None)])
    differing = {feature.name for feature, a, b in zip(TABLE, *observation.features_ed.tolist(), strict=True) if a != b}
    assert {name for name in differing if "." in name} == {n for n in differing if n.startswith("r0c1.")}
    assert differing - {n for n in differing if "." in n} == {"training_share"}
    assert observation.blueprints_es.tolist() == [[-1, int(seed.blueprint), -1], [-1, -1, -1]]


def test_where_hosts_differ_their_price_and_their_share_of_the_data_follow_and_never_the_noise() -> None:
    def row(conditions: Conditions | None) -> list[float]:
        signals = EnvSignals.initial(25, conditions)
        return build_observations([signals], [(None, None, None)]).features_ed[0].tolist()

    alike, cheap = row(None), row(Conditions(size_price=10.0, data_share=0.5))
    assert len(cheap) == observation_size(3, conditions=True) == len(feature_table(SLOT_IDS, conditions=True)) == 119
    assert cheap[:-2] == alike
    assert cheap[-2:] == [pytest.approx(math.log1p(10.0) / 7), 0.5]
    assert row(Conditions(label_noise=0.9)) == row(Conditions()) == [*alike, 0.0, 1.0]
    assert row(Conditions(size_price=1e9))[-2] == SYMLOG_LIMIT


def test_the_documented_table_is_that_of_the_code() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "observations.md").read_text(encoding="utf-8")
    documented = [
        line for line in page.splitlines() if line.startswith("| ") and not line.startswith(("| feature", "| ---"))
    ]
    expected = [
        f"| {item.name} | {item.low:g} | {item.high:g} | {item.meaning} |"
        for item in (*BASE_FEATURES, *SLOT_FEATURES, *CONDITION_FEATURES)
    ]
    assert documented == expected
