from __future__ import annotations

import signal
import threading

from esper.training.run_control import RunControl


def fail() -> None:
    raise AssertionError("nobody asked for a checkpoint")


def test_a_paused_trainer_waits_and_a_resumed_one_goes_on() -> None:
    control = RunControl()
    control.pause()
    passed = threading.Event()
    thread = threading.Thread(target=lambda: (control.wait_while_paused(fail), passed.set()))
    thread.start()
    assert not passed.wait(0.05)
    control.resume()
    assert passed.wait(5)
    thread.join()


def test_a_stop_request_frees_a_paused_trainer() -> None:
    control = RunControl()
    control.pause()
    control.request_stop()
    control.wait_while_paused(fail)
    assert control.stop_requested
    assert not control.is_paused


def test_a_checkpoint_is_written_once_for_each_request_and_also_during_a_pause() -> None:
    control, written = RunControl(), threading.Semaphore(0)
    control.request_checkpoint()
    assert control.checkpoint_requested
    control.wait_while_paused(written.release)
    assert not control.checkpoint_requested
    control.wait_while_paused(written.release)
    assert written.acquire(blocking=False)
    assert not written.acquire(blocking=False)
    control.pause()
    thread = threading.Thread(target=control.wait_while_paused, args=(written.release,))
    thread.start()
    control.request_checkpoint()
    assert written.acquire(timeout=5)
    assert control.is_paused
    control.resume()
    thread.join(5)
    assert not thread.is_alive()


def test_the_first_request_to_stop_names_its_signal() -> None:
    control = RunControl()
    assert control.stop_signal is None
    control.request_stop(signal="SIGTERM")
    control.request_stop(signal="SIGINT")
    control.request_stop()
    assert control.stop_signal == "SIGTERM"


def test_a_request_needs_no_lock() -> None:
    """A signal handler runs in the trainer's thread, wherever that is: here in the middle of its wait."""
    control, times = RunControl(), 0

    def interrupt(_number: int, _frame: object) -> None:
        nonlocal times
        times += 1
        control.request_checkpoint()
        if times == 2000:
            control.request_stop()

    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    try:
        while not control.stop_requested:
            control.pause()
            control.request_checkpoint()
            control.resume()
            control.wait_while_paused(lambda: None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert times >= 2000


def test_a_signal_names_the_end_after_a_request_without_one() -> None:
    control = RunControl()
    control.request_stop()
    assert control.stop_signal is None
    control.request_stop(signal="SIGTERM")
    control.request_stop()
    assert control.stop_signal == "SIGTERM"
