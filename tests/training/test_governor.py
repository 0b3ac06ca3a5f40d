"""The governor's verdicts: known answers for every way to be lost, and for staying healthy."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper.training.config import GovernorConfig
from esper.training.governor import Health, LossWindow, PanicReason, Verdict, check

CONFIG = GovernorConfig()
GUESS = math.log(10)


def run(losses: Iterable[float], config: GovernorConfig = CONFIG) -> tuple[LossWindow, list[Verdict]]:
    window, verdicts = LossWindow(), list[Verdict]()
    for loss in losses:
        window, verdict = check(window, loss, config, GUESS)
        verdicts.append(verdict)
    return window, verdicts


def learned(samples: int = 10, level: float = 0.5) -> LossWindow:
    return LossWindow(losses=tuple(level + 0.01 * (i % 2) for i in range(samples)))


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("samples", [0, 15])
def test_a_loss_that_is_not_finite_is_panic_at_once(loss: float, samples: int) -> None:
    window = learned(samples)
    after, verdict = check(window, loss, CONFIG, GUESS)
    assert verdict.is_panic
    assert verdict.reason is PanicReason.NAN
    assert after == window


def test_forgetting_everything_is_panic_at_once() -> None:
    _, verdict = check(learned(), GUESS, CONFIG, GUESS)
    assert (verdict.health, verdict.reason) == (Health.PANIC, PanicReason.LOBOTOMY)


@pytest.mark.parametrize("loss", [GUESS * 0.93, GUESS * 1.07])
def test_outside_the_band_around_random_guessing_is_no_lobotomy(loss: float) -> None:
    _, verdict = check(learned(), loss, CONFIG, GUESS)
    assert verdict.reason is not PanicReason.LOBOTOMY


def test_a_host_that_never_learned_has_nothing_to_lose() -> None:
    _, verdicts = run([GUESS] * 30)
    assert all(verdict.is_healthy for verdict in verdicts)


def test_divergence_needs_three_anomalies_in_a_row() -> None:
    window, verdicts = run([4.0, 4.0], CONFIG)
    assert all(verdict.is_healthy for verdict in verdicts), "too few losses to judge"
    window = learned()
    health: list[Health] = []
    for _ in range(3):
        window, verdict = check(window, 5.0, CONFIG, GUESS)
        health.append(verdict.health)
        assert verdict.reason is PanicReason.DIVERGENCE
    assert health == [Health.ANOMALOUS, Health.ANOMALOUS, Health.PANIC]
    assert verdict.anomalies == 3
    assert window.losses == learned().losses, "anomalous losses stay out of the window"


def test_one_healthy_epoch_ends_a_run_of_anomalies() -> None:
    window = learned()
    for loss in (5.0, 5.0, 0.5, 5.0, 5.0):
        window, verdict = check(window, loss, CONFIG, GUESS)
        assert not verdict.is_panic


def test_threshold_is_the_largest_of_the_three() -> None:
    calm = learned(10, 0.5)
    _, verdict = check(calm, 0.5, CONFIG, GUESS)
    assert verdict.threshold == pytest.approx(1.2 * GUESS)
    high = LossWindow(losses=(1.4,) * 10)
    _, verdict = check(high, 1.4, CONFIG, GUESS)
    assert verdict.threshold == pytest.approx(3 * 1.4)
    wild = LossWindow(losses=(0.2, 1.8) * 5)
    _, verdict = check(wild, 1.0, CONFIG, GUESS)
    assert verdict.threshold == pytest.approx(1.0 + 6 * 0.8)


def test_the_threshold_itself_is_still_healthy() -> None:
    config = replace(CONFIG, random_guess_multiplier=1.2, sensitivity=0.1, multiplier=0.1)
    _, verdict = check(learned(), 1.2 * GUESS, config, GUESS)
    assert verdict.is_healthy
    _, verdict = check(learned(), 1.2 * GUESS + 1e-6, config, GUESS)
    assert verdict.health is Health.ANOMALOUS


def test_the_window_keeps_the_latest_losses() -> None:
    window, _ = run([1.0 + 0.001 * i for i in range(50)])
    assert len(window.losses) == CONFIG.window
    assert window.losses[-1] == pytest.approx(1.049)


@given(st.lists(st.floats(0.01, 2.5), min_size=1, max_size=60))
def test_losses_up_to_a_bit_above_guessing_never_count_as_divergence(losses: list[float]) -> None:
    _, verdicts = run(losses)
    assert all(verdict.reason is not PanicReason.DIVERGENCE for verdict in verdicts)
