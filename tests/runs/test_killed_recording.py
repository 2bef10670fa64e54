"""A run survives whatever ends its recording; by itself because it kills processes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import bitlens

RECORDING = """
import sys, torch, bitlens
torch.set_num_threads(1)
model = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.Flatten(), torch.nn.Linear(8 * 26 * 26, 10))
probe = torch.zeros(100, 1, 28, 28), torch.arange(100) % 10
with bitlens.Recorder(model, sys.argv[1], probe) as recorder:
    start = len(recorder.epochs) and recorder.epochs[-1] + 1
    print("continuing", flush=True)
    for epoch in range(start, 100000):
        recorder.snapshot(epoch, loss=float(epoch))
        print(epoch, flush=True)
"""


def test_a_recording_killed_at_any_moment_opens_and_continues(tmp_path: Path) -> None:
    moments = random.Random(0)
    reported = -1
    for _ in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", RECORDING, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "continuing\n"
        time.sleep(moments.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        printed = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        if printed:
            reported = int(printed[-1])
        run = bitlens.open_run(tmp_path / "run")
        # All that was reported is there; of what was not, at most the epoch whose report was cut off.
        assert run.epochs in (list(range(reported + 1)), list(range(reported + 2)))
        reported = len(run.epochs) - 1
        for epoch in run.epochs[-2:]:
            assert run.activations("0", epoch).shape == (100, 8, 26, 26)
            assert run.metrics[epoch] == {"loss": float(epoch)}
    assert reported > 10
