"""The one table of keys: dispatch, footer, help, palette and the page in docs/ all read it."""

from __future__ import annotations

from typing import Final

from esper_tui.key_rows import Key, Where, row
from esper_tui.time_keys import TIME_KEYS

ENVS: Final = "envs"
DETAIL: Final = "detail"
EVENTS: Final = "events"
POLICY: Final = "policy"
RUNS: Final = "runs"

KEYS: Final[tuple[Key, ...]] = (
    *TIME_KEYS,
    row("down", "j,down", "j k", "screen.move(1)", "env", "the next env; in a list, the next line", footer=True),
    row("up", "k,up", "k", "screen.move(-1)", "", "the previous env; in a list, the previous line"),
    row("page-down", "pagedown", "PgDn", "screen.move_page(1)", "", "a page down"),
    row("page-up", "pageup", "PgUp", "screen.move_page(-1)", "", "a page up"),
    row("first", "g,home", "g", "screen.move(-100000)", "", "the first row"),
    row("last", "G,end", "G", "screen.move(100000)", "", "the last row; in the event log, follow again"),
    row(
        "open",
        "enter",
        "⏎",
        "screen.open",
        "detail",
        "open the env at the cursor, or the line at the cursor in full",
        footer=True,
    ),
    row(
        "sort",
        "s",
        "s",
        "screen.sort(1)",
        "sort",
        "sort the env table by the next column; the first order is by what needs attention",
        screens=(ENVS,),
    ),
    row("sort-back", "S", "S", "screen.reverse", "", "reverse the order of the env table", screens=(ENVS,)),
    row(
        "filter",
        "slash",
        "/",
        "screen.filter",
        "filter",
        "show only what fits: words, or comparisons as acc>40 status=FALL env=3,4 slot=conv; all of them must hold",
        screens=(ENVS, EVENTS),
    ),
    row("no-filter", "backslash", "\\", "screen.clear_filter", "", "show everything again", screens=(ENVS, EVENTS)),
    row(
        "pin",
        "asterisk",
        "*",
        "screen.pin",
        "pin",
        "pin the env at the cursor, or let it go; pinned envs come first",
        screens=(ENVS,),
    ),
    row(
        "compare",
        "c",
        "c",
        "screen.compare",
        "compare",
        "in the env table: compare two to four pinned envs; in the detail: lay the round before over this one",
        screens=(ENVS, DETAIL),
    ),
    row(
        "cursor-back",
        "h",
        "h l",
        "screen.cursor(-1)",
        "cursor",
        "the timeline's cursor one host epoch back",
        screens=(DETAIL,),
        footer=True,
    ),
    row("cursor-on", "l", "l", "screen.cursor(1)", "", "the timeline's cursor one host epoch on", screens=(DETAIL,)),
    row(
        "order",
        "o",
        "o",
        "app.order_env",
        "order",
        "take the stick: tell this env what to do at its next decision, of what the masks allow",
        where=Where.LIVE,
        screens=(DETAIL,),
        footer=True,
        changes_run=True,
    ),
    row(
        "decision-back",
        "comma",
        ",",
        "screen.decision(-1)",
        "",
        "the previous decision of the env that was not to wait",
        screens=(DETAIL,),
    ),
    row(
        "decision-on",
        "full_stop",
        ", .",
        "screen.decision(1)",
        "decision",
        "the next decision of the env that was not to wait",
        screens=(DETAIL,),
        footer=True,
    ),
    row(
        "alerts",
        "A",
        "A",
        "app.alerts",
        "alerts",
        "every alert, standing and resolved: a acknowledges one, u mutes its rule, Enter goes there",
        footer=True,
    ),
    row("why", "w", "w", "screen.why", "why", "say why the env at the cursor has its colour: value, limit and rule"),
    row(
        "maximise",
        "m",
        "m",
        "screen.maximise",
        "maximise",
        "give the whole body to the focused panel, or back to all of them",
        footer=True,
    ),
    row("copy", "y", "y", "screen.copy", "copy", "copy the focused panel as text"),
    row(
        "export",
        "x",
        "x",
        "screen.export",
        "export",
        "write the screen as SVG, and the figures of the envs as CSV, into the current folder",
        writes=True,
    ),
    row(
        "zoom-in",
        "z",
        "z",
        "screen.zoom(1)",
        "zoom",
        "charts: show the newer half of the x axis",
        screens=(POLICY, RUNS),
        footer=True,
    ),
    row(
        "zoom-out", "Z", "Z", "screen.zoom(-1)", "", "charts: show twice as much of the x axis", screens=(POLICY, RUNS)
    ),
    row(
        "log",
        "v",
        "v",
        "screen.log_scale",
        "log",
        "charts: logarithmic y axis, or linear again",
        screens=(POLICY, RUNS),
        footer=True,
    ),
    row(
        "smooth",
        "o",
        "o",
        "screen.smooth",
        "smooth",
        "charts: exponential mean of the points, or the points themselves",
        screens=(POLICY, RUNS),
        footer=True,
    ),
    row(
        "panel",
        "tab",
        "⇥",
        "screen.next_panel",
        "panel",
        "the next panel: the focus moves on, and on a small screen the next folded panel comes up",
        footer=True,
    ),
    row("panel-back", "shift+tab", "⇧⇥", "screen.previous_panel", "", "the previous panel"),
    row(
        "envs",
        "1",
        "1",
        "app.show_screen('envs')",
        "envs",
        "the main screen: envs, the timeline at the cursor, policy, decision, events",
    ),
    row(
        "policy",
        "2",
        "2",
        "app.show_screen('policy')",
        "policy",
        "the policy over the run: heads, losses, advantages, observations",
    ),
    row(
        "runs",
        "3",
        "3",
        "app.show_screen('runs')",
        "runs",
        "the rounds of the run, group beside group, and its best and worst episodes",
    ),
    row(
        "attribution",
        "4",
        "4",
        "app.show_screen('attribution')",
        "attribution",
        "what each kind of module was worth, where, and beside which other",
    ),
    row("events", "5", "5", "app.show_screen('events')", "events", "the event log over the whole screen"),
    row(
        "system", "6", "6", "app.show_screen('system')", "system", "time by phase, throughput, governor, rewards, masks"
    ),
    row(
        "theme",
        "T",
        "T",
        "app.next_theme",
        "theme",
        "the next theme: dark, light, colour-blind safe, high contrast; remembered",
        writes=True,
    ),
    row(
        "checkpoint",
        "ctrl+s",
        "^s",
        "app.ask_run('checkpoint')",
        "checkpoint now",
        "ask the trainer to save the last complete round now; asks first",
        where=Where.LIVE,
        changes_run=True,
    ),
    row(
        "stop-after-round",
        "ctrl+x",
        "^x",
        "app.ask_run('stop-after-round')",
        "stop after this round",
        "ask the trainer to finish this round and then to end; asks first",
        where=Where.LIVE,
        changes_run=True,
    ),
    row("back", "escape", "esc", "app.previous", "", "close the top layer; on a screen other than the first, go back"),
    row("help", "question_mark", "?", "app.help", "help", "this page", footer=True),
    row(
        "quit",
        "q",
        "q",
        "app.leave",
        "quit",
        "leave: a replay and a watched run close at once; a run of this process asks whether to go on without the "
        "screen, to stop, or to stay",
        footer=True,
    ),
    row("quit-now", "ctrl+q,ctrl+c", "^q", "app.leave", "", "as q", priority=True),
)


def keys_for(*, live: bool, screen: str | None = None, table: tuple[Key, ...] = KEYS) -> tuple[Key, ...]:
    """The keys that act in a live run, or in a replay; on one screen, or on any."""
    hidden = Where.REPLAY if live else Where.LIVE
    return tuple(
        key for key in table if key.where is not hidden and (screen is None or not key.screens or screen in key.screens)
    )
