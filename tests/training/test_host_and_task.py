"""A host that cannot read its task is refused before anything is trained."""

from __future__ import annotations

import pytest

from esper.errors import ConfigError
from esper.history.codec import config_from_mapping, config_to_mapping
from esper.history.presets import resolve_config
from esper.telemetry.hub import Hub
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized


def test_a_transformer_on_images_is_one_error_and_no_event() -> None:
    hub = Hub()
    config = resolve_config("digits", overrides=["host.kind=transformer", "host.transformer.width=16"])
    assert config.host.transformer.width == 16
    seen: list[object] = []

    class Sink:
        name = "list"
        critical = False

        def accept(self, event: object) -> None:
            seen.append(event)

        def close(self) -> None:
            pass

    hub.add_sink(Sink())
    with pytest.raises(ConfigError, match=r"host\.kind is 'transformer'.*task\.name is 'digits'"):
        train_ppo_vectorized(config, RunHooks(hub=hub))
    assert seen == []


def test_a_transformer_config_survives_its_file() -> None:
    config = resolve_config("digits", overrides=["host.kind=transformer", "fleet.optimizer=adamw"])
    assert config_from_mapping(config_to_mapping(config)) == config


def test_an_unknown_kind_of_host_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"host\.kind is 'forest': there is no such host.*cnn or transformer"):
        resolve_config("digits", overrides=["host.kind=forest"])
    with pytest.raises(ConfigError, match=r"host\.transformer\.depth does not exist"):
        resolve_config("digits", overrides=["host.transformer.depth=3"])
