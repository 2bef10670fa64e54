"""The examples of docs/cluster.md run, except that of SLURM, which needs a cluster with it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import torch

from tests.support.dask_cluster import start_programs
from tests.support.sample_runs import record_epochs

PAGE = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text("utf-8")


def test_examples(tmp_path: Path) -> None:
    torch.manual_seed(0)
    run = record_epochs(tmp_path / "my-run", torch.nn.Sequential(torch.nn.Linear(4, 4)), torch.rand(20, 4), True, False)
    processes, dask, arrays = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert "executor=8" in processes
    with start_programs(tmp_path) as (address, _):
        measuring, arrays = (text.replace("tcp://10.0.0.1:8786", address) for text in (dask, arrays))
        assert address in measuring
        assert address in arrays
        arrays = arrays.replace("20_000", "400").replace("5_000", "100")
        for text in (processes.replace("executor=8", "executor=2"), f"import bitlens\n{measuring}", arrays):
            done = subprocess.run(
                [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
    assert "layer_diversity" in run.results.measures()


def test_the_options_of_the_commands_exist() -> None:
    options = set(re.findall(r"^bitlens measure \S+ +(--[a-z-]+)", PAGE, re.MULTILINE))
    assert options == {"--dry-run", "--workers", "--scheduler"}
    printed = subprocess.run([sys.executable, "-m", "bitlens", "measure", "--help"], capture_output=True, text=True)
    assert all(option in printed.stdout for option in options)
