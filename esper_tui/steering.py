"""The keys that ask the trainer for something: what they ask first, and what they say afterwards."""

from __future__ import annotations

from typing import Final

from esper.control.messages import Action

QUESTIONS: Final[dict[Action, str]] = {
    Action.PAUSE: "Pause training? It holds before its next host epoch; nothing is lost.",
    Action.RESUME: "Let training go on?",
    Action.CHECKPOINT: "Save now? The last complete round is written as a checkpoint, and training goes on.",
    Action.STOP_AFTER_ROUND: "Stop after this round? The round is finished and recorded; then training ends.",
}

DONE: Final[dict[Action, str]] = {
    Action.PAUSE: "training holds before its next host epoch",
    Action.RESUME: "training goes on",
    Action.CHECKPOINT: "the last complete round is saved before the next host epoch",
    Action.STOP_AFTER_ROUND: "training ends after this round",
}


def wanted(name: str, *, paused: bool) -> Action:
    """What a key asks for: the key for a pause lets a paused run go on.

    name: the value of an Action, as the key table has it.
    """
    action = Action(name)
    return Action.RESUME if action is Action.PAUSE and paused else action
