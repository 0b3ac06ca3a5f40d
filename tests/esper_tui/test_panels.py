"""What the panels say: plain functions from figures to lines."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scripted_run import ScriptedRun

from esper.contracts.stages import SeedStage
from esper.policy.features import BASE_FEATURES, SLOT_FEATURES
from esper.telemetry.events import (
    BatchStats,
    EpochCompleted,
    Event,
    GroupStarted,
    LastAction,
    NamedValue,
    PPOUpdateCompleted,
    TrainingStarted,
)
from esper_tui.key_rows import Where
from esper_tui.keys import KEYS, keys_for
from esper_tui.screens.help import help_text
from esper_tui.session import round_lines
from esper_tui.sources.base import Frame, Mode, SourceStatus
from esper_tui.state.aggregator import Aggregator
from esper_tui.state.choosing import Order
from esper_tui.state.metrics import format_fitted, format_number
from esper_tui.state.rules import RULES, Level, Rule, judge
from esper_tui.state.snapshot import CockpitSnapshot, EnvRow, SlotView
from esper_tui.widgets.decision_panel import DecisionPanel, decision_lines, table_lines
from esper_tui.widgets.env_table import choose_columns, row_line, title_line
from esper_tui.widgets.figure_panel import Focus
from esper_tui.widgets.fleet_panel import FleetPanel, op_lines
from esper_tui.widgets.header import alert_line, alert_words, header_line
from esper_tui.widgets.log_panel import log_line
from esper_tui.widgets.policy_panel import PolicyPanel, policy_lines
from esper_tui.widgets.status_line import footer_line
from esper_tui.widgets.text import Line, plain, sparkline, width_of
from esper_tui.widgets.vocabulary import slot_cell

EVENTS = ScriptedRun(envs=4, epochs=8).events()


def reduce(events: list[Event]) -> CockpitSnapshot:
    aggregator = Aggregator()
    for event in events:
        aggregator.apply(event)
    return aggregator.snapshot()


FULL = reduce(EVENTS)
STARTED = reduce(EVENTS[:1])


def decided_row(op: str) -> EnvRow:
    """A row whose newest decision is this op."""
    for index, event in enumerate(EVENTS):
        if isinstance(event.payload, LastAction) and event.payload.op == op and event.payload.success:
            return reduce(EVENTS[: index + 1]).envs[event.payload.env_id]
    pytest.fail(f"the script never takes {op}")


def policy_rows(snapshot: CockpitSnapshot, width: int, height: int) -> list[Line]:
    return policy_lines(snapshot, snapshot.groups[0], width, height)


def text_of(row: EnvRow, width: int = 36) -> str:
    return "\n".join(plain(line) for line in decision_lines(row.decision, ("r0c0", "r0c1", "r0c2"), width))


def table_of(row: EnvRow, width: int = 80) -> str:
    return "\n".join(plain(line) for line in table_lines(row.decision, ("r0c0", "r0c1", "r0c2"), width))


@pytest.mark.parametrize("width", [78, 80, 100, 138])
def test_every_row_of_the_table_keeps_its_columns(width: int) -> None:
    snapshot = reduce(EVENTS[:200])
    columns = choose_columns(snapshot.envs, 3, width - 1)
    lines = [title_line(("r0c0", "r0c1", "r0c2"), columns), *(row_line(row, columns) for row in snapshot.envs)]
    assert max(width_of(line) for line in lines) <= width - 1
    accuracy_ends = {plain(row_line(row, columns)).index(f"{row.accuracy:.1f}") + 4 for row in snapshot.envs}
    assert len(accuracy_ends) == 1
    assert plain(lines[0]).index("acc%") + 4 in accuracy_ends


def test_a_waiting_env_shows_missing_figures_and_no_zero() -> None:
    columns = choose_columns(STARTED.envs, 3, 79)
    text = plain(row_line(STARTED.envs[0], columns))
    assert text.count("--") >= 4
    assert "0.0" not in text
    assert text.count("·") == 3


def test_many_slots_shrink_to_letters() -> None:
    assert choose_columns(FULL.envs, 3, 120).slot == 11
    assert choose_columns(FULL.envs, 5, 79).slot == 5
    assert choose_columns(FULL.envs, 20, 79).slot == 1


@pytest.mark.parametrize(
    ("stage", "alpha", "epochs", "shown"),
    [
        (SeedStage.GERMINATED, 0.0, 1, "g conv   1e"),
        (SeedStage.TRAINING, 0.0, 17, "t conv  17e"),
        (SeedStage.BLENDING, 0.34, 3, "b conv  34%"),
        (SeedStage.BLENDING, 1.0, 5, "b conv 100%"),
        (SeedStage.HOLDING, 1.0, 12, "h conv  12e"),
        (SeedStage.FOSSILIZED, 1.0, 9, "■ conv"),
        (SeedStage.PRUNED, 0.0, 0, "x conv"),
        (SeedStage.EMBARGOED, 0.0, 2, "e conv"),
    ],
)
def test_slot_cells(stage: SeedStage, alpha: float, epochs: int, shown: str) -> None:
    slot = SlotView(
        slot_id="r0c0",
        stage=stage,
        blueprint="conv_light",
        params=1,
        epochs_in_stage=epochs,
        alpha=alpha,
        contribution=None,
    )
    assert slot_cell(slot, 11).text.rstrip() == shown
    assert slot_cell(slot, 1).text == shown[0]
    assert len(slot_cell(slot, 4).text) == 4


def test_the_worst_envs_come_first_and_keep_their_order() -> None:
    rows = [replace(row, level=level) for row, level in zip(FULL.envs, (0, 1, 0, 2), strict=True)]
    assert [row.env_id for row in Order().sorted(rows)] == [3, 1, 0, 2]
    assert [row.env_id for row in Order().toggled(2).sorted(rows)] == [2, 3, 1, 0]


def test_the_decision_lists_the_heads_that_mattered_and_names_the_others() -> None:
    text = table_of(decided_row("GERMINATE"))
    for name in ("op", "slot", "module", "style", "tempo", "α goal"):
        assert f"\n{name} " in text
    assert "4/13" in text
    assert "not used by GERM: α speed · α curve" in text
    assert "illegal ALPH FOSS" in text, "an old recording names the ops without reasons"


def test_heads_that_the_op_does_not_use_show_no_number() -> None:
    lines = table_of(decided_row("WAIT")).splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["op", "not"]
    assert not any(character.isdigit() for character in lines[2])


def test_reward_terms_add_up_visibly_or_are_called_out() -> None:
    row = decided_row("ADVANCE")
    assert "= r ✓" in text_of(row)
    assert row.decision is not None
    broken = replace(row.decision, reward_terms=(*row.decision.reward_terms, NamedValue(name="ghost", value=0.5)))
    assert "≠ r: +0.500 left over" in text_of(replace(row, decision=broken))


def test_a_refusal_is_told_in_full() -> None:
    row = decided_row("ADVANCE")
    assert row.decision is not None
    reason = "gate G3 did not pass because the contribution was not measured"
    text = text_of(replace(row, decision=replace(row.decision, success=False, refusal=reason)))
    assert "refused" in text
    assert " ".join(text.split()).find(reason) >= 0


def test_an_env_without_a_decision_says_what_is_awaited() -> None:
    assert "first follows the episode's first host epoch" in " ".join(text_of(STARTED.envs[0]).split())


def test_the_policy_panel_says_when_the_first_update_comes() -> None:
    text = " ".join(plain(line) for line in policy_rows(reduce(EVENTS[:30]), 36, 12))
    assert "the first comes after epoch 8" in " ".join(text.split())


def without_policy() -> CockpitSnapshot:
    """A run whose controller does not learn: no update ever comes, and no decision has a value."""
    group = GroupStarted(
        group_id="default",
        controller="heuristic",
        learns=False,
        reward_mode="shaped",
        reward_family="contribution",
        env_ids=(0, 1, 2, 3),
    )
    events: list[Event] = []
    for event in EVENTS:
        match event.payload:
            case TrainingStarted():
                events.append(replace(event, payload=replace(event.payload, groups=(group,))))
            case LastAction():
                events.append(replace(event, payload=replace(event.payload, value_estimate=None)))
            case PPOUpdateCompleted():
                pass
            case _:
                events.append(event)
    return reduce(events)


def test_a_run_without_a_policy_says_so() -> None:
    snapshot = without_policy()
    panel = " ".join(" ".join(plain(line) for line in policy_rows(snapshot, 36, 20)).split())
    assert "no policy: the controller heuristic does not learn" in panel
    assert op_lines(snapshot.groups[0].ops, 36)  # the mix of ops is there all the same
    assert "V(s) --" in text_of(snapshot.envs[0])
    assert "there is no policy" in plain(alert_line(frame(replace(snapshot, alerts=())), [], 120))


def in_two_groups() -> list[Event]:
    """The scripted run as an A/B run: envs 0 and 1 are A, 2 and 3 are B; every update and round comes once for each."""
    events: list[Event] = []
    started = GroupStarted(
        group_id="A", controller="ppo", learns=True, reward_mode="shaped", reward_family="contribution", env_ids=(0, 1)
    )
    both = (started, replace(started, group_id="B", env_ids=(2, 3)))
    for event in EVENTS:
        payload = event.payload
        match payload:
            case TrainingStarted():
                events.append(replace(event, payload=replace(payload, groups=both)))
            case EpochCompleted() | LastAction():
                events.append(replace(event, group_id="A" if payload.env_id < 2 else "B"))
            case PPOUpdateCompleted():
                events.append(replace(event, group_id="A"))
                events.append(replace(event, group_id="B", payload=replace(payload, kl_divergence=0.9)))
            case BatchStats():
                events.append(replace(event, group_id="A"))
                events.append(replace(event, group_id="B", payload=replace(payload, avg_return=-5.0)))
            case _:
                events.append(event)
    return events


def test_each_group_has_its_own_updates_rounds_curve_and_ops() -> None:
    snapshot = reduce(in_two_groups())
    first, second = snapshot.groups
    assert (first.group_id, second.group_id) == ("A", "B")
    assert [snapshot.group_of(env_id).group_id for env_id in (0, 1, 2, 3, None)] == ["A", "A", "B", "B", "A"]
    alone = FULL.groups[0]
    assert first.updates == alone.updates
    assert {update.kl_divergence for update in second.updates} == {0.9}
    assert [one.avg_return for one in first.rounds] == [one.avg_return for one in alone.rounds]
    assert [one.avg_return for one in second.rounds] == [-5.0] * len(alone.rounds)
    assert first.curve != second.curve
    assert len(first.curve) == len(second.curve) == len(alone.curve)
    for one, other, whole in zip(first.ops, second.ops, alone.ops, strict=True):
        assert one.run_chosen + other.run_chosen == whole.run_chosen
    assert "0.9000" in " ".join(plain(line) for line in policy_lines(snapshot, second, 36, 20))
    words = [text for _, text in alert_words(snapshot.alerts)]
    assert any(text.startswith("B policy KL") for text in words)
    assert not any(text.startswith("A policy KL 0.9") for text in words)


def test_the_panels_name_the_group_where_there_are_several() -> None:
    focus = Focus(env_id=3)
    for panel in (DecisionPanel(id="decision"), PolicyPanel(id="policy"), FleetPanel(id="fleet")):
        assert " B" in panel.title(frame(reduce(in_two_groups())), focus)[0]
        assert " B" not in panel.title(frame(FULL), focus)[0]


def test_the_console_names_the_group_of_each_round() -> None:
    rounds = len(FULL.groups[0].rounds)
    assert [text[:10] for text in round_lines(reduce(in_two_groups()))] == [
        f"{name}  round {number}" for number in range(1, rounds + 1) for name in "AB"
    ]


def test_the_policy_panel_judges_by_the_rules_and_shows_missing_as_missing() -> None:
    first_update = next(i for i, event in enumerate(EVENTS) if event.kind == "PPO_UPDATE_COMPLETED")
    lines = {plain(line)[:7].strip(): plain(line) for line in policy_rows(reduce(EVENTS[: first_update + 1]), 36, 20)}
    assert "0.0340" in lines["KL"]
    assert "●>.03" in lines["KL"]
    assert "--" in lines["EV"]
    assert "ok" not in lines["EV"]


def test_ops_of_the_round_sum_to_the_decisions() -> None:
    words = " ".join(plain(line) for line in op_lines(FULL.groups[0].ops, 36)).split("refused")[0].split()
    shares = [int(word) for word in words if word.isdigit()]
    assert sum(shares) == pytest.approx(100, abs=3)


def frame(snapshot: CockpitSnapshot) -> Frame:
    status = SourceStatus(mode=Mode.LIVE, origin="runs/x", newer=0, dropped=2, position=1, length=1, speed=None)
    return Frame(snapshot=snapshot, status=status)


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_the_header_fits_and_names_state_task_progress_and_drops(width: int) -> None:
    text = plain(header_line(frame(reduce(EVENTS[:150])), width))
    assert len(text) == width
    for words in ("● LIVE", "digits", "round 2/2", "epoch", "left", "drop 2"):
        assert words in text


def test_progress_of_a_finished_run_is_all_of_it() -> None:
    assert FULL.progress.share_done == pytest.approx(1.0)
    assert "100%" in plain(header_line(frame(FULL), 120))


def test_alerts_put_critical_first_and_name_env_and_limit() -> None:
    events = ScriptedRun(envs=3, epochs=6, nan_env=2, rollback_env=None, rounds=3).events()
    last_epoch = max(i for i, e in enumerate(events) if isinstance(e.payload, EpochCompleted) and e.payload.batch == 2)
    found = alert_words(reduce(events[: last_epoch + 1]).alerts)
    assert found[0] == (Level.CRITICAL, "env02 NaN val loss NaN, train loss 0.69")
    assert (Level.WARNING, "KL 0.0340 >.03") in found


def test_log_lines_are_data_not_markup() -> None:
    pruned = [entry for entry in FULL.log if entry.word == "prune"]
    if not pruned:
        pruned = [entry for entry in reduce(ScriptedRun(envs=12, epochs=12).events()).log if entry.word == "prune"]
    assert "[b]not worth its rent[/x]" in plain(log_line(pruned[0]))


def test_the_log_has_the_rounds_and_no_step_events() -> None:
    words = [entry.word for entry in FULL.log]
    assert words.count("round") == words.count("update") == 2
    assert words[0] == "start"
    assert words[-1] == "finished"
    assert FULL.folded > len(FULL.log)


def test_numbers_have_three_states() -> None:
    assert format_number(None, 2) == "--"
    assert format_number(0.0, 2) == "0.00"
    assert format_number(-0.0001, 2, signed=True) == "+0.00"
    assert format_number(math.nan, 2) == "NaN"
    assert format_number(-math.inf, 2) == "-Inf"
    assert len(format_fitted(123456.789, 5, 3)) <= 6


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.metric)
def test_every_rule_judges_on_its_side(rule: Rule) -> None:
    reference = 2.0 if rule.relative_to else 1.0
    nudge = 1e-6 if rule.above else -1e-6
    beyond, within = (rule.warning + nudge) * reference, (rule.warning - nudge) * reference
    assert judge(rule.metric, beyond, reference=reference).level is Level.WARNING
    assert judge(rule.metric, within, reference=reference).level is Level.FINE
    assert judge(rule.metric, math.nan, reference=reference).level is Level.CRITICAL


def test_few_samples_are_not_judged() -> None:
    assert judge("explained_variance", 0.0, samples=4).level is Level.FINE
    assert judge("explained_variance", 0.0, samples=5).level is Level.WARNING


def test_sparklines_share_a_scale_and_mark_what_is_no_number() -> None:
    assert sparkline([0.0, None, math.nan, 100.0], 5, 0.0, 100.0) == " ▁·×█"


def test_help_lists_what_the_controller_sees() -> None:
    page = " ".join(help_text(live=True, width=90).split())
    for feature in (*BASE_FEATURES, *SLOT_FEATURES):
        assert f"{feature.name} {feature.meaning} ({feature.low:g} to {feature.high:g})" in page


@pytest.mark.parametrize("live", [True, False])
def test_help_and_footer_come_from_the_key_table(live: bool) -> None:
    page = " ".join(help_text(live=live, width=90).split())
    hidden = Where.REPLAY if live else Where.LIVE
    for key in KEYS:
        assert (" ".join(key.help.split()) in page) is (key.where is not hidden)
    for rule in RULES:
        assert rule.reason in page
    footer = plain(footer_line(keys_for(live=live), 80))
    assert len(footer) <= 80
    assert footer.rstrip().endswith("q quit")
    assert ("pause training" in footer) is live
