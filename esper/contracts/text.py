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


def on_one_line(text: str) -> str:
    r"""The text of another program's error as a part of one's own: on one line, and not endless.

    >>> on_one_line("cannot open:\n- not gzip\n- not tar")
    'cannot open: - not gzip - not tar'
    """
    words = " ".join(text.split())
    return words if len(words) <= 200 else f"{words[:197]}..."


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
