"""Scores of stored episodes: log-probabilities, entropies and values of whole sequences, with gradients.

Legend: E envs, T epochs, S slots, H action heads, N choices of the largest head, O ops, R recurrent size.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from esper.contracts.actions import Head
from esper.policy.distributions import (
    floored_probabilities,
    log_probabilities,
    normalized_entropies,
    relevance_table,
)
from esper.policy.network import FactoredRecurrentPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How the policy now judges stored decisions.

    log_probs_eth: those of the stored actions, 0 in irrelevant heads.
    entropies_eth: those of all heads, relevant or not, as shares of the maximum over the legal choices, from 0 to 1.
    values_et, op_values_eto: in the critic's normalised units.
    states_etr: the states of the recurrent core.
    """

    log_probs_eth: Tensor
    entropies_eth: Tensor
    values_et: Tensor
    op_values_eto: Tensor
    states_etr: Tensor


def relevant_heads(actions_eth: Tensor) -> Tensor:
    """Whether each head mattered for the op that was chosen, bool [E, T, H]."""
    return relevance_table(actions_eth.device)[actions_eth[..., Head.OP]]


def evaluate_episodes(
    policy: FactoredRecurrentPolicy,
    *,
    features_etd: Tensor,
    blueprints_ets: Tensor,
    mask_ethn: Tensor,
    actions_eth: Tensor,
) -> Evaluation:
    """Run whole episodes in one pass from the zero state, with the masks that were sampled from."""
    output = policy(features_etd, blueprints_ets, policy.initial_state(len(features_etd)))
    probabilities_ethn = floored_probabilities(output.logits_ethn, mask_ethn, policy.floors_h)
    relevant_eth = relevant_heads(actions_eth)
    return Evaluation(
        log_probs_eth=log_probabilities(probabilities_ethn, actions_eth).where(relevant_eth, 0.0),
        entropies_eth=normalized_entropies(probabilities_ethn, mask_ethn),
        values_et=output.values_et,
        op_values_eto=policy.op_values(output.states_etr),
        states_etr=output.states_etr,
    )
