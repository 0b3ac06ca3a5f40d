"""The tracker `csv`: a table metrics.csv in the run's folder, one row per figure, written row by row."""

from __future__ import annotations

import csv
from typing import Final

from esper.telemetry.trackers.figures import Figures
from esper.telemetry.trackers.sink import TrackedRun

FILE: Final = "metrics.csv"
HEADINGS: Final = ("round", "time", "name", "value")


class CsvTracker:
    """Appends to the table. When a run goes on, the rows of rounds that are played again are removed first."""

    def __init__(self, run: TrackedRun) -> None:
        path = run.path / FILE
        kept = _rows_before(run) if path.exists() else []
        self._file = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(HEADINGS)
        self._rows.writerows(kept)

    def log(self, figures: Figures) -> None:
        """Add a row per figure."""
        for name, value in figures.values.items():
            self._rows.writerow((figures.batch, f"{figures.time:.3f}", name, repr(value)))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _rows_before(run: TrackedRun) -> list[list[str]]:
    """The whole rows of earlier rounds."""
    with (run.path / FILE).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) == len(HEADINGS)]
    return [row for row in rows[1:] if int(row[0]) < run.first_batch]
