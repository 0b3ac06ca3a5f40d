"""`esper.evaluate`: compare controllers on the test split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from esper.api.options import prepare, resolve
from esper.checkpoints import trained_policy
from esper.evaluation.evaluate import Evaluation, RunDone
from esper.evaluation.export import new_folder, write_results
from esper.evaluation.plan import BASELINES, make_plan
from esper.evaluation.players import OneByOne, Player, SideBySide
from esper.evaluation.records import ControllerResult
from esper.training.config import TrainingConfig
from esper.training.run_control import RunControl
from esper.workers import Workers


def evaluate(
    preset: str | TrainingConfig = "digits_impaired",
    *,
    controllers: Sequence[str] = BASELINES,
    seeds: int = 5,
    checkpoint: Path | str | None = None,
    group: str | None = None,
    set: Sequence[str] = (),
    plugins: Sequence[str] = (),
    decisions: str | None = None,
    envs: int | None = None,
    episode_length: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    threads: int | None = None,
    jobs: int = 1,
    out: Path | str = "runs",
    on_run: Callable[[RunDone], None] | None = None,
) -> tuple[ControllerResult, ...]:
    """Compare controllers on the test split with paired seeds and one budget, as `esper evaluate` does.

    preset: the name of a preset, or a whole configuration.
    controllers: their names; static always takes part.
    seeds: runs per controller.
    checkpoint: a run, or one of its checkpoints, that holds what the controller ppo has learned.
    group: the group whose policy plays, if the checkpoint has several.
    set, plugins, decisions, envs, episode_length, seed, device, threads: as on the command line.
    jobs: the number of processes that train at once; they start afresh, so parts of your own must come from plugins.
    out: the directory in which a folder with all runs and results.jsonl is made.
    on_run: called after every run.

    Returns:
        One result per controller, in the order of the names.

    Raises:
        ConfigError: a controller, checkpoint, device or data set is not available, or a value does not fit.
        HistoryError, TelemetryWriteError: the runs cannot be recorded.
        WorkerError: one of several processes has died.
    """
    config = resolve(
        preset,
        set,
        plugins,
        decisions=decisions,
        envs=envs,
        episode_length=episode_length,
        seed=seed,
        device=device,
        threads=threads,
    )
    prepare(config)
    policy = trained_policy(checkpoint, config.run.preset, group_id=group)
    trained = None if policy is None else policy.make_controller
    plan = make_plan(config, controllers, seeds=seeds, trained=trained)
    folder = new_folder(Path(out), config.run.preset)
    control = RunControl()
    with ExitStack() as leaving:
        player: Player = OneByOne(control)
        if jobs > 1:
            player = SideBySide(leaving.enter_context(Workers(jobs, control, plugins=config.run.plugins)))
        results = Evaluation(plan, folder, player=player, on_run=on_run or _ignore).run()
    write_results(results, folder)
    return results


def _ignore(_done: RunDone) -> None:
    """Nobody wants to hear of finished runs."""
