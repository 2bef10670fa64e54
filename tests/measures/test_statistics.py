"""Standard errors, nulls and verdicts of the measures of layers, against the estimators by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import bitlens
from bitlens import reference
from bitlens.estimators import inter_sample_entropy, q_values
from bitlens.estimators.categories import category_codes
from bitlens.estimators.intervals import induced_order, kept_samples
from bitlens.estimators.verdicts import VERDICTS, adjusted_information, verdicts
from bitlens.measures.minibatches import batches
from bitlens.measures.pair_codes import PairCodes, pair_table
from tests.support.recording import record_once

pytestmark = [
    pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning"),
    pytest.mark.filterwarnings("ignore::bitlens.NeighborWarning"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bitlens.Run:
    """Eighty images through a network whose second channel is dead."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(48, 3))
    with torch.no_grad():
        model[0].weight[1] = 0
        model[0].bias[1] = -1
    path = tmp_path_factory.mktemp("statistics") / "run"
    return record_once(path, model, torch.rand(80, 1, 6, 6), torch.arange(80) % 3)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> bitlens.Run:
    """Forty texts of two sentences of four token ids."""
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Embedding(2, 4), torch.nn.Flatten(), torch.nn.Linear(32, 3))
    path = tmp_path_factory.mktemp("tokens") / "run"
    texts = torch.randint(0, 2, (40, 2, 4))
    return record_once(path, model, texts, torch.arange(40) % 3, channel_axis={"input": 1})


@pytest.mark.parametrize("layer", ["input", "0", "1", "output"])
def test_every_number_of_the_diversity_is_that_of_the_estimator(run: bitlens.Run, layer: str) -> None:
    found = bitlens.layer_diversity(run, k=5, seed=3).sel(epoch=0)
    maps = run.inputs if layer == "input" else run.activations(layer, 0)
    expected = inter_sample_entropy(maps, 5, full_output=True, seed=3)
    for name in ("standard_error", "null_mean", "null_std", "diversity", "effective_share", "distinct", "tied"):
        assert float(found[name].sel(layer=layer)) == pytest.approx(getattr(expected, name), rel=1e-12)
    assert float(found.without_scale.sel(layer=layer)) == expected.without_scale
    assert float(found.bound) == expected.bound == math.log2(2 * 80 * 5)
    assert float(found.diversity_k) == expected.diversity_k == 79


def test_a_dead_layer_has_no_diversity(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))
    torch.nn.init.constant_(model[0].bias, -100)
    run = record_once(tmp_path / "run", model, torch.rand(20, 4), torch.arange(20) % 2)
    found = bitlens.layer_diversity(run, k=5).sel(epoch=0)
    assert found.diversity.sel(layer=["1", "output"]).values.tolist() == [0, 0]
    assert found.distinct.sel(layer=["input", "0", "1"]).values.tolist() == [20, 20, 1]
    assert float(found.without_scale.sel(layer="1")) == 1
    assert np.isnan(found.standard_error).all()  # for which 64 samples are needed


def test_pairs_of_channels_have_their_statistics(run: bitlens.Run) -> None:
    found = bitlens.layer_pair_information(run, "0", "1", bins=8, permutations=5, seed=3).sel(epoch=0)
    a, b = run.activations("0", 0), run.activations("1", 0)
    expected = bitlens.permutation_test(
        lambda x, y: bitlens.channel_mutual_information(x, y, 8), a, b, 5, 3, intervals=True
    )
    np.testing.assert_allclose(found.standard_error, expected.standard_error, atol=1e-12)
    limit = np.minimum.outer(found.entropy_a.values, found.entropy_b.values)
    np.testing.assert_allclose(found.adjusted, adjusted_information(expected.observed, expected.null_mean, limit))
    np.testing.assert_array_equal(found.q_value, q_values(expected.p_value))
    assert found.verdict.values.tolist() == verdicts(expected.null_mean, limit, expected.p_value).tolist()


def test_the_mean_is_that_of_living_pairs(run: bitlens.Run) -> None:
    found = bitlens.layer_pair_information(run, "0", "1", bins=8, permutations=5, seed=3).sel(epoch=0)
    assert (int(found.dead_a), int(found.dead_b)) == (1, 1)
    a, b = (run.activations(layer, 0)[:, [0, 2]] for layer in ("0", "1"))
    mean = bitlens.permutation_test(
        lambda x, y: bitlens.channel_mutual_information(x, y, 8).mean(), a, b, 5, 3, intervals=True
    )
    of_mean = {"excess": "excess", "null": "null_mean", "null_std": "null_std", "standard_error": "standard_error"}
    for name, field in (of_mean | {"p_value": "p_value"}).items():
        assert float(found[f"mean_{name}"]) == pytest.approx(getattr(mean, field), abs=1e-12)
    limit = np.minimum.outer(found.entropy_a.values[[0, 2]], found.entropy_b.values[[0, 2]]).mean()
    assert float(found.mean_adjusted) == pytest.approx(adjusted_information(mean.observed, mean.null_mean, limit))
    assert str(found.mean_verdict.values) == str(verdicts(mean.null_mean, limit, mean.p_value))


def test_a_dead_layer_has_no_mean(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))
    torch.nn.init.constant_(model[0].bias, -100)
    run = record_once(tmp_path / "run", model, torch.rand(70, 4), torch.arange(70) % 2)
    found = bitlens.layer_pair_information(run, "0", "1", permutations=3).sel(epoch=0)
    assert (int(found.dead_a), int(found.dead_b)) == (0, 6)
    for name in ("excess", "null", "null_std", "standard_error", "adjusted", "p_value"):
        assert math.isnan(float(found[f"mean_{name}"]))
    assert not np.isnan(found.excess).any()
    assert str(found.mean_verdict.values) in VERDICTS


def test_equal_samples_have_no_information_in_any_measure(tmp_path: Path) -> None:
    """All channels of all layers are dead, also those of the input."""
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU())
    run = record_once(tmp_path / "run", model, torch.rand(1, 1, 5, 5).repeat(70, 1, 1, 1), torch.arange(70) % 3)
    pairs = bitlens.layer_pair_information(run, "0", "1", permutations=3).sel(epoch=0)
    assert (int(pairs.dead_a), int(pairs.dead_b)) == (3, 3)
    assert not pairs.excess.any()
    assert not pairs.standard_error.any()
    assert math.isnan(float(pairs.mean_excess))
    shared = bitlens.layer_decomposition(run, "0").sel(epoch=0)
    for name in ("redundancy_degree", "vulnerability_degree", "null_redundancy_degree", "null_vulnerability_degree"):
        assert np.isnan(shared[name]).all()
    np.testing.assert_allclose(shared.redundancy_synergy_share, 0, atol=1e-12)
    assert shared.share_verdict.values.tolist() == ["not above chance"] * 2


def test_the_information_of_copies_is_a_lower_bound(tmp_path: Path) -> None:
    """Copies of a channel have all information that the bins can show, and finer bins would show more."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Hardtanh(-1e6, 1e6))
    run = record_once(tmp_path / "run", model, torch.rand(300, 4), torch.arange(300) % 2)
    found = bitlens.layer_pair_information(run, "0", "1", permutations=20, intervals=False).sel(epoch=0)
    share = found.mutual_information.values / np.minimum.outer(found.entropy_a.values, found.entropy_b.values)
    assert (share.diagonal() > 0.99).all()
    assert (found.null_mean.values.diagonal() < 0.1 * found.entropy_a.values).all()
    assert found.verdict.values.diagonal().tolist() == ["a lower bound"] * 2
    assert {*found.verdict.values[share < 0.98].tolist()} <= {"measured", "not above chance"}
    # The mean over all pairs is far below what the bins can show.
    assert str(found.mean_verdict.values) == "measured"


@pytest.mark.parametrize("bins", [2, 8, 32])
@pytest.mark.parametrize("layer", ["input", "0", "1", "output"])
def test_codes_of_kept_samples_are_those_of_their_maps(run: bitlens.Run, layer: str, bins: int) -> None:
    maps = run.activations(layer, 0)
    codes = PairCodes(run, layer, maps, bins)
    for kept in [*kept_samples(80, 1), np.arange(80), np.array([3, 4]), np.arange(10, 60)]:
        np.testing.assert_array_equal(codes.of(kept), bitlens.distance_codes(maps[kept], bins))


@pytest.mark.parametrize("bins", [2, 5, 30, 32, 60, 256])
def test_codes_of_kept_texts_are_those_of_their_categories(tokens: bitlens.Run, bins: int) -> None:
    values = tokens.activations("input", 0)
    codes = PairCodes(tokens, "input", values, bins)
    for kept in [*kept_samples(40, 1), np.arange(40), np.array([3, 4]), np.arange(10, 20), np.arange(0, 40, 3)]:
        np.testing.assert_array_equal(codes.of(kept), category_codes(tokens.inputs[kept], bins))


def test_the_table_of_pairs() -> None:
    assert pair_table(3).tolist() == [[0, 0, 1], [0, 0, 2], [1, 2, 0]]


def test_few_mini_batches_are_divided_into_groups(run: bitlens.Run) -> None:
    plane = bitlens.information_plane(run, batch=64, permutations=4, seed=1).sel(epoch=0)
    (part,) = batches(80, 64, 1)
    for target, about in ((run.inputs.reshape(80, -1), "input"), (run.labels, "labels")):
        maps = run.activations("0", 0)
        by_hand = bitlens.multivariate_information(target[part], maps[part], permutations=4, seed=1, intervals=True)
        row = plane.sel(about=about, layer="0")
        for name in ("excess", "adjusted", "standard_error", "p_value"):
            assert float(row[name]) == pytest.approx(getattr(by_hand, name), abs=1e-9)
        assert str(row.verdict.values) == by_hand.verdict


def test_many_mini_batches_are_groups_themselves(run: bitlens.Run) -> None:
    plane = bitlens.information_plane(run, batch=5, permutations=3, seed=1).sel(epoch=0, about="input", layer="0")
    x, maps = run.inputs.reshape(80, -1), run.activations("0", 0)
    parts = batches(80, 5, 1)
    assert len(parts) == 16
    by_hand = [bitlens.multivariate_information(x[part], maps[part], permutations=3, seed=1) for part in parts]
    excesses = [each.excess for each in by_hand]
    assert float(plane.excess) == pytest.approx(np.mean(excesses), abs=1e-9)
    assert float(plane.standard_error) == pytest.approx(np.std(excesses, ddof=1) / 4, abs=1e-9)


@pytest.mark.parametrize("options", [{"batch": 40}, {"batch": 64, "intervals": False}], ids=str)
def test_the_plane_without_standard_errors(run: bitlens.Run, options: dict[str, int]) -> None:
    plane = bitlens.information_plane(run, permutations=2, **options)
    assert np.isnan(plane.standard_error).all()
    assert not np.isnan(plane.excess).any()


@pytest.mark.parametrize("estimator", ["binning", "kde"])
def test_the_plane_of_the_whole_probe(run: bitlens.Run, estimator: str) -> None:
    plane = bitlens.information_plane(run, estimator=estimator, permutations=4, seed=2).sel(epoch=0, layer="output")
    maps = run.activations("output", 0)
    options = {"permutations": 4, "seed": 2, "intervals": True}
    if estimator == "binning":
        found = bitlens.binned_information(maps, run.labels, **options)
    else:
        found = bitlens.pairwise_distance_information(maps, run.labels, **options).upper
    of_input, of_labels = plane.sel(about="input"), plane.sel(about="labels")
    assert float(of_input.excess) == float(of_input.adjusted) == found.input
    assert float(of_input.standard_error) == found.input_error
    assert np.isnan([of_input.null_mean, of_input.null_std, of_input.p_value]).all()
    saturated = found.saturation > 0.98
    assert str(of_input.verdict.values) == (VERDICTS[0] if saturated else "measured")
    assert float(of_labels.excess) == found.labels - found.labels_null_mean
    assert float(of_labels.standard_error) == found.labels_error
    limit = min(found.input, reference.entropy(np.bincount(run.labels) / 80))
    expected = verdicts(found.labels_null_mean, limit, found.labels_p_value, saturation=found.saturation)
    assert str(of_labels.verdict.values) == str(expected)
    assert float(plane.saturation) == found.saturation


def test_the_decomposition_has_errors_of_many_mini_batches(run: bitlens.Run) -> None:
    found = bitlens.layer_decomposition(run, "0", batch=5, seed=2).sel(epoch=0, about="labels")
    maps, parts = run.activations("0", 0), batches(80, 5, 2)
    by_hand = [bitlens.channel_decomposition(run.labels[part], maps[part], None, 2, permutations=2) for part in parts]
    for name in ("redundancy_synergy", "weighted_nonredundant", "multivariate"):
        excesses = [getattr(each, name) - np.mean([getattr(other, name) for other in each.null]) for each in by_hand]
        assert float(found[f"{name}_excess"]) == pytest.approx(np.mean(excesses), abs=1e-9)
        assert float(found[f"{name}_standard_error"]) == pytest.approx(np.std(excesses, ddof=1) / 4, abs=1e-9)
    few = bitlens.layer_decomposition(run, "0", batch=6).sel(epoch=0)
    assert np.isnan(few.redundancy_synergy_standard_error).all()
    np.testing.assert_allclose(
        few.redundancy_synergy_excess, few.redundancy_synergy - few.redundancy_synergy_null_mean, atol=1e-12
    )


@pytest.mark.parametrize("layer", ["1", "output"])
def test_label_information_has_every_number_of_the_estimator(run: bitlens.Run, layer: str) -> None:
    found = bitlens.label_information(run, layer, permutations=6, seed=5).sel(epoch=0)
    expected = bitlens.neuron_information(run.activations(layer, 0), run.labels, permutations=6, seed=5, intervals=True)
    for name, column in expected._asdict().items():
        np.testing.assert_array_equal(found[name], column)
    np.testing.assert_array_equal(found.q_value, q_values(expected.p_value))
    without = bitlens.label_information(run, layer, permutations=6, seed=5, intervals=False).sel(epoch=0)
    assert np.isnan(without.excess_error).all()
    np.testing.assert_array_equal(without.excess, found.excess)


def test_shuffles_of_kept_samples_are_permutations_of_them(run: bitlens.Run) -> None:
    """The codes of shuffled kept samples are a rearrangement of those of the kept samples."""
    codes = PairCodes(run, "0", run.activations("0", 0), 8)
    kept = kept_samples(80, 0)[3]
    order = induced_order(np.random.default_rng(0).permutation(80), kept)
    shuffled = codes.of(kept)[:, pair_table(75)[np.ix_(order, order)][np.triu_indices(75, 1)]]
    expected = bitlens.distance_codes(run.activations("0", 0)[kept][order], 8)
    np.testing.assert_array_equal(shuffled, expected)
