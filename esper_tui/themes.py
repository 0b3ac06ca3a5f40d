"""The cockpit's themes: one colour a role, each readable on its ground, none the only sign of anything."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme


def _theme(name: str, *, dark: bool, ground: str, text: str, colours: tuple[str, ...], line: str) -> Theme:
    """colours: label, good, warning, critical, accent, bar, training."""
    label, good, warning, critical, accent, bar, training = colours
    return Theme(
        name=name,
        dark=dark,
        primary=bar,
        secondary=label,
        accent=accent,
        warning=warning,
        error=critical,
        success=good,
        foreground=text,
        background=ground,
        surface=ground,
        panel=ground,
        variables={
            "role-label": label,
            "role-good": good,
            "role-warning": warning,
            "role-critical": critical,
            "role-accent": accent,
            "role-bar": bar,
            "role-training": training,
            "border-line": line,
        },
    )


THEMES: Final[tuple[Theme, ...]] = (
    _theme(
        "esper-dark",
        dark=True,
        ground="#10141a",
        text="#d8dee6",
        colours=("#8fb3d9", "#7fc97f", "#e5b454", "#ff6b6b", "#c49af0", "#6cb6ff", "#f2a3c7"),
        line="#3d4855",
    ),
    _theme(
        "esper-light",
        dark=False,
        ground="#fbfbf8",
        text="#1c2128",
        colours=("#2f5d8a", "#1f7a34", "#8a5a00", "#b3141c", "#6f35b0", "#1261a8", "#a02a70"),
        line="#b8bfc8",
    ),
    _theme(
        "esper-colour-blind",
        dark=True,
        ground="#101214",
        text="#e6e6e6",
        colours=("#a8c6e8", "#56b4e9", "#f0e442", "#e69f00", "#cc99bb", "#3d9be9", "#dddddd"),
        line="#454b52",
    ),
    _theme(
        "esper-high-contrast",
        dark=True,
        ground="#000000",
        text="#ffffff",
        colours=("#9fd0ff", "#6dff8a", "#ffe14d", "#ff8080", "#e0b3ff", "#8fd3ff", "#ffb3dd"),
        line="#8a8a8a",
    ),
)
"""The first is the default. The colour-blind one is the palette of Okabe and Ito, without red against green."""
