"""The help page: keys, signs, figures and limits, all from the tables that the screen itself uses."""

from __future__ import annotations

import textwrap
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from esper.contracts.stages import SeedStage
from esper.policy.features import BASE_FEATURES, SLOT_FEATURES, Feature
from esper_tui.key_rows import Key, written
from esper_tui.keys import KEYS, keys_for
from esper_tui.screens.sizing import CockpitModal
from esper_tui.state.metrics import ENV_METRICS, POLICY_METRICS
from esper_tui.state.rules import LEVEL_SIGNS, RULES, Level, Rule, shorten
from esper_tui.state.snapshot import ENV_STATUS_MEANINGS
from esper_tui.widgets.vocabulary import STAGE_SIGNS

NAME_WIDTH: Final = 25


def help_text(*, live: bool, width: int, keys: tuple[Key, ...] = KEYS) -> str:
    """The whole page as plain text, wrapped to width under its second column."""
    parts = [
        ("KEYS", [f"{written(key):24} {key.help}" for key in keys_for(live=live, table=keys)]),
        (
            "NUMBERS",
            [
                "--                       not measured (yet); 0 is only ever a measured zero",
                "–" + " " * 24 + "has no meaning here",
            ],
        ),
        ("SIGNS", [f"{LEVEL_SIGNS[level]:24} {level.name.lower()}" for level in Level if level is not Level.FINE]),
        ("ENV STATUS", [f"{status.value:24} {meaning}" for status, meaning in ENV_STATUS_MEANINGS.items()]),
        ("SLOT CELLS: letter, module, number", _stage_lines()),
        ("ENV FIGURES", [f"{one.label:24} {one.meaning} ({one.unit}; {one.source})" for one in ENV_METRICS]),
        (
            "POLICY FIGURES",
            [f"{one.metric.label:24} {one.metric.meaning} ({one.metric.source})" for one in POLICY_METRICS],
        ),
        ("LIMITS", [_rule_line(rule) for rule in RULES]),
        ("DECISION", DECISION_LINES),
        ("WHAT THE CONTROLLER SEES OF A HOST", [_feature_line(feature) for feature in BASE_FEATURES]),
        ("AND OF EACH SLOT", [_feature_line(feature) for feature in SLOT_FEATURES]),
    ]
    return "\n\n".join("\n".join([title, *(_wrapped(text, width) for text in lines)]) for title, lines in parts)


def _wrapped(text: str, width: int) -> str:
    indent = " " * (2 + NAME_WIDTH)
    width = max(width, len(indent) + 8)  # In a terminal that is far too small, what does not fit is cut off.
    return textwrap.fill(text, width, initial_indent="  ", subsequent_indent=indent)


DECISION_LINES = [
    "p                        probability of the chosen value among the legal ones",
    "H                        entropy of the head over its legal values, in nats",
    "legal 4/6m               4 of 6 values were legal; m: the mask took some away",
    "else                     the ops that were most likely beside the chosen one",
    "Σ … = r                  the reward's terms add up to the reward; terms that are zero are not listed",
]


def _stage_lines() -> list[str]:
    stages = [stage for stage in SeedStage if stage not in (SeedStage.UNKNOWN, SeedStage.RESETTING)]
    return [f"{STAGE_SIGNS[stage][0]:24} {stage.name.lower()}: {STAGE_SIGNS[stage][2]}" for stage in stages]


def _feature_line(feature: Feature) -> str:
    return f"{feature.name:24} {feature.meaning} ({feature.low:g} to {feature.high:g})"


def _rule_line(rule: Rule) -> str:
    sign = ">" if rule.above else "<"
    limits = f"WARN {sign} {shorten(rule.warning)}, CRIT {sign} {shorten(rule.critical)}"
    relative = f" of {rule.relative_to}" if rule.relative_to else ""
    return f"{rule.metric.replace('_', ' '):24} {limits}{relative}: {rule.reason}"


class HelpScreen(CockpitModal[None]):
    """Scrolls with the arrows; Esc, ? or q closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "dismiss", "close")]

    def __init__(self, *, live: bool, keys: tuple[Key, ...] = KEYS) -> None:
        super().__init__()
        self._keys = keys
        self._live = live

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help-page", classes="dialog") as page:
            page.border_title = "HELP"
            page.border_subtitle = "Esc closes"
            yield Static(
                help_text(live=self._live, width=self.app.size.width * 9 // 10 - 8, keys=self._keys), markup=False
            )
