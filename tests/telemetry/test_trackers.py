"""Trackers receive the figures of a run while it goes on. A tracker that fails is told and does not stop training."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import ModuleType

import pytest
from short_runs import record, short_config
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from esper.api.options import check_sinks
from esper.cli.console.progress import ConsoleProgress
from esper.console import PlainConsole
from esper.errors import ConfigError
from esper.history import read_events
from esper.history.presets import with_values
from esper.telemetry.events import BatchStats, Event, PPOUpdateCompleted, SinkDetached
from esper.telemetry.hub import Hub, SinkError
from esper.telemetry.trackers.csv_file import CsvTracker
from esper.telemetry.trackers.figures import Figures, figures_of
from esper.telemetry.trackers.sink import TrackedRun
from esper_tui.state.describe import describe
from esper_tui.state.rules import Level

CLEANRL = {
    "charts/episodic_return",
    "charts/learning_rate",
    "charts/SPS",
    "losses/value_loss",
    "losses/policy_loss",
    "losses/entropy",
    "losses/approx_kl",
    "losses/clipfrac",
    "losses/explained_variance",
}


class FakeService(ModuleType):
    """Stands in for wandb, trackio and mlflow, and notes every call."""

    def __init__(self) -> None:
        super().__init__("service")
        self.calls: list[str] = []
        self.logged: dict[int, dict[str, float]] = {}
        self.config: dict[str, dict[str, object]] = {}

    def init(self, *, name: str, config: dict[str, dict[str, object]], **_: object) -> FakeService:
        self.calls.append(f"init {name}")
        self.config = config
        return self

    def log(self, values: dict[str, float], step: int) -> None:
        self.logged.setdefault(step, {}).update(values)

    def finish(self) -> None:
        self.calls.append("finish")

    def set_experiment(self, name: str) -> None:
        self.calls.append(f"experiment {name}")

    def start_run(self, *, run_name: str) -> None:
        self.calls.append(f"init {run_name}")

    def log_params(self, params: dict[str, str]) -> None:
        for key, value in params.items():
            table, _, name = key.partition(".")
            self.config.setdefault(table, {})[name] = value

    log_metrics = log
    end_run = finish


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, FakeService]]:
    """A run of two rounds with every tracker; the services are fakes."""
    services = {name: FakeService() for name in ("wandb", "trackio", "mlflow")}
    sinks = {"run.sinks": ["csv", "tensorboard", *services]}
    with pytest.MonkeyPatch.context() as patch:
        for name, service in services.items():
            patch.setitem(sys.modules, name, service)
        run, _ = record(with_values(short_config("run.rounds=2"), sinks), tmp_path_factory.mktemp("runs"))
    return run, services


def expected(run: Path) -> dict[tuple[int, str], float]:
    """The figures of the run's recorded events."""
    found = [figures for event in read_events(run) if (figures := figures_of(event)) is not None]
    return {(one.batch, name): value for one in found for name, value in one.values.items()}


def test_figures_have_the_names_of_cleanrl_and_the_values_of_the_events(tracked: tuple[Path, object]) -> None:
    figures = expected(tracked[0])
    assert {name for batch, name in figures if batch == 1} >= CLEANRL
    for event in read_events(tracked[0]):
        match event.payload:
            case BatchStats() as stats:
                assert figures[stats.batch, "charts/episodic_return"] == stats.avg_return
            case PPOUpdateCompleted() as update:
                assert figures[update.batch, "losses/value_loss"] == update.value_loss
                assert figures[update.batch, "losses/approx_kl"] == update.kl_divergence
            case _:
                pass


def test_tensorboard_reads_the_figures_back(tracked: tuple[Path, object]) -> None:
    board = EventAccumulator(str(tracked[0] / "tensorboard")).Reload()
    found = {(one.step, name): one.value for name in board.Tags()["scalars"] for one in board.Scalars(name)}
    assert found == pytest.approx(expected(tracked[0]))


def test_the_table_holds_the_figures(tracked: tuple[Path, object]) -> None:
    with (tracked[0] / "metrics.csv").open(newline="") as file:
        found = {(int(row["round"]), row["name"]): float(row["value"]) for row in csv.DictReader(file)}
    assert found == expected(tracked[0])


@pytest.mark.parametrize("name", ["wandb", "trackio", "mlflow"])
def test_services_get_the_settings_and_the_figures(tracked: tuple[Path, dict[str, FakeService]], name: str) -> None:
    run, services = tracked
    service = services[name]
    assert service.calls[-2:] == [f"init {run.name}", "finish"]
    assert int(str(service.config["fleet"]["envs"])) == 2
    found = {(step, key): value for step, values in service.logged.items() for key, value in values.items()}
    assert found == expected(run)


def test_rounds_that_are_played_again_stand_once_in_the_table(tmp_path: Path) -> None:
    for first, last in ((1, 3), (2, 4)):
        tracker = CsvTracker(TrackedRun(path=tmp_path, first_batch=first))
        for batch in range(first, last + 1):
            tracker.log(Figures(batch=batch, time=0.0, values={"charts/accuracy": batch + first / 10}))
        tracker.close()
    with (tmp_path / "metrics.csv").open(newline="") as file:
        assert [row["value"] for row in csv.DictReader(file)] == ["1.1", "2.2", "3.2", "4.2"]


def test_names_of_a_group_begin_with_it(tracked: tuple[Path, object]) -> None:
    stats = next(event for event in read_events(tracked[0]) if isinstance(event.payload, BatchStats))
    figures = figures_of(Event(seq=1, time=0.0, payload=stats.payload, group_id="A"))
    assert figures is not None
    assert all(name.startswith("A/") for name in figures.values)


def test_what_a_sink_needs_is_one_line_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("esper.telemetry.sinks.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"the sink wandb needs wandb, which is not installed: pip install 'esper-"):
        check_sinks(["wandb"])
    check_sinks(["csv"])


def test_a_tracker_that_fails_is_told_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: CsvTracker, figures: Figures) -> None:
        raise SinkError("the disk of the tracker is full")

    monkeypatch.setattr(CsvTracker, "log", refuse)
    config = with_values(short_config("run.rounds=2"), {"run.sinks": ["csv"]})
    run, result = record(config, tmp_path)
    assert result.batches_completed == 2
    (detached,) = [event.payload for event in read_events(run) if isinstance(event.payload, SinkDetached)]
    assert detached == SinkDetached(sink="csv", reason="the disk of the tracker is full")
    shown = describe(detached)
    assert shown is not None
    assert (shown.word, shown.level) == ("sink", Level.WARNING)

    progress = ConsoleProgress(config, PlainConsole())
    hub = Hub()
    hub.add_sink(progress)
    hub.emit(detached)
    progress.close()
    assert "warning: sink csv stopped, training goes on: the disk of the tracker is full" in capsys.readouterr().out
