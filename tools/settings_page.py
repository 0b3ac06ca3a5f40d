"""Write docs/reference/settings.md from the declarations of the settings.

python tools/settings_page.py          writes it
python tools/settings_page.py --check  fails if it is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

from esper.history.explain import all_settings, shown
from esper.training.config import TrainingConfig

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "settings.md"
_HEAD = """# Settings

Every setting of a run. This page is written by `python tools/settings_page.py` from the declarations in the code,
which also validate values and make up the error messages. `esper settings [KEY]` prints the same in a terminal, with
the values of a preset if you name one (`--preset`).

Change a setting with `--set KEY=VALUE`. The value is read as TOML, and a bare word needs no quotes. A table changes
only the keys that it names: `--set 'host={blocks=2}'` leaves the host's other settings as the preset has them. Numbers
are finite. In Python, a config object also takes scalars of numpy and torch.
"""


def page() -> str:
    """The whole page."""
    lines = [_HEAD]
    table = ""
    for one in all_settings(TrainingConfig()):
        place, _, name = one.entry.key.rpartition(".")
        if place != table:
            table = place
            lines += [f"\n## {table}\n", "| setting | default | may be | meaning |", "| --- | --- | --- | --- |"]
        unit = f" {one.entry.declared.unit}" if one.entry.declared.unit else ""
        allowed = f"{one.allowed}{unit}".replace("|", "or")
        lines.append(f"| `{name}` | {shown(one.entry.default)} | {allowed} | {one.entry.declared.meaning} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write or check the page."""
    if "--check" in sys.argv:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
