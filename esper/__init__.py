"""Grow neural networks while they train.

    import esper

    run = esper.train("digits", rounds=1)
    print(run.summaries[-1].avg_accuracy)

What is listed here is the public face. It is loaded when it is first used, so that `import esper` takes no time and
loads neither torch nor textual.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from esper.api.evaluating import evaluate
    from esper.api.run import Run, open_run
    from esper.api.training import train
    from esper.environments.vector import make_vec
    from esper.growth.blueprints.registry import register_blueprint
    from esper.growth.hosts.registry import register_host
    from esper.history.presets import list_presets, load_preset
    from esper.history.reader import read_events, read_history
    from esper.rewards.components import register_reward, register_reward_component
    from esper.tasks.arrays import task_from_arrays
    from esper.tasks.datasets import task_from_dataset
    from esper.tasks.registry import register_task
    from esper.telemetry.sinks import register_sink
    from esper.training.controllers.registry import register_controller

    __version__: str

__all__ = [
    "Run",
    "__version__",
    "evaluate",
    "list_presets",
    "load_preset",
    "make_vec",
    "open_run",
    "read_events",
    "read_history",
    "register_blueprint",
    "register_controller",
    "register_host",
    "register_reward",
    "register_reward_component",
    "register_sink",
    "register_task",
    "task_from_arrays",
    "task_from_dataset",
    "train",
]

_HOMES: Final = {
    "Run": "esper.api.run",
    "evaluate": "esper.api.evaluating",
    "list_presets": "esper.history.presets",
    "load_preset": "esper.history.presets",
    "make_vec": "esper.environments.vector",
    "open_run": "esper.api.run",
    "read_events": "esper.history.reader",
    "read_history": "esper.history.reader",
    "register_blueprint": "esper.growth.blueprints.registry",
    "register_controller": "esper.training.controllers.registry",
    "register_host": "esper.growth.hosts.registry",
    "register_reward": "esper.rewards.components",
    "register_reward_component": "esper.rewards.components",
    "register_sink": "esper.telemetry.sinks",
    "register_task": "esper.tasks.registry",
    "task_from_arrays": "esper.tasks.arrays",
    "task_from_dataset": "esper.tasks.datasets",
    "train": "esper.api.training",
}


# Threads of OpenMP that wait for their next piece of work spin for a while. By default that is so long that two threads
# are slower than one as soon as anybody else uses the machine; at this length nothing is lost when it is quiet. The
# variable is read when torch is loaded, which happens after this module (docs/performance.md).
if not os.environ.keys() & {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}:
    os.environ["GOMP_SPINCOUNT"] = "10000"


def __getattr__(name: str) -> object:
    if name == "__version__":
        from esper.contracts.distribution import package_version

        return package_version()
    if name not in _HOMES:
        raise AttributeError(f"module 'esper' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
