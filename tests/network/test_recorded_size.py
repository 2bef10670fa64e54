"""The lines about the size of an epoch that the recorder prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import nn

import bitlens
from tests.network.test_recorder import convolutional, samples


@pytest.mark.parametrize(
    ("layers", "arguments", "expected"),
    [
        # 4 * (36 + 36 + 36 + 9) + 10 values of 4 bytes for each of 40 samples
        (["0", "1", "2", "3"], {},
         "74.7 KiB per epoch, 30 % of it for '0', the largest of 5 layers\n"
         'bitlens: to store less: dtype="float16" halves it; every=10 keeps one epoch in ten'),
        (["0", "1", "2", "3"], {"gradients": True, "every": 5},
         "149.4 KiB per epoch, 30 % of it for '0', the largest of 5 layers\n"
         'bitlens: to store less: dtype="float16" halves it'),
        (["0"], {"dtype": "float16"},
         "12.0 KiB per epoch, 94 % of it for '0', the largest of 2 layers\n"
         "bitlens: to store less: every=10 keeps one epoch in ten"),
        ([], {"dtype": "float16", "every": 2}, "0.8 KiB per epoch"),
    ],
    ids=["float32", "gradients", "float16", "nothing applies"],
)  # fmt: skip
def test_the_size_of_an_epoch_is_printed_with_advice(
    layers: list[str],
    arguments: dict[str, Any],
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with bitlens.Recorder(convolutional(), tmp_path / "run", samples(), layers, **arguments):
        assert capsys.readouterr().err == f"bitlens: {tmp_path / 'run'}: {expected}\n"


def test_fewer_layers_are_advised_where_there_are_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep = nn.Sequential(nn.Flatten(), *[nn.Linear(64, 64) for _ in range(11)])
    with bitlens.Recorder(deep, tmp_path / "deep", samples()):
        assert "layers=[...] records fewer layers" in capsys.readouterr().err
    with bitlens.Recorder(deep, tmp_path / "ten", samples(), [str(i) for i in range(1, 10)]):
        assert "layers" not in capsys.readouterr().err.partition("\n")[2]
    wide = nn.Sequential(nn.Flatten(), nn.Linear(64, 2**17))  # 40 samples of 512 KiB
    with bitlens.Recorder(wide, tmp_path / "wide", samples(), []):
        assert ": 20.0 MiB per epoch\n" in capsys.readouterr().err
    with bitlens.Recorder(deep, tmp_path / "silent", samples(), show_size=False):
        assert capsys.readouterr().err == ""
