"""What imports what: torch stays out of everything that replaying a file needs, cattrs inside one module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "modules",
    [
        "esper.contracts",
        "esper.telemetry.events, esper.telemetry.hub",
        "esper.history, esper.telemetry, esper_tui.state",
        "esper_tui.state.aggregator",
        "esper.policy.features",
    ],
)
def test_needs_no_torch(modules: str) -> None:
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_cockpits_state_needs_no_textual() -> None:
    code = "import sys, esper_tui.state.aggregator; assert not {'torch', 'textual'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_hot_path_copies_only_where_it_may() -> None:
    result = subprocess.run(
        [sys.executable, "tools/check_hot_path.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


def test_the_hot_path_check_sees_a_hidden_copy(tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from check_hot_path import copies_in
    finally:
        sys.path.pop(0)
    file = tmp_path / "hot.py"
    file.write_text("def step(x):\n    return x.sum().item()\n")
    assert copies_in(file) == [("step", 2, "item")]
