"""What a repair did, or would do, line by line."""

from __future__ import annotations

from esper.history.repair import RepairPlan


def lines_of(plan: RepairPlan, *, done: bool) -> list[str]:
    """One line per file that is not as it should be, and one in the end on the whole.

    done: whether it was done, or would only be.
    """
    was = "was" if done else "would be"
    folder = plan.directory.path
    lines: list[str] = []
    if plan.torn_bytes:
        lines.append(f"events.jsonl: an unfinished line of {plan.torn_bytes:,} bytes {was} cut off.")
    if plan.history_fault is not None:
        lines.append(f"history.jsonl: {plan.history_fault.value}; it {was} written anew from the events.")
    lines += [
        f"{place.relative_to(folder)}: what was left of an unfinished write {was} removed." for place in plan.leftovers
    ]
    rounds = len({line.summary.batch for line in plan.history})
    whole = f"{folder} has {plan.events:,} events and {rounds} complete {'round' if rounds == 1 else 'rounds'}"
    lines.append(f"{whole}." if plan.is_needed else f"{whole}, and nothing to repair.")
    return lines
