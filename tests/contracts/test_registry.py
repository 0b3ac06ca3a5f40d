"""Parts by name."""

from __future__ import annotations

import pytest

from esper.contracts.registry import Registry
from esper.errors import ConfigError


@pytest.fixture
def registry() -> Registry[int]:
    parts = Registry[int]("part", "some.part")
    parts.add("small", 1)
    parts.add("large", 2)
    return parts


def test_a_part_is_found_by_its_name(registry: Registry[int]) -> None:
    assert registry.find("large") == 2
    assert registry.names() == ("large", "small")
    assert registry.parts() == (2, 1)


def test_a_near_miss_is_answered_with_the_name(registry: Registry[int]) -> None:
    with pytest.raises(ConfigError, match=r"^some\.part is 'lrage': there is no such part; did you mean large\?$"):
        registry.find("lrage")


def test_a_far_miss_is_answered_with_every_name(registry: Registry[int]) -> None:
    with pytest.raises(ConfigError, match=r"there is no such part; choose large or small$"):
        registry.find("zzz")


def test_a_name_is_taken_once(registry: Registry[int]) -> None:
    with pytest.raises(ConfigError, match="part 'large' is already registered: choose another name"):
        registry.add("large", 3)
    assert registry.find("large") == 2
