"""Hold the hot-path rule: no hidden device-to-host copy outside the listed call sites.

`.item()`, `.cpu()`, `.tolist()` and `.numpy()` wait for the device. In code that runs every step or every epoch they
are allowed only where one batched copy is the point of the function; ALLOWED names those functions.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOT = ("esper/layers", "esper/growth", "esper/fleet", "esper/policy", "esper/training")
COPIES = frozenset({"item", "cpu", "tolist", "numpy"})
ALLOWED = frozenset(
    {
        ("esper/fleet/measure.py", "collect"),
        ("esper/policy/acting.py", "decisions"),
        ("esper/training/host_keeper.py", "_take"),  # a network that is kept leaves the device once
        ("esper/policy/legal.py", "legal_choices"),  # already on the CPU, as are the draws of baselines
        ("esper/training/controllers/rule_controller.py", "_draw"),
        ("esper/training/ppo/update.py", "_read"),
        ("esper/training/shares.py", "_digest"),  # once a round, and only in a run of several processes
    }
)


def copies_in(path: Path) -> list[tuple[str, int, str]]:
    """(innermost function, line, call) of every device-to-host copy in a file."""
    found: list[tuple[str, int, str]] = []

    def visit(node: ast.AST, function: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in COPIES:
            found.append((function, node.lineno, node.func.attr))
        for child in ast.iter_child_nodes(node):
            visit(child, function)

    visit(ast.parse(path.read_text(encoding="utf-8")), "<module>")
    return found


def violations(root: Path) -> list[str]:
    """One line per copy outside the allowed call sites, and per allowed site that no longer exists."""
    seen: set[tuple[str, str]] = set()
    lines: list[str] = []
    for package in HOT:
        for path in sorted((root / package).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            for function, line, call in copies_in(path):
                seen.add((name, function))
                if (name, function) not in ALLOWED:
                    lines.append(f"{name}:{line}: .{call}() in {function}: batch it into an allowed copy")
    lines += [f"{name}: {function} is allowed but makes no copy" for name, function in sorted(ALLOWED - seen)]
    return lines


def main() -> int:
    found = violations(ROOT)
    print("\n".join(found) or f"hot path: {len(ALLOWED)} device-to-host copies, all where they belong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
