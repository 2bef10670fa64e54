"""The page of hidden states: curves over layers, tokens as text, and runs without prompts, texts or results."""

from __future__ import annotations

import pytest

import bitlens
from bitlens import tables
from tests.support.page_contents import chart, menus, words
from tests.support.sample_runs import record_token_run

PAGES = ["training", "flow", "layers", "channels", "embedding", "pixels", "ablation", "hidden_states", "method"]


def test_the_curves_are_those_of_the_table(token_run, look):
    app = look(token_run.path, page="hidden_states")
    table = tables.layer_prompt_entropy(bitlens.prompt_entropy.stored(token_run, permutations=3))
    _, rows = chart(app, "mean entropy of the prompts")
    drawn = {(row["line"], row["layer"]): row for row in rows}
    for expected in table.to_dict("records"):
        row = drawn["text", expected["layer"]]
        assert (row["bits"], row["error"]) == (expected["mean_entropy"], expected["standard_error"])
        assert row["high"] == pytest.approx(expected["mean_entropy"] + expected["standard_error"])
        assert drawn["shuffled channels", expected["layer"]]["error"] == expected["null_std"]
        assert drawn["Gaussian channels", expected["layer"]]["bits"] == expected["gaussian"]
    _, rows = chart(app, "entropy of the mean vectors")
    assert [row["bits"] for row in rows if row["line"] == "text"] == table["dataset_entropy"].tolist()
    assert "over 3 prompts of 4 to 12 tokens" in words(app)
    assert "permutations 3" in words(app)
    assert len(menus(app)) == 3
    assert not app.exception


def test_a_prompt_is_shown_as_text_with_its_curve(token_run, look):
    app = look(token_run.path, page="hidden_states")
    app.selectbox(key="prompt number").set_value(2).run()
    assert "Prompt 2: 4 tokens." in words(app)
    assert " · ".join(f"*w2*␣{token}" for token in range(4)) in words(app)
    _, rows = chart(app, "entropy of prompt 2")
    expected = bitlens.prompt_entropy.stored(token_run, permutations=3).entropy.sel(epoch=0, prompt=2)
    assert [row["bits"] for row in rows if row["line"] == "this prompt"] == expected.values.tolist()


@pytest.mark.parametrize("page", PAGES)
def test_no_page_fails(token_run, look, page):
    app = look(token_run.path, page=page)
    assert not app.exception, words(app)
    assert not app.error, words(app)


def test_samples_are_shown_as_text_in_place_of_pictures(token_run, look):
    app = look(token_run.path, page="channels", c="1")
    assert "0: label 0, prompt 0: ***w0*␣0** · *w0*␣1 · *w0*␣2" in words(app)
    assert "was recorded without inputs" not in words(app)


def test_what_is_missing_is_said_and_computed(tmp_path, look):
    run = record_token_run(tmp_path / "bare")
    app = look(run.path, page="hidden_states")
    assert "The entropies of prompts are not measured at 1 epoch." in words(app)
    app.button(key="compute prompts").click().run()
    assert not app.exception
    assert bitlens.prompt_entropy.stored(run) is not None
    assert "This run has no texts of its tokens." in words(app)


def test_a_run_of_whole_samples_has_no_prompts(recorded_run, look):
    app = look(recorded_run.path, page="hidden_states")
    assert "The samples of this run are not tokens, so it has no prompts." in words(app)
