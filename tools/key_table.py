"""Print the table of keys for docs/cockpit.md from the cockpit's own.

python tools/key_table.py
"""

from __future__ import annotations

from esper_tui.key_rows import Key, Where, written
from esper_tui.keys import KEYS


def table_row(key: Key) -> str:
    """One row: the key, where it acts, and what it does."""
    source = {Where.EVERYWHERE: "", Where.LIVE: "live", Where.REPLAY: "replay"}[key.where]
    where = " ".join(part for part in (source, ", ".join(key.screens)) if part) or "everywhere"
    return f"| {written(key)} | `{key.name}` | {where} | {key.help} |"


if __name__ == "__main__":
    print("| key | name | where | what it does |\n|---|---|---|---|", *map(table_row, KEYS), sep="\n")
