"""Every file of a run, damaged in thousands of ways: an error of one line, or exactly what had been written.

What the end of a log has lost as whole lines, or as its torn tail, is a shorter record of the run and no other one.
`esper runs` has to survive all of it, and to show it as a run among others.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from fuzzing import assert_said_well, cases, damage, truncate

from esper.checkpoints import load_policy, load_trainer_state
from esper.errors import EsperError
from esper.history import RunDirectory, read_run_events, read_run_history
from esper.history.checkpoint_files import open_checkpoint, point_to
from esper.history.run_list import listed_run
from esper.history.sealing import seal, unseal
from esper.training.checkpoint import read_tensors

SAMPLES = Path(__file__).parents[1] / "samples"
ROUND = Path("checkpoints") / "round-000002"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return shutil.copytree(SAMPLES / "version-2", tmp_path / "run")


def events_of(run: Path) -> list[object]:
    log = read_run_events(run)
    return [log.header, *log.events]


def history_of(run: Path) -> list[object]:
    log = read_run_history(run)
    return [log.header, *log.lines]


def settings_of(run: Path) -> list[object]:
    return [RunDirectory.open(run).load()]


def checkpoint_of(run: Path) -> list[object]:
    saved = open_checkpoint(run)
    return [saved.manifest, hashlib.sha256(saved.state_path.read_bytes()).hexdigest()]


FILES: dict[Path, tuple[Callable[[Path], list[object]], int]] = {
    Path("events.jsonl"): (events_of, 60),
    Path("history.jsonl"): (history_of, 150),
    Path("config.toml"): (settings_of, 120),
    ROUND / "manifest.json": (checkpoint_of, 120),
    ROUND / "state.safetensors": (checkpoint_of, 60),
    Path("checkpoints") / "latest": (checkpoint_of, 120),
}


@pytest.mark.parametrize("file", FILES, ids=str)
def test_damage_is_an_error_or_changes_nothing(file: Path, run: Path) -> None:
    read, count = FILES[file]
    whole, content = repr(read(run)).removesuffix("]"), (run / file).read_bytes()
    for stream in cases(str(file), count):
        (run / file).write_bytes(damage(content, stream))
        try:
            found = read(run)
        except EsperError as error:
            assert_said_well(error)
        else:
            assert whole.startswith(repr(found).removesuffix("]")), stream
        listed_run(run)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_cut_off_anywhere_a_file_is_shorter_or_an_error(file: Path, run: Path) -> None:
    read, _ = FILES[file]
    whole, content = repr(read(run)).removesuffix("]"), (run / file).read_bytes()
    for stream in cases(f"cut {file}", 40):
        (run / file).write_bytes(truncate(content, stream))
        try:
            found = read(run)
        except EsperError as error:
            assert_said_well(error)
        else:
            assert file.suffix == ".jsonl", "only a log may be shorter"
            assert whole.startswith(repr(found).removesuffix("]"))


def test_without_checksums_damage_is_an_error_or_a_record_of_the_right_form(tmp_path: Path) -> None:
    """Files of version 1 have no checksums, so that a changed value may pass; it is within its bounds then."""
    run = shutil.copytree(SAMPLES / "version-1", tmp_path / "run")
    content = (run / "events.jsonl").read_bytes()
    for stream in cases("version 1", 60):
        (run / "events.jsonl").write_bytes(damage(content, stream))
        try:
            read_run_events(run)
        except EsperError as error:
            assert_said_well(error)
        listed_run(run)


def forge(run: Path, state: bytes, manifest: dict[str, object]) -> None:
    """Write a state whose manifest and pointer vouch for it."""
    place = run / ROUND
    (place / "state.safetensors").write_bytes(state)
    manifest = {"state_bytes": len(state), "state_sha256": hashlib.sha256(state).hexdigest()} | manifest
    (place / "manifest.json").write_text(seal(json.dumps(manifest, separators=(",", ":"))) + "\n")
    point_to(place.parent, place.name)


def manifest_of(run: Path) -> dict[str, object]:
    return json.loads(unseal((run / ROUND / "manifest.json").read_bytes()))


def test_tensors_that_a_forger_vouches_for_do_no_harm(run: Path) -> None:
    """Whatever stands in the file of tensors: it is refused, or it is numbers under the names of the manifest."""
    content = (run / ROUND / "state.safetensors").read_bytes()
    manifest = {key: value for key, value in manifest_of(run).items() if not key.startswith("state_")}
    header = 8 + int.from_bytes(content[:8], "little")
    for stream in cases("tensors", 60):
        changed = damage(content[:header], stream) + content[header:]
        forge(run, changed if stream.random() < 0.8 else damage(content, stream), manifest)
        try:
            saved = open_checkpoint(run)
            tensors = read_tensors(saved.state_path, saved.manifest.tensors)
            assert set(tensors) == {record.name for record in saved.manifest.tensors}
        except EsperError as error:
            assert_said_well(error)


NASTY: tuple[object, ...] = (None, -1, 0, 2**80, 1e308, "", "x" * 70_000, [], {}, True, "NaN", [[1]], {"a": 1}, "\x00")


def spoil(document: dict[str, object], stream: random.Random) -> None:
    """Put something else in the place of one value of a document, however deep."""
    place: Any = document
    while True:
        key = stream.choice(sorted(place)) if isinstance(place, dict) else stream.randrange(len(place))
        if stream.random() < 0.4 or not isinstance(place[key], dict | list) or not place[key]:
            place[key] = stream.choice(NASTY)
            return
        place = place[key]


def test_a_manifest_that_a_forger_wrote_does_no_harm(run: Path) -> None:
    state, pristine = (run / ROUND / "state.safetensors").read_bytes(), manifest_of(run)
    for stream in cases("manifest", 25):
        manifest = deepcopy(pristine)
        spoil(manifest, stream)
        forge(run, state, manifest)
        for load in (load_policy, load_trainer_state):
            try:
                load(run)
            except EsperError as error:
                assert_said_well(error)
