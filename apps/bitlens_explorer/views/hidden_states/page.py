"""The page of hidden states: matrix-based entropies of prompts over layers (Skean et al. 2025), and tokens as text."""

from __future__ import annotations

import streamlit as st

from bitlens import tables
from bitlens.measures import prompt_entropy
from bitlens.runs import Run
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import described, known_sets, load, missing_tasks, stored_epochs
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state.context import context
from bitlens_explorer.ui import charts, compute_button, figure_frame, page_frame
from bitlens_explorer.ui.text import count, escape_markdown, show_hint
from bitlens_explorer.ui.tokens import show_prompt
from bitlens_explorer.views.hidden_states.charts import dataset_over_layers, over_layers, prompt_over_layers

UNIT = {"unit": "bits"}


def main() -> None:
    """Show the page."""
    run, _, epoch = context()
    page_frame.head("Hidden states", "How different are the tokens of a prompt from each other, layer by layer?")
    if run.prompts is None:
        what = "The samples of this run are not tokens, so it has no prompts."
        step = "record it with `views=bitlens.View(tokens_as_samples=True)`, or with `bitlens.from_hidden_states`."
        show_hint(what, step)
        return
    sets = known_sets(run, prompt_entropy)
    known = next(iter(sets), None)
    if len(sets) > 1:
        known = st.selectbox("Settings", sets, format_func=described, key="prompt settings")
    results = load(run, known)
    if tasks := missing_tasks(run, prompt_entropy, (), known, results):
        epochs = count(len(tasks), "epoch")
        show_hint(f"The entropies of prompts are not measured at {epochs}.", "press the button.")
        compute_button.offer(run, f"prompt entropy of {epochs}", "compute prompts", tasks)
    if results is not None and epoch in stored_epochs(results):
        at_epoch = results.sel(epoch=epoch)
        if known is not None:
            st.markdown(f"Settings: {escape_markdown(described(known))}.")
        _layers(run, epoch, at_epoch)
        _prompt(run, epoch, at_epoch)
    elif run.texts is not None:
        show_prompt(run, int(run.prompts[0]))


def _layers(run: Run, epoch: int, results: Traced) -> None:
    table = call(tables.layer_prompt_entropy, results)
    layers = table.value["layer"].tolist()
    tokens = results.value["tokens"].values
    lengths = str(tokens.min()) if tokens.min() == tokens.max() else f"{tokens.min()} to {tokens.max()}"
    left, right = st.columns(2, gap="large")
    with left:
        figure_frame.title("Prompt entropy")
        chart = over_layers(table.value, layers)
        charts.draw(chart, "prompt entropy", "mean entropy of the prompts in each layer, with its null")
        meaning = (
            f"Matrix-based entropy of the tokens of a prompt, mean over {count(len(tokens), 'prompt')} of {lengths} "
            "tokens. Bars: standard error over prompts, and for shuffled channels the standard deviation over "
            "shuffles. The null shuffles each channel over the tokens; the text is below it if channels are related. "
            "Compare prompts of equal length only."
        )
        file = file_name(run, "hidden-states", "prompts", f"epoch{epoch}", ending="csv")
        figure_frame.below(run, meaning, table, "prompt entropy", file, {"epoch": epoch, **UNIT}, chart)
    with right:
        figure_frame.title("Dataset entropy")
        chart = dataset_over_layers(table.value, layers)
        charts.draw(chart, "dataset entropy", "entropy of the mean vectors of all prompts in each layer, with its null")
        meaning = "Matrix-based entropy of one vector a prompt, the mean of its tokens, with the null of these vectors."
        shown = table.columns(["epoch", "layer", "dataset_entropy", "dataset_null_mean", "dataset_null_std"])
        file = file_name(run, "hidden-states", "dataset", f"epoch{epoch}", ending="csv")
        figure_frame.below(run, meaning, shown, "dataset entropy", file, {"epoch": epoch, **UNIT}, chart)


def _prompt(run: Run, epoch: int, results: Traced) -> None:
    """One prompt: its tokens as text, and its entropy over layers."""
    figure_frame.title("One prompt")
    numbers = [int(number) for number in results.value["prompt"].values]
    prompt = st.selectbox("Prompt", numbers, key="prompt number")
    show_prompt(run, prompt)
    rows = call(tables.prompt_entropies, results).rows(prompt=prompt)
    table = call(tables.layer_prompt_entropy, results)
    chart = prompt_over_layers(rows.value, table.value, table.value["layer"].tolist())
    charts.draw(chart, "one prompt", f"entropy of prompt {prompt} in each layer, and the mean over prompts")
    meaning = f"Entropy of the tokens of prompt {prompt}, and the mean over all prompts with its standard error."
    file = file_name(run, "hidden-states", f"prompt{prompt}", f"epoch{epoch}", ending="csv")
    figure_frame.below(run, meaning, rows, "one prompt", file, {"epoch": epoch, "prompt": prompt, **UNIT}, chart)


main()
