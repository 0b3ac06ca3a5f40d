"""Checksums in JSON lines: damage to a file is found when it is read, whatever the damaged text would mean.

A sealed document is the document with one more key, which comes first: {"crc":"1c291ca3",...}. It is the CRC-32, in
hexadecimal, of the document without this key, as it stands in the file from brace to brace. So a line stays plain JSON
for every other program, and a reader checks it before anything is parsed.
"""

from __future__ import annotations

import zlib
from typing import Final

from esper.errors import RecordError

_PREFIX: Final = b'{"crc":"'
_DIGITS: Final = slice(len(_PREFIX), len(_PREFIX) + 8)
_REST: Final = _DIGITS.stop + len(b'",')


def seal(document: str) -> str:
    """The text of a JSON object, with its checksum as the first key. The object must not be empty."""
    return f'{{"crc":"{zlib.crc32(document.encode()):08x}",{document[1:]}'


def is_sealed(text: bytes) -> bool:
    """Whether the text starts as seal lets it start."""
    return text.startswith(_PREFIX)


def unseal(text: bytes) -> bytes:
    """The text of the object that was sealed.

    Raises:
        RecordError: there is no checksum, or it is not that of the text.
    """
    text = text.rstrip(b"\n")
    if not is_sealed(text):
        raise RecordError("crc", None, "a checksum", problem="is missing: expected a checksum as the first key")
    document = b"{" + text[_REST:]
    found, expected = text[_DIGITS], b"%08x" % zlib.crc32(document)
    if found != expected:
        raise RecordError("crc", found, "the text's checksum", problem="does not fit the text: it is damaged")
    return document
