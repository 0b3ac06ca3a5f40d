"""Esper as Gymnasium environments, for learning libraries that bring their own policy. It needs the extra "gym".

Importing this package registers Esper/Digits-v0, Esper/DigitsImpaired-v0 and Esper/Growth-v0 with Gymnasium.
"""

from __future__ import annotations

from importlib.util import find_spec

from esper.errors import ConfigError

if find_spec("gymnasium") is None:
    raise ConfigError("the environments need Gymnasium: pip install 'esper-grow[gym]'")

from esper.environments.registration import register

register()
