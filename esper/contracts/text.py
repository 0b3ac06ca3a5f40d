"""Text from elsewhere, made safe to print."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""The text on one line, with everything that is not a visible character or a space escaped.

    >>> printable("run\x1b[2J\nfinished ✓")
    'run\\x1b[2J\\nfinished ✓'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
