"""The decisions of the original: what was chosen, how sure the policy was, and what the choice earned."""

from __future__ import annotations

from typing import Final

from esper.contracts.actions import (
    ALPHA_TARGET_VALUES,
    PLACEHOLDERS,
    RELEVANT_HEADS,
    AlphaTarget,
    Head,
    Op,
    Tempo,
    choice_name,
    head_sizes,
)
from esper.errors import RecordError
from esper.history.json_text import quoted
from esper.history.legacy.book import Book
from esper.history.legacy.fields import Fields
from esper.history.legacy.lines import LegacyLine
from esper.telemetry.events import Alternative, HeadChoice, LastAction, NamedValue

REWARD_TERMS: Final = (
    "bounded_attribution",
    "ratio_penalty",
    "escrow_delta",
    "escrow_forfeit",
    "compute_rent",
    "occupancy_rent",
    "fossilized_rent",
    "alpha_shock",
    "blending_warning",
    "holding_warning",
    "stage_bonus",
    "pbrs_bonus",
    "synergy_bonus",
    "action_shaping",
    "terminal_bonus",
    "hindsight_credit",
)
"""What the reward is the sum of. The original's record of a reward also holds what explains it."""

_TELEMETRY_NAMES: Final = {Head.ALPHA_CURVE: "curve"}
"""Heads that the original calls by another name where it says how sure they were."""


def last_action(line: LegacyLine, book: Book) -> LastAction:
    """One decision of one env. What the env has earned in its episode so far is added up here."""
    data, group = line.data, book.group(line.group_id)
    env_id = group.first_env + data.integer("env_id")
    env, op, reward = group.env(env_id), data.member("action_name", Op), data.number("total_reward")
    success = data.flag("action_success")
    env.episode_reward += reward
    components = data.table("reward_components")
    effective = components.maybe_text("action_name") or op.name
    group.decisions.chosen[effective] += 1
    group.decisions.succeeded[effective] += success
    slot_ids = group.started.slot_ids
    slot_id = data.maybe_text("slot_id") or slot_ids[0]
    return LastAction(
        env_id=env_id,
        batch=group.batch,
        epoch=data.maybe_integer("inner_epoch") or len(env.accuracies),
        op=op.name,
        effective_op=effective,
        slot_id=slot_id,
        success=success,
        refusal=None,
        heads=_heads(data, op, slot_id, slot_ids),
        legal_ops=None,
        op_masks=None,
        alternatives=_alternatives(data),
        decision_entropy=data.maybe_number("decision_entropy"),
        value_estimate=data.maybe_number("value_estimate"),
        op_values=(),
        reward=reward,
        reward_normalized=None,
        episode_reward=env.episode_reward,
        reward_terms=_terms(components),
    )


def _heads(data: Fields, op: Op, slot_id: str, slot_ids: tuple[str, ...]) -> tuple[HeadChoice, ...]:
    """The heads of which it is recorded how sure they were. How many choices a mask left open is not."""
    telemetry, sizes = data.table("head_telemetry"), head_sizes(len(slot_ids))
    second = next(iter(_alternatives(data)), None)
    found: list[HeadChoice] = []
    for head in Head:
        name = _TELEMETRY_NAMES.get(head, head.name.lower())
        probability, entropy = telemetry.maybe_number(f"{name}_confidence"), telemetry.maybe_number(f"{name}_entropy")
        masked, choice = data.maybe_flag(f"{head.name.lower()}_masked"), _choice(data, head, op, slot_id)
        if probability is None or entropy is None or masked is None or choice is None:
            continue
        found.append(
            HeadChoice(
                head=head.name.lower(),
                choice=choice,
                probability=probability,
                entropy=entropy,
                second=second.op if head is Head.OP and second else None,
                second_probability=second.probability if head is Head.OP and second else None,
                legal=None if masked else sizes[head],
                size=sizes[head],
                masked=masked,
                relevant=head in RELEVANT_HEADS[op],
            )
        )
    return tuple(found)


def _choice(data: Fields, head: Head, op: Op, slot_id: str) -> str | None:
    """The name of a head's choice; its placeholder if the head did not matter, and None if it is not recorded."""
    if head is Head.SLOT:
        return slot_id
    if head is Head.OP:
        return op.name
    if head not in RELEVANT_HEADS[op]:
        return choice_name(head, PLACEHOLDERS[head], ())
    match head:
        case Head.TEMPO:
            tempo = data.maybe_integer("tempo_idx")
            return Tempo(tempo).name if tempo in tuple(Tempo) else None
        case Head.ALPHA_TARGET:
            target = data.maybe_number("alpha_target")
            known = target in ALPHA_TARGET_VALUES
            return AlphaTarget(ALPHA_TARGET_VALUES.index(target)).name if known else None
        case Head.BLUEPRINT:
            name = data.maybe_text("blueprint_id")
        case _:
            name = data.maybe_text(head.name.lower())
    return None if name is None else name.upper()


def _alternatives(data: Fields) -> tuple[Alternative, ...]:
    """The next likely ops, in the original pairs of a name and a probability."""
    found: list[Alternative] = []
    for pair in data.items("alternatives"):
        match pair:
            case [str(op), float() | int() as probability]:
                found.append(Alternative(op=op, probability=float(probability)))
            case _:
                expected = "pairs of an op and its probability"
                raise RecordError(
                    "data.alternatives", pair, expected, problem=f"has {quoted(pair)}: expected {expected}"
                )
    return tuple(found)


def _terms(components: Fields) -> tuple[NamedValue, ...]:
    """The terms that the reward's record has."""
    known = components.names()
    return tuple(NamedValue(name=name, value=components.maybe_number(name)) for name in REWARD_TERMS if name in known)
