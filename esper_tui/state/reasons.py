"""Why something has its colour: the value, its limit, and what the rule is for."""

from __future__ import annotations

from esper_tui.state.rules import rule_for
from esper_tui.state.snapshot import ENV_STATUS_MEANINGS, CockpitSnapshot, EnvRow


def why_words(row: EnvRow) -> str:
    """Of an env: what was measured and the rule that it broke, or what its status means."""
    rule = rule_for(row.rule)
    because = f"{row.reason}. {rule.reason}" if rule is not None else row.reason
    return f"env {row.env_id:02d} is {row.status.value}: {because or ENV_STATUS_MEANINGS[row.status]}"


def policy_words(snapshot: CockpitSnapshot, env_id: int) -> list[str]:
    """Of the policy that decides for an env: each figure that is beyond its limit."""
    group_id = snapshot.group_of(env_id).group_id
    alerts = [one for one in snapshot.alerts if one.group_id == group_id and one.env_id is None and not one.by_trainer]
    return [f"{one.who} {one.word} {one.text}: {rule.reason}" for one in alerts if (rule := rule_for(one.rule))]
