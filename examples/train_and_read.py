"""Train for two rounds, then read what the run recorded."""

from __future__ import annotations

import esper


def main() -> None:
    run = esper.train("digits", rounds=2, envs=2, episode_length=4)
    print(run.path)

    for summary in run.summaries:
        print(f"round {summary.batch}: mean validation accuracy {summary.avg_accuracy:.1f} %")

    germinated = [event for event in run.iterate_events() if event.payload.kind.name == "SEED_GERMINATED"]
    print(f"{len(germinated)} seeds germinated; learning rate {run.config.ppo.learning_rate:g}")

    # Later, or in another program:
    again = esper.open_run(run.path)
    assert again.summaries == run.summaries


if __name__ == "__main__":
    main()
