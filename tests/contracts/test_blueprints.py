"""Blueprints that plug-ins declare are values like Esper's own, and change nothing where there are none."""

from __future__ import annotations

import copy
import pickle

import pytest

from esper.contracts.actions import Head, choice_name, head_sizes
from esper.contracts.blueprints import (
    Blueprint,
    blueprint_count,
    declare_blueprint,
    declared_blueprints,
    every_blueprint,
    find_blueprint,
    recorded_blueprint,
)
from esper.errors import ConfigError

pytestmark = pytest.mark.usefixtures("own_registry")


def test_a_declared_blueprint_has_a_name_and_the_next_number() -> None:
    first, second = declare_blueprint("my_conv"), declare_blueprint("OTHER_1")
    assert (first.name, int(first), second.name, int(second)) == ("MY_CONV", 13, "OTHER_1", 14)
    assert isinstance(first, Blueprint)
    assert Blueprint(13) is first
    assert choice_name(Head.BLUEPRINT, 14, ()) == "OTHER_1"
    assert head_sizes(3)[Head.BLUEPRINT] == blueprint_count() == 15
    assert every_blueprint() == (*Blueprint, first, second)
    assert declared_blueprints() == ("MY_CONV", "OTHER_1")
    assert find_blueprint("my_conv") is first
    assert copy.deepcopy(first) is first
    assert pickle.loads(pickle.dumps(first)) is first
    assert {first: 1, Blueprint.NORM: 2}[Blueprint(13)] == 1


@pytest.mark.parametrize("name", ["", "1x", "a b", "ä", "x" * 41, "a-b"])
def test_a_name_that_cannot_be_one(name: str) -> None:
    with pytest.raises(ConfigError, match="needs another name"):
        declare_blueprint(name)


@pytest.mark.parametrize("name", ["norm", "NOOP", "mine"])
def test_a_name_that_is_taken(name: str) -> None:
    declare_blueprint("mine")
    with pytest.raises(ConfigError, match=f"{name.upper()} is already there"):
        declare_blueprint(name)


def test_a_recorded_name_can_be_shown_and_is_no_choice() -> None:
    unknown = recorded_blueprint("FROM_ELSEWHERE")
    assert unknown is not None
    assert unknown.name == "FROM_ELSEWHERE"
    assert recorded_blueprint("FROM_ELSEWHERE") is unknown
    assert blueprint_count() == 13
    assert find_blueprint("FROM_ELSEWHERE") is None
    assert recorded_blueprint("NORM") is Blueprint.NORM
    assert recorded_blueprint("not a name") is None


def test_a_number_that_is_none() -> None:
    with pytest.raises(ValueError, match="13"):
        Blueprint(13)
