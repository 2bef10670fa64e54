"""Decoders of transformers with padding on the left: the recorded tokens have the entropies of the hidden states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import bitlens

transformers = pytest.importorskip("transformers")

MASK = (torch.arange(10) >= torch.tensor([[0], [3], [5], [2], [0], [1]])).long()
IDS = torch.randint(1, 90, (6, 10), generator=torch.Generator().manual_seed(0))
TOKENS = {"vocab_size": 100, "bos_token_id": 0, "eos_token_id": 0}


def gpt() -> nn.Module:
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(n_embd=16, n_layer=3, n_head=2, **TOKENS))


def llama() -> nn.Module:
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2}
    return transformers.LlamaModel(transformers.LlamaConfig(**sizes, **heads, **TOKENS))


def without_head(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    states: torch.Tensor = model.transformer(**batch).last_hidden_state
    return states


@pytest.mark.parametrize(("make", "forward"), [(gpt, without_head), (llama, None)], ids=["gpt2", "llama"])
def test_blocks_of_a_decoder(make: Any, forward: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = make().eval()
    view = bitlens.View(tokens_as_samples=True)
    probe = {"input_ids": IDS, "attention_mask": MASK}
    recorder = bitlens.Recorder(
        model, tmp_path, probe, layers="blocks", views=view, forward=forward, show_size=False, batch_size=2
    )
    with recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path)
    assert [layer.shape for layer in run.layers] == [(1,), (16,), (16,), (16,), (16,)]
    assert run.prompts is not None
    assert np.bincount(run.prompts).tolist() == MASK.sum(1).tolist()
    with torch.no_grad():
        states = model(**probe, output_hidden_states=True).hidden_states
    expected = np.asarray(bitlens.hidden_state_entropy(states, MASK))
    # transformers normalizes the last of its states, which here is the output.
    measured = bitlens.prompt_entropy(run, permutations=2).entropy.values[0]
    np.testing.assert_allclose(measured[[0, 1, 3]], expected[[1, 2, 3]], atol=1e-5)
