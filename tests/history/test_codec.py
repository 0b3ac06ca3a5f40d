from __future__ import annotations

import ast
import json
import math
from pathlib import Path
from typing import get_args

import pytest
from any_records import records
from hypothesis import given, settings
from hypothesis import strategies as st

import esper
from esper.contracts.gates import Gate, GateCheck
from esper.contracts.stages import SeedStage
from esper.errors import ConfigError, RecordError
from esper.history.codec import (
    PAYLOAD_TYPES,
    config_from_mapping,
    config_to_mapping,
    event_from_json,
    event_to_json,
    header_from_json,
    header_to_json,
    summary_from_json,
    summary_to_json,
)
from esper.history.records import FileHeader
from esper.telemetry.bounds import Seq, UnixTime
from esper.telemetry.events import (
    ActionDistribution,
    Event,
    EventKind,
    NamedValue,
    OpCount,
    Payload,
    RewardSummary,
    RunEnd,
    SeedGateEvaluated,
    Severity,
    TrainingEnded,
)
from esper.training.config import TrainingConfig
from esper.training.ppo.config import PPOConfig
from esper.training.vectorized_types import BatchSummary

ENDED = Event(
    seq=7,
    time=1700000000.25,
    payload=TrainingEnded(end=RunEnd.FAILED, batches_completed=2, wall_seconds=2.5, error="loss is NaN"),
    severity=Severity.ERROR,
)
ENDED_LINE = (
    '{"seq":7,"time":1700000000.25,"kind":"TRAINING_ENDED","group_id":"default","severity":"error",'
    '"payload":{"end":"failed","batches_completed":2,"wall_seconds":2.5,"error":"loss is NaN","signal":null}}'
)
GATE = Event(
    seq=8,
    time=2.0,
    payload=SeedGateEvaluated(
        env_id=1,
        slot_id="r0c1",
        seed_id="r0c1-4",
        gate=Gate.G5,
        target_stage=SeedStage.FOSSILIZED,
        passed=False,
        score=0.5,
        checks=(GateCheck(name="contribution", value=None, threshold=-math.inf, passed=False),),
    ),
)
GATE_LINE = (
    '{"seq":8,"time":2.0,"kind":"SEED_GATE_EVALUATED","group_id":"default","severity":"info",'
    '"payload":{"env_id":1,"slot_id":"r0c1","seed_id":"r0c1-4","gate":"G5","target_stage":"FOSSILIZED",'
    '"passed":false,"score":0.5,"checks":[{"name":"contribution","value":null,"threshold":"-Infinity",'
    '"passed":false}]}}'
)


def test_every_payload_class_has_a_kind_of_its_own() -> None:
    assert set(PAYLOAD_TYPES) == set(EventKind)
    assert set(PAYLOAD_TYPES.values()) == set(get_args(Payload))


@pytest.mark.parametrize(("event", "line"), [(ENDED, ENDED_LINE), (GATE, GATE_LINE)])
def test_known_event_gives_known_line(event: Event, line: str) -> None:
    assert event_to_json(event) == line
    assert repr(event_from_json(line)) == repr(event)


@pytest.mark.parametrize("payload_type", PAYLOAD_TYPES.values(), ids=lambda t: t.__name__)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_event_comes_back_as_it_was(payload_type: type[Payload], data: st.DataObject) -> None:
    event = Event(
        seq=data.draw(records(Seq)),
        time=data.draw(records(UnixTime)),
        payload=data.draw(records(payload_type)),
        group_id=data.draw(st.text(max_size=5)),
        severity=data.draw(st.sampled_from(Severity)),
    )
    line = event_to_json(event)
    json.loads(line, parse_constant=pytest.fail)  # legal JSON: no NaN, no Infinity
    assert "\n" not in line
    assert repr(event_from_json(line)) == repr(event)  # repr, because NaN equals nothing


@settings(max_examples=50, deadline=None)
@given(summary=records(BatchSummary), seq=records(Seq))
def test_summary_comes_back_as_it_was(summary: BatchSummary, seq: int) -> None:
    line = summary_from_json(summary_to_json(summary, seq=seq))
    assert (line.seq, repr(line.summary)) == (seq, repr(summary))


def test_header_line() -> None:
    header = FileHeader(
        schema_version=1,
        run_id="r",
        config_digest="abc",
        package_version="0.1.0",
        created="2026-01-02T03:04:05+00:00",
        file="events",
    )
    line = header_to_json(header)
    assert line == (
        '{"header":{"schema_version":1,"run_id":"r","config_digest":"abc","package_version":"0.1.0",'
        '"created":"2026-01-02T03:04:05+00:00","file":"events"}}'
    )
    assert header_from_json(line) == header


def test_missing_measurement_is_null_and_not_zero() -> None:
    payload = RewardSummary(batch=1, envs=(), mean_terms=(NamedValue(name="rent", value=None),))
    line = event_to_json(Event(seq=1, time=0.0, payload=payload))
    assert '"value":null' in line
    assert event_from_json(line).payload == payload


@pytest.mark.parametrize(
    ("line", "path", "value", "expected"),
    [
        (ENDED_LINE.replace('"seq":7', '"seq":"7"'), "seq", "7", "an integer"),
        (ENDED_LINE.replace('"seq":7', '"seq":7.0'), "seq", 7.0, "an integer"),
        (ENDED_LINE.replace('completed":2', 'completed":1.9'), "payload.batches_completed", 1.9, "an integer"),
        (ENDED_LINE.replace('completed":2', 'completed":true'), "payload.batches_completed", True, "an integer"),
        (ENDED_LINE.replace("2.5", "true"), "payload.wall_seconds", True, "a number"),
        (ENDED_LINE.replace("2.5", '"1.5"'), "payload.wall_seconds", "1.5", "a number"),
        (ENDED_LINE.replace("2.5", "null"), "payload.wall_seconds", None, "a number"),
        (GATE_LINE.replace('"-Infinity"', '"-inf"'), "payload.checks[0].threshold", "-inf", "a number or null"),
        (ENDED_LINE.replace('"loss is NaN"', "5"), "payload.error", 5, "a string or null"),
        (ENDED_LINE.replace('"failed"', '"failing"'), "payload.end", "failing", "one of finished, stopped, failed"),
        (ENDED_LINE.replace('"error",', '"dire",'), "severity", "dire", "one of debug, info"),
        (ENDED_LINE.replace("TRAINING_ENDED", "TRAINING_OVER"), "kind", "TRAINING_OVER", "TRAINING_ENDED"),
        (ENDED_LINE.replace('"TRAINING_ENDED"', "[]"), "kind", [], "TRAINING_ENDED"),
        (GATE_LINE.replace('"FOSSILIZED"', "7"), "payload.target_stage", 7, "one of UNKNOWN"),
        (GATE_LINE.replace('"FOSSILIZED"', '"SHADOWING"'), "payload.target_stage", "SHADOWING", "one of UNKNOWN"),
        (GATE_LINE.replace('"passed":false,', '"passed":"no",'), "payload.passed", "no", "true or false"),
        (GATE_LINE.replace('"passed":false}', '"passed":0}'), "payload.checks[0].passed", 0, "true or false"),
        (GATE_LINE.replace('"score":0.5', '"score":1' + "0" * 400), "payload.score", 10**400, "a number"),
        (ENDED_LINE[: ENDED_LINE.index("{", 1)] + "[]}", "payload", [], "a table"),
        (GATE_LINE[: GATE_LINE.index("[")] + '"ab"}}', "payload.checks", "ab", "a list"),
        (GATE_LINE[: GATE_LINE.index("[")] + '{"a":1}}}', "payload.checks", {"a": 1}, "a list"),
    ],
)  # fmt: skip
def test_nothing_is_coerced(line: str, path: str, value: object, expected: str) -> None:
    with pytest.raises(RecordError) as caught:
        event_from_json(line)
    assert caught.value.path == path
    assert caught.value.value == value
    assert expected in caught.value.expected
    assert str(caught.value).startswith(f"{path} is ")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (ENDED_LINE.replace('"batches_completed":2,', ""), "payload.batches_completed is missing: expected an integer"),
        (ENDED_LINE.replace('"seq":7,', ""), "seq is missing"),
        (ENDED_LINE.replace('"end"', '"extra":1,"end"'), "payload.extra does not exist"),
        (ENDED_LINE.replace('"end"', '"erorr":1,"end"'), r"payload.erorr does not exist: did you mean payload.error\?"),
        (ENDED_LINE.replace('"seq"', '"sequence":1,"seq"'), "sequence does not exist"),
        (GATE_LINE.replace('"name"', '"unit":1,"name"'), r"payload\.checks\[0\]\.unit does not exist"),
        (ENDED_LINE[:-5], "the document is not JSON"),
        (ENDED_LINE.replace("2.5", "NaN"), "NaN is not JSON"),
        ("[1]", "the document is .*: expected an object"),
        ("[" * 100_000, "the document is not JSON"),
        (b"\xff\xfe", "the document is not JSON"),
    ],
)  # fmt: skip
def test_wrong_documents_are_explained(line: str | bytes, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        event_from_json(line)


def test_an_integer_may_stand_for_a_number_and_becomes_one() -> None:
    event = event_from_json(ENDED_LINE.replace("2.5", "3"))
    assert isinstance(event.payload, TrainingEnded)
    assert isinstance(event.payload.wall_seconds, float)


def test_tensor_like_values_do_not_slip_into_a_file() -> None:
    class NotPlain:
        pass

    payload = ActionDistribution(batch=1, ops=(OpCount(op="WAIT", chosen=NotPlain(), succeeded=0),))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        event_to_json(Event(seq=1, time=0.0, payload=payload))


def test_config_survives_the_trip_through_tables() -> None:
    config = TrainingConfig(ppo=PPOConfig(epochs=3, horizon="terminate"))
    assert config_from_mapping(config_to_mapping(config)) == config


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"flet": {}}, r"flet does not exist: did you mean fleet\?"),
        ({"fleet": {"envz": 1}}, r"fleet.envz does not exist: did you mean fleet.envs\?"),
        ({"fleet": {"envs": "3"}}, "fleet.envs is '3': expected an integer"),
        ({"fleet": {"envs": True}}, "fleet.envs is True: expected an integer"),
        ({"fleet": 3}, "fleet is 3: expected a table"),
        ({"host": {"slots": ["r0c0", 3]}}, r"host.slots\[1\] is 3: expected a string"),
        ({"ppo": {"horizon": "never"}}, "ppo.horizon is 'never': expected one of truncate, terminate"),
        ({"ppo": {"entropy_weights": {"slot": 1.0}}}, "ppo.entropy_weights.blueprint is missing"),
        ({"fleet": {"envs": -1}}, "fleet.envs is -1: it must be from 1 to 65,536 hosts"),
        ({"host": {"slots": ["r0c1", "r0c0"]}}, "not in row-major order"),
        ({"ppo": {"gamma": 0.5}}, "set both to the same value"),
    ],
)
def test_wrong_config_is_one_line_with_path_value_and_remedy(mapping: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        config_from_mapping(mapping)
    assert "\n" not in str(caught.value)


def test_only_the_codec_imports_cattrs() -> None:
    top = Path(esper.__path__[0]).parent
    importers = [
        path.relative_to(top).as_posix()
        for package in ("esper", "esper_tui")
        for path in (top / package).rglob("*.py")
        if any(name.split(".")[0] in ("cattrs", "cattr") for name in _imported(ast.parse(path.read_text())))
    ]
    assert importers == ["esper/history/codec.py"]


def _imported(tree: ast.AST) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return names
