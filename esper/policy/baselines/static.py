"""The controller static: it never grows anything, and so shows what a host reaches by itself."""

from __future__ import annotations

from esper.policy.baselines.rule import WAIT, Choice
from esper.policy.legal import LegalChoices
from esper.policy.situation import EnvSituation


class StaticRule:
    """Always waits."""

    def decide(self, env: EnvSituation, legal: LegalChoices, uniforms: tuple[float, ...]) -> Choice:
        return WAIT
