"""Recorded events as tables: SQL through DuckDB, then pandas.

It needs pip install 'esper-grow[query]' pandas.
"""

from __future__ import annotations

import pandas

import esper
from esper.export.sql import ask

SQL = """
    SELECT run, env_id, epoch, val_accuracy, total_params
    FROM epoch_completed
    ORDER BY run, env_id, epoch
"""


def main() -> None:
    runs = [esper.train("digits_impaired", rounds=1, envs=2, episode_length=5, seed=seed).path for seed in (1, 2)]
    answer = ask(runs, SQL)
    table = pandas.DataFrame(answer.rows, columns=list(answer.columns))
    print(table.groupby(["run", "epoch"])["val_accuracy"].agg(["mean", "min", "max"]).round(1))


if __name__ == "__main__":
    main()
