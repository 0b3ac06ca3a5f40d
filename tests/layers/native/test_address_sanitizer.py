"""The gate's fuzzer with kernels that notice every access outside their memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_thousand_cases_touch_no_foreign_memory(tmp_path: Path) -> None:
    """The kernels are compiled anew under AddressSanitizer, which ends the process at the first such access."""
    named = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    environment = os.environ | {
        "CC": "env -u LD_PRELOAD gcc -fsanitize=address -fno-omit-frame-pointer",
        "LD_PRELOAD": named.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python itself leaks at its end.
        "XDG_CACHE_HOME": str(tmp_path),
        "ESPER_FUZZ": "2",
    }
    tests = Path(__file__).with_name("test_gate.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (library,) = (tmp_path / "esper" / "kernels").glob("*.so")
    assert b"__asan_" in library.read_bytes(), "the kernels were not compiled under the sanitizer"
