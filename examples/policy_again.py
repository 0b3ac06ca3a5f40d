"""Train a policy, and let it act again, without learning, against a baseline on the test split."""

from __future__ import annotations

import esper


def main() -> None:
    run = esper.train("digits", rounds=2, envs=2, episode_length=4)
    policy = run.policy()
    print(f"learned in {policy.rounds_completed} rounds")

    results = esper.evaluate(
        "digits", controllers=["ppo", "static"], checkpoint=run.path, seeds=1, envs=2, episode_length=4
    )
    for result in results:
        print(f"{result.controller:8} {result.test_accuracy.mean:5.1f} %")


if __name__ == "__main__":
    main()
