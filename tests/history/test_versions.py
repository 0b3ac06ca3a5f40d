"""Runs that older versions of Esper saved stay readable, and go on in today's form. tests/samples has one of each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from esper.errors import HistoryError
from esper.history import RunDirectory, read_events, read_history, read_run_events, read_run_history
from esper.history.checkpoint_files import open_checkpoint
from esper.history.codec import event_to_json, summary_to_json
from esper.history.migrations import OLDEST_VERSION, STEPS
from esper.history.records import SCHEMA_VERSION
from esper.history.resuming import find_resume_point
from esper.history.sealing import unseal
from esper.history.upgrade import upgrade_logs
from esper.telemetry.events import LastAction, MaskHitRates, RunEnd, TrainingEnded, TrainingStarted

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    """A copy of a run of two rounds, with two envs and three epochs an episode."""
    shutil.copytree(SAMPLES / "version-1", tmp_path / "run")
    return tmp_path / "run"


def test_there_is_a_sample_of_each_version_and_a_step_for_each_older_one() -> None:
    assert list(range(OLDEST_VERSION, SCHEMA_VERSION)) == sorted(STEPS)
    assert {item.name for item in SAMPLES.glob("version-*")} == {
        f"version-{version}" for version in (*STEPS, SCHEMA_VERSION)
    }


def test_a_run_of_todays_version_reads_whole_and_is_written_the_same() -> None:
    """A changed record that no longer reads this sample, or writes it otherwise, needs a new version.

    The sample is of: esper train --preset digits_impaired --rounds 2 --envs 2 --episode-length 5 --threads 1, with
    fleet.steps_per_epoch=3, policy.hidden_size=8, policy.feature_size=8, growth.min_training_epochs=1 and
    run.checkpoint_interval=0.
    """
    run = SAMPLES / f"version-{SCHEMA_VERSION}"
    log, history = read_run_events(run), read_run_history(run)
    assert log.header.schema_version == history.header.schema_version == SCHEMA_VERSION
    assert [event.seq for event in log.events] == list(range(1, len(log.events) + 1))
    assert (log.torn_tail, history.torn_tail) == (False, False)
    assert [json.loads(event_to_json(event)) for event in log.events] == documents(run / "events.jsonl")
    rewritten = [json.loads(summary_to_json(line.summary, seq=line.seq)) for line in history.lines]
    assert rewritten == documents(run / "history.jsonl")
    checkpoint, config = open_checkpoint(run), RunDirectory.open(run).load_config()
    assert checkpoint.manifest.rounds_completed == config.run.rounds == 2
    assert checkpoint.manifest.groups[0].config == config


def test_a_run_from_before_a_setting_existed_reads_whole_and_goes_on() -> None:
    """The sample is of the first Esper that wrote version 2, without the settings variety.* and others that came later.

    A setting that is added must have a default that means what was done before it existed.
    """
    run = SAMPLES / "earlier-version-2"
    assert "variety" not in (run / "config.toml").read_text(encoding="utf-8")
    log, history = read_run_events(run), read_run_history(run)
    assert [event.seq for event in log.events] == list(range(1, len(log.events) + 1))
    assert [line.summary.batch for line in history.lines] == [1, 2]
    config = RunDirectory.open(run).load_config()
    assert not config.variety.draws
    assert open_checkpoint(run).manifest.groups[0].config == config
    assert find_resume_point(run, {"run.rounds": 3}).config.run.rounds == 3


def documents(path: Path) -> list[object]:
    """What the lines after the header hold."""
    return [json.loads(unseal(line)) for line in path.read_bytes().splitlines()[1:]]


def test_a_run_of_version_1_reads_whole(version_1: Path) -> None:
    log = read_run_events(version_1)
    assert (log.header.schema_version, log.header.provenance) == (1, None)
    assert [event.seq for event in log.events] == list(range(1, len(log.events) + 1))
    started = log.events[0].payload
    assert isinstance(started, TrainingStarted)
    assert (started.blas, started.data_digest) == (None, None)
    ended = log.events[-1].payload
    assert isinstance(ended, TrainingEnded)
    assert (ended.end, ended.batches_completed, ended.signal) == (RunEnd.FINISHED, 2, None)
    assert [summary.batch for summary in read_history(version_1)] == [1, 2]
    config = RunDirectory.open(version_1).load_config()
    assert config.fleet.envs == 2
    assert config.growth.op_masks == "possible"  # what version 1 did, and not today's default
    manifest = open_checkpoint(version_1).manifest
    assert (manifest.rounds_completed, manifest.groups[0].config) == (2, config)


def test_decisions_of_version_1_do_not_claim_what_was_not_recorded(version_1: Path) -> None:
    decisions = [one.payload for one in read_events(version_1) if isinstance(one.payload, LastAction)]
    assert decisions
    assert {one.op_masks for one in decisions} == {None}
    assert {(head.second, head.second_probability) for one in decisions for head in one.heads} == {(None, None)}


def test_the_counts_of_masked_decisions_have_their_new_name(version_1: Path) -> None:
    rates = [event.payload for event in read_events(version_1) if isinstance(event.payload, MaskHitRates)]
    assert len(rates) == 2
    for head in (head for rate in rates for head in rate.heads):
        assert head.rate == head.masked_decisions / head.decisions


def test_settings_of_version_1_are_checked_too(version_1: Path) -> None:
    (version_1 / "config.toml").write_text("")
    with pytest.raises(HistoryError, match="does not have the digest"):
        RunDirectory.open(version_1).load_config()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"kind":', '"kind":"TRAINING_ENDED","kind":', "the key 'kind' stands twice in one object"),
        ('"learning_rate":', '"learning_rate":1e999,"x":', "1e999 is beyond the range of numbers"),
        ('"preset":', '"preset":' + "[" * 100_000, "is not JSON"),
    ],
)
def test_lines_without_a_checksum_are_parsed_with_care(version_1: Path, old: str, new: str, said: str) -> None:
    path = version_1 / "events.jsonl"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(HistoryError, match="line 2: .*" + said) as caught:
        read_events(version_1)
    assert len(str(caught.value)) < 400


def test_a_line_without_a_checksum_has_a_bounded_length(version_1: Path) -> None:
    path = version_1 / "events.jsonl"
    path.write_text(path.read_text().replace('"preset":"', '"preset":"' + "x" * 2**20, 1))
    with pytest.raises(HistoryError, match=r"line 2: the document is longer than 1,048,576 bytes"):
        read_events(version_1)


def test_upgraded_logs_hold_the_same_and_carry_checksums(version_1: Path) -> None:
    events, history = read_events(version_1), read_history(version_1)
    directory = RunDirectory.open(version_1)
    upgrade_logs(directory)
    log = read_run_events(version_1)
    assert log.header.schema_version == SCHEMA_VERSION
    assert (list(log.events), read_history(version_1)) == (events, history)
    path = directory.events_path
    path.write_text(path.read_text().replace('"max_epochs":3', '"max_epochs":4'))
    with pytest.raises(HistoryError, match="line 2: crc does not fit"):
        read_events(version_1)
