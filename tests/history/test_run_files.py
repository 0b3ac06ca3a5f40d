"""Run directory, writer and reader together: what a run leaves behind, and what can be wrong with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from esper.errors import HistoryError
from esper.history import (
    RunDirectory,
    iterate_events,
    open_recording,
    read_events,
    read_history,
    read_run_events,
    read_run_history,
)
from esper.history.codec import event_from_json, header_to_json
from esper.history.group_settings import run_document
from esper.history.identity import run_digest
from esper.history.records import SCHEMA_VERSION
from esper.history.sealing import seal, unseal
from esper.history.settings_file import write_settings
from esper.telemetry.events import BatchEpochCompleted, EpochCompleted, EventKind
from esper.training.config import RunConfig, TrainingConfig

Make = Callable[..., object]


def test_directory_is_named_by_time_preset_and_seed_and_never_reused(tmp_path: Path) -> None:
    config = TrainingConfig(run=RunConfig(preset="digits", seed=7))
    names = [RunDirectory.create(tmp_path / "runs", config, lambda: 1_700_000_000.9).run_id for _ in range(3)]
    assert names == [
        "20231114T221320Z-digits-7",
        "20231114T221320Z-digits-7-2",
        "20231114T221320Z-digits-7-3",
    ]


def test_directory_name_cannot_escape_the_runs_directory(tmp_path: Path) -> None:
    config = TrainingConfig(run=RunConfig(preset="../../evil name"))
    directory = RunDirectory.create(tmp_path, config, lambda: 0.0)
    assert directory.path.parent == tmp_path
    assert directory.run_id == "19700101T000000Z-.._.._evil_name-42"


def test_directory_keeps_the_resolved_config(tmp_path: Path) -> None:
    config = TrainingConfig(run=RunConfig(preset='odd "name"', rounds=3))
    with open_recording(config, tmp_path) as recording:
        directory = recording.directory
    assert directory.load_config() == config
    assert directory.checkpoints_path.is_dir()


def test_unwritable_runs_directory_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryError, match="cannot make a run directory in "):
        RunDirectory.create(tmp_path / "file", TrainingConfig())


def test_open_refuses_what_is_no_run(tmp_path: Path, saved_run: RunDirectory) -> None:
    assert RunDirectory.open(saved_run.path) == saved_run
    with pytest.raises(HistoryError, match="does not exist"):
        RunDirectory.open(tmp_path / "nowhere")
    with pytest.raises(HistoryError, match=r"not a run directory: it has no events\.jsonl"):
        RunDirectory.open(tmp_path)


def test_no_byte_of_the_settings_can_be_lost_or_changed(saved_run: RunDirectory) -> None:
    whole = saved_run.config_path.read_bytes()
    for size in range(0, len(whole), 97):
        saved_run.config_path.write_bytes(whole[:size])
        with pytest.raises(HistoryError, match=r"config\.toml is not what was written"):
            saved_run.load_config()
    saved_run.config_path.write_bytes(whole.replace(b"rounds", b"roundz"))
    with pytest.raises(HistoryError, match=r"config\.toml is not what was written"):
        saved_run.load_config()


def test_settings_of_another_run_are_refused(saved_run: RunDirectory, tmp_path: Path) -> None:
    with open_recording(TrainingConfig(run=RunConfig(seed=99)), tmp_path) as other:
        pass
    saved_run.config_path.write_bytes(other.directory.config_path.read_bytes())
    with pytest.raises(HistoryError, match=r"config\.toml does not have the digest .* belongs to another run"):
        saved_run.load_config()


def test_settings_that_lack_a_key_are_refused(saved_run: RunDirectory) -> None:
    """A default in its place would go unnoticed; run.rounds is not part of the run's digest."""
    document = run_document(saved_run.load_config(), ())
    del document["run"]["rounds"]
    write_settings(saved_run.config_path, document)
    with pytest.raises(HistoryError, match=r"config\.toml has no run\.rounds"):
        saved_run.load_config()


def test_events_and_summaries_come_back_typed_and_in_order(saved_run: RunDirectory) -> None:
    events = read_events(saved_run.path)
    assert [(event.seq, event.kind, event.time) for event in events] == [
        (1, EventKind.EPOCH_COMPLETED, 1000.0),
        (2, EventKind.BATCH_EPOCH_COMPLETED, 1000.0),
        (3, EventKind.EPOCH_COMPLETED, 1000.0),
        (4, EventKind.BATCH_EPOCH_COMPLETED, 1000.0),
    ]
    assert [summary.batch for summary in read_history(saved_run.path)] == [1, 2]
    assert [line.seq for line in read_run_history(saved_run.path).lines] == [2, 4]


def test_a_file_may_be_named_instead_of_the_directory(saved_run: RunDirectory) -> None:
    assert repr(read_events(str(saved_run.events_path))) == repr(read_events(saved_run.path))
    assert repr(list(iterate_events(saved_run.events_path))) == repr(read_events(saved_run.path))
    assert read_history(saved_run.history_path) == read_history(saved_run.path)


def test_headers_name_run_config_and_kind_of_file(saved_run: RunDirectory) -> None:
    events, history = read_run_events(saved_run.path).header, read_run_history(saved_run.path).header
    assert (events.run_id, events.file, events.created) == (
        saved_run.run_id,
        "events",
        "1970-01-01T00:16:40+00:00",
    )
    assert events.config_digest == run_digest(saved_run.load_config())
    assert history == replace(events, file="history")


def test_every_line_is_plain_json(saved_run: RunDirectory) -> None:
    for path in (saved_run.events_path, saved_run.history_path):
        text = path.read_text(encoding="ascii")
        assert text.endswith("\n")
        for line in text.splitlines():
            assert isinstance(json.loads(line, parse_constant=pytest.fail), dict)


def test_a_batch_is_on_file_as_soon_as_it_ends(tmp_path: Path, make: Make) -> None:
    with open_recording(TrainingConfig(), tmp_path, clock=lambda: 0.0) as recording:
        hub, path = recording.hub, recording.directory.path
        hub.emit(make(EpochCompleted))
        hub.emit(make(EpochCompleted))
        held = len(read_events(path))
        hub.emit(make(BatchEpochCompleted))
        assert held < 3
        assert len(read_events(path)) == 3


def test_every_epoch_reaches_the_file_even_if_the_clock_stands_still(tmp_path: Path, make: Make) -> None:
    with open_recording(TrainingConfig(), tmp_path, clock=lambda: 0.0) as recording:
        for epoch in (1, 1, 2):
            recording.hub.emit(replace(make(EpochCompleted), epoch=epoch))
        assert len(read_events(recording.directory.path)) == 3


def test_torn_tail_is_left_out_and_reported(saved_run: RunDirectory) -> None:
    whole = read_run_events(saved_run.path)
    assert not whole.torn_tail
    data = saved_run.events_path.read_bytes()
    saved_run.events_path.write_bytes(data[:-1])  # even a complete object counts only once its newline is there
    torn = read_run_events(saved_run.path)
    assert torn.torn_tail
    assert len(torn.events) == len(whole.events) - 1
    assert len(read_events(saved_run.path)) == 3


def change_lines(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Rewrite a file from the list of its lines."""
    path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))


@pytest.mark.parametrize(
    ("line", "replacement", "message"),
    [
        (3, seal('{"seq":2}'), r"line 3: time is missing"),
        (3, '{"seq":2}', r"line 3: crc is missing"),
        (4, "garbage", r"line 4: crc is missing"),
        (4, seal("{garbage}"), r"line 4: the document is not JSON"),
        (5, "", r"line 5: crc is missing"),
        (1, '{"seq":1}', r"line 1: not a header: header is missing"),
    ],
)
def test_wrong_line_is_named(saved_run: RunDirectory, line: int, replacement: str, message: str) -> None:
    change_lines(saved_run.events_path, lambda lines: [*lines[: line - 1], replacement, *lines[line:]])
    with pytest.raises(HistoryError, match=re.escape(str(saved_run.events_path)) + ", " + message):
        read_events(saved_run.path)


def test_a_changed_digit_is_noticed(saved_run: RunDirectory) -> None:
    change_lines(saved_run.events_path, lambda lines: [line.replace('"batch":1', '"batch":2') for line in lines])
    with pytest.raises(HistoryError, match="line 2: crc does not fit the text: it is damaged"):
        read_events(saved_run.path)


def test_sequence_numbers_must_rise_without_a_gap(saved_run: RunDirectory) -> None:
    whole = saved_run.events_path.read_text()
    change_lines(saved_run.events_path, lambda lines: [*lines, lines[2]])
    with pytest.raises(HistoryError, match="line 6: seq is 2 after 4: it must rise"):
        read_events(saved_run.path)
    saved_run.events_path.write_text(whole)
    change_lines(saved_run.events_path, lambda lines: [*lines[:2], *lines[4:]])
    with pytest.raises(HistoryError, match="line 3: seq is 4 after 1: 2 events are missing"):
        read_events(saved_run.path)


def test_a_batch_that_is_missing_in_the_history_is_noticed(saved_run: RunDirectory) -> None:
    change_lines(saved_run.history_path, lambda lines: [lines[0], lines[2]])
    with pytest.raises(HistoryError, match=r"line 2: summary\.batch is 2, the next of group default is 1"):
        read_history(saved_run.path)


def test_file_of_another_schema_or_kind_is_refused(saved_run: RunDirectory) -> None:
    with pytest.raises(HistoryError, match="line 1: the file holds history, not events"):
        read_events(saved_run.history_path)
    newer = replace(read_run_events(saved_run.path).header, schema_version=SCHEMA_VERSION + 1, package_version="9.0")
    change_lines(saved_run.events_path, lambda lines: [seal(header_to_json(newer)), *lines[1:]])
    with pytest.raises(HistoryError, match=r"schema version 3: this version of esper reads 1 to 2; use .* \(9\.0\)"):
        read_events(saved_run.path)


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HistoryError, match="pipe is not a file"):
        read_events(tmp_path / "pipe")


def test_an_endless_line_is_refused_before_it_fills_the_memory(
    saved_run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esper.history.lines.LONGEST_LINE", 5000)
    change_lines(saved_run.events_path, lambda lines: [*lines, "x" * 9000])
    with pytest.raises(HistoryError, match=r"line 6: the document is longer than 5,000 bytes") as caught:
        read_events(saved_run.path)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("content", [b"", b'{"header":{"schema_v'])
def test_file_without_a_whole_header_is_refused(saved_run: RunDirectory, content: bytes) -> None:
    saved_run.events_path.write_bytes(content)
    with pytest.raises(HistoryError, match="no complete header line"):
        read_events(saved_run.path)


def test_missing_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="nowhere does not exist"):
        read_events(tmp_path / "nowhere")
    with pytest.raises(HistoryError, match=r"not a run directory: it has no history\.jsonl"):
        read_history(tmp_path)


FULL_DISK = """
import resource, signal, sys
from dataclasses import replace
from pathlib import Path
from esper.history import open_recording
from esper.telemetry.events import EpochCompleted
from esper.telemetry.hub import TelemetryWriteError
from esper.training.config import TrainingConfig

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
epoch = EpochCompleted(env_id=0, batch=1, epoch=1, train_loss=1.0, train_accuracy=1.0, val_loss=1.0, val_accuracy=1.0,
                       host_grad_norm=1.0, total_params=1, host_params=1, slots=())
emitted = 0
try:
    with open_recording(TrainingConfig(), Path(sys.argv[1])) as recording:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
        while emitted < 1000:
            emitted += 1
            recording.hub.emit(replace(epoch, epoch=emitted))
except TelemetryWriteError as error:
    print(emitted, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file size")
def test_full_disk_ends_the_run_and_what_was_written_stays_readable(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True)
    emitted, message = done.stdout.split(maxsplit=1)
    assert message.startswith("history writer cannot write: ")
    (run,) = tmp_path.iterdir()
    log = read_run_events(run)
    assert log.torn_tail
    assert 0 < len(log.events) <= int(emitted) < 1000


def test_event_line_is_the_public_format(saved_run: RunDirectory) -> None:
    """What the file holds after its header is exactly what the codec reads line by line."""
    lines = saved_run.events_path.read_text().splitlines()[1:]
    assert repr([event_from_json(unseal(line.encode())) for line in lines]) == repr(read_events(saved_run.path))


def test_reading_needs_no_torch() -> None:
    code = "import sys, esper.history, esper.telemetry.hub; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
