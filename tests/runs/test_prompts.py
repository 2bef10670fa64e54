"""Runs whose samples are tokens: prompts and texts, from hidden states, from the recorder, and from stored arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import bitlens
from bitlens.cli.commands import app
from bitlens.runs import RunError
from bitlens.runs.tensor_file import TensorFile, write_tensors
from tests.support.hidden_state_arrays import MASK, STATES

TEXTS = [[f"w{prompt}.{token} é" for token in range(12)] for prompt in range(3)]
KEPT = [text for prompt, count in zip(TEXTS, (12, 9, 4), strict=True) for text in prompt[:count]]
PROMPTS = [0] * 12 + [1] * 9 + [2] * 4


@pytest.mark.parametrize("kind", [tuple, np.asarray, lambda states: tuple(map(torch.tensor, states))], ids=str)
def test_hidden_states_become_a_run_of_tokens(kind, tmp_path):
    bitlens.record_arrays(tmp_path, 0, **bitlens.from_hidden_states(kind(STATES), torch.tensor(MASK), texts=TEXTS))
    bitlens.record_arrays(tmp_path, 1, bitlens.from_hidden_states(STATES, MASK)["arrays"])  # prompts of the run
    run = bitlens.open_run(tmp_path)
    assert [(layer.name, layer.shape) for layer in run.layers] == [("embeddings", (20,)), ("block1", (20,))]
    assert (run.prompts.tolist(), list(run.texts)) == (PROMPTS, KEPT)
    np.testing.assert_array_equal(run.activations("block1", 1), STATES[1][MASK].astype(np.float32))


def test_names_and_no_mask():
    result = bitlens.from_hidden_states({"a": STATES[0], "b": STATES[1, :, :, :5]})
    assert {name: array.shape for name, array in result["arrays"].items()} == {"a": (36, 20), "b": (36, 5)}
    assert np.bincount(result["prompts"]).tolist() == [12, 12, 12]
    assert "texts" not in result


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((STATES[0],), TypeError, r"hidden_states: expected a sequence or a mapping of arrays .*, got "),
        (((),), ValueError, "hidden_states: expected at least one layer, got none"),
        (((STATES[0], STATES[0, :2]),), ValueError, r"hidden_states\['block1'\]: expected shape .*, \(3, 12\), got"),
        (((STATES[0, 0],),), ValueError, r"hidden_states\['embeddings'\]: expected shape \(prompts, tokens, D\)"),
        ((STATES, MASK[:2]), ValueError, r"attention_mask: expected shape \(3, 12\), prompts and tokens, got"),
        ((STATES, MASK * 2), ValueError, "attention_mask: expected 1 for tokens that count and 0 for padding"),
        ((STATES, MASK * 0), ValueError, "attention_mask: expected at least one token that counts, got none"),
    ],
)  # fmt: skip
def test_hidden_states_that_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        bitlens.from_hidden_states(*arguments)


def test_texts_that_are_refused():
    with pytest.raises(ValueError, match=r"texts: expected a text for each of 12 tokens of 3 prompts, got .*\[12, 11,"):
        bitlens.from_hidden_states(STATES, MASK, texts=[TEXTS[0], TEXTS[1][1:], TEXTS[2]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompts": [0, 1]}, "prompts: expected an array"),
        ({"prompts": np.arange(2)}, "prompts: expected an integer for each of 3 samples, got int64 of "),
        ({"prompts": np.zeros(3)}, "prompts: expected an integer for each of 3 samples, got float64 of "),
        ({"prompts": np.array([0, 2, 1])}, "prompts: expected ascending numbers from 0 on, got others; sort"),
        ({"prompts": np.array([-1, 0, 1])}, "prompts: expected ascending numbers from 0 on, got others; sort"),
        ({"texts": ["a", "b"]}, "texts: expected a text for each of 3 samples, got 2 of "),
        ({"texts": "abc"}, "texts: expected a text for each of 3 samples, got 1 of "),
        ({"texts": ["a", 1, "c"]}, "texts: expected a text for each of 3 samples, got 3 of "),
    ],
)
def test_prompts_and_texts_that_are_refused(options, message, tmp_path):
    with pytest.raises((TypeError, ValueError), match=message):
        bitlens.record_arrays(tmp_path, 0, {"a": np.ones((3, 2))}, **options)


def test_whole_samples_may_have_texts_and_no_prompts(tmp_path):
    bitlens.record_arrays(tmp_path, 0, {"a": np.ones((3, 2))}, texts=["a", "", "ß c"])
    run = bitlens.open_run(tmp_path)
    assert (run.prompts, run.texts) == (None, ("a", "", "ß c"))
    bitlens.record_arrays(tmp_path / "without", 0, {"a": np.ones((3, 2))})
    assert bitlens.open_run(tmp_path / "without").texts is None


@pytest.mark.parametrize(
    ("name", "values", "attribute"),
    [
        ("prompts", np.arange(25)[::-1], "prompts"),
        ("prompts", np.arange(24), "prompts"),
        ("texts.ends", np.arange(25) + 1000, "texts"),
        ("texts.ends", np.arange(25)[::-1] - 5, "texts"),
        ("texts", np.ones(3), "texts"),
    ],
)
def test_damaged_prompts_and_texts(name, values, attribute, tmp_path):
    bitlens.record_arrays(tmp_path, 0, **bitlens.from_hidden_states(STATES, MASK, texts=TEXTS))
    path = tmp_path / "probe.safetensors"
    with TensorFile(tmp_path, path) as file:
        tensors = {each: file.read(each) for each in file.entries}
    write_tensors(path, tensors | {name: values}, {})
    with pytest.raises(RunError, match="is damaged"):
        getattr(bitlens.open_run(tmp_path), attribute)


def imported(tmp_path, *options, **arrays):
    np.savez(tmp_path / "states.npz", **arrays)
    return CliRunner().invoke(app, ["import", str(tmp_path / "states.npz"), str(tmp_path / "run"), *options])


@pytest.mark.parametrize("arrays", [{"hidden_states": STATES}, {"embeddings": STATES[0], "block1": STATES[1]}])
def test_import_of_hidden_states(arrays, tmp_path):
    result = imported(tmp_path, "--tokens-as-samples", attention_mask=MASK, texts=np.array(TEXTS), **arrays)
    assert result.exit_code == 0, result.output
    run = bitlens.open_run(tmp_path / "run")
    assert [(layer.name, layer.shape) for layer in run.layers] == [("embeddings", (20,)), ("block1", (20,))]
    assert (run.prompts.tolist(), list(run.texts)) == (PROMPTS, KEPT)


def test_import_of_tokens_that_are_samples_already(tmp_path):
    tokens = bitlens.from_hidden_states(STATES, MASK, texts=TEXTS)
    result = imported(tmp_path, **tokens.pop("arrays"), **tokens)
    assert result.exit_code == 0, result.output
    assert bitlens.open_run(tmp_path / "run").prompts.tolist() == PROMPTS


@pytest.mark.parametrize(
    ("options", "arrays", "message"),
    [
        ([], {"attention_mask": MASK}, "attention_mask: expected tokens as samples where it is stored, got none; pass"),
        (["--tokens-as-samples"], {"prompts": np.arange(3)}, "prompts: expected none with --tokens-as-samples"),
        (["--tokens-as-samples"], {"labels": np.arange(3)}, "labels: expected hidden states alone with --tokens"),
        (["--tokens-as-samples", "--layer", "c"], {}, "--layer: no array 'c' at epoch 0"),
    ],
)
def test_imports_that_are_refused(options, arrays, message, tmp_path):
    result = imported(tmp_path, *options, a=STATES[0], **arrays)
    assert result.exit_code == 1
    assert message in str(result.exception)
