"""One batch of experience: E episodes of at most T epochs, preallocated.

Legend: E envs, T epochs, S slots, D observation features, H action heads, N choices of the largest head.

Hidden states are not stored, because every episode starts from zeros at t = 0 and is evaluated as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from esper.contracts.actions import NUM_HEADS, Head
from esper.policy.acting import PolicyStep
from esper.policy.masks import max_head_size
from esper.policy.observations import Observation, observation_size

_NOT_MEASURED = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutTensors:
    """The whole batch on the policy's device. The first two axes of every tensor are E and T.

    features_etd: normalised, as the policy saw them.
    raw_features_etd: the same before normalisation.
    mask_ethn: the masks that were sampled from.
    values_et, bootstrap_et: in the critic's normalised units.
    rewards_et: normalised rewards.
    contributions_ets: those of the seeds, measured before the decision, in percentage points; NaN where not measured.
    valid_et: False after an env's episode has ended.
    overridden_et: the steps at which the operator decided. What was stored is what the policy would have done.
    """

    features_etd: Tensor
    raw_features_etd: Tensor
    blueprints_ets: Tensor
    mask_ethn: Tensor
    actions_eth: Tensor
    log_probs_eth: Tensor
    values_et: Tensor
    bootstrap_et: Tensor
    rewards_et: Tensor
    contributions_ets: Tensor
    done_et: Tensor
    truncated_et: Tensor
    valid_et: Tensor
    overridden_et: Tensor

    @property
    def learned_et(self) -> Tensor:
        """The steps that teach the policy and the critic anything: those at which the policy decided."""
        return self.valid_et & ~self.overridden_et

    @property
    def forced_et(self) -> Tensor:
        """The steps on which only WAIT was legal."""
        return self.mask_ethn[:, :, Head.OP].sum(-1) == 1

    def rows(self, envs: Tensor) -> RolloutTensors:
        """The whole episodes of some envs.

        envs: a long tensor of indices.
        """
        return RolloutTensors(**{item.name: getattr(self, item.name)[envs] for item in fields(self)})


class RolloutBuffer:
    """Holds a batch: it is filled epoch by epoch, read once by the PPO update, and cleared for the next batch.

    What the policy made lives on the policy's device. Rewards and flags are written on the CPU and copied once, when
    read.
    """

    def __init__(
        self, *, envs: int, epochs: int, num_slots: int, device: torch.device, conditions: bool = False
    ) -> None:
        """conditions: whether observations hold the conditions of the episode."""
        self._envs, self._epochs, self._device = envs, epochs, device
        size, width = observation_size(num_slots, conditions=conditions), max_head_size(num_slots)
        shape = (envs, epochs)
        self._features_etd = torch.zeros(*shape, size, device=device)
        self._raw_features_etd = torch.zeros(*shape, size, device=device)
        self._blueprints_ets = torch.zeros(*shape, num_slots, dtype=torch.long, device=device)
        self._mask_ethn = torch.zeros(*shape, NUM_HEADS, width, dtype=torch.bool, device=device)
        self._actions_eth = torch.zeros(*shape, NUM_HEADS, dtype=torch.long, device=device)
        self._log_probs_eth = torch.zeros(*shape, NUM_HEADS, device=device)
        self._values_et = torch.zeros(*shape, device=device)
        self._bootstrap_et = torch.zeros(*shape, device=device)
        self._rewards_et = torch.zeros(shape)
        self._contributions_ets = torch.zeros(*shape, num_slots)
        self._done_et = torch.zeros(shape, dtype=torch.bool)
        self._truncated_et = torch.zeros(shape, dtype=torch.bool)
        self._valid_et = torch.zeros(shape, dtype=torch.bool)
        self._overridden_et = torch.zeros(shape, dtype=torch.bool)
        self.clear()

    def clear(self) -> None:
        """Forget the batch. A step that is not used is a legal WAIT that counts for nothing."""
        self._lengths = [0] * self._envs
        self._mask_ethn.zero_()
        self._mask_ethn[..., 0] = True
        self._contributions_ets.fill_(_NOT_MEASURED)
        for tensor in (
            self._features_etd,
            self._raw_features_etd,
            self._blueprints_ets,
            self._actions_eth,
            self._log_probs_eth,
            self._values_et,
            self._bootstrap_et,
            self._rewards_et,
            self._done_et,
            self._truncated_et,
            self._valid_et,
            self._overridden_et,
        ):
            tensor.zero_()

    def add(
        self,
        t: int,
        *,
        raw_features_ed: Tensor,
        observation: Observation,
        step: PolicyStep,
        rewards: Sequence[float],
        contributions: Sequence[Sequence[float | None]],
        done: Sequence[bool],
        truncated: Sequence[bool],
        active: Sequence[bool],
        overridden: Sequence[bool],
    ) -> None:
        """Store epoch t, counted from 0, of every env.

        observation: normalised.
        rewards: normalised.
        contributions: per env and slot, in percentage points, None where not measured in this epoch.
        active: False for an env whose episode ended before t, so that nothing of its row counts.
        overridden: the operator decided, and not the policy.
        done: the episode ends with this step.
        truncated: it ends only because its time runs out.
        """
        self._features_etd[:, t] = observation.features_ed
        self._raw_features_etd[:, t] = raw_features_ed
        self._blueprints_ets[:, t] = observation.blueprints_es
        self._mask_ethn[:, t] = step.mask_ehn
        self._actions_eth[:, t] = step.actions_eh
        self._log_probs_eth[:, t] = step.log_probs_eh
        self._values_et[:, t] = step.values_e
        active_e = torch.tensor(active)
        self._valid_et[:, t] = active_e
        self._overridden_et[:, t] = torch.tensor(overridden) & active_e
        self._rewards_et[:, t] = torch.tensor(rewards, dtype=torch.float32).where(active_e, 0.0)
        rows = [[_NOT_MEASURED if value is None else value for value in row] for row in contributions]
        measured_es = torch.tensor(rows, dtype=torch.float32)
        self._contributions_ets[:, t] = measured_es.where(active_e.unsqueeze(-1), _NOT_MEASURED)
        self._done_et[:, t] = torch.tensor(done) & active_e
        self._truncated_et[:, t] = torch.tensor(truncated) & active_e
        for env, is_active in enumerate(active):
            if is_active:
                assert self._lengths[env] == t, "an env's steps follow one another without a gap"
                self._lengths[env] = t + 1

    def set_bootstrap(self, t: int, values_e: Tensor) -> None:
        """Store the value of the states that follow epoch t, for the envs that were truncated there.

        Others ignore it.
        """
        self._bootstrap_et[:, t] = values_e

    @property
    def steps(self) -> int:
        """The number of steps that the policy decided, in all envs together."""
        return sum(self._lengths) - int(self._overridden_et.sum())

    def length(self, env: int) -> int:
        """The number of steps that this env has executed."""
        return self._lengths[env]

    def penalise(self, env: int, reward: float) -> None:
        """Turn the env's last executed step into a terminal one with this reward, which is normalised."""
        last = self._lengths[env] - 1
        assert last >= 0, "an env that has executed nothing cannot be penalised"
        self._rewards_et[env, last] = reward
        self._done_et[env, last] = True
        self._truncated_et[env, last] = False

    def tensors(self) -> RolloutTensors:
        """The batch, once every episode has ended."""
        for env, length in enumerate(self._lengths):
            if length == 0:  # The env was lost before its first decision.
                continue
            assert self._done_et[env, length - 1], f"the episode of env {env} has not ended"
        return RolloutTensors(
            features_etd=self._features_etd,
            raw_features_etd=self._raw_features_etd,
            blueprints_ets=self._blueprints_ets,
            mask_ethn=self._mask_ethn,
            actions_eth=self._actions_eth,
            log_probs_eth=self._log_probs_eth,
            values_et=self._values_et,
            bootstrap_et=self._bootstrap_et,
            rewards_et=self._rewards_et.to(self._device),
            contributions_ets=self._contributions_ets.to(self._device),
            done_et=self._done_et.to(self._device),
            truncated_et=self._truncated_et.to(self._device),
            valid_et=self._valid_et.to(self._device),
            overridden_et=self._overridden_et.to(self._device),
        )
