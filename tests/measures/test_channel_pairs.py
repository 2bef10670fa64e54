"""Pairs of channels of wide layers: those that are drawn, their numbers, and what is said before and after."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bitlens
from bitlens import tables
from bitlens.measures.channel_pairs import MOST_PAIRS, SUGGESTED_PAIRS, drawn_channels, time_announcement
from bitlens.runtime import get_num_threads
from tests.support.recording import record_once

_PAIR = ("channel_a", "channel_b")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bitlens.Run:
    """Seventy samples through layers of 20 and of 3700 units, some of which are dead."""
    torch.manual_seed(0)
    wide = torch.nn.Linear(20, 3700)
    layers = torch.nn.Linear(3, 20), torch.nn.ReLU(), wide, torch.nn.ReLU(), torch.nn.Linear(3700, 3)
    model = torch.nn.Sequential(*layers)
    with torch.no_grad():
        model[0].bias[:] = 0.5
        model[0].bias[[4, 7]] = -100
    path = tmp_path_factory.mktemp("wide") / "run"
    return record_once(path, model, torch.rand(70, 3), torch.arange(70) % 3)


def test_layers_of_many_channels_have_the_numbers_of_the_estimator(run: bitlens.Run) -> None:
    found = bitlens.layer_pair_information(run, "0", "1", bins=8, permutations=6, seed=2).sel(epoch=0)
    a, b = run.activations("0", 0), run.activations("1", 0)

    def information(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(bitlens.channel_mutual_information(x, y, 8))

    expected = bitlens.permutation_test(information, a, b, 6, 2)
    np.testing.assert_array_equal(found.mutual_information, expected.observed)
    for name in ("null_mean", "null_std", "excess", "p_value"):
        np.testing.assert_allclose(found[name], getattr(expected, name), atol=1e-12)
    assert (int(found.dead_a), int(found.dead_b)) == (0, 2)
    measured = np.argwhere(~np.isnan(found.standard_error.values))
    with_errors = [np.unique(numbers) for numbers in measured.T]
    assert [len(channels) for channels in with_errors] == [16, 16]
    assert not {4, 7} & {*with_errors[1]}
    parts = a[:, with_errors[0]], b[:, with_errors[1]]
    of_parts = bitlens.permutation_test(information, *parts, 6, 2, intervals=True)
    np.testing.assert_allclose(found.standard_error.values[np.ix_(*with_errors)], of_parts.standard_error, atol=1e-12)
    of_mean = bitlens.permutation_test(lambda x, y: information(x, y).mean(), *parts, 6, 2, intervals=True)
    assert float(found.mean_standard_error) == pytest.approx(of_mean.standard_error, abs=1e-12)


def test_drawn_pairs_have_the_numbers_that_they_have_among_all(run: bitlens.Run) -> None:
    settings = {"bins": 8, "permutations": 3, "seed": 1, "intervals": False}
    everything = bitlens.layer_pair_information(run, "0", "1", **settings).sel(epoch=0)
    found = bitlens.layer_pair_information(run, "0", "1", **settings, pairs=50).sel(epoch=0)
    assert [found.sizes[name] for name in _PAIR] == [7, 7]
    for name in ("mutual_information", "null_mean", "null_std", "p_value", "joint_entropy", "entropy_a", "entropy_b"):
        among_all = everything[name].sel({dim: found[dim] for dim in found[name].dims})
        np.testing.assert_allclose(found[name], among_all, atol=1e-12)
    living = found.excess.values[np.ix_(found.entropy_a.values > 0, found.entropy_b.values > 0)]
    assert float(found.mean_excess) == pytest.approx(living.mean())
    assert (int(found.measured_pairs), int(found.all_pairs)) == (49, 400)
    assert "measured_pairs" not in everything
    assert (tables.drawn_pairs(found), tables.drawn_pairs(everything)) == ("49 of 400", "")
    table = tables.channel_pairs(found)
    assert (len(table), {*table.measured_pairs}, {*table.all_pairs}) == (49, {49}, {400})
    summary = tables.layer_summary(run.layers, 0, None, {}, {("0", "1"): found.expand_dims("epoch")})
    assert summary.drawn_pairs.tolist() == ["", "", "49 of 400", "", "", ""]


def test_as_many_pairs_as_there_are_is_all_of_them(run: bitlens.Run) -> None:
    measure = bitlens.layer_pair_information
    assert measure.arguments_of(run, "0", "1", pairs=400) == measure.arguments_of(run, "0", "1")
    assert measure.arguments_of(run, "0", "1", pairs=399)[1].pairs == 399
    # Results of before this parameter are those of all pairs.
    assert "pairs" not in measure.arguments_of(run, "0", "1")[1].to_json()


@pytest.mark.parametrize(
    ("target", "pairs", "sizes"),
    [(("0", "1"), 1, (1, 1)), (("0", "1"), 17, (4, 4)), (("input", "0"), 50, (3, 16)), (("0", "2"), 5000, (20, 250))],
)
def test_channels_are_drawn_in_about_equal_numbers(
    run: bitlens.Run, target: tuple[str, str], pairs: int, sizes: tuple[int, int]
) -> None:
    channels = drawn_channels(run, target, pairs, 0)
    assert tuple(map(len, channels)) == sizes
    assert all((np.diff(of_layer) > 0).all() for of_layer in channels)


def test_every_pair_is_drawn_with_the_same_probability(run: bitlens.Run) -> None:
    counts = np.zeros((20, 20))
    for seed in range(2000):
        counts[np.ix_(*drawn_channels(run, ("0", "1"), 100, seed))] += 1
    assert abs(counts / 2000 - 0.25).max() < 0.05
    assert counts.diagonal().mean() == pytest.approx(500, rel=0.05)


def test_more_pairs_than_can_be_stored_are_refused(run: bitlens.Run) -> None:
    message = rf"pairs: expected at most {MOST_PAIRS}, .* got all of the 13690000 pairs .* of 2 and 3; pass pairs=65536"
    with pytest.raises(bitlens.RunError, match=message):
        bitlens.layer_pair_information(run, "2", "3")
    assert bitlens.layer_pair_information.arguments_of(run, "2", "3", pairs=10**6)[1].pairs == 10**6


def test_long_work_is_announced_before_it_starts(run: bitlens.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise RuntimeError("the work starts")

    monkeypatch.setattr(type(bitlens.layer_pair_information), "compute", stop)
    settings = {"pairs": 5_000_000, "permutations": 1000}
    sentence = r"layer pair information of 2 and 3: 49\d+ pairs of channels take about \d+ min \(epochs: 1"
    with pytest.warns(UserWarning, match=sentence), pytest.raises(RuntimeError, match="starts"):
        bitlens.layer_pair_information(run, "2", "3", **settings)
    told: list[str] = []
    with pytest.raises(RuntimeError, match="starts"):
        bitlens.measure(run, ["layer_pair_information"], skipped=told.append, **settings)
    assert any("of 2 and 3: " in said and f"pairs={SUGGESTED_PAIRS} takes" in said for said in told)
    quick = bitlens.layer_pair_information.arguments_of(run, "0", "1")
    assert bitlens.layer_pair_information.announcement(run, *quick, epochs=1) is None


def test_the_announced_time_is_that_of_all_evaluations() -> None:
    settings = {"samples": 256, "bins": 32, "permutations": 20}
    said = time_announcement(4096 * 4096, **settings, epochs=1)
    assert said is not None
    minutes = 21 * 4096**2 * (256 * 255 / 2 + 16 * 32**2) / (60 * 6e9 * get_num_threads())
    assert f"take about {minutes:.0f} min" in said
    assert time_announcement(1000, **settings, epochs=1) is None


def test_the_command_line_tells_how_many_pairs_were_drawn(run: bitlens.Run, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    from bitlens.cli.report import print_summary

    bitlens.layer_pair_information(run, "0", "1", pairs=30, permutations=2)
    print_summary(run, Console(width=200), pairs=30, permutations=2)
    printed = " ".join(capsys.readouterr().out.split())
    assert "│ 30 of 400 │" in printed
    assert "pairs: how many pairs were drawn at random" in printed
