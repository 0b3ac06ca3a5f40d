"""What imports what: torch stays out of everything that replaying a file needs, cattrs inside one module."""

from __future__ import annotations

import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
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


def import_order(graph: grimp.ImportGraph) -> list[str]:
    """The modules in an order in which each comes after all that it imports.

    Raises:
        CycleError: there is no such order; its second argument is the circle.
    """
    return list(
        TopologicalSorter(
            {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
        ).static_order()
    )


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("esper", "esper_tui", cache_dir=None)
    assert {"esper.training.ppo.update", "esper_tui.app"} <= set(import_order(graph))


def test_a_circle_of_imports_is_seen() -> None:
    graph = grimp.build_graph("esper", "esper_tui", cache_dir=None)
    graph.add_import(importer="esper.contracts.stages", imported="esper.contracts.actions")
    graph.add_import(importer="esper.contracts.actions", imported="esper.contracts.stages")
    with pytest.raises(CycleError, match=r"esper\.contracts\.stages"):
        import_order(graph)


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
