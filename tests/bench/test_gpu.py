"""Tests of the GPU benchmark on a CPU: results are correct, records are stored, wrong results are reported."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from bench.gpu import __main__ as command
from bench.gpu import peers
from bench.gpu.contestants import GpuCase, rotating
from bench.timing import OURS, Contestant, WrongResultError

import bitlens


@pytest.fixture(autouse=True)
def short_runs(monkeypatch):
    monkeypatch.setattr(command, "WARM_SECONDS", 0)
    monkeypatch.setattr(command, "SECONDS", 60)
    monkeypatch.setattr(command, "LEAST_RUNS", 2)
    monkeypatch.setattr(command, "MOST_RUNS", 2)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the threads of a tiny operation would wait for each other
    yield
    torch.set_num_threads(threads)


def test_small_cases_run_on_a_cpu(tmp_path):
    output = tmp_path / "results.json"
    assert command.main(["--small", "--device", "cpu", "--output", str(output)]) == 0
    results = json.loads(output.read_text())
    assert list(results["cases"]) == list(command.SMALL_CASES)
    for record in results["cases"].values():
        assert record["share_of_bound"] > 0
        assert len(record["contestants"]) >= 2
        for row in record["contestants"].values():
            assert len(row["measured"]) == command.LEAST_RUNS
            assert row["ratio"] > 0


def case(run):
    def check(found):
        if found != 1:
            raise WrongResultError(f"found {found}")
        return "exact"

    def peer():
        raise RuntimeError("out of memory")

    contestants = {OURS: Contestant("bitlens", run, check), "peer": Contestant("peer", peer, check)}
    return GpuCase("a case", lambda device: contestants, "reads", gigabytes=1.0)


RATES = {"float32_gflops": 100.0, "copy_gigabytes": 10.0}


def test_the_failure_of_another_library_is_stored():
    record, right = command.run(case(lambda: 1), torch.device("cpu"), RATES)
    assert right
    assert record["contestants"]["peer"]["error"] == "RuntimeError: out of memory"
    assert "ratio" not in record["contestants"]["peer"]
    assert record["contestants"][OURS]["ratio"] == 1


def test_no_error_of_a_case_stops_the_others(tmp_path, monkeypatch, capsys):
    def contestants(device):
        raise AttributeError("module has no attribute asarray")

    broken = GpuCase("a broken case", contestants, "reads", gigabytes=1.0)
    monkeypatch.setattr(command, "SMALL_CASES", {"broken": broken, "right": case(lambda: 1)})
    output = tmp_path / "results.json"
    assert command.main(["--small", "--device", "cpu", "--output", str(output)]) == 1
    cases = json.loads(output.read_text())["cases"]
    assert cases["broken"]["error"] == "AttributeError: module has no attribute asarray"
    assert "milliseconds" in cases["right"]["contestants"][OURS]
    assert "AttributeError" in capsys.readouterr().out


def test_a_call_that_takes_long_is_timed_once(monkeypatch):
    monkeypatch.setattr(command, "SECONDS", 0)
    calls = []
    contestant = Contestant("slow", lambda: calls.append(1), str)
    assert len(command.timed(contestant, torch.device("cpu"))) == len(calls) == 1


def test_a_wrong_result_of_ours_fails_the_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "SMALL_CASES", {"wrong": case(lambda: 2), "right": case(lambda: 1)})
    output = tmp_path / "results.json"
    assert command.main(["--small", "--device", "cpu", "--output", str(output)]) == 1
    cases = json.loads(output.read_text())["cases"]
    assert cases["wrong"]["contestants"][OURS]["error"] == "WrongResultError: found 2"
    assert "milliseconds" in cases["right"]["contestants"][OURS]
    assert "WrongResultError: found 2" in capsys.readouterr().out


def test_inputs_alternate():
    run = rotating(lambda value: value, [(1,), (2,)])
    assert [run() for _ in range(3)] == [1, 2, 1]


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_without_a_gpu_the_error_names_the_option(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main([])
    assert stopped.value.code == 2
    assert "use --small --device cpu to run without one" in " ".join(capsys.readouterr().err.split())


def test_unknown_cases_are_named(capsys):
    with pytest.raises(SystemExit):
        command.main(["--small", "--device", "cpu", "nothing"])
    assert "case: expected one of entropy, " in capsys.readouterr().err


@pytest.mark.parametrize(("name", "expected"), [("NVIDIA H200", "nvidia-h200"), ("Tesla T4 (16 GB)", "tesla-t4-16-gb")])
def test_file_names(name, expected):
    assert command.slug(name) == expected


def test_peers_agree_on_ragged_sizes():
    """The number of sample pairs is not a multiple of 32, which int8 products require."""
    a, b = (torch.from_numpy(np.random.default_rng(seed).integers(0, 7, (3, 45)).astype(np.uint8)) for seed in (0, 1))
    information = peers.one_hot_information(a, b, 7), peers.bincount_information(a, b, 7)
    torch.testing.assert_close(*information, rtol=0, atol=1e-12)


def test_entropies_of_pairs_are_timed_as_users_get_them(monkeypatch):
    """The kernel alone, and the public function, whose wrong result fails the run as well."""
    record, right = command.run(command.SMALL_CASES["renyi"], torch.device("cpu"), RATES)
    assert right
    assert record["contestants"]["public"]["milliseconds"] > 0
    honest = bitlens.channel_decomposition

    def wrong(x, maps, **options):
        found = honest(x, maps, **options)
        return found._replace(pair=found.pair + 1e-3)

    monkeypatch.setattr(bitlens, "channel_decomposition", wrong)
    record, right = command.run(command.SMALL_CASES["renyi"], torch.device("cpu"), RATES)
    assert not right
    assert "error" in record["contestants"]["public"]
