"""The list of names, which stands apart, is that of the components."""

from esper.rewards.component_names import COMPONENT_NAMES
from esper.rewards.components import COMPONENTS


def test_every_component_can_be_named_and_nothing_else() -> None:
    assert frozenset(COMPONENTS) == COMPONENT_NAMES
