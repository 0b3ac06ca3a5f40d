"""The audit of rewards: what ranks well passes, what pays for nothing is found, and the scripts do what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from esper.conformance.rewards import (
    PaidScript,
    PlayedScript,
    play_scripts,
    rank,
    returned,
    reward_report,
    reward_reports,
)
from esper.contracts.actions import Topology
from esper.growth.blueprints.catalogue import available_blueprints
from esper.history.presets import load_preset, with_overrides
from esper.policy.baselines.scripts import KINDS, scripts
from esper.training.config import TrainingConfig

SMALL = ["run.threads=1", "fleet.envs=2", "fleet.episode_length=12", "fleet.steps_per_epoch=6"]


def config(*overrides: str) -> TrainingConfig:
    return with_overrides(load_preset("digits_impaired"), [*SMALL, *overrides])


@pytest.fixture(scope="module")
def played() -> tuple[PlayedScript, ...]:
    return play_scripts(config())


def paid(*pairs: tuple[float, float]) -> Sequence[PaidScript]:
    return [
        PaidScript(
            name=str(place),
            returned=pay,
            validation=accuracy,
            test_accuracy=accuracy,
            gain=0.0,
            parameters=1.0,
            cost=0.0,
        )
        for place, (pay, accuracy) in enumerate(pairs)
    ]


def test_a_reward_that_follows_accuracy_passes() -> None:
    report = rank("good", paid((1, 20), (2, 30), (3, 40), (4, 50)))
    assert report.rank_correlation == pytest.approx(1.0)
    assert report.inverted == 0.0
    assert report.passed
    assert [item.returned for item in report.paid] == [4, 3, 2, 1]


def test_a_reward_that_pays_the_worst_policy_best_fails() -> None:
    report = rank("bad", paid((9, 20), (2, 30), (3, 40), (4, 50)))
    assert report.inverted == pytest.approx(3 / 6)
    assert report.rank_correlation == pytest.approx(-0.2)
    assert not report.passed
    failed = {finding.check: finding.detail for finding in report.report.findings if not finding.passed}
    assert failed["never pays the worse policy better"] == "50.0 % of the pairs (wanted: at most 2 %)"
    assert "rank correlation -0.200" in failed["pays in the order of accuracy"]


def test_a_sum_of_rewards_is_judged_by_its_name(played: tuple[PlayedScript, ...]) -> None:
    own = config("reward.mode=sparse+synergy_bonus").reward
    assert reward_report(played, own).report.subject == "reward sparse+synergy_bonus"
    assert own.mode in {report.mode for report in reward_reports(played, own)}


def test_pairs_that_hardly_differ_are_not_counted() -> None:
    assert rank("alike", paid((2, 20.0), (1, 22.9))).inverted is None
    assert rank("apart", paid((2, 20.0), (1, 23.1))).inverted == 1.0


def test_equal_returns_have_no_rank() -> None:
    assert rank("flat", paid((1, 20), (1, 30))).rank_correlation is None


@pytest.mark.parametrize("topology", list(Topology))
def test_there_are_some_forty_scripts_with_names_of_their_own(topology: Topology) -> None:
    names = [script.name for script in scripts(topology)]
    assert len(names) == len(set(names)) >= 40
    assert set(KINDS[topology]) <= available_blueprints(topology)


def test_every_script_plays_and_they_differ(played: tuple[PlayedScript, ...]) -> None:
    assert [item.name for item in played] == [script.name for script in scripts(Topology.CNN)]
    assert all(len(life) == 12 for item in played for life in item.lives)
    sizes = {item.name: item.parameters for item in played}
    assert sizes["static"] == 150
    assert sizes["one conv_heavy"] > sizes["one norm"] > sizes["static"]
    assert sizes["prunes at 8"] == sizes["static"]


def test_every_mode_is_judged_for_the_same_lives(played: tuple[PlayedScript, ...]) -> None:
    reports = reward_reports(played, config().reward)
    assert {report.mode for report in reports} >= {"shaped", "sparse", "escrow", "loss family"}
    for report in reports:
        assert {item.name for item in report.paid} == {item.name for item in played}


def test_a_host_that_never_grows_earns_nothing_with_a_control_host(played: tuple[PlayedScript, ...]) -> None:
    static = next(item for item in played if item.name == "static")
    for life in static.lives:
        assert all(step.control_accuracy == step.counterfactual.main for step in life), "the same host, trained alike"
        assert returned(life, config().reward) == 0.0


def test_without_control_hosts_nothing_is_compared_with_them() -> None:
    alone = play_scripts(config("fleet.control_hosts=false", "fleet.episode_length=3"))
    assert all(step.control_accuracy is None for item in alone for life in item.lives for step in life)


def test_the_ceiling_is_what_validation_itself_says_of_the_test() -> None:
    scripts = paid((1, 20), (2, 30), (3, 40))
    assert rank("good", scripts).ceiling == pytest.approx(1.0)
    noisy = [replace(item, validation=value) for item, value in zip(scripts, (20.0, 41.0, 40.0), strict=True)]
    assert rank("noisy", noisy).ceiling == pytest.approx(0.5)


def test_what_is_ranked_is_worth_where_size_has_a_price() -> None:
    scripts = [replace(item, cost=cost) for item, cost in zip(paid((3, 20), (2, 30)), (0.0, 25.0), strict=True)]
    assert rank("priced", scripts).inverted == 0.0
    assert rank("free", [replace(item, cost=0.0) for item in scripts]).inverted == 1.0


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("preset", ["digits_impaired", "digits_dial"])
def test_the_reward_of_a_preset_ranks_policies(preset: str) -> None:
    settings = load_preset(preset)
    reports = reward_reports(play_scripts(settings), settings.reward)
    own = next(report for report in reports if report.mode == settings.reward.mode)
    print(preset, own.rank_correlation, own.inverted, own.ceiling)
    assert own.passed


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_on_digits_nothing_is_paid_for_nothing() -> None:
    """A script without a gain on the test split earns less than a twentieth of what ten points would earn."""
    settings = load_preset("digits")
    reports = reward_reports(play_scripts(settings), settings.reward)
    own = next(report for report in reports if report.mode == settings.reward.mode)
    idle = max((item for item in own.paid if item.gain <= 0.0), key=lambda item: item.returned)
    print("digits", own.rank_correlation, own.ceiling, idle.name, idle.returned, idle.gain)
    ten_points = 10.0 * settings.reward.terminal_gain_weight
    assert idle.returned < 0.05 * ten_points
