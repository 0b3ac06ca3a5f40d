"""Typed records to plain documents and back. This is the only module that imports cattrs.

There is one converter, and it is strict. Keys that a record does not have are refused. Nothing is coerced: neither "1"
nor 1.9 is an integer, and "no" is not a bool. One widening is allowed: an integer may stand where a number is expected,
because 1 and 1.0 are the same number in TOML and JSON. Enums whose values are strings are written by value and all
others by name ("HOLDING" and not 6), so that files can be read without the source. Numbers that JSON cannot express are
written as the strings "NaN", "Infinity" and "-Infinity", and are read back where a number is expected.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum, StrEnum
from functools import cache
from operator import attrgetter
from typing import ClassVar, Final, TypeVar, cast, get_args, get_origin, get_type_hints

from cattrs import BaseValidationError, Converter, ForbiddenExtraKeysError
from cattrs.errors import AttributeValidationNote, IterableValidationNote
from cattrs.fns import identity
from cattrs.gen import make_dict_structure_fn

from esper.errors import ConfigError, RecordError
from esper.history.json_text import NON_FINITE, Document, dump_json, parse_json_object, quoted, short
from esper.history.record_code import can_be_compiled, compile_constructor, compile_record
from esper.history.records import FileHeader, HistoryLine
from esper.history.type_forms import (
    describe,
    enum_table,
    is_enum,
    is_homogeneous_tuple,
    is_literal,
    is_optional,
    without_none,
)
from esper.telemetry.events import Event, EventKind, Payload, Severity
from esper.training.checkpoint_records import CheckpointManifest
from esper.training.config import TrainingConfig
from esper.training.vectorized_types import BatchSummary

T = TypeVar("T")
StructureHook = Callable[[object, object], object]
PlainHook = Callable[[object], object]

PAYLOAD_TYPES: Final[dict[EventKind, type[Payload]]] = {kind.kind: kind for kind in get_args(Payload)}
_EVENT_KEYS: Final = ("seq", "time", "kind", "group_id", "severity", "payload")


class _WrongTypeError(Exception):
    """The value has the wrong type. The notes that are added on the way up say where it stands."""

    def __init__(self, value: object) -> None:
        super().__init__(repr(value))
        self.value = value


# --- Events, history lines, headers ---------------------------------------------------------------------------------


def event_to_json(event: Event) -> str:
    """One line of events.jsonl, without the newline."""
    payload = event.payload
    return dump_json(
        {
            "seq": event.seq,
            "time": event.time,
            "kind": payload.kind.value,
            "group_id": event.group_id,
            "severity": event.severity.value,
            "payload": _CONVERTER.unstructure(payload),
        }
    )


def event_from_json(line: str | bytes) -> Event:
    """The event that event_to_json wrote.

    Raises:
        RecordError: the line is not JSON, or not an event as event_to_json writes it.
    """
    return event_from_document(parse_json_object(line))


def event_from_document(document: Document) -> Event:
    """The event that a line's document describes.

    Raises:
        RecordError: it is not an event as event_to_json writes it.
    """
    try:
        return _ordinary_event(document)
    except (_WrongTypeError, ForbiddenExtraKeysError, KeyError, TypeError, ValueError):
        return _any_event(document)


def _ordinary_event(document: Document) -> Event:
    """The event of a document as the writer spells it; any exception means that it needs a closer look."""
    seq, time, group_id = document["seq"], document["time"], document["group_id"]
    if type(seq) is not int or type(time) is not float or type(group_id) is not str or len(document) != 6:
        raise _WrongTypeError(document)
    hook, form = _PAYLOAD_HOOKS[document["kind"]]
    return _make_event(seq, time, hook(document["payload"], form), group_id, _SEVERITIES[document["severity"]])


def _any_event(document: Document) -> Event:
    _check_keys(document, _EVENT_KEYS)
    kind = _structure(document["kind"], EventKind, "kind")
    return Event(
        seq=_structure(document["seq"], int, "seq"),
        time=_structure(document["time"], float, "time"),
        payload=_structure(document["payload"], PAYLOAD_TYPES[kind], "payload"),
        group_id=_structure(document["group_id"], str, "group_id"),
        severity=_structure(document["severity"], Severity, "severity"),
    )


def summary_to_json(summary: BatchSummary, *, seq: int) -> str:
    """One line of history.jsonl, without the newline.

    seq: the number of the last event that was written before it.
    """
    return dump_json({"seq": seq, "summary": _CONVERTER.unstructure(summary)})


def summary_from_json(line: str | bytes) -> HistoryLine:
    """The batch summary, and its place in the event stream, that a line of history.jsonl holds.

    Raises:
        RecordError: the line is not JSON, or not a summary as summary_to_json writes it.
    """
    return summary_from_document(parse_json_object(line))


def summary_from_document(document: Document) -> HistoryLine:
    """The history line that a line's document describes.

    Raises:
        RecordError: it is not a summary as summary_to_json writes it.
    """
    return _structure(document, HistoryLine, "")


def header_to_json(header: FileHeader) -> str:
    """The first line of a file, without the newline."""
    return dump_json({"header": _CONVERTER.unstructure(header)})


def header_from_json(line: str | bytes) -> FileHeader:
    """The header that header_to_json wrote.

    Raises:
        RecordError: the line is not a header.
    """
    return header_from_document(parse_json_object(line))


def header_from_document(document: Document) -> FileHeader:
    """The header that a line's document describes.

    Raises:
        RecordError: it is not a header.
    """
    _check_keys(document, ("header",))
    return _structure(document["header"], FileHeader, "header")


def record_to_json(record: object) -> str:
    """A record that has a file of its own, as one line without the newline."""
    return dump_json(cast("Document", _CONVERTER.unstructure(record)))


def record_from_json(text: str | bytes, kind: type[T]) -> T:
    """The record that record_to_json wrote.

    Raises:
        RecordError: the text is not JSON, or not a record of this kind.
    """
    return _structure(parse_json_object(text), kind, "")


# --- Checkpoints ----------------------------------------------------------------------------------------------------


def manifest_to_json(manifest: CheckpointManifest) -> str:
    """The text of a manifest.json."""
    return dump_json(_CONVERTER.unstructure(manifest))


def manifest_version(document: Document) -> int:
    """The schema version of a manifest, whatever the rest of it is.

    Raises:
        RecordError: it has no version.
    """
    if "schema_version" not in document:
        raise _missing("schema_version", describe(int))
    return _structure(document["schema_version"], int, "schema_version")


def manifest_from_document(document: Document) -> CheckpointManifest:
    """The manifest that the document of a manifest.json describes.

    Raises:
        RecordError: it is not a manifest as manifest_to_json writes it.
    """
    try:
        return _structure(document, CheckpointManifest, "")
    except ConfigError as error:  # A configuration can refuse its own values.
        raise RecordError("groups", None, "configurations", problem=f"do not fit: {error}") from error


# --- Configuration --------------------------------------------------------------------------------------------------


def config_to_mapping(config: TrainingConfig) -> Document:
    """The whole configuration as tables of plain values, ready for TOML."""
    return cast("Document", _CONVERTER.unstructure(config))


def config_from_mapping(mapping: Mapping[str, object]) -> TrainingConfig:
    """The configuration that the tables describe. What they leave out has its default.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or is refused by the configuration. The message is
            one line with the path, the value and what is expected.
    """
    try:
        return _structure(dict(mapping), TrainingConfig, "")
    except ValueError as error:
        raise ConfigError(str(error)) from error


def document_digest(document: Document) -> str:
    """The SHA-256, in hexadecimal, of plain tables as JSON with sorted keys and no spaces."""
    return hashlib.sha256(dump_json(document, sort_keys=True).encode()).hexdigest()


# --- Strict structuring ---------------------------------------------------------------------------------------------


def _structure(value: object, kind: type[T], path: str) -> T:
    """The value as a record of this kind.

    path: where the value stands in its document.

    Raises:
        RecordError: it does not fit.
        ValueError: the record itself refuses its values.
    """
    try:
        return _CONVERTER.structure(value, kind)
    except (_WrongTypeError, ForbiddenExtraKeysError, KeyError, ValueError):
        raise _explain(value, kind, path) from None


def _explain(value: object, kind: type, path: str) -> ValueError:
    """Why the value is not a record of this kind: the first thing that is wrong, with its path."""
    try:
        _explaining_converter().structure(value, kind)
    except (_WrongTypeError, BaseValidationError) as error:
        return _innermost(error, kind, path)
    raise AssertionError("both converters refuse the same documents")


def _innermost(error: Exception, kind: object, path: str) -> ValueError:
    """Follow the notes that the converter left on its way up back down to what is wrong."""
    while True:
        for note in reversed(getattr(error, "__notes__", [])):
            if isinstance(note, AttributeValidationNote):
                path, kind = f"{path}.{note.name}" if path else note.name, cast("object", note.type)
            elif isinstance(note, IterableValidationNote):
                path, kind = f"{path}[{note.index}]", cast("object", note.type)
        if not isinstance(error, BaseValidationError):
            break
        error = error.exceptions[0]
    if isinstance(error, _WrongTypeError):
        return _wrong(path, error.value, describe(kind))
    if isinstance(error, ForbiddenExtraKeysError):
        return _unknown(path, short(min(error.extra_fields)), tuple(f.name for f in fields(error.cl)))
    if isinstance(error, KeyError):
        return _missing(path, describe(kind))
    assert isinstance(error, ValueError), f"hooks raise no {type(error).__name__}"
    return error


def _check_keys(document: Document, keys: tuple[str, ...]) -> None:
    for key in keys:
        if key not in document:
            raise _missing(key, "a value")
    for key in document:
        if key not in keys:
            raise _unknown("", short(key), keys)


def _wrong(path: str, value: object, expected: str) -> RecordError:
    return RecordError(path, value, expected, problem=f"is {quoted(value)}: expected {expected}")


def _missing(path: str, expected: str) -> RecordError:
    return RecordError(path, None, expected, problem=f"is missing: expected {expected}")


def _unknown(parent: str, key: str, keys: tuple[str, ...]) -> RecordError:
    near = difflib.get_close_matches(key, keys, n=2)
    prefix = f"{parent}." if parent else ""
    hint = f"did you mean {' or '.join(prefix + name for name in near)}?" if near else f"choose {', '.join(keys)}"
    expected = f"one of the keys {', '.join(keys)}"
    return RecordError(prefix + key, key, expected, problem=f"does not exist: {hint}")


def _float_hook(value: object, _: object) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise _WrongTypeError(value) from None
    if type(value) is str and value in NON_FINITE:
        return NON_FINITE[value]
    raise _WrongTypeError(value)


def _exact_hook(kind: type) -> StructureHook:
    def hook(value: object, form: object) -> object:
        if form is not kind:  # For an enum that is derived from int or str, cattrs would take the hook of int or str.
            return _member_hook(cast("type[Enum]", form))(value, form)
        if type(value) is not kind:
            raise _WrongTypeError(value)
        return value

    return hook


@cache
def _member_hook(enumeration: type[Enum]) -> StructureHook:
    table = enum_table(enumeration)

    def hook(value: object, _: object) -> Enum:
        if type(value) is not str or value not in table:
            raise _WrongTypeError(value)
        return table[value]

    return hook


def _literal_hook(value: object, form: object) -> object:
    if type(value) is not str or value not in get_args(form):
        raise _WrongTypeError(value)
    return value


def _tuple_hook_factory(form: object, converter: Converter) -> StructureHook:
    element_type = get_args(form)[0]
    element_hook = converter.get_structure_hook(element_type)
    exact = {element_type} if element_type in (int, float, bool, str) else set[object]()

    def quick_hook(value: list[object], _: object) -> object:
        if type(value) is not list:
            raise _WrongTypeError(value)
        if set(map(type, value)) == exact:
            return tuple(value)
        return tuple([element_hook(element, element_type) for element in value])

    def hook(value: list[object], _: object) -> object:
        if type(value) is not list:
            raise _WrongTypeError(value)
        done: list[object] = []
        try:
            for element in value:
                done.append(element_hook(element, element_type))
        except (_WrongTypeError, BaseValidationError) as error:
            error.add_note(IterableValidationNote(f"element {len(done)}", len(done), element_type))
            raise
        return tuple(done)

    return cast("StructureHook", hook if converter.detailed_validation else quick_hook)


def _optional_hook_factory(form: object, converter: Converter) -> StructureHook:
    inner = without_none(form)
    inner_hook = converter.get_structure_hook(inner)
    return lambda value, _: None if value is None else inner_hook(value, inner)


def _record_hook_factory(form: type, converter: Converter) -> StructureHook:
    from_mapping = cast("StructureHook", make_dict_structure_fn(form, converter, _cattrs_forbid_extra_keys=True))

    def hook(value: Document, _: object) -> object:
        if type(value) is not dict:
            raise _WrongTypeError(value)
        return from_mapping(value, form)

    general = cast("StructureHook", hook)
    if converter.detailed_validation or not can_be_compiled(form):
        return general
    types = get_type_hints(form)
    hooks = {name: _hook_of(kind, converter) for name, kind in types.items() if get_origin(kind) is not ClassVar}
    return compile_record(form, hooks, types, general)


def _hook_of(form: object, converter: Converter) -> StructureHook:
    return _member_hook(cast("type[Enum]", form)) if is_enum(form) else converter.get_structure_hook(form)


def _optional_to_plain(form: object, converter: Converter) -> PlainHook:
    inner = converter.get_unstructure_hook(without_none(form))
    if inner is identity:
        return identity
    return lambda value: None if value is None else inner(value)


def _enum_to_plain(form: type[Enum], _: Converter) -> PlainHook:
    attribute = "value" if issubclass(form, StrEnum) else "name"
    return attrgetter(attribute)


def _build_converter(*, detailed_validation: bool) -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=detailed_validation)
    for primitive in (int, bool, str):
        converter.register_structure_hook(primitive, _exact_hook(primitive))
    converter.register_structure_hook(float, _float_hook)
    converter.register_structure_hook_factory(is_dataclass, _record_hook_factory)
    converter.register_structure_hook_factory(is_homogeneous_tuple, _tuple_hook_factory)
    converter.register_structure_hook_factory(is_optional, _optional_hook_factory)
    converter.register_structure_hook_func(is_literal, _literal_hook)
    converter.register_unstructure_hook_factory(is_optional, _optional_to_plain)
    converter.register_unstructure_hook_factory(is_enum, _enum_to_plain)
    return converter


_CONVERTER: Final = _build_converter(detailed_validation=False)


@cache
def _explaining_converter() -> Converter:
    """The same converter, but one that notes where it is.

    It takes nearly twice as long, so it runs only after an error.
    """
    return _build_converter(detailed_validation=True)


_PAYLOAD_HOOKS: Final[dict[object, tuple[StructureHook, type]]] = {
    kind.value: (_CONVERTER.get_structure_hook(form), form) for kind, form in PAYLOAD_TYPES.items()
}
"""By the kind as files spell it."""

_SEVERITIES: Final[dict[object, Severity]] = {severity.value: severity for severity in Severity}
_make_event: Final = compile_constructor(Event)
