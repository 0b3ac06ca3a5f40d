"""A sink of your own: count events by kind while the run goes on, and write the counts beside the run's files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import esper
from esper.telemetry.events import Event


class Counts:
    """Receives every event in the trainer's thread, so it must be quick."""

    name = "counts"
    critical = False  # if this sink fails, it is detached, and training goes on

    def __init__(self, run: Path) -> None:
        self._file = run / "counts.txt"
        self._counts = Counter[str]()

    def accept(self, event: Event) -> None:
        self._counts[event.payload.kind.name] += 1

    def close(self) -> None:
        lines = (f"{number:6} {kind}\n" for kind, number in self._counts.most_common())
        self._file.write_text("".join(lines), encoding="utf-8")


# As a plug-in, this line is all that is needed: esper train --plugin own_sink --sink counts
esper.register_sink("counts", "numbers of events by kind, in counts.txt", Counts)


def main() -> None:
    run = esper.train("digits", rounds=1, envs=2, episode_length=4, sinks=["counts"])
    print((run.path / "counts.txt").read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
