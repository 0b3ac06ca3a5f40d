"""The real policy, buffer and update solve small worlds with known answers, and fail them once a fault is put in.

docs/internals/ppo.md has the table of probes and measured margins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from probes import (
    ENVS,
    SLOTS,
    ConditionalHead,
    ConstantReward,
    DelayedReward,
    FirstStep,
    ForeverRewarded,
    Learner,
    MaskedAction,
    ObservedAction,
    ObservedReward,
    PaidAction,
    Played,
    Probe,
    RememberedCue,
    masks,
)
from torch import Tensor

from esper.contracts.actions import Head, Op
from esper.policy.network import FactoredRecurrentPolicy
from esper.policy.recurrent import Hidden
from esper.policy.scoring import Evaluation, evaluate_episodes
from esper.training.ppo.advantages import generalized_advantages
from esper.training.ppo.value_normalizer import ValueNormalizerState

SEEDS = (0, 1, 2)
PROBES: tuple[type[Probe], ...] = (
    ConstantReward,
    ForeverRewarded,
    ObservedReward,
    DelayedReward,
    PaidAction,
    ObservedAction,
    RememberedCue,
    FirstStep,
    MaskedAction,
    ConditionalHead,
)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("probe", PROBES)
def test_every_probe_is_solved(probe: type[Probe], seed: int) -> None:
    learner = Learner(probe(), seed)
    learner.train()
    assert learner.score() > probe.passing


class HiddenNotReset(Learner):
    """Each batch goes on from the hidden state in which the last one ended."""

    _carried: Hidden | None = None

    def initial_state(self) -> Hidden:
        return self._carried or super().initial_state()

    def play(self) -> Played:
        played = super().play()
        self._carried = played.steps[-1].hidden
        return played


class BootstrapDropped(Learner):
    """The state in which time ran out counts as worth nothing."""

    def bootstrap(self, hidden: Hidden) -> None:
        nothing = self.updater.value_normalizer.state().to_critic(torch.zeros(ENVS))
        self.buffer.set_bootstrap(self._probe.epochs - 1, nothing)


Patch = Callable[[pytest.MonkeyPatch], None]


def _evaluation_of(change: Callable[..., Evaluation]) -> Patch:
    return lambda patch: patch.setattr("esper.training.ppo.batch.evaluate_episodes", change)


def _mask_not_reapplied(policy: FactoredRecurrentPolicy, *, mask_ethn: Tensor, **rest: Tensor) -> Evaluation:
    everything_hn = masks([tuple(Op)]).heads_ehn[0]
    return evaluate_episodes(policy, mask_ethn=everything_hn.expand_as(mask_ethn), **rest)


def _slot_mask_of_another_op(policy: FactoredRecurrentPolicy, *, mask_ethn: Tensor, **rest: Tensor) -> Evaluation:
    open_ethn = mask_ethn.clone()
    open_ethn[..., Head.SLOT, :SLOTS] = True
    return evaluate_episodes(policy, mask_ethn=open_ethn, **rest)


def _time_axis_shuffled(policy: FactoredRecurrentPolicy, **sequences: Tensor) -> Evaluation:
    shuffled, back = torch.tensor([2, 0, 1]), torch.tensor([1, 2, 0])
    found = evaluate_episodes(policy, **{name: tensor[:, shuffled] for name, tensor in sequences.items()})
    return Evaluation(
        log_probs_eth=found.log_probs_eth[:, back],
        entropies_eth=found.entropies_eth[:, back],
        values_et=found.values_et[:, back],
        op_values_eto=found.op_values_eto[:, back],
        states_etr=found.states_etr[:, back],
    )


def _observations_of_the_neighbour(
    policy: FactoredRecurrentPolicy, *, features_etd: Tensor, **rest: Tensor
) -> Evaluation:
    return evaluate_episodes(policy, features_etd=features_etd.roll(1, 0), **rest)


def _irrelevant_heads_counted(patch: pytest.MonkeyPatch) -> None:
    everything = torch.ones(len(Op), len(Head), dtype=torch.bool)
    patch.setattr("esper.policy.scoring.relevance_table", lambda _device: everything)


def _discount_dropped(patch: pytest.MonkeyPatch) -> None:
    def undiscounted(*, gamma: float, **rest: Tensor) -> Tensor:
        return generalized_advantages(gamma=1.0, **rest)

    patch.setattr("esper.training.ppo.batch.generalized_advantages", undiscounted)


def _terminal_bootstrapped(patch: pytest.MonkeyPatch) -> None:
    def endless(*, done_et: Tensor, values_et: Tensor, truncated_et: Tensor, bootstrap_et: Tensor, **rest: Tensor):
        return generalized_advantages(
            done_et=done_et, values_et=values_et, truncated_et=done_et, bootstrap_et=values_et, **rest
        )

    patch.setattr("esper.training.ppo.batch.generalized_advantages", endless)


def _centre_of_returns_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ValueNormalizerState, "to_rewards", lambda state, values: values * state.scale)


def _nothing(_patch: pytest.MonkeyPatch) -> None:
    """For faults that the learner's class brings along."""


@dataclass(frozen=True, slots=True)
class Fault:
    """caught: the update itself notices that it disagrees with the rollout, and refuses."""

    name: str
    probe: type[Probe]
    patch: Patch = _nothing
    learner: type[Learner] = Learner
    caught: bool = False


FAULTS = (
    Fault("mask not reapplied", MaskedAction, _evaluation_of(_mask_not_reapplied), caught=True),
    Fault("slot mask of another op", ConditionalHead, _evaluation_of(_slot_mask_of_another_op), caught=True),
    Fault("irrelevant heads counted", ConditionalHead, _irrelevant_heads_counted, caught=True),
    Fault("hidden not reset", FirstStep, learner=HiddenNotReset, caught=True),
    Fault("time axis shuffled", RememberedCue, _evaluation_of(_time_axis_shuffled), caught=True),
    Fault("envs misaligned", ObservedAction, _evaluation_of(_observations_of_the_neighbour), caught=True),
    Fault("bootstrap dropped", ForeverRewarded, learner=BootstrapDropped),
    Fault("terminal bootstrapped", DelayedReward, _terminal_bootstrapped),
    Fault("centre of returns forgotten", ConstantReward, _centre_of_returns_forgotten),
    Fault("discount dropped", DelayedReward, _discount_dropped),
)


@pytest.mark.parametrize("seed", SEEDS[:2])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_probe_fails_with_the_fault_that_it_guards_against(
    fault: Fault, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the update's own check taken away, so that it is the probe that finds the fault."""
    monkeypatch.setattr("esper.training.ppo.update._MAX_REFERENCE_ERROR", float("inf"))
    fault.patch(monkeypatch)
    learner = fault.learner(fault.probe(), seed)
    learner.train()
    assert learner.score() < fault.probe.broken


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.caught], ids=lambda fault: fault.name)
def test_the_update_refuses_experience_that_it_does_not_recognise(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault.patch(monkeypatch)
    with pytest.raises(AssertionError, match="disagree"):
        fault.learner(fault.probe(), 0).train()
