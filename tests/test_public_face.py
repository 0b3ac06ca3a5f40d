"""`import esper`: light, complete, and three lines train and read a run."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import esper
from esper.contracts.distribution import package_version
from esper.errors import ConfigError, HistoryError
from esper.telemetry.events import Event

SHORT = {"rounds": 1, "envs": 2, "episode_length": 3}


class Collected:
    """A sink that keeps what it gets."""

    name = "collected"
    critical = False

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.closed = False

    def accept(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> esper.Run:
    return esper.train("digits", out=tmp_path_factory.mktemp("runs"), **SHORT)


def test_importing_loads_neither_torch_nor_textual_nor_anything_of_esper() -> None:
    code = (
        "import sys, esper; "
        "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'textual', 'sklearn', 'numpy')], "
        "[name for name in sys.modules if name.startswith('esper.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n"


def test_every_name_is_there_and_typed() -> None:
    for name in esper.__all__:
        assert getattr(esper, name) is not None
    assert set(esper.__all__) <= set(dir(esper))
    tree = ast.parse(Path(esper.__file__).read_text(encoding="utf-8"))
    (typed,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imported = {
        alias.name: f"{node.module}" for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == esper._HOMES, "the names for type checkers and those at run time are the same"


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'esper' has no attribute 'tarin'"):
        _ = esper.tarin


def test_version() -> None:
    assert esper.__version__ == package_version()


def test_train_returns_the_run_that_it_recorded(run: esper.Run) -> None:
    (summary,) = run.summaries
    assert 0 <= summary.avg_accuracy <= 100
    assert run.config.fleet.envs == 2
    assert run.events[-1].payload.kind.name == "TRAINING_ENDED"
    assert list(run.iterate_events()) == run.events
    assert [path.name for path in run.checkpoints] == ["round-000001"]
    assert run.policy().rounds_completed == 1


def test_a_run_is_opened_by_its_path(run: esper.Run) -> None:
    assert esper.open_run(str(run.path)) == run
    assert esper.read_history(run.path) == run.summaries
    assert esper.read_events(run.path) == run.events


def test_there_is_no_run_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="is not a run directory"):
        esper.open_run(tmp_path)


def test_a_configuration_and_settings_take_the_place_of_a_preset(run: esper.Run, tmp_path: Path) -> None:
    again = esper.train(run.config, set=["ppo.learning_rate=0.5"], seed=7, out=tmp_path)
    assert (again.config.ppo.learning_rate, again.config.run.seed) == (0.5, 7)
    assert again.config.host == run.config.host


def test_listeners_hear_every_round_and_event(tmp_path: Path) -> None:
    sink, rounds = Collected(), []
    run = esper.train("digits", out=tmp_path, sinks=[sink], on_round=rounds.append, **SHORT)
    assert rounds == run.summaries
    assert sink.events == run.events
    assert sink.closed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "digts"}, r"there is no preset 'digts': did you mean digits"),
        ({"set": ["ppo.learning_rat=1"]}, "ppo.learning_rat"),
        ({"sinks": ["nowhere"]}, "--sink is 'nowhere': there is no such sink"),
        ({"controller": "heuristc"}, "did you mean heuristic"),
    ],
)
def test_a_mistake_is_one_error_and_leaves_no_run(options: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        esper.train(out=tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_evaluate_returns_a_result_per_controller(tmp_path: Path) -> None:
    done = []
    results = esper.evaluate(
        "digits", controllers=["random"], seeds=1, envs=2, episode_length=3, out=tmp_path, on_run=done.append
    )
    assert [result.controller for result in results] == ["static", "random"]
    assert len(done) >= 2
    (folder,) = tmp_path.iterdir()
    assert len((folder / "results.jsonl").read_text(encoding="utf-8").splitlines()) == 2
