"""A pipe, a folder or a device in the place of a file is an error of one line, and nobody waits for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fuzzing import assert_said_well

from esper.checkpoints import load_policy, load_trainer_state
from esper.errors import ConfigError, EsperError
from esper.history import read_events, read_history
from esper.history.checkpoint_list import list_checkpoints
from esper.history.host_files import list_hosts
from esper.history.notes import read_notes
from esper.history.presets import read_config_file
from esper.history.recorded_events import RecordedEvents
from esper.history.repair import plan_repair
from esper.history.run_directory import RunDirectory
from esper.history.run_list import list_runs
from esper.history.run_lock import is_locked
from esper.history.tail import last_event, round_accuracies
from esper.process.console_log import last_lines
from esper_tui.settings import load_settings

SAMPLE = Path(__file__).parents[1] / "samples" / "version-2"
FILES = [
    *sorted(str(path.relative_to(SAMPLE)) for path in SAMPLE.rglob("*") if path.is_file()),
    "lock",
    "notes.json",
    "console.log",
    "events.index",
]
READERS: tuple[Callable[[Path], object], ...] = (
    read_events,
    read_history,
    list_checkpoints,
    list_hosts,
    read_notes,
    load_policy,
    load_trainer_state,
    is_locked,
    last_event,
    last_lines,
    round_accuracies,
    RecordedEvents,
    lambda run: list_runs(run.parent),
    lambda run: RunDirectory.open(run).load(),
    lambda run: plan_repair(RunDirectory.open(run)),
)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("put", [pipe, Path.mkdir, endless])
@pytest.mark.parametrize("name", FILES)
def test_nobody_waits_for_what_is_no_file(tmp_path: Path, name: str, put: Callable[[Path], None]) -> None:
    run = shutil.copytree(SAMPLE, tmp_path / "run")
    (run / name).unlink(missing_ok=True)
    put(run / name)
    for read in READERS:
        try:
            read(run)
        except EsperError as error:
            assert_said_well(error)
        except OSError:  # The command line says it in one line.
            continue


@pytest.mark.parametrize("put", [pipe, Path.mkdir, endless])
@pytest.mark.parametrize("read", [read_config_file, load_settings])
def test_settings_that_are_no_file_are_refused(
    tmp_path: Path, put: Callable[[Path], None], read: Callable[[Path], object]
) -> None:
    put(tmp_path / "settings.toml")
    with pytest.raises(ConfigError, match="it is no regular file"):
        read(tmp_path / "settings.toml")
