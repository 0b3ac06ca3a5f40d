"""A run in the cockpit outlives its terminal, and ends in order when it is told to."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree
from signal import SIGCONT, SIGHUP, SIGSTOP, SIGTERM

import pytest
from terminals import Terminal, terminal

from esper.history import read_events, read_history
from esper.history.checkpoint_files import open_checkpoint
from esper.telemetry.events import RunEnd, TrainingEnded

ROUNDS = 12
TRAIN = ("train", "--envs", "2", "--episode-length", "3", "--threads", "1", "--runs-dir", "runs")
SAMPLE = Path(__file__).parents[1] / "samples" / "version-2"
LEAVE_SCREEN = b"\x1b[?1049l"


def run_in(folder: Path) -> Path:
    (run,) = (folder / "runs").iterdir()
    return run


def after_two_rounds(folder: Path) -> bool:
    return any(len(path.read_text().splitlines()) > 2 for path in folder.glob("runs/*/history.jsonl"))


def ending(run: Path) -> TrainingEnded:
    last = read_events(run)[-1].payload
    assert isinstance(last, TrainingEnded)
    return last


def start_of(shown: Terminal, folder: Path) -> None:
    shown.wait_for(lambda: after_two_rounds(folder))


@pytest.mark.parametrize("keys", [("",), ("q",), ("q", "k")], ids=["main screen", "leave dialog", "screen left before"])
def test_a_run_goes_on_without_its_terminal(tmp_path: Path, keys: tuple[str, ...]) -> None:
    with terminal(tmp_path, *TRAIN, "--rounds", str(ROUNDS)) as shown:
        start_of(shown, tmp_path)
        for key, answer in zip(keys, (b"Cancel", b"training goes on"), strict=False):
            if key:
                shown.type(key)
                shown.wait_for(lambda answer=answer: answer in shown.screen)
        shown.close()
        assert shown.wait() == 0
    run = run_in(tmp_path)
    assert ending(run).end is RunEnd.FINISHED
    assert len(read_history(run)) == ROUNDS
    log = (run / "console.log").read_text()
    assert f"round {ROUNDS}/{ROUNDS}" in log
    assert log.splitlines()[-1] == str(Path("runs") / run.name)


def test_sighup_closes_the_screen_and_not_the_run(tmp_path: Path) -> None:
    with terminal(tmp_path, *TRAIN, "--rounds", str(ROUNDS)) as shown:
        start_of(shown, tmp_path)
        shown.send(SIGHUP, SIGHUP)  # from the kernel, and from the shell
        assert shown.wait() == 0
        assert LEAVE_SCREEN in shown.screen
    assert ending(run_in(tmp_path)).end is RunEnd.FINISHED


def test_sigterm_ends_the_run_in_order_and_restores_the_terminal(tmp_path: Path) -> None:
    with terminal(tmp_path, *TRAIN, "--rounds", "5000") as shown:
        start_of(shown, tmp_path)
        shown.send(SIGTERM)
        assert shown.wait() == 128 + SIGTERM
        assert LEAVE_SCREEN in shown.screen
    run = run_in(tmp_path)
    assert ending(run).end is RunEnd.STOPPED
    assert open_checkpoint(run).manifest.rounds_completed == ending(run).batches_completed >= 2


def test_a_second_signal_leaves_at_once_with_readable_files(tmp_path: Path) -> None:
    with terminal(tmp_path, *TRAIN[:3], "--episode-length", "2000", *TRAIN[5:], "--rounds", "2") as shown:
        shown.wait_for(lambda: any("EPOCH_COMPLETED" in path.read_text() for path in tmp_path.glob("runs/*/events.*")))
        shown.send(SIGTERM, SIGTERM)
        assert shown.wait() in (128 + SIGTERM, -SIGTERM)  # The second may meet a process that is about to end.
        assert LEAVE_SCREEN in shown.screen
    assert read_events(run_in(tmp_path))


def test_stopping_and_continuing_the_process_starts_no_threads(tmp_path: Path) -> None:
    with terminal(tmp_path, *TRAIN, "--rounds", "5000") as shown:
        start_of(shown, tmp_path)
        before = shown.threads()
        shown.send(SIGSTOP, SIGCONT, SIGSTOP, SIGCONT, SIGCONT)
        assert shown.threads() == before
        shown.send(SIGTERM)
        assert shown.wait() == 128 + SIGTERM


def test_a_replay_in_a_terminal_of_eight_columns_shows_its_help(tmp_path: Path) -> None:
    with terminal(tmp_path, *TRAIN, "--rounds", "1", "--no-tui") as shown:
        assert shown.wait() == 0
    with terminal(tmp_path, "replay", str(run_in(tmp_path))) as shown:
        shown.wait_for(lambda: b"help" in shown.screen)  # drawn, so a change of size is heard from now on
        shown.resize(20, 8)
        shown.wait_for(lambda: b"cells." in shown.screen)  # "The cockpit needs 72x20 cells.", eight columns a line
        help_corner = "╭".encode()
        shown.answer_to("?", help_corner)
        shown.answer_to("\x1b", b"cells.")
        shown.type("q")
        assert shown.wait() == 0


def test_a_screen_that_was_closed_when_the_terminal_changed_its_size_is_drawn_whole(tmp_path: Path) -> None:
    copytree(SAMPLE, tmp_path / "run")
    with terminal(tmp_path, "replay", "run") as shown:
        shown.wait_for(lambda: b"AT END" in shown.screen)
        shown.answer_to("\r", b"chosen")  # a column of the env detail
        shown.answer_to("\x1b", b"worst first")
        before = len(shown.screen)
        shown.resize(24, 80)
        shown.wait_for(lambda: b"worst first" in shown.screen[before:])
        shown.answer_to("\r", b"chosen")


def test_a_replay_leaves_when_it_is_told_to(tmp_path: Path) -> None:
    with terminal(tmp_path, *TRAIN, "--rounds", "1", "--no-tui") as shown:
        assert shown.wait() == 0
    with terminal(tmp_path, "replay", str(run_in(tmp_path))) as shown:
        shown.wait_for(lambda: b"\x1b[?1049h" in shown.screen)
        shown.send(SIGTERM)
        assert shown.wait() == 128 + SIGTERM
    with terminal(tmp_path, "replay", str(run_in(tmp_path))) as shown:
        shown.wait_for(lambda: b"\x1b[?1049h" in shown.screen)
        shown.close()
        assert shown.wait() == 128 + SIGHUP


def test_a_run_that_was_stopped_in_the_cockpit_does_not_look_finished_to_a_script(tmp_path: Path) -> None:
    with terminal(tmp_path, *TRAIN, "--rounds", "5000") as shown:
        start_of(shown, tmp_path)
        shown.type("q")
        shown.wait_for(lambda: b"Cancel" in shown.screen)
        shown.type("n")
        assert shown.wait() == 130
    assert ending(run_in(tmp_path)).end is RunEnd.STOPPED


def test_without_a_colour_the_cockpit_works(tmp_path: Path) -> None:
    with terminal(tmp_path, *TRAIN, "--rounds", "2", NO_COLOR="1") as shown:
        shown.wait_for(lambda: b"ENDED" in shown.screen)
        shown.type("q")
        assert shown.wait() == 0
