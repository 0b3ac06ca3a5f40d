"""Does a reward rank policies by what their networks can do? Scripted policies are played once, and every reward mode
pays them for the same lives.

Legend: return: raw rewards summed over an episode, mean over episodes. Accuracies in percent, on the test split. Worth:
accuracy minus the price of what was grown, where size has a price, else the accuracy itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
import torch

from esper.conformance.ranking import spearman
from esper.conformance.report import ConformanceReport, Finding
from esper.contracts.conditions import Conditions
from esper.contracts.stages import FORWARD_STAGES
from esper.growth.hosts.kinds import topology_of
from esper.policy.baselines.scripts import Script, scripts
from esper.rewards.build import LivedStep, build_inputs
from esper.rewards.config import REWARD_MODES, RewardConfig
from esper.rewards.modes import MODES
from esper.rewards.payment import pay
from esper.rewards.state import RewardState
from esper.telemetry.hub import Hub, Sink
from esper.training.config import TrainingConfig
from esper.training.controllers.protocol import Controller
from esper.training.controllers.rule_controller import RuleController
from esper.training.episode.rollout import Rollout
from esper.training.group_spec import GroupSpec
from esper.training.run_control import RunControl
from esper.training.vectorized_trainer import RunHooks, train_groups
from esper.training.vectorized_types import BatchSummary

FAR_APART: Final = 3.0
"""Points of worth from which on two policies differ enough for their order to matter."""
LEAST_RANK_CORRELATION: Final = 0.95
MOST_INVERTED: Final = 0.02
LOSS_FAMILY: Final = "loss family"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedScript:
    """What became of one scripted policy.

    lives: the steps of each of its episodes.
    validation: the validation accuracy of the last epoch.
    gain: test accuracy minus static's, in points.
    parameters: of the finished networks, host included.
    cost: their mean price in points; 0 where size is free.
    """

    name: str
    lives: tuple[tuple[LivedStep, ...], ...]
    validation: float
    test_accuracy: float
    gain: float
    parameters: float
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidScript:
    """A scripted policy and its mean return under one reward."""

    name: str
    returned: float
    validation: float
    test_accuracy: float
    gain: float
    parameters: float
    cost: float

    @property
    def worth(self) -> float:
        """What the reward should rank by."""
        return self.test_accuracy - self.cost


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardReport:
    """How one reward ranks the scripted policies.

    rank_correlation: Spearman's, between return and worth. None if all of one of them are equal.
    ceiling: the same correlation between validation and test accuracy, minus the same costs. A reward can read no test
        split, so where scripts hardly differ, this is all that can be asked of it.
    inverted: share of the pairs more than FAR_APART points apart in which the worse policy is paid better. None if no
        pair is.
    paid: the policies, best paid first.
    """

    mode: str
    rank_correlation: float | None
    ceiling: float | None
    inverted: float | None
    paid: tuple[PaidScript, ...]

    @property
    def passed(self) -> bool:
        """Whether the reward ranks well enough, as far as the policies differ."""
        return self.report.passed

    @property
    def report(self) -> ConformanceReport:
        """The same in the form that all checks share."""
        rank, inverted = self.rank_correlation, self.inverted
        payments = [item.returned for item in self.paid]
        return ConformanceReport(
            subject=f"reward {self.mode}",
            findings=(
                Finding(
                    check="pays finite amounts",
                    passed=bool(np.isfinite(payments).all()),
                    detail=f"from {min(payments):.4g} to {max(payments):.4g} per episode",
                ),
                Finding(
                    check="pays in the order of accuracy",
                    passed=rank is None or rank >= LEAST_RANK_CORRELATION,
                    detail=(
                        "all are paid, or all are good, alike"
                        if rank is None
                        else f"rank correlation {rank:.3f} (wanted: at least {LEAST_RANK_CORRELATION})"
                    ),
                ),
                Finding(
                    check="never pays the worse policy better",
                    passed=inverted is None or inverted <= MOST_INVERTED,
                    detail=(
                        "no two policies are far apart"
                        if inverted is None
                        else f"{100 * inverted:.1f} % of the pairs (wanted: at most {100 * MOST_INVERTED:.0f} %)"
                    ),
                ),
            ),
        )


def play_scripts(
    config: TrainingConfig, *, seeds: int = 1, sinks: Sequence[Sink] = (), control: RunControl | None = None
) -> tuple[PlayedScript, ...]:
    """Let every script play fleet.envs episodes from each of these seeds, all on the same hosts and data.

    Raises:
        ConfigError: the task or device cannot be had.
        RewardCheckStoppedError: control asked for an end.
    """
    chosen = scripts(topology_of(config.host))
    played = [_play(config, seed, chosen, sinks, control or RunControl()) for seed in range(seeds)]
    together = [_together([run[place] for run in played]) for place in range(len(chosen))]
    static = next(item.test_accuracy for item in together if item.name == "static")
    return tuple(replace(item, gain=item.test_accuracy - static) for item in together)


class RewardCheckStoppedError(Exception):
    """Somebody asked the check to stop."""


def reward_reports(played: Sequence[PlayedScript], config: RewardConfig) -> tuple[RewardReport, ...]:
    """One report per mode of the contribution family, plug-ins' and the config's own included; then the loss family."""
    names = dict.fromkeys([*REWARD_MODES, *MODES.names(), config.mode])
    modes = [replace(config, mode=mode, family="contribution") for mode in names]
    modes.append(replace(config, mode="shaped", family="loss"))
    return tuple(reward_report(played, own) for own in modes)


def reward_report(played: Sequence[PlayedScript], config: RewardConfig) -> RewardReport:
    """How one reward ranks the scripted policies."""
    name = LOSS_FAMILY if config.family == "loss" else config.mode
    return rank(name, [_paid(script, config) for script in played])


def rank(mode: str, paid: Sequence[PaidScript]) -> RewardReport:
    """Compare the order of the returns with that of the worths."""
    pairs = [(one, other) for one, other in combinations(paid, 2) if _differ(one, other)]
    wrong = [(one, other) for one, other in pairs if _inverted(one, other)]
    return RewardReport(
        mode=mode,
        rank_correlation=spearman([item.returned for item in paid], [item.worth for item in paid]),
        ceiling=spearman([item.validation - item.cost for item in paid], [item.worth for item in paid]),
        inverted=len(wrong) / len(pairs) if pairs else None,
        paid=tuple(sorted(paid, key=lambda item: -item.returned)),
    )


def returned(life: Sequence[LivedStep], config: RewardConfig) -> float:
    """What this reward pays for a whole episode."""
    state, total = RewardState(), 0.0
    for step in life:
        payment = pay(build_inputs(replace(step, config=config), state), state)
        state, total = payment.state, total + payment.components.total
    return total


def _play(
    config: TrainingConfig, seed: int, chosen: Sequence[Script], sinks: Sequence[Sink], control: RunControl
) -> list[PlayedScript]:
    """One batch of all scripts side by side, as groups of one fleet."""
    base = replace(
        config,
        run=replace(config.run, seed=config.run.seed + seed, rounds=1),
        variety=replace(config.variety, size_price_warmup_episodes=0),
    )
    by_name = {script.name: script for script in chosen}
    specs = [
        GroupSpec(config=replace(base, controller=replace(base.controller, name=name)), group_id=name)
        for name in by_name
    ]
    hub, rollouts = Hub(), list[Rollout]()
    for sink in sinks:
        hub.add_sink(sink)

    def make(own: TrainingConfig, _device: torch.device) -> Controller:
        name = own.controller.name
        return RuleController(name, by_name[name].make)

    hooks = RunHooks(hub=hub, control=control, make_controller=make, on_rollout=rollouts.append)
    result = train_groups(specs, hooks)
    if not rollouts:
        raise RewardCheckStoppedError
    (rollout,) = rollouts
    return [
        _played(summary, [tuple(episode.lived) for episode in group.episodes])
        for summary, group in zip(result.summaries, rollout.groups, strict=True)
    ]


def _played(summary: BatchSummary, lives: Sequence[tuple[LivedStep, ...]]) -> PlayedScript:
    records = summary.episode_history
    assert summary.avg_test_accuracy is not None, "a rollout that was finished was tested"
    return PlayedScript(
        name=summary.group_id,
        lives=tuple(lives),
        validation=float(np.mean([life[-1].accuracy_history[-1] for life in lives])),
        test_accuracy=summary.avg_test_accuracy,
        gain=0.0,
        parameters=float(np.mean([record.total_params for record in records])),
        cost=float(np.mean([_cost(life[-1]) for life in lives])),
    )


def _cost(last: LivedStep) -> float:
    """The price of the network that was tested, after the last step."""
    grown = [seed.parameter_count for seed in last.after if seed is not None and seed.stage in FORWARD_STAGES]
    return Conditions(size_price=last.size_price).cost(sum(grown))


def _together(runs: Sequence[PlayedScript]) -> PlayedScript:
    """One script over all seeds."""
    return PlayedScript(
        name=runs[0].name,
        lives=tuple(life for run in runs for life in run.lives),
        validation=float(np.mean([run.validation for run in runs])),
        test_accuracy=float(np.mean([run.test_accuracy for run in runs])),
        gain=0.0,
        parameters=float(np.mean([run.parameters for run in runs])),
        cost=float(np.mean([run.cost for run in runs])),
    )


def _paid(script: PlayedScript, config: RewardConfig) -> PaidScript:
    return PaidScript(
        name=script.name,
        returned=float(np.mean([returned(life, config) for life in script.lives])),
        validation=script.validation,
        test_accuracy=script.test_accuracy,
        gain=script.gain,
        parameters=script.parameters,
        cost=script.cost,
    )


def _differ(one: PaidScript, other: PaidScript) -> bool:
    return abs(one.worth - other.worth) > FAR_APART


def _inverted(one: PaidScript, other: PaidScript) -> bool:
    return (one.returned - other.returned) * (one.worth - other.worth) < 0
