"""Makes the scripted trajectories and the hand-made inputs importable by the tests of the reward."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
