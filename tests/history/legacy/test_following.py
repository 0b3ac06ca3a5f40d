"""A file of the original that grows: what watchers of it see is what an import of the whole file gives."""

from __future__ import annotations

import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esper.errors import HistoryError
from esper.history.follow import Follower
from esper.history.legacy.following import FORSAKEN_SECONDS, FollowedOriginal
from esper.history.legacy.importing import import_original
from esper.history.run_list import RunState, run_state
from esper.telemetry.events import Event

SAMPLE = Path(__file__).parents[2] / "samples" / "original" / "events.jsonl"
WHOLE = SAMPLE.read_bytes()
FIRST = WHOLE.index(b"\n") + 1


@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(FIRST, len(WHOLE)), max_size=4).map(sorted))
def test_in_whatever_pieces_it_grows_it_becomes_what_an_import_gives(cuts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        imported = import_original(SAMPLE, folder / "imported", run_id="run")
        source, run = folder / "source.jsonl", folder / "run"
        source.write_bytes(WHOLE[:FIRST])
        run.mkdir()
        followed = FollowedOriginal(source, run, run_id="run")
        follower, seen = Follower(run), list[Event]()
        assert run_state(run) is RunState.LIVE
        for start, end in pairwise([FIRST, *cuts, len(WHOLE)]):
            with source.open("ab") as file:
                file.write(WHOLE[start:end])
            followed.look()
            seen += follower.read().events
        assert followed.is_over
        done = followed.close()
        seen += follower.read().events
        follower.close()
        assert run_state(run) is RunState.ENDED
        assert (done.dialect.became, done.rounds) == (imported.dialect.became, imported.rounds)
        for file_name in ("events.jsonl", "history.jsonl"):
            assert (run / file_name).read_bytes() == (imported.path / file_name).read_bytes()
        assert [event.seq for event in seen] == list(range(1, len(seen) + 1))


def test_a_file_that_nobody_writes_any_more_is_cut_off(tmp_path: Path) -> None:
    source = tmp_path / "source.jsonl"
    source.write_bytes(WHOLE[: WHOLE.index(b"\n", FIRST) + 1])
    (tmp_path / "run").mkdir()
    followed = FollowedOriginal(source, tmp_path / "run", run_id="run")
    assert not followed.is_over
    long_ago = time.time() - FORSAKEN_SECONDS - 1
    os.utime(source, (long_ago, long_ago))
    followed.look()
    assert followed.is_over
    followed.close()
    assert run_state(tmp_path / "run") is RunState.CUT_OFF


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    source = tmp_path / "source.jsonl"
    source.write_bytes(WHOLE[:FIRST] + b"{]\n")
    (tmp_path / "run").mkdir()
    with pytest.raises(HistoryError, match=r"source.jsonl, line 2: .*is not JSON"):
        FollowedOriginal(source, tmp_path / "run", run_id="run")
