"""A blueprint of your own: a 1x1 convolution with SiLU."""

from __future__ import annotations

from torch import nn

import esper
from esper.conformance.blueprints import check_blueprint
from esper.contracts.blueprints import find_blueprint
from esper.growth.blueprints.from_module import module_blueprint


def build(channels: int) -> nn.Module:
    """What the seed adds to its input, for features of this many channels."""
    return nn.Sequential(nn.Conv2d(channels, channels, 1), nn.GroupNorm(1, channels), nn.SiLU())


def main() -> None:
    esper.register_blueprint(
        "silu_conv", module_blueprint(build), parameter_estimate=lambda channels: channels**2 + 3 * channels
    )
    blueprint = find_blueprint("silu_conv")
    assert blueprint is not None
    report = check_blueprint(blueprint)
    print(report)
    assert report.passed

    run = esper.train(
        "digits_impaired",
        rounds=1,
        envs=2,
        episode_length=12,
        controller="schedule",
        set=["controller.schedule.blueprints=['silu_conv']"],
    )
    print(f"{run.summaries[-1].avg_accuracy:.1f} % with seeds of this blueprint")


if __name__ == "__main__":
    main()
