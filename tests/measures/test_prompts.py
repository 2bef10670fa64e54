"""The entropy of prompts: agreement with the estimator, the null, masks, and runs that it is not for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import bitlens
from bitlens import tables
from bitlens.cli.commands import app
from bitlens.runs import RunError
from tests.support.hidden_state_arrays import MASK, PROMPTS, STATES


def recorded(store, states=STATES, mask=MASK, **options):
    bitlens.record_arrays(store, 0, **bitlens.from_hidden_states(states, mask), **options)
    return bitlens.open_run(store)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return recorded(tmp_path_factory.mktemp("prompts") / "run")


@pytest.mark.parametrize("settings", [{}, {"skip_first": 1}, {"kernel": bitlens.Cosine(), "alpha": 2.0}], ids=str)
def test_the_entropies_are_those_of_the_estimator(run, settings):
    result = bitlens.prompt_entropy(run, permutations=30, **settings).isel(epoch=0)
    states = STATES.astype(np.float32)
    given = {"kernel": bitlens.Linear(center=True, unit=True), **settings}
    full = bitlens.hidden_state_entropy(states, MASK, full_output=True, permutations=30, seed=9, **given)
    np.testing.assert_allclose(result.entropy, full.value, atol=1e-5)
    np.testing.assert_allclose(result.mean_entropy, full.mean, atol=1e-5)
    np.testing.assert_allclose(result.standard_error, full.standard_error, atol=1e-5)
    np.testing.assert_allclose(result.gaussian, full.gaussian.mean(1), atol=1e-5)
    tolerance = 4 * np.sqrt((full.null_std**2).sum(1)) / 3 * np.sqrt(2 / 30)
    assert (abs(result.null_mean - full.null_mean.mean(1)) <= tolerance).all()
    np.testing.assert_allclose(result.null_std, np.sqrt((full.null_std**2).sum(1)) / 3, rtol=0.5)
    np.testing.assert_allclose(result.excess, result.mean_entropy - result.null_mean, atol=1e-6)
    pooled = bitlens.pool_tokens(states, MASK, skip_first=settings.get("skip_first", 0))
    expected = bitlens.hidden_state_entropy(pooled, **given | {"skip_first": 0})
    np.testing.assert_allclose(result.dataset_entropy, expected, atol=1e-5)
    assert result.tokens.values.tolist() == ([11, 8, 3] if settings.get("skip_first") else [12, 9, 4])
    assert result.prompts.values.tolist() == [3, 3]


def test_related_channels_are_below_the_null_and_noise_is_not(tmp_path):
    random = np.random.default_rng(0)
    noise = random.normal(size=(12, 30, 16))
    related = random.normal(size=(12, 30, 3)) @ random.normal(size=(3, 16)) + 0.1 * noise
    result = bitlens.prompt_entropy(recorded(tmp_path, (noise, related), None)).isel(epoch=0)
    assert abs(result.excess[0]) < 4 * result.excess_error[0]
    assert abs(result.mean_entropy[0] - result.gaussian[0]) < 0.05
    assert result.excess[1] < -20 * result.excess_error[1]
    assert result.excess[1] < -1


def test_a_prompt_does_not_depend_on_the_others(run, tmp_path):
    fewer = recorded(tmp_path, STATES[:, :2], MASK[:2])
    both = [bitlens.prompt_entropy(each, permutations=2) for each in (run, fewer)]
    np.testing.assert_array_equal(both[0].entropy[:, :, :2], both[1].entropy)


def test_prompts_without_an_entropy_are_counted(tmp_path):
    states = np.concatenate([STATES, STATES[:, :1]], axis=1)
    states[:, 3] = states[:, 3, :1]  # a prompt of equal tokens
    mask = MASK[[0, 1, 2, 0]].copy()
    mask[2, 1:] = False  # a prompt of one token
    run = recorded(tmp_path, states, mask)
    with pytest.warns(bitlens.UndefinedWarning, match="2 of 4 prompts have no entropy, because they have fewer"):
        result = bitlens.prompt_entropy(run, permutations=2).isel(epoch=0)
    assert np.isnan(result.entropy.values).tolist() == [[False, False, True, True]] * 2
    assert result.prompts.values.tolist() == [2, 2]
    np.testing.assert_allclose(result.mean_entropy, result.entropy.values[:, :2].mean(1))


def test_one_prompt_has_no_standard_error_and_no_dataset_entropy(tmp_path):
    result = bitlens.prompt_entropy(recorded(tmp_path, STATES[:, :1], None), permutations=2)
    assert not result.mean_entropy.isnull().any()
    for name in ("standard_error", "excess_error", "dataset_entropy"):
        assert result[name].isnull().all()


def test_a_layer_that_is_not_finite_is_left_out(tmp_path):
    states = STATES.copy()
    states[0, 0, 0, 0] = np.nan
    with pytest.warns(UserWarning, match="left out prompt entropy of embeddings, epoch 0: the activations contain NaN"):
        result = bitlens.prompt_entropy(recorded(tmp_path, states), permutations=2).isel(epoch=0)
    assert np.isnan(result.mean_entropy.values).tolist() == [True, False]


def test_token_numbers_are_no_layer(tmp_path):
    model = torch.nn.Sequential(torch.nn.Embedding(9, 6), torch.nn.Linear(6, 4))
    tokens = torch.arange(40).reshape(4, 10) % 9
    view = bitlens.View(tokens_as_samples=True)
    with bitlens.Recorder(model, tmp_path, (tokens, None), views=view, show_size=False) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path)
    assert [layer.name for layer in run.layers] == ["input", "0", "output"]
    assert bitlens.prompt_entropy(run, permutations=2).layer.values.tolist() == ["0", "output"]


def test_whole_samples_are_refused_by_name_and_left_out_without(tmp_path):
    bitlens.record_arrays(tmp_path, 0, {"a": PROMPTS[:, 0]})
    run = bitlens.open_run(tmp_path)
    for call in (bitlens.prompt_entropy, lambda run: bitlens.measure(run, ["prompt_entropy"])):
        with pytest.raises(RunError, match="expected tokens as samples for prompt_entropy, got whole samples; record"):
            call(run)
    told = []
    results = bitlens.measure(run, k=5, permutations=2, skipped=told.append)
    assert "prompt entropy" not in results
    assert not any("prompt entropy" in sentence for sentence in told)


def test_minutes_are_announced(run):
    parameters = bitlens.prompt_entropy.Parameters()
    assert bitlens.prompt_entropy.announcement(run, (), parameters, 1) is None
    sentence = bitlens.prompt_entropy.announcement(run, (), parameters, 10**6)
    assert sentence.startswith("prompt entropy takes about ")


def test_the_command_prints_the_table_and_its_settings(run):
    arguments = ["measure", str(run.path), "--permutations", "3", "--k", "5", "--alpha", "1"]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert "Hidden states at epoch 0, in bits" in done.output
    table = tables.layer_prompt_entropy(bitlens.prompt_entropy.stored(run, permutations=3))
    assert f"{table.mean_entropy[1]:.3f} ± {table.standard_error[1]:.3f}" in done.output
    assert "3 of 3 prompts of 4 to 12 tokens" in " ".join(done.output.split())
    one = CliRunner().invoke(
        app, ["measure", str(run.path), "--measure", "prompt_entropy", "--kernel", "cosine(center=True)"]
    )
    assert one.exit_code == 0, one.output
    assert "kernel=bitlens.Cosine(center=True)" in one.output.replace("\n", "")


def test_tables(run):
    result = bitlens.prompt_entropy(run, permutations=2)
    of_prompts = tables.prompt_entropies(result)
    assert of_prompts.columns.tolist() == ["epoch", "layer", "prompt", "entropy", "tokens"]
    assert of_prompts.tokens.tolist() == [12, 9, 4] * 2
    np.testing.assert_array_equal(of_prompts.entropy, result.entropy.values.ravel())
    with pytest.raises(ValueError, match=r"results: expected the variables entropy, got .*; pass the Dataset of"):
        tables.prompt_entropies(result.drop_vars("entropy"))
