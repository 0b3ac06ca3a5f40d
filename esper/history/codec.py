"""Typed records to plain documents and back. This is the only module that imports cattrs.

There is one converter, and it is strict. Keys that a record does not have are refused. Nothing is coerced: neither "1"
nor 1.9 is an integer, and "no" is not a bool. One widening is allowed: an integer may stand where a number is expected,
because 1 and 1.0 are the same number in TOML and JSON. Enums whose values are strings are written by value and all
others by name ("HOLDING" and not 6), so that files can be read without the source. Numbers that JSON cannot express are
written as the strings "NaN", "Infinity" and "-Infinity", and are read back where a number is expected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum, StrEnum
from functools import cache
from operator import attrgetter
from typing import Final, TypeVar, cast, get_args

from cattrs import BaseValidationError, Converter, ForbiddenExtraKeysError
from cattrs.errors import AttributeValidationNote, IterableValidationNote
from cattrs.fns import identity
from cattrs.gen import make_dict_structure_fn, override

from esper.errors import ConfigError, RecordError
from esper.history.json_text import Document, dump_json, parse_json_object, short
from esper.history.problems import check_keys, missing_key, unknown_key, wrong_value
from esper.history.record_code import can_be_compiled, compile_record
from esper.history.records import FileHeader, HistoryLine
from esper.history.tuple_hooks import quick_tuple_hook
from esper.history.type_forms import (
    describe,
    forms_in_order,
    forms_with_bounds,
    is_bounded,
    is_enum,
    is_homogeneous_tuple,
    is_literal,
    is_optional,
    without_none,
)
from esper.history.value_hooks import (
    StructureHook,
    WrongValueError,
    bounded_hook,
    check_list,
    exact_hook,
    literal_hook,
    number_hook,
)
from esper.telemetry.bounds import Count, Seq, UnixTime
from esper.telemetry.events import Event, EventKind, Payload, Severity
from esper.training.checkpoint_records import CheckpointManifest
from esper.training.config import TrainingConfig
from esper.training.vectorized_types import BatchSummary

T = TypeVar("T")
PlainHook = Callable[[object], object]

PAYLOAD_TYPES: Final[dict[EventKind, type[Payload]]] = {kind.kind: kind for kind in get_args(Payload)}
_SEQ: Final = cast("type[int]", Seq)
_TIME: Final = cast("type[float]", UnixTime)
_COUNT: Final = cast("type[int]", Count)
_EVENT_KEYS: Final = ("seq", "time", "kind", "group_id", "severity", "payload")


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
            **({"rank": event.rank} if event.rank else {}),
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
        return cast("Event", _event_hook(document["kind"])(document, Event))
    except (WrongValueError, ForbiddenExtraKeysError, KeyError, TypeError, ValueError):
        return _any_event(document)


def _any_event(document: Document) -> Event:
    check_keys(document, (*_EVENT_KEYS, "rank") if "rank" in document else _EVENT_KEYS)
    kind = _structure(document["kind"], EventKind, "kind")
    return Event(
        seq=_structure(document["seq"], _SEQ, "seq"),
        time=_structure(document["time"], _TIME, "time"),
        payload=_structure(document["payload"], PAYLOAD_TYPES[kind], "payload"),
        group_id=_structure(document["group_id"], str, "group_id"),
        severity=_structure(document["severity"], Severity, "severity"),
        rank=_structure(document.get("rank", 0), _COUNT, "rank"),
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
    check_keys(document, ("header",))
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
        raise missing_key("schema_version", describe(int))
    return _structure(document["schema_version"], _COUNT, "schema_version")


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
    except (WrongValueError, ForbiddenExtraKeysError, KeyError, ValueError):
        raise _explain(value, kind, path) from None


def _explain(value: object, kind: type, path: str) -> ValueError:
    """Why the value is not a record of this kind: the first thing that is wrong, with its path."""
    try:
        _explaining_converter().structure(value, kind)
    except (WrongValueError, BaseValidationError) as error:
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
    if isinstance(error, WrongValueError):
        return wrong_value(path, error.value, error.expected or describe(kind))
    if isinstance(error, ForbiddenExtraKeysError):
        return unknown_key(path, short(min(error.extra_fields)), tuple(f.name for f in fields(error.cl)))
    if isinstance(error, KeyError):
        return missing_key(path, describe(kind))
    assert isinstance(error, ValueError), f"hooks raise no {type(error).__name__}"
    return error


def _tuple_hook_factory(form: object, converter: Converter) -> StructureHook:
    element_type = get_args(form)[0]
    element_hook = converter.get_structure_hook(element_type)
    if not converter.detailed_validation:
        return quick_tuple_hook(element_type, element_hook)

    def hook(value: list[object], _: object) -> object:
        check_list(value)
        done: list[object] = []
        try:
            for element in value:
                done.append(element_hook(element, element_type))
        except (WrongValueError, BaseValidationError) as error:
            error.add_note(IterableValidationNote(f"element {len(done)}", len(done), element_type))
            raise
        return tuple(done)

    return cast("StructureHook", hook)


def _optional_hook_factory(form: object, converter: Converter) -> StructureHook:
    inner = without_none(form)
    inner_hook = converter.get_structure_hook(inner)
    return lambda value, _: None if value is None else inner_hook(value, inner)


def _record_hook_factory(form: type, converter: Converter) -> StructureHook:
    own_hooks = {
        name: override(struct_hook=converter.get_structure_hook(own)) for name, own in forms_with_bounds(form).items()
    }
    make_hook = cast("Callable[..., StructureHook]", make_dict_structure_fn)
    from_mapping = make_hook(form, converter, _cattrs_forbid_extra_keys=True, **own_hooks)

    def hook(value: Document, _: object) -> object:
        if type(value) is not dict:
            raise WrongValueError(value)
        return from_mapping(value, form)

    general = cast("StructureHook", hook)
    if converter.detailed_validation or not can_be_compiled(form):
        return general
    return compile_record(form, forms_in_order(form), converter.get_structure_hook, general)


@cache
def _event_hook(kind: object) -> StructureHook:
    """A quick hook for events of this kind, made when the first one is read. It refuses another spelling than ours.

    Raises:
        ValueError: there is no such kind.
    """
    payload = PAYLOAD_TYPES[EventKind(kind)]

    def refuse(value: object, _: object) -> object:
        raise WrongValueError(value)

    forms = {**forms_in_order(Event), "payload": payload}
    return compile_record(Event, forms, _CONVERTER.get_structure_hook, refuse, tags=1, defaults={"rank": 0})


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
        converter.register_structure_hook(primitive, exact_hook(primitive))
    converter.register_structure_hook(float, number_hook)
    converter.register_structure_hook_factory(is_dataclass, _record_hook_factory)
    converter.register_structure_hook_factory(is_homogeneous_tuple, _tuple_hook_factory)
    converter.register_structure_hook_factory(is_bounded, bounded_hook)
    converter.register_structure_hook_factory(is_optional, _optional_hook_factory)
    converter.register_structure_hook_func(is_literal, literal_hook)
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
