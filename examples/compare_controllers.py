"""Compare two baselines with hosts that never grow, on the test split."""

from __future__ import annotations

import esper


def main() -> None:
    results = esper.evaluate("digits_impaired", controllers=["static", "schedule"], seeds=2, envs=2, episode_length=12)
    for result in results:
        print(f"{result.controller:10} {result.test_accuracy.mean:5.1f} % {result.parameters.mean:,.0f} parameters")


if __name__ == "__main__":
    main()
