"""`esper bench` as a process: its JSON lines, and what it says about mistakes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

Esper = Callable[..., subprocess.CompletedProcess[str]]

FIELDS = ["bench", "case", "ours", "theirs", "unit", "ratio", "spread"]
QUICK = ("--repeats", "1", "--threads", "1")


def test_json_has_one_object_a_line_and_nothing_else_on_stdout(esper: Esper) -> None:
    done = esper("bench", "fleet", "--case", "digits-small-E1", "--case", "digits-small-E1-seeded", "--json", *QUICK)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["case"] for line in lines] == ["digits-small-E1", "digits-small-E1-seeded"]
    for line in lines:
        assert list(line) == FIELDS
        assert (line["bench"], line["unit"]) == ("fleet", "images/s")
        assert line["ratio"] == pytest.approx(line["ours"] / line["theirs"])
        assert line["spread"] == 0.0
    assert "1 threads" in done.stderr


def test_the_table_tells_ratio_shapes_and_environment(esper: Esper) -> None:
    done = esper("bench", "--case", "digits-small-E1", *QUICK)
    assert done.returncode == 0, done.stderr
    for word in ("digits-small-E1", "images/s", "ratio", "B 64, 1x8x8, widths 4, 8", "torch", "threads"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bench", "fleet", "--case", "digits-smal-E8"], "did you mean digits-small-E8?"),
        (["bench", "--case", "nonsense"], "there is no benchmark case 'nonsense'"),
        (["bench", "--json", "fleet"], "write options after the name: esper bench fleet"),
    ],
)
def test_mistakes_are_named(esper: Esper, arguments: list[str], message: str) -> None:
    done = esper(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
