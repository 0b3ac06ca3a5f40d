"""A grown network leaves Esper: train, export the best network to ONNX, and run it with ONNX Runtime.

It needs pip install 'esper-grow[onnx]'.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

import esper
from esper.export.network import export_host
from esper.export.selection import find_host
from esper.tasks.registry import load_task


def main() -> None:
    run = esper.train("digits", rounds=1, envs=2, episode_length=6)
    saved = find_host(run.path, "best")
    target = Path("grown.onnx")
    export_host(saved, target, "onnx")

    # From here on, nothing needs Esper except the data.
    test = load_task(run.config.task, run.config.run.seed).test
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"samples": test.inputs.float().numpy()})
    accuracy = 100 * float(np.mean(logits.argmax(axis=1) == test.targets.numpy()))
    print(f"{accuracy:.2f} % with ONNX Runtime, {saved.description.test_accuracy:.2f} % recorded")


if __name__ == "__main__":
    main()
