"""When the trainer has a checkpoint written, and what of a file with tensors is refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from esper.errors import ConfigError
from esper.history.presets import load_preset, with_overrides
from esper.telemetry.events import RunEnd
from esper.training.checkpoint import read_tensors, write_tensors
from esper.training.checkpoint_records import TensorRecord, TrainerCheckpoint
from esper.training.config import TrainingConfig
from esper.training.controllers.named_tensors import below, dtype_name, prefixed
from esper.training.run_control import RunControl
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized


def config(*overrides: str) -> TrainingConfig:
    short = ["run.threads=1", "fleet.envs=2", "fleet.episode_length=2", "policy.hidden_size=8"]
    return with_overrides(load_preset("digits"), [*short, *overrides])


def saved(*overrides: str, control: RunControl | None = None) -> list[TrainerCheckpoint]:
    kept: list[TrainerCheckpoint] = []
    train_ppo_vectorized(config(*overrides), RunHooks(control=control or RunControl(), on_checkpoint=kept.append))
    return kept


@pytest.mark.parametrize(
    ("rounds", "interval", "expected"), [(5, 2, [2, 4, 5]), (4, 2, [2, 4]), (3, 0, [3]), (3, 10, [3])]
)
def test_every_interval_and_at_the_end_and_never_twice(rounds: int, interval: int, expected: list[int]) -> None:
    kept = saved(f"run.rounds={rounds}", f"run.checkpoint_interval={interval}")
    assert [item.rounds_completed for item in kept] == expected
    assert [item.last_seq for item in kept] == sorted({item.last_seq for item in kept})


def test_a_stopped_run_saves_its_last_complete_round_untouched_by_the_unfinished_one(tmp_path: Path) -> None:
    """The third round is broken off in the middle: its rewards are no part of what is saved."""
    control, rounds = RunControl(), 0
    kept: list[TrainerCheckpoint] = []

    class Stopper:
        name, critical, events = "stopper", False, 0

        def accept(self, event: object) -> None:
            self.events += 1
            if rounds == 2 and self.events > at_round_end + 6:
                control.request_stop()

        def close(self) -> None:
            pass

    from esper.telemetry.hub import Hub

    stopper, hub, at_round_end = Stopper(), Hub(), 0
    hub.add_sink(stopper)

    def count(_summary: object) -> None:
        nonlocal rounds, at_round_end
        rounds, at_round_end = rounds + 1, stopper.events

    settings_ = config("run.rounds=5", "fleet.episode_length=5", "run.checkpoint_interval=0")
    result = train_ppo_vectorized(
        settings_, RunHooks(hub=hub, control=control, on_summary=count, on_checkpoint=kept.append)
    )
    assert (result.end, result.batches_completed) == (RunEnd.STOPPED, 2)
    (stopped,) = kept
    (whole,) = saved("run.rounds=2", "fleet.episode_length=5", "run.checkpoint_interval=0")
    assert stopped.last_seq == whole.last_seq < hub.last_seq - 1
    stopped.write_state(tmp_path / "stopped")
    whole.write_state(tmp_path / "whole")
    assert (tmp_path / "stopped").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_run_that_completed_no_round_has_nothing_to_save() -> None:
    control = RunControl()
    control.request_stop()
    assert saved(control=control) == []


def records(tensors: dict[str, torch.Tensor]) -> list[TensorRecord]:
    return [TensorRecord(name=n, dtype=dtype_name(t), shape=tuple(t.shape)) for n, t in tensors.items()]


TENSORS = {
    "a/weight": torch.randn(3, 2),
    "a/count": torch.tensor(2**40),
    "b/mean": torch.tensor(0.1, dtype=torch.float64),
}


def test_tensors_come_back_bit_for_bit(tmp_path: Path) -> None:
    odd = TENSORS | {"t": torch.randn(2, 5).T, "nan": torch.tensor([float("nan"), -0.0]), "empty": torch.zeros(0, 3)}
    write_tensors(odd, tmp_path / "file")
    back = read_tensors(tmp_path / "file", records(odd))
    assert back.keys() == odd.keys()
    for name, tensor in odd.items():
        assert back[name].dtype == tensor.dtype
        assert back[name].shape == tensor.shape
        assert back[name].contiguous().view(torch.uint8 if tensor.dim() else tensor.dtype).tolist() == (
            tensor.contiguous().view(torch.uint8 if tensor.dim() else tensor.dtype).tolist()
        )


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ({n: t for n, t in TENSORS.items() if n != "a/count"}, r"tensor a/count \(int64 \[\]\) is in the file but not"),
        (TENSORS | {"more": torch.zeros(2)}, r"tensor more \(float32 \[2\]\) is missing from the file"),
        (TENSORS | {"a/weight": torch.zeros(2, 3)}, r"tensor a/weight \(float32 \[.*\]\)"),
        (TENSORS | {"b/mean": torch.tensor(0.1)}, r"tensor b/mean \(float"),
    ],
)
def test_a_file_must_hold_what_the_manifest_lists(tmp_path: Path, listed: dict[str, torch.Tensor], said: str) -> None:
    write_tensors(TENSORS, tmp_path / "file")
    with pytest.raises(ConfigError, match=f"{said}.*use another checkpoint"):
        read_tensors(tmp_path / "file", records(listed))


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x08", save(TENSORS)[:-1], pickle.dumps(Trap())],
    ids=["empty", "one byte", "one byte short", "a pickle"],
)
def test_nothing_that_is_no_safetensors_file_is_read_or_executed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_tensors(tmp_path / "file", records(TENSORS))


NAMES = st.text("abc/", min_size=1, max_size=6)


@settings(max_examples=50)
@given(names=st.sets(NAMES, max_size=6), prefix=st.text("ab", min_size=1, max_size=3))
def test_below_undoes_prefixed_and_takes_nothing_else(names: set[str], prefix: str) -> None:
    tensors = {name: torch.zeros(1) for name in names}
    others = prefixed(prefix + "x", tensors)
    assert below(prefix, prefixed(prefix, tensors) | others).keys() == names
