"""Damage that comes out the same every time. Each fuzzer has its own seed; ESPER_FUZZ=n gives it n times the cases."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

from esper.errors import EsperError

SCALE = int(os.environ.get("ESPER_FUZZ", "1"))
"""How many times more cases than in CI."""


def cases(name: str, count: int) -> Iterator[random.Random]:
    """A random stream for each of count cases, the same in every run.

    name: the fuzzer's; another name gives other streams.
    """
    for case in range(count * SCALE):
        yield random.Random(f"{name}/{case}")


def flip_bits(content: bytes, stream: random.Random) -> bytes:
    """One to three bits changed."""
    damaged = bytearray(content)
    for _ in range(stream.choice((1, 1, 1, 2, 3))):
        damaged[stream.randrange(len(damaged))] ^= 1 << stream.randrange(8)
    return bytes(damaged)


def truncate(content: bytes, stream: random.Random) -> bytes:
    return content[: stream.randrange(len(content))]


def lose_block(content: bytes, stream: random.Random) -> bytes:
    """A part within is zeros, as after a power cut."""
    start = stream.randrange(len(content))
    end = min(len(content), start + stream.choice((1, 16, 512, 4096)))
    return content[:start] + bytes(end - start) + content[end:]


def disorder_lines(content: bytes, stream: random.Random) -> bytes:
    """A line is gone, stands twice, or has changed places with another."""
    lines = content.splitlines(keepends=True)
    one, other = stream.randrange(len(lines)), stream.randrange(len(lines))
    match stream.randrange(3):
        case 0:
            del lines[one : one + stream.choice((1, 1, 2, 5))]
        case 1:
            lines.insert(other, lines[one])
        case _:
            lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


DAMAGE = (flip_bits, flip_bits, truncate, lose_block, disorder_lines)


def damage(content: bytes, stream: random.Random) -> bytes:
    """The content with damage of one kind. Rarely, it stays as it was."""
    return stream.choice(DAMAGE)(content, stream)


def assert_said_well(error: EsperError) -> None:
    """An error is one line that a person can read."""
    text = str(error)
    assert text
    assert "\n" not in text
    assert len(text) < 1000
