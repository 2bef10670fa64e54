"""The method page: what was measured and how, all of it as files, and how to cite it."""

from __future__ import annotations

import json

import streamlit as st

import bitlens
from bitlens.runs import Run
from bitlens_explorer import exports, figures
from bitlens_explorer.context import context
from bitlens_explorer.words import listed, plain

DEFINITIONS = {
    "inter-sample entropy": "How diverse samples are: entropy of the weights between nearest neighbours, at most log2(n^2 - n) "
    "bits for n samples (Shen and Shen 2021, eq. 4 to 7). It grows with n and depends on k: compare equal n and k alone.",
    "intra-sample entropy": "How much the values within one map vary: entropy of their histogram (Shen and Shen 2021, 4.4.2).",
    "mutual information of channels": "What the distances between samples in one channel tell about those in another, from "
    "their joint histogram (Shen and Shen 2021, 5.3.1). Biased upward: look at the excess over the permutation null.",
    "conditional entropies": "How unsure labels are once predictions are known, and the other way round (Shen and Shen 2021, 5.1.1).",
    "matrix-based information": "Entropy of kernel matrices of mini-batches, of order alpha, with its permutation null (Yu et "
    "al. 2018). The kernel's width decides what it shows; at a saturation near 1 it says nothing.",
    "redundancy - synergy": "I(X; A) + I(X; B) - I(X; {A, B}), averaged over pairs of channels (Yu et al. 2018, eq. 9).",
    "weighted non-redundant information": "2 I(X; {A, B}) - I(X; A) - I(X; B), averaged over pairs (Yu et al. 2018, eq. 10).",
    "strict information discarding (SID)": "Entropy of the largest noise that each unit of an image may have while a layer's "
    "features change no more than alpha times as much as under a small noise of variance tau (Ma et al. 2019, eq. 2 to 6). "
    "It depends on the unit of the images and may be below 0.",
    "reconstruction uncertainty (RU)": "Entropy of each unit of the image that a decoder rebuilds from a layer's features, under "
    "the noise that makes it largest, held in the same way (Ma et al. 2019, eq. 9 to 12).",
    "concentration": "Mean SID of the units outside of an object less that of the units inside (Ma et al. 2019, eq. 7).",
    "information of a neuron about the label": "I(Y; Q(L)) of its values Q(L), made discrete, and the class Y, from counts "
    "(Liu, Amjad and Geiger 2018). Biased upward with few samples; the bias is given beside it.",
    "information-ordered ablation": "What the network still can when more and more neurons are turned off, the lowest score "
    "first, the highest first, or in random orders: within a layer, and across layers (Liu, Amjad and Geiger 2018).",
}
CITATION = """@software{{bitlens,
  title = {{bitlens: what every layer and channel of a neural network carries, in bits}},
  version = {{{version}}},
}}"""


def main() -> None:
    """The page."""
    run, _, _ = context()
    st.title("Method & export", anchor=False)
    figures.title("The recording")
    manifest = run.manifest
    rows = {
        "model": manifest.model,
        "samples of the probe": manifest.samples,
        "classes": ", ".join(manifest.classes) or "not known",
        "epochs with activations": listed(run.epochs) or "none",
        "stored as": manifest.dtype + (", with loss gradients" if manifest.gradients else ""),
        "probe (SHA-256)": manifest.probe_sha256,
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
        "bitlens here": bitlens.build_info()["version"],
    }
    st.dataframe({"": list(rows), "value": [str(value) for value in rows.values()]}, hide_index=True, key="recording")
    _measured(run)
    figures.title("Definitions")
    st.markdown("\n".join(f"- **{name}**: {text}" for name, text in DEFINITIONS.items()))
    st.markdown(
        "All information is in bits. The library's docstrings have the equations, and `bitlens.reference` the same in NumPy."
    )
    figures.title("As Python")
    st.code(
        "\n".join(
            [
                *figures.opened(run),
                "",
                "run.results.measures()  # what is kept; every function of bitlens that takes a run reads it again",
            ]
        ),
        language="python",
    )
    figures.title("Citation")
    st.code(CITATION.format(version=bitlens.build_info()["version"]), language="bibtex")


def _measured(run: Run) -> None:
    figures.title("What was measured")
    sets = exports.measured(run)
    if not sets:
        st.markdown("Nothing yet. The other pages compute what they need, or: `bitlens measure RUN`.")
        return
    frame = {
        "measure": [found.measure.replace("_", " ") for found in sets],
        "parameters": [json.dumps(found.parameters, sort_keys=True)[1:-1].replace('"', "") for found in sets],
        "epochs": [listed(found.epochs) for found in sets],
    }
    st.dataframe(frame, hide_index=True, key="measured")
    st.markdown(
        f"{len(sets)} results, each with all parameters that it depends on; seeds are among them. They lie in "
        f"{plain(run.path / 'results')}. The archive leaves out deconvolutions, and maps of more than a million values."
    )
    st.download_button(
        "Download all as CSV", lambda: exports.archive(run), figures.file_name(run, "results", ending="zip"), "application/zip",
        key="all results", on_click="ignore",
    )  # fmt: skip


main()
