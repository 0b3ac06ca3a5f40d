from __future__ import annotations

import threading

from esper.training.run_control import RunControl


def test_a_paused_trainer_waits_and_a_resumed_one_goes_on() -> None:
    control = RunControl()
    control.pause()
    passed = threading.Event()
    thread = threading.Thread(target=lambda: (control.wait_while_paused(), passed.set()))
    thread.start()
    assert not passed.wait(0.05)
    control.resume()
    assert passed.wait(5)
    thread.join()


def test_a_stop_request_frees_a_paused_trainer() -> None:
    control = RunControl()
    control.pause()
    control.request_stop()
    control.wait_while_paused()
    assert control.stop_requested
    assert not control.is_paused
