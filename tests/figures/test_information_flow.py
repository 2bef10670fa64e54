"""The figures of the papers: drawn whole from small networks, numbers as the library gives them, verdicts by their rules."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bitlens

PAGES = Path(__file__).parents[2] / "docs" / "paper-figures"


@pytest.fixture(scope="module")
def app():
    return importlib.import_module("paper_figures.__main__")


@pytest.fixture(scope="module")
def drawn(app, tmp_path_factory: pytest.TempPathFactory):
    """Everything, of networks of few filters and few images."""
    folder = tmp_path_factory.mktemp("figures")
    random = np.random.default_rng(0)
    patterns = random.integers(0, 256, (10, 28, 28))
    labels = np.arange(300) % 10
    noisy = (patterns[labels] * random.uniform(0.5, 1, (300, 28, 28))).astype(np.uint8)
    np.savez(
        folder / "mnist.npz",
        train_images=noisy[:256],
        train_labels=labels[:256],
        test_images=noisy[256:],
        test_labels=labels[256:],
    )
    tables = importlib.import_module("paper_figures.information_flow.tables")
    topology = importlib.import_module("paper_figures.information_flow.networks").Topology
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "PLAIN", (2, 3))
        patch.setattr(tables, "INEQUALITIES", [topology(2, 3, "relu")])
        patch.setattr(tables, "DECOMPOSED", [topology(a, b, "relu") for a, b in ((2, 3), (3, 3), (2, 4))])
        patch.setattr(tables, "PLANES", [topology(2, 3, "sigmoid"), topology(2, 3, "relu")])
        arguments = ["--mnist", folder / "mnist.npz", "--out", folder / "out", "--work", folder / "work"]
        sizes = ["--epochs", "1", "--samples", "256", "--probe", "40", "--seeds", "2"]
        call = ["information-flow", *map(str, arguments), *sizes]
        result = CliRunner().invoke(app.app, call, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        before = {path: path.read_bytes() for path in (folder / "out").glob("*.csv")}
        assert CliRunner().invoke(app.app, call, catch_exceptions=False).exit_code == 0
        assert {path: path.read_bytes() for path in (folder / "out").glob("*.csv")} == before
    return folder


def test_every_figure_has_its_picture_and_its_table(drawn: Path) -> None:
    text = (drawn / "out" / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) == 12
    assert {path.name for path in (drawn / "out").iterdir()} == {"README.md", *links}
    assert "nan" not in text
    for link in links:
        if link.endswith(".png"):
            assert (drawn / "out" / link).read_bytes().startswith(b"\x89PNG")


def test_the_tables_have_the_library_s_numbers(drawn: Path) -> None:
    """Means over the two seeds, of what the library says of the runs."""
    runs = [bitlens.open_run(path) for path in sorted((drawn / "work").glob("2-3-relu-seed*"))]
    assert len(runs) == 2
    planes = [bitlens.information_plane(run, permutations=20) for run in runs]
    chains = [bitlens.processing_inequalities(run, permutations=20, bandwidth_errors=bitlens.Median()) for run in runs]
    shared = [bitlens.layer_decomposition(run, "c3", **bitlens.published_settings("paper")) for run in runs]
    flow = pd.read_csv(drawn / "out" / "figure-4.csv")
    (row,) = flow.query(
        "plane == 'all' and activation == 'relu' and setting == 'bitlens' and about == 'labels' and layer == 'f5' and "
        "iteration == 2"
    ).itertuples()
    at = {"epoch": 2, "about": "labels", "layer": "f5"}
    assert row.information == pytest.approx(np.mean([float(p.information.sel(at)) for p in planes]), rel=1e-5)
    assert row.null_mean == pytest.approx(np.mean([float(p.null_mean.sel(at)) for p in planes]), rel=1e-5)
    steps = pd.read_csv(drawn / "out" / "figure-1.csv")
    (row,) = steps.query(
        "chain == 'backward' and setting == 'bitlens' and layer == 'c1' and iteration == 2"
    ).itertuples()
    backward = [float(c.backward.sel(epoch=2, layer="c1")) for c in chains]
    assert row.information == pytest.approx(np.mean(backward), rel=1e-5)
    assert row.information_std == pytest.approx(np.std(backward, ddof=1), rel=1e-4)
    for chain in ("forward", "backward"):
        ours = steps.query("setting == 'bitlens' and chain == @chain and iteration == 2").violation.sum() * 2
        assert ours == pytest.approx(sum(int(c[f"{chain}_violations"].sel(epoch=2)) for c in chains))
    pairs = pd.read_csv(drawn / "out" / "figure-3-shares.csv")
    (row,) = pairs.query(
        "setting == 'paper' and layer == 'c3' and about == 'input' and iteration == 0 and first == 2 and second == 3"
    ).itertuples()
    share = [float(s.redundancy_synergy_share.sel(epoch=0, about="input")) for s in shared]
    assert row.redundancy_synergy_share == pytest.approx(np.mean(share), rel=1e-5)


def test_a_training_cut_off_begins_anew(app, drawn: Path) -> None:
    networks = importlib.import_module("paper_figures.information_flow.networks")
    images = importlib.import_module("bitlens.data.images").load_mnist(drawn / "mnist.npz")
    training = networks.Training(epochs=1, samples=256, probe=20)

    def interrupted(run: bitlens.Run) -> None:
        raise KeyboardInterrupt

    topology = networks.Topology(2, 2, "relu")
    with pytest.raises(KeyboardInterrupt):
        networks.measured_run(images, drawn / "cut", topology, 0, training, [interrupted])
    run = networks.measured_run(images, drawn / "cut", topology, 0, training, [])
    assert sorted(run.metrics) == training.iterations()
    assert [path.name for path in (drawn / "cut").iterdir()] == [run.path.name]


@pytest.mark.parametrize("page", sorted(PAGES.glob("*/README.md")), ids=lambda page: page.parent.name)
def test_published_pages_are_whole(page: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8"))
    assert {path.name for path in page.parent.iterdir()} == {"README.md", *links}


def test_a_missing_data_set_is_said(app) -> None:
    result = CliRunner().invoke(app.app, ["information-flow", "--mnist", "nowhere.npz"])
    assert result.exit_code == 2
    assert "nowhere.npz" in result.output
