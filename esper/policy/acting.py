"""Acting: choose one action per env, and bring what was chosen to the CPU in one copy.

Legend: E envs, S slots, H action heads, N choices of the largest head, O ops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from esper.contracts.actions import NUM_HEADS, RELEVANT_HEADS, Head, Op, head_sizes
from esper.policy.config import Decisions
from esper.policy.distributions import (
    choose,
    entropies,
    floored_probabilities,
    log_probabilities,
    placeholder_row,
    relevance_table,
)
from esper.policy.masks import ActionMasks
from esper.policy.network import FactoredRecurrentPolicy
from esper.policy.observations import Observation
from esper.policy.recurrent import Hidden

NUM_ALTERNATIVES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStep:
    """One decision for every env, on the policy's device.

    actions_eh: long, with placeholders in irrelevant heads.
    log_probs_eh: 0 in irrelevant heads.
    mask_ehn: the masks that were sampled from, with the slot row narrowed to the sampled op.
    values_e, op_values_eo: in the critic's normalised units.
    """

    actions_eh: Tensor
    log_probs_eh: Tensor
    mask_ehn: Tensor
    probabilities_ehn: Tensor
    values_e: Tensor
    op_values_eo: Tensor
    hidden: Hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadDecision:
    """One head of one decision.

    probability: the probability of the chosen value.
    entropy: in nats.
    second: the likeliest legal value that was not chosen, or None if the head did not matter, had no other legal value
        or was not drawn from a distribution.
    second_probability: None where second is.
    legal: how many of the head's choices were allowed.
    size: how many choices the head has.
    relevant: whether the head mattered for the op. If not, choice is a placeholder.
    """

    head: Head
    choice: int
    probability: float
    entropy: float
    second: int | None
    second_probability: float | None
    legal: int
    size: int
    relevant: bool

    @property
    def masked(self) -> bool:
        return self.legal < self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class OpProbability:
    op: Op
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One env's decision, on the CPU.

    alternatives: the two likeliest legal ops that were not chosen.
    entropy: the sum over the relevant heads, in nats.
    value: the critic's estimate of the return, in units of the normalised reward; None without a critic.
    op_values: the return that is expected after each op, in op order and in the same units. None for an op that is not
        possible now; empty without a critic.
    """

    heads: tuple[HeadDecision, ...]
    legal_ops: tuple[Op, ...]
    alternatives: tuple[OpProbability, ...]
    entropy: float
    value: float | None
    op_values: tuple[float | None, ...] = ()

    @property
    def actions(self) -> tuple[int, ...]:
        """The chosen index of every head, in head order."""
        return tuple(head.choice for head in self.heads)

    @property
    def op(self) -> Op:
        return Op(self.heads[Head.OP].choice)


@torch.no_grad()
def act(
    policy: FactoredRecurrentPolicy,
    observation: Observation,
    masks: ActionMasks,
    hidden: Hidden,
    generator: torch.Generator,
    how: Decisions = "sampled",
) -> PolicyStep:
    """Choose the op, then the slot on which it is possible, then the other heads.

    observation: normalised, on the policy's device.
    masks: on the policy's device.
    generator: a CPU generator, from which E x H uniforms are drawn row by row, even if no draw decides anything.
    how: whether each choice is drawn from its distribution or is the likeliest one.
    """
    output = policy(observation.features_ed.unsqueeze(1), observation.blueprints_es.unsqueeze(1), hidden)
    logits_ehn = output.logits_ethn.squeeze(1)
    envs, device = len(logits_ehn), logits_ehn.device
    uniforms_eh = torch.rand(envs, NUM_HEADS, generator=generator).to(device, non_blocking=True)

    op_probabilities_en = floored_probabilities(
        logits_ehn[:, Head.OP], masks.heads_ehn[:, Head.OP], policy.floors_h[Head.OP]
    )
    ops_e = choose(op_probabilities_en, uniforms_eh[:, Head.OP], how)
    mask_ehn = masks.heads_ehn.clone()
    mask_ehn[:, Head.SLOT] = masks.slot_by_op_eon[torch.arange(envs, device=device), ops_e]

    probabilities_ehn = floored_probabilities(logits_ehn, mask_ehn, policy.floors_h)
    relevant_eh = relevance_table(device)[ops_e]
    chosen_eh = choose(probabilities_ehn, uniforms_eh, how)
    # The op was chosen above. Now that its slot row is fixed, rounding in another kernel must not change it.
    chosen_eh[:, Head.OP] = ops_e
    actions_eh = torch.where(relevant_eh, chosen_eh, placeholder_row(device))
    log_probs_eh = log_probabilities(probabilities_ehn, actions_eh)
    return PolicyStep(
        actions_eh=actions_eh,
        log_probs_eh=torch.where(relevant_eh, log_probs_eh, 0.0),
        mask_ehn=mask_ehn,
        probabilities_ehn=probabilities_ehn,
        values_e=output.values_et.squeeze(1),
        op_values_eo=policy.op_values(output.states_etr).squeeze(1),
        hidden=output.hidden,
    )


@torch.no_grad()
def state_values(policy: FactoredRecurrentPolicy, observation: Observation, hidden: Hidden) -> Tensor:
    """V of the states that follow the last action, [E], in the critic's normalised units, for the bootstrap."""
    output = policy(observation.features_ed.unsqueeze(1), observation.blueprints_es.unsqueeze(1), hidden)
    return output.values_et.squeeze(1)


def decisions(step: PolicyStep, to_rewards: Callable[[Tensor], Tensor], num_slots: int) -> tuple[Decision, ...]:
    """What every env decided, brought from the device in one copy.

    to_rewards: turns the critic's output into reward units (ValueNormalizer.to_rewards).
    """
    chosen_eh = step.probabilities_ehn.gather(-1, step.actions_eh.unsqueeze(-1)).squeeze(-1)
    others_ehn = step.probabilities_ehn.scatter(-1, step.actions_eh.unsqueeze(-1), -1.0)
    seconds = others_ehn.max(-1)
    num_ops = len(Op)
    packed = torch.cat(
        (
            step.actions_eh.float(),
            chosen_eh,
            entropies(step.probabilities_ehn),
            step.mask_ehn.sum(-1).float(),
            seconds.indices.float(),
            seconds.values,
            step.probabilities_ehn[:, Head.OP, :num_ops],
            step.mask_ehn[:, Head.OP, :num_ops].float(),
            to_rewards(step.op_values_eo),
            to_rewards(step.values_e).unsqueeze(-1),
        ),
        dim=-1,
    )
    rows = cast("list[list[float]]", packed.tolist())
    return tuple(_unpack(row, num_slots) for row in rows)


def _unpack(row: list[float], num_slots: int) -> Decision:
    """The inverse of the packing in decisions()."""
    choices, probabilities, entropy, legal, seconds, second_probabilities = (
        row[i * NUM_HEADS : (i + 1) * NUM_HEADS] for i in range(6)
    )
    *ops, value = row[6 * NUM_HEADS :]
    op_probabilities, op_legal, op_values = (ops[i * len(Op) : (i + 1) * len(Op)] for i in range(3))
    chosen = Op(int(choices[Head.OP]))
    relevant = RELEVANT_HEADS[chosen]
    sizes = head_sizes(num_slots)
    legal_ops = tuple(op for op in Op if op_legal[op])
    had_choice = {head for head in relevant if legal[head] > 1}
    return Decision(
        heads=tuple(
            HeadDecision(
                head=head,
                choice=int(choices[head]),
                probability=probabilities[head],
                entropy=entropy[head],
                second=int(seconds[head]) if head in had_choice else None,
                second_probability=second_probabilities[head] if head in had_choice else None,
                legal=int(legal[head]),
                size=sizes[head],
                relevant=head in relevant,
            )
            for head in Head
        ),
        legal_ops=legal_ops,
        alternatives=_alternatives(chosen, legal_ops, op_probabilities),
        entropy=sum(entropy[head] for head in relevant),
        value=value,
        op_values=tuple(op_values[op] if op in legal_ops else None for op in Op),
    )


def _alternatives(chosen: Op, legal: tuple[Op, ...], probabilities: list[float]) -> tuple[OpProbability, ...]:
    others = sorted((op for op in legal if op is not chosen), key=lambda op: -probabilities[op])
    return tuple(OpProbability(op=op, probability=probabilities[op]) for op in others[:NUM_ALTERNATIVES])
