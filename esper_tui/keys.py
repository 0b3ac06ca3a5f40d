"""The one table of keys, which dispatch, footer and help all read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Where(StrEnum):
    """The kind of source in which a key acts."""

    EVERYWHERE = "everywhere"
    LIVE = "live"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key and what it does.

    keys: Textual's names, separated by commas.
    shown: how the key is written on screen.
    footer: whether it is in the footer.
    """

    keys: str
    shown: str
    action: str
    words: str
    help: str
    where: Where = Where.EVERYWHERE
    footer: bool = True
    priority: bool = False


KEYS: Final[tuple[Key, ...]] = (
    Key(
        keys="space",
        shown="␣",
        action="toggle_view",
        words="hold view",
        help="hold the picture still, or let it follow again; training and recording go on, and the header counts "
        "what came in since",
        where=Where.LIVE,
    ),
    Key(
        keys="p",
        shown="p",
        action="toggle_training",
        words="pause training",
        help="hold the trainer before its next host epoch, or let it go on; nothing is lost",
        where=Where.LIVE,
    ),
    Key(
        keys="space",
        shown="␣",
        action="toggle_view",
        words="play/pause",
        help="play the recording, or pause it; from the end it starts over",
        where=Where.REPLAY,
    ),
    Key(
        keys="left",
        shown="←",
        action="step_epoch(-1)",
        words="",
        help="back to the end of the previous host epoch of the fleet",
        where=Where.REPLAY,
        footer=False,
    ),
    Key(
        keys="right",
        shown="←→",
        action="step_epoch(1)",
        words="epoch",
        help="on to the end of the next host epoch of the fleet",
        where=Where.REPLAY,
    ),
    Key(
        keys="left_curly_bracket",
        shown="{",
        action="step_round(-1)",
        words="",
        help="back to the end of the previous round",
        where=Where.REPLAY,
        footer=False,
    ),
    Key(
        keys="right_curly_bracket",
        shown="{ }",
        action="step_round(1)",
        words="round",
        help="on to the end of the next round",
        where=Where.REPLAY,
    ),
    Key(
        keys="minus",
        shown="-",
        action="change_speed(-1)",
        words="",
        help="play at half the speed",
        where=Where.REPLAY,
        footer=False,
    ),
    Key(
        keys="plus,equals_sign",
        shown="- +",
        action="change_speed(1)",
        words="speed",
        help="play at twice the speed",
        where=Where.REPLAY,
    ),
    Key(keys="j,down", shown="j k", action="move(1)", words="env", help="the next env; in the event log, newer lines"),
    Key(
        keys="k,up",
        shown="k",
        action="move(-1)",
        words="",
        help="the previous env; in the event log, older lines",
        footer=False,
    ),
    Key(keys="pagedown", shown="PgDn", action="move_page(1)", words="", help="a page down", footer=False),
    Key(keys="pageup", shown="PgUp", action="move_page(-1)", words="", help="a page up", footer=False),
    Key(keys="g,home", shown="g", action="move(-100000)", words="", help="the first row", footer=False),
    Key(
        keys="G,end",
        shown="G",
        action="move(100000)",
        words="",
        help="the last row; in the event log, follow again",
        footer=False,
    ),
    Key(
        keys="tab",
        shown="⇥",
        action="next_panel",
        words="panel",
        help="the next panel: between env table and event log, and on a small screen through the folded panels",
    ),
    Key(keys="question_mark", shown="?", action="help", words="help", help="this page"),
    Key(
        keys="q",
        shown="q",
        action="leave",
        words="quit",
        help="leave: a replay closes at once; a live run asks whether to go on without the screen, to stop, or to stay",
    ),
    Key(keys="ctrl+q,ctrl+c", shown="^q", action="leave", words="", help="as q", footer=False, priority=True),
)


WRITTEN: Final = {
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "minus": "-",
    "plus": "+",
    "equals_sign": "=",
    "question_mark": "?",
    "pagedown": "PgDn",
    "pageup": "PgUp",
}


def written(key: Key) -> str:
    """The names of a key as people write them, for example "+ or ="."""
    return " or ".join(WRITTEN.get(name, name) for name in key.keys.split(","))


def keys_for(*, live: bool) -> tuple[Key, ...]:
    """The keys that act in a live run, or in a replay."""
    hidden = Where.REPLAY if live else Where.LIVE
    return tuple(key for key in KEYS if key.where is not hidden)
