"""What is shown on terminals that know nothing but ASCII: one plain character for each of ours."""

from __future__ import annotations

from typing import Final

from esper_tui.widgets.canvas import BRAILLE

_OURS: Final = "│┤┊─━╌╭╮╰╯▁▂▃▄▅▆▇█▓░▏●○◉▲▼▶▸■□◆★‖·–−…×✓✗→←↑↓⏎⇥⇧␣αΔσΣφ±′²≠"
_PLAIN: Final = "||:--.++++_.,-=+*##.|ooo!v>>##**=.--~xvx><^vETS_adsSf~'2#"
_TABLE: Final = dict(zip(_OURS, _PLAIN, strict=True))
PROBE: Final = "│▁⠁"
"""Text that a terminal's encoding must be able to write."""


def to_ascii(text: str) -> str:
    """The text in as many characters, all of them ASCII.

    >>> to_ascii("▲ r0c0 → 3e ✓")
    '! r0c0 > 3e v'
    """
    return "".join(character if character.isascii() else _plain(character) for character in text)


def _plain(character: str) -> str:
    dots = ord(character) - BRAILLE
    if 0 <= dots < 256:
        return " " if not dots else "." if dots & 0xE4 == dots else "'" if dots & 0x1B == dots else ":"
    return _TABLE.get(character, "?")


def can_write(encoding: str | None) -> bool:
    """Whether an encoding has the cockpit's characters; an unknown one does not."""
    try:
        PROBE.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
