"""Checkpoint directories: whole or not there at all, and every kind of damage is said in one line with the way out."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path

import pytest

from esper.errors import CheckpointError, TelemetryWriteError
from esper.history import open_recording, read_events
from esper.history.checkpoint_files import RunIdentity, SavedCheckpoint, open_checkpoint, point_to, write_checkpoint
from esper.history.sealing import seal, unseal
from esper.telemetry.events import RunEnd, TrainingEnded
from esper.training.checkpoint_records import CheckpointManifest, GroupRecord, TensorRecord, TrainerCheckpoint
from esper.training.config import TrainingConfig

IDENTITY = RunIdentity(run_id="run", config_digest="d1", package_version="0.1.0", created="2026-11-24T09:00:00+00:00")


def checkpoint(rounds: int, content: bytes = b"tensors" * 100) -> TrainerCheckpoint:
    def write_state(path: Path) -> None:
        path.write_bytes(content)

    return TrainerCheckpoint(
        rounds_completed=rounds,
        last_seq=10 * rounds,
        groups=(GroupRecord(group_id="default", controller="ppo", learns=True, config=TrainingConfig()),),
        tensors=(TensorRecord(name="default/x", dtype="float32", shape=(2, 3)),),
        write_state=write_state,
    )


def full_disk(path: Path) -> None:
    path.write_bytes(b"half")
    raise OSError(28, "No space left on device")


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """A run's directory of checkpoints with rounds 1 and 2."""
    place = tmp_path / "run" / "checkpoints"
    place.mkdir(parents=True)
    for rounds in (1, 2):
        write_checkpoint(place, checkpoint(rounds), IDENTITY)
    return place


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(path)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_the_latest_is_found_from_the_run_and_any_by_its_own_path(parent: Path) -> None:
    assert sorted(item.name for item in parent.iterdir()) == ["latest", "round-000001", "round-000002"]
    assert open_checkpoint(parent.parent).manifest.rounds_completed == 2
    assert open_checkpoint(parent).manifest.rounds_completed == 2
    saved = open_checkpoint(parent / "round-000001")
    assert saved.state_path.read_bytes() == b"tensors" * 100
    manifest = saved.manifest
    assert (manifest.run_id, manifest.config_digest, manifest.last_seq) == ("run", "d1", 10)
    assert (manifest.groups, manifest.tensors) == (checkpoint(1).groups, checkpoint(1).tensors)


def test_a_write_that_fails_leaves_the_last_checkpoint(parent: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(parent, replace(checkpoint(3), write_state=full_disk), IDENTITY)
    assert sorted(item.name for item in parent.iterdir()) == ["latest", "round-000001", "round-000002"]
    assert open_checkpoint(parent).manifest.rounds_completed == 2


def test_a_crash_between_the_move_and_the_pointer_leaves_the_last_checkpoint(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(self: Path, target: Path) -> Path:
        raise OSError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", crash)
        with pytest.raises(OSError, match="power cut"):
            write_checkpoint(parent, checkpoint(3), IDENTITY)
    assert open_checkpoint(parent).manifest.rounds_completed == 2
    assert open_checkpoint(parent / "round-000003").manifest.rounds_completed == 3


def test_a_torn_file_is_refused_with_the_other_checkpoints_named(parent: Path) -> None:
    state = parent / "round-000002" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-1])
    assert refused(parent).endswith(
        "has 699 bytes of 700: it was cut off; use another checkpoint of the run: round-000001"
    )


def test_a_changed_byte_is_noticed(parent: Path) -> None:
    state = parent / "round-000002" / "state.safetensors"
    state.write_bytes(b"T" + state.read_bytes()[1:])
    assert "is not what was written: it is damaged; use another checkpoint" in refused(parent)


@pytest.mark.parametrize("name", ["state.safetensors", "manifest.json"])
def test_a_missing_file_is_named(parent: Path, name: str) -> None:
    (parent / "round-000002" / name).unlink()
    text = refused(parent / "round-000002")
    assert name in text
    assert "use another checkpoint of the run: round-000001" in text


def rewrite(manifest: Path, document: object) -> None:
    """Let the manifest, and `latest`, be what a careful forger would make of them."""
    manifest.write_text(seal(json.dumps(document, separators=(",", ":"))) + "\n")
    point_to(manifest.parent.parent, manifest.parent.name)


def document_of(manifest: Path) -> dict[str, object]:
    return json.loads(unseal(manifest.read_bytes()))


def test_another_schema_version_is_refused_whatever_else_it_says(parent: Path) -> None:
    rewrite(parent / "round-000002" / "manifest.json", {"schema_version": 3, "everything": "is different"})
    assert "has schema version 3: this version of esper reads 1 to 2; load it with the version that wrote it" in (
        refused(parent)
    )


@pytest.mark.parametrize("key", [item.name for item in fields(CheckpointManifest)])
def test_a_manifest_without_a_key_is_refused_by_its_name(parent: Path, key: str) -> None:
    manifest = parent / "round-000002" / "manifest.json"
    document = document_of(manifest)
    del document[key]
    rewrite(manifest, document)
    text = refused(parent)
    assert f"is no manifest: {key} is missing: expected" in text
    assert text.endswith("use another checkpoint of the run: round-000001")


def test_an_extra_key_and_a_setting_of_another_version_are_named(parent: Path) -> None:
    manifest = parent / "round-000002" / "manifest.json"
    document = document_of(manifest)
    rewrite(manifest, document | {"surplus": 1})
    assert "is no manifest: surplus does not exist" in refused(parent)
    document["groups"][0]["config"]["ppo"]["from_the_future"] = 1
    rewrite(manifest, document)
    assert "from_the_future does not exist" in refused(parent)
    document["groups"][0]["config"]["ppo"] = {"clip_ratio": -1.0}
    rewrite(manifest, document)
    assert "ppo.clip_ratio is -1.0: it must be above 0" in refused(parent)


def test_a_manifest_that_is_no_json_is_refused(parent: Path) -> None:
    (parent / "round-000002" / "manifest.json").write_bytes(b'{"schema_version":')
    (parent / "latest").write_text("round-000002\n")  # as version 1 named it
    assert "is no manifest: the document is not JSON" in refused(parent)


@pytest.mark.parametrize("text", ["round-000009", "", "../elsewhere", ".", "\x00"])
def test_a_pointer_to_nothing_is_said(parent: Path, text: str) -> None:
    (parent.parent / "elsewhere").mkdir()
    (parent / "latest").write_text(text)
    assert "which is not there; use another checkpoint of the run: round-000001, round-000002" in refused(parent)


def test_a_changed_manifest_is_noticed_from_the_run_and_by_its_own_path(parent: Path) -> None:
    manifest = parent / "round-000002" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"last_seq":20', '"last_seq":21'))
    assert "one of them is damaged; use another checkpoint of the run: round-000001" in refused(parent)
    assert "is no manifest: crc does not fit the text: it is damaged" in refused(manifest.parent)


def test_a_pointer_to_another_round_is_noticed(parent: Path) -> None:
    text = (parent / "latest").read_text()
    (parent / "latest").write_text(text.replace("round-000002", "round-000001"))
    assert "one of them is damaged" in refused(parent)


def test_what_a_dead_writer_left_does_not_stand_in_the_way(parent: Path) -> None:
    """It died while it wrote round 3, and once more between moving it into its place and naming it."""
    (parent / ".round-000003.partial").mkdir()
    (parent / ".round-000003.partial" / "state.safetensors").write_bytes(b"half")
    shutil.copytree(parent / "round-000002", parent / "round-000003")
    write_checkpoint(parent, checkpoint(3, b"whole" * 10), IDENTITY)
    saved = open_checkpoint(parent)
    assert (saved.manifest.rounds_completed, saved.state_path.read_bytes()) == (3, b"whole" * 10)
    assert sorted(item.name for item in parent.iterdir()) == ["latest", *(f"round-00000{n}" for n in (1, 2, 3))]


@pytest.mark.parametrize(("key", "value"), [("rounds_completed", -1), ("rounds_completed", 0), ("last_seq", -5)])
def test_a_count_below_one_is_refused(parent: Path, key: str, value: int) -> None:
    manifest = parent / "round-000002" / "manifest.json"
    rewrite(manifest, document_of(manifest) | {key: value})
    assert f"is no manifest: {key} is {value}: expected an integer from 1 to" in refused(parent)


def test_a_whole_round_is_found_without_the_pointer(parent: Path) -> None:
    """The process died between moving the checkpoint into its place and naming it."""
    (parent / "latest").unlink()
    assert open_checkpoint(parent).manifest.rounds_completed == 2


def test_where_there_is_no_checkpoint(tmp_path: Path) -> None:
    assert f"there is no directory {tmp_path / 'nowhere'}: give a run directory" in refused(tmp_path / "nowhere")
    (tmp_path / "checkpoints").mkdir()
    assert f"{tmp_path} has no checkpoint" in refused(tmp_path)


def test_the_only_checkpoint_has_no_other(parent: Path) -> None:
    shutil.rmtree(parent / "round-000001")
    (parent / "round-000002" / "state.safetensors").unlink()
    assert refused(parent).endswith("the run has no other checkpoint")


def test_the_log_is_on_the_disk_before_the_checkpoint(tmp_path: Path) -> None:
    """What a checkpoint counts as done is in the event log, even if the process ends right after."""
    seen: list[int] = []
    with open_recording(TrainingConfig(), tmp_path) as recording:
        event = recording.hub.emit(TrainingEnded(end=RunEnd.FINISHED, batches_completed=0, wall_seconds=1.0))
        recording.hub.emit(event.payload)  # held back: the second within a second

        def write_state(path: Path) -> None:
            seen.extend(item.seq for item in read_events(recording.directory.path))
            path.write_bytes(b"")

        recording.on_checkpoint(replace(checkpoint(1), write_state=write_state))
        saved = open_checkpoint(recording.directory.path)
        assert isinstance(saved, SavedCheckpoint)
        assert saved.manifest.run_id == recording.run_id
    assert seen == [1, 2]


def test_a_checkpoint_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    with open_recording(TrainingConfig(), tmp_path) as recording:
        with pytest.raises(TelemetryWriteError, match=r"no checkpoint can be written to .*No space left"):
            recording.on_checkpoint(replace(checkpoint(1), write_state=full_disk))
        assert list(recording.directory.checkpoints_path.iterdir()) == []
