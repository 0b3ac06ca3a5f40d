"""What can be wrong with saved data, said so that the reader of the message can mend it."""

from __future__ import annotations


class HistoryError(ValueError):
    """A run directory or a file in it cannot be used; the message names the file, the line and what is wrong."""


class RecordError(ValueError):
    """A document does not fit the record that it should be.

    path: where in the document, for example payload.heads[2].entropy; empty for the document itself.
    value: what was found there. expected: what may stand there, in words.
    """

    def __init__(self, path: str, value: object, expected: str, *, problem: str) -> None:
        super().__init__(f"{path or 'the document'} {problem}")
        self.path = path
        self.value = value
        self.expected = expected
