"""Standard streams as they really are: missing, in ASCII, full, or a pipe whose reader has left."""

from __future__ import annotations

import io
import os
import sys
from typing import Final, TextIO

BROKEN_PIPE: Final = 141
"""The exit code of a program that a closed pipe ended: 128 and the number of SIGPIPE."""


def prepare_streams() -> None:
    """Make sure that all three streams exist and can carry every character.

    A missing stream becomes the null device. That must happen before any file is opened: the next file would get the
    missing stream's number, and what the process says would be written into it. What a stream's encoding cannot spell
    is written as an escape sequence.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdin = sys.stdin or open(0, encoding="utf-8")  # noqa: SIM115  # they live as long as the process
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str, stream: TextIO | None = None) -> bool:
    """Print a line that nothing depends on; returns whether it could be written.

    A stream that cannot be written any more is replaced by the null device, so that neither later lines nor the
    interpreter's own flush at its end can fail.

    stream: stderr if none is given.
    """
    target = stream or sys.stderr
    try:
        print(text, file=target, flush=True)
    except OSError:
        abandon(target)
        return False
    return True


def abandon(stream: TextIO) -> None:
    """Let everything that is or will be written to a standard stream go nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def flush_streams() -> int | None:
    """Write out what standard output holds back; returns the exit code of a failure, or None."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        abandon(sys.stdout)
        return BROKEN_PIPE
    except OSError as error:
        abandon(sys.stdout)
        say(f"esper: error: standard output cannot be written: {error.strerror}")
        return 1
    return None
