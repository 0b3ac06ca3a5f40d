"""tests/samples/original has an event of every type that has a counterpart today.

Its first round was recorded by the original system, without the fields that were null; the second one was written by
hand.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from esper.contracts.stages import SeedStage
from esper.errors import HistoryError
from esper.history import read_events, read_history, read_run_events
from esper.history.legacy.dialect import CONVERTED, WITHOUT_COUNTERPART
from esper.history.legacy.importing import ASIDE_FILE, ImportedRun, default_name, import_original
from esper.history.legacy.lines import original_file
from esper.history.run_list import RunState, run_state
from esper.telemetry.events import (
    ActionDistribution,
    AnomalyDetected,
    AnomalyType,
    CounterfactualMatrixComputed,
    EpisodeOutcome,
    EpochCompleted,
    EventKind,
    GovernorRollback,
    LastAction,
    PPOUpdateCompleted,
    RunEnd,
    Severity,
    TrainingEnded,
    TrainingStarted,
)

SAMPLE = Path(__file__).parents[2] / "samples" / "original" / "events.jsonl"
LINES = [json.loads(line) for line in SAMPLE.read_text().splitlines()]
Kind = TypeVar("Kind")


def run_of(lines: list[object], tmp_path: Path, *, tail: str = "") -> ImportedRun:
    source = tmp_path / "source.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)
    return import_original(source, tmp_path / "run", run_id="run")


def found(imported: ImportedRun, kind: type[Kind]) -> list[Kind]:
    return [event.payload for event in read_events(imported.path) if isinstance(event.payload, kind)]


@pytest.fixture
def imported(tmp_path: Path) -> ImportedRun:
    return import_original(SAMPLE, tmp_path / "run", run_id="run")


def label(line: dict[str, dict[str, str]]) -> str:
    return f"{line['event_type']}/{line['data']['kind']}" if "kind" in line["data"] else str(line["event_type"])


def test_every_line_is_counted_and_becomes_one_event_or_is_kept_aside(imported: ImportedRun) -> None:
    in_file = Counter(map(label, LINES))
    assert imported.dialect.read == in_file
    became: Counter[str] = Counter()
    for (name, _), count in imported.dialect.became.items():
        became[name] += count
    assert became == Counter({name: count for name, count in in_file.items() if name in CONVERTED})
    kinds = Counter(event.kind for event in read_events(imported.path))
    assert kinds[EventKind.EPOCH_COMPLETED] == in_file["EPOCH_COMPLETED"]
    assert kinds[EventKind.LAST_ACTION] == in_file["ANALYTICS_SNAPSHOT/last_action"]
    assert kinds[EventKind.ANOMALY_DETECTED] == 9
    assert kinds.total() == became.total() + 1, "and the end of the run"


def test_the_sample_has_every_type_with_a_counterpart() -> None:
    assert set(CONVERTED) - set(map(label, LINES)) == set()
    assert not set(CONVERTED) & set(WITHOUT_COUNTERPART)


def test_what_was_kept_aside_is_there_as_it_was(imported: ImportedRun) -> None:
    kept = [line for line in SAMPLE.read_bytes().splitlines(keepends=True) if label(json.loads(line)) not in CONVERTED]
    assert (imported.path / ASIDE_FILE).read_bytes() == b"".join(kept)
    assert imported.dialect.aside["SOMETHING_NEW", "this type is not known"] == 1


def test_it_is_a_run_that_has_ended_with_its_history(imported: ImportedRun) -> None:
    log = read_run_events(imported.path)
    assert (log.header.run_id, log.header.package_version) == ("run", "original")
    assert log.events[0].time == pytest.approx(1795452804.135803)
    ended = log.events[-1].payload
    assert isinstance(ended, TrainingEnded)
    assert (ended.end, ended.batches_completed) == (RunEnd.FINISHED, 2)
    assert run_state(imported.path) is RunState.ENDED
    first, second = read_history(imported.path)
    assert (first.avg_reward, first.avg_accuracy) == pytest.approx((20.881487187957152, 91.18009868421052))
    assert second.rolling_avg_accuracy == 74.0
    assert second.episode_history[0].total_params == 6418
    assert second.timings is None


def test_what_the_original_leaves_out_comes_from_earlier_lines(imported: ImportedRun) -> None:
    second = [epoch for epoch in found(imported, EpochCompleted) if epoch.batch == 2]
    assert [epoch.epoch for epoch in second] == [1, 2, 3, 4, 5]
    (slot,) = second[2].slots
    assert (slot.seed_id, slot.params, slot.stage) == ("ep1_env0_seed_1", 1000, SeedStage.HOLDING)
    assert (slot.epochs_total, slot.improvement, slot.contribution) == (2, 15.5, 3.5)
    assert (second[2].total_params, second[2].host_params) == (7418, 6418)
    assert second[3].slots[0].contribution is None, "it was measured in the epoch before only"
    assert math.isnan(second[3].val_loss)
    first = found(imported, EpochCompleted)[0]
    assert (first.train_loss, first.host_grad_norm) == (None, None)
    (matrix,) = found(imported, CounterfactualMatrixComputed)
    assert (matrix.active, matrix.shapley, matrix.epoch) == ((True,), (None,), 3)


def test_decisions_say_what_is_known_of_them(imported: ImportedRun) -> None:
    decisions = found(imported, LastAction)
    first = decisions[0]
    assert (first.op, first.slot_id, first.success, first.legal_ops) == ("GERMINATE", "r0c1", True, None)
    heads = {head.head: head for head in first.heads}
    assert (heads["tempo"].choice, heads["blueprint"].choice) == ("FAST", "ATTENTION")
    assert (heads["alpha_target"].choice, heads["alpha_curve"].relevant) == ("SEVENTY", False)
    assert (heads["blueprint"].legal, heads["tempo"].legal) == (None, 3)
    assert first.decision_entropy == pytest.approx(0.69314045), "the original wrote it as a string"
    for decision in decisions[:5]:
        assert sum(term.value or 0.0 for term in decision.reward_terms) == pytest.approx(decision.reward)
    assert decisions[4].episode_reward == pytest.approx(20.881487187957152)
    last = decisions[-1]
    assert (last.op, last.effective_op, last.episode_reward) == ("SET_ALPHA_TARGET", "WAIT", pytest.approx(2.55))
    counts = {count.op: (count.chosen, count.succeeded) for count in found(imported, ActionDistribution)[1].ops}
    assert counts["FOSSILIZE"] == (2, 1)
    assert counts["ADVANCE"] == (2, None), "only one of them was recorded"


def test_updates_alarms_outcomes_and_rollbacks(imported: ImportedRun) -> None:
    first, second = found(imported, PPOUpdateCompleted)
    assert {value.name for value in first.op_values} >= {"WAIT", "GERMINATE"}
    assert (first.skipped, second.skipped, second.epochs_run) == (False, True, None)
    alarms = {alarm.anomaly: alarm for alarm in found(imported, AnomalyDetected)}
    assert (alarms[AnomalyType.REWARD_HACKING].value, alarms[AnomalyType.REWARD_HACKING].limit) == (7.0, 5.0)
    assert alarms[AnomalyType.VALUE_COLLAPSE].value is None
    assert "explained_variance=-0.002" in alarms[AnomalyType.VALUE_COLLAPSE].detail
    assert alarms[AnomalyType.MEMORY].severity is Severity.WARNING
    grown = found(imported, EpisodeOutcome)[0]
    assert (grown.total_params, grown.best_accuracy) == (6418 + 144, pytest.approx(91.18009868421052))
    (rollback,) = found(imported, GovernorRollback)
    assert (rollback.reason, rollback.loss, rollback.restored_epoch) == ("governor_nan", math.inf, None)


def test_groups_that_were_trained_one_after_another_have_envs_of_their_own(tmp_path: Path) -> None:
    both = [line | {"group_id": group} for group in ("A", "B") for line in LINES]
    imported = run_of(both, tmp_path)
    first, second = found(imported, TrainingStarted)
    assert (first.n_envs, second.n_envs) == (1, 2)
    assert [group.env_ids for group in second.groups] == [(0,), (1,)]
    assert {epoch.env_id for epoch in found(imported, EpochCompleted)} == {0, 1}
    assert [(line.group_id, line.batch) for line in read_history(imported.path)] == [
        ("A", 1),
        ("A", 2),
        ("B", 1),
        ("B", 2),
    ]


def test_a_file_that_is_cut_off_has_no_end(tmp_path: Path) -> None:
    imported = run_of(list(LINES[:20]), tmp_path, tail='{"event_id": "6bb')
    assert imported.torn_tail
    assert (imported.rounds, found(imported, TrainingEnded)) == (1, [])
    assert run_state(imported.path) is RunState.CUT_OFF


def test_events_that_miss_what_they_refer_to_are_kept_aside(tmp_path: Path) -> None:
    without_germination = [line for line in LINES if line["event_type"] != "SEED_GERMINATED"]
    imported = run_of([LINES[1], *without_germination], tmp_path)
    aside = imported.dialect.aside
    assert aside["EPOCH_COMPLETED", "it comes before TRAINING_STARTED"] == 1
    assert aside["SEED_FOSSILIZED", "the file does not say how the seed was planted"] == 1


def _type(line: dict[str, object]) -> None:
    line["timestamp"] = 5


def _missing(line: dict[str, dict[str, object]]) -> None:
    del line["data"]["val_loss"]


def _wrong(line: dict[str, dict[str, object]]) -> None:
    line["data"]["inner_epoch"] = "2"


def _beyond(line: dict[str, dict[str, object]]) -> None:
    line["data"]["inner_epoch"] = -1


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_type, "timestamp is 5: expected a string"),
        (_missing, "data.val_loss is missing: expected a number"),
        (_wrong, "data.inner_epoch is '2': expected an integer"),
        (_beyond, "payload.epoch is -1: expected an integer from 0 to"),
    ],
)
def test_a_damaged_line_is_reported_and_nothing_is_left(
    tmp_path: Path, damage: Callable[[object], None], said: str
) -> None:
    lines = [json.loads(json.dumps(line)) for line in LINES]
    damage(lines[1])
    with pytest.raises(HistoryError, match=rf"source\.jsonl, line 2: {said}"):
        run_of(lines, tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["source.jsonl"]


def test_a_line_that_is_cut_in_the_middle_of_the_file_is_reported(tmp_path: Path) -> None:
    text = SAMPLE.read_text().splitlines()
    text[5] = text[5][:100]
    source = tmp_path / "events.jsonl"
    source.write_text("\n".join(text) + "\n")
    with pytest.raises(HistoryError, match="line 6: the document is not JSON"):
        import_original(source, tmp_path / "run", run_id="run")


def test_only_files_of_the_original_are_taken_for_one(tmp_path: Path, imported: ImportedRun) -> None:
    assert original_file(SAMPLE) == SAMPLE
    assert original_file(SAMPLE.parent) == SAMPLE
    assert original_file(imported.path) is None
    assert original_file(tmp_path / "missing") is None
    assert default_name(SAMPLE) == "20261123T165324Z-original"
    with pytest.raises(HistoryError, match="written by the original system: `esper import"):
        read_events(SAMPLE)
