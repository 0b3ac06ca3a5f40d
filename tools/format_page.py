"""Write docs/format.md from the records that the run files hold.

python tools/format_page.py          writes it
python tools/format_page.py --check  fails if it is out of date
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import cast, get_args

from esper.history.codec import PAYLOAD_TYPES
from esper.history.records import FileHeader, HistoryLine
from esper.history.type_forms import (
    describe,
    enum_table,
    field_forms,
    is_enum,
    is_homogeneous_tuple,
    is_optional,
    without_none,
)
from esper.history.versions import VERSIONS
from esper.telemetry.events import Event, EventKind

PAGE = Path(__file__).resolve().parent.parent / "docs" / "format.md"
RUN_FILES = PAGE.parent / "reference" / "run-files.md"
PAYLOAD_WORDS: dict[object, str] = {payload: kind.value for kind, payload in PAYLOAD_TYPES.items()}
_HEAD = """# The format of the run files

Every record of `events.jsonl` and `history.jsonl`, field by field. `python tools/format_page.py` writes this page
from the records in the code, by which files are also checked when they are read. [Run files](RUN_FILES)
describes the files as a whole: the folder, headers, checksums, what a torn tail is, and how to read them from Python.

A field without "or null" is always there and never `null`. `null` means that a figure was not measured. Numbers that
JSON cannot express are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`, and are allowed where no range is given.
Accuracies are in percent, contributions and improvements in percentage points, and times in milliseconds unless the
name says seconds.
"""


def page() -> str:
    """The whole page."""
    kinds = list(PAYLOAD_TYPES.values())
    head = _HEAD.replace("RUN_FILES", RUN_FILES.relative_to(PAGE.parent).as_posix())
    parts = [head, *_versions(), "\n## The first line of a file\n", 'The object stands under the key `"header"`.\n']
    parts += [*_record(FileHeader), "\n## A line of events.jsonl\n", *_envelope()]
    parts += ["\n## A line of history.jsonl\n", *_record(HistoryLine), "\n## Payloads of events\n"]
    for kind in kinds:
        parts += [f"\n### {kind.kind.value}\n", *_record(kind)]
    nested = list(_nested([*kinds, HistoryLine, FileHeader, Event]))
    parts.append("\n## Records within records\n")
    for record in sorted((one for one in nested if not is_enum(one)), key=lambda one: one.__name__):
        parts += [f"\n### {record.__name__}\n", *_record(record)]
    parts.append("\n## Names\n")
    for names in sorted((one for one in nested if is_enum(one)), key=lambda one: one.__name__):
        parts += [f"\n### {names.__name__}\n", _sentence(names), ", ".join(_members(names)) + "."]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def _versions() -> Iterator[str]:
    yield "\n## Versions\n"
    yield "The header names the version. It rises whenever a reader of the version before could misread a file. A newer"
    yield "version than today's is refused. `tests/samples` holds a run of each.\n"
    for version in VERSIONS:
        yield f"\n### Version {version.number}, since {version.since}\n"
        yield from (f"- {change}" for change in version.changes)
        yield from (f"- {one}" for one in version.reading)


def _envelope() -> Iterator[str]:
    """The envelope of an event, whose every key is always there, and the kind, which in the code is the payload's."""
    for line in _record(Event):
        if line.startswith("| `payload`"):
            yield f"| `kind` | {_holds('kind', EventKind)} | which record the payload is. |"
        yield line.replace("; may be left out", "")


def _record(record: type) -> Iterator[str]:
    """The description of a record and the table of its fields."""
    text, meanings = _doc(record)
    yield f"{text}\n" if text else ""
    yield "| field | holds | meaning |"
    yield "| --- | --- | --- |"
    forms = field_forms(record)
    for item in fields(record):
        default = "" if item.default is MISSING else "; may be left out"
        yield f"| `{item.name}` | {_holds(item.name, forms[item.name])}{default} | {meanings.get(item.name, '')} |"


def _holds(name: str, form: object) -> str:
    """What a field may hold, with links to records and names."""
    if name == "payload":
        return "the [payload](#payloads-of-events) of this kind"
    if is_optional(form):
        return f"{_holds(name, without_none(form))} or null"
    if is_homogeneous_tuple(form):
        return f"a list: each {_holds(name, get_args(form)[0])}"
    if is_dataclass(form) or is_enum(form):
        word = PAYLOAD_WORDS.get(form, cast("type", form).__name__)
        return f"[{word}](#{word.lower()})"
    return describe(form)


def _nested(records: list[type]) -> Iterator[type]:
    """Every record and enumeration in the fields of these records, once each."""
    seen: set[object] = set(records)
    waiting: list[object] = [form for record in records for form in field_forms(record).values()]
    while waiting:
        form = waiting.pop()
        waiting += get_args(form)
        if form in seen or not (is_dataclass(form) or is_enum(form)) or not isinstance(form, type):
            continue
        seen.add(form)
        yield form
        if is_dataclass(form):
            waiting += field_forms(form).values()


def _members(names: type) -> list[str]:
    return [f"`{text}`" for text in enum_table(cast("type[Enum]", names))]


def _sentence(names: type) -> str:
    """What the members of an enumeration say."""
    text = inspect.cleandoc(names.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    return f"{text}\n" if names.__doc__ else ""


def _doc(record: type) -> tuple[str, dict[str, str]]:
    """A record's docstring: what stands before the fields, and the meaning of each field that it explains."""
    own = record.__doc__ or ""
    if own.startswith(f"{record.__name__}("):  # dataclasses write a signature where there is no docstring
        return "", {}
    words: list[str] = []
    meanings: dict[str, str] = {}
    current: list[str] = []
    names = {item.name for item in fields(record)}
    for line in inspect.cleandoc(own).splitlines():
        found = re.match(r"([a-z_0-9]+(?:, [a-z_0-9]+)*): (.*)", line.strip())
        if found and set(found[1].split(", ")) <= names:
            current = found[1].split(", ")
            meanings |= dict.fromkeys(current, found[2])
        elif current and line.startswith(" "):
            meanings |= {name: f"{meanings[name]} {line.strip()}" for name in current}
        else:
            current = []
            words.append(line)
    return "\n".join(words).strip(), {name: text.replace("|", "or") for name, text in meanings.items()}


def main() -> int:
    """Write or check the page."""
    if "--check" in sys.argv:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
