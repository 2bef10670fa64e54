"""The pages of the papers: whole, made of their tables, redrawn from the cache, and what the command line refuses."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import bitlens
from paper_figures import __main__ as command_line
from paper_figures.cnnslicer import page as cnnslicer
from paper_figures.cnnslicer.measuring import measured as cnnslicer_measured
from paper_figures.common import training
from paper_figures.common.page import counted, differing, markdown_table, page_text, read_page
from paper_figures.common.verdict import OUTCOMES, Difference, most, together
from paper_figures.information_discarding import figures as discarding
from paper_figures.information_discarding.measuring import measured as discarding_measured
from paper_figures.information_flow import figures as flow
from paper_figures.information_flow.measuring import measured as flow_measured
from paper_figures.ordered_ablation import page as ablation
from paper_figures.ordered_ablation.measuring import measured as ablation_measured
from paper_figures.seein_in import page as seein_in
from paper_figures.seein_in.measuring import measured as seein_in_measured

PUBLISHED = Path(__file__).parents[2] / "docs" / "paper-figures"
PAPERS = {
    "information-flow": flow.PAPER,
    "information-discarding": discarding.PAPER,
    "information-ordered-ablation": ablation.PAPER,
    "cnnslicer": cnnslicer.PAPER,
    "seein-in": seein_in.PAPER,
}
MEASURED = {
    "seein_in_page": (seein_in.PAPER, lambda page: seein_in_measured(page.images, page.cache, page.settings)),
    "cnnslicer_page": (cnnslicer.PAPER, lambda page: cnnslicer_measured(page.images, page.cache, page.settings)),
    "flow_page": (flow.PAPER, lambda page: flow_measured(page.cache, page.images, page.settings)),
    "discarding_page": (discarding.PAPER, lambda page: discarding_measured(page.study)),
    "ablation_page": (ablation.PAPER, lambda page: ablation_measured(page.study)),
}


@pytest.mark.parametrize("name", MEASURED)
def test_a_page_links_to_all_of_its_files(name: str, request: pytest.FixtureRequest) -> None:
    page, (paper, _) = request.getfixturevalue(name), MEASURED[name]
    text = (page.out / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert {path.name for path in page.out.iterdir()} == {"README.md", *links}
    assert not re.search(r"\bnan\b", text)
    for path in page.out.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    tables, settings, verdicts = read_page(paper, page.out)
    assert set(settings) == set(paper.tables)
    assert all(of_table == page.settings for of_table in settings.values())
    assert page_text(paper, tables, settings) == text
    judged = [held for verdict in verdicts.values() for held in verdict.values()]
    assert [text.count(f"{words}.**") for words in OUTCOMES.values()] == [judged.count(one) for one in OUTCOMES]


@pytest.mark.parametrize("name", MEASURED)
def test_what_is_in_the_cache_is_not_computed_again(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, (paper, measured) = request.getfixturevalue(name), MEASURED[name]
    for function in ("Recorder", "information_discarding", "train_decoder", "neuron_information"):
        monkeypatch.setattr(bitlens, function, None)
    monkeypatch.setattr(training, "_optimizer", None)
    for table, values in measured(page).items():
        text = values.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        assert (page.out / f"{table}.csv").read_bytes() == text.encode()
    assert set(paper.tables) == {path.stem for path in page.out.glob("*.csv")}
    assert {path.suffix for path in page.cache.folder.iterdir()} == {".npz"}


@pytest.mark.parametrize("name", PAPERS)
def test_a_published_page_is_what_its_tables_say(name: str) -> None:
    folder, paper = PUBLISHED / name, PAPERS[name]
    tables, settings, verdicts = read_page(paper, folder)
    text = (folder / "README.md").read_text("utf-8")
    assert text == page_text(paper, tables, settings)
    assert {subject: verdict.held for subject, verdict in paper.judge(tables, settings).items()} == verdicts
    assert set(settings) == set(paper.tables)
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert {path.name for path in folder.iterdir()} == {"README.md", *links}


def test_settings_of_the_command_line_reach_the_page(
    flow_page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list = []
    monkeypatch.setattr(command_line, "_images", lambda mnist: flow_page.images)
    monkeypatch.setattr(flow, "write", lambda images, *others: given.extend(others))
    monkeypatch.setattr(
        discarding,
        "write",
        lambda study, out, figures: given.extend([study.cache, out, study.settings, figures]),
    )
    monkeypatch.setattr(ablation, "write", lambda study, out: given.extend([study.cache, out, study.settings]))
    sizes = {"--mnist": "x", "--work": tmp_path / "work", "--out": tmp_path / "out", "--epochs": 3, "--seeds": 5}
    for command in ("information-flow", "information-discarding", "information-ordered-ablation"):
        given.clear()
        call = [command, *(str(part) for option in sizes.items() for part in option)]
        result = CliRunner().invoke(command_line.app, call, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        cache, out, settings, *figures = given
        assert figures in ([], [flow.FIGURES], [discarding.FIGURES])
        assert (cache.folder, out) == (tmp_path / "work", tmp_path / "out")
        assert (settings.epochs, settings.samples, settings.seeds) == (3, 128, 5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["information-flow", "--mnist", "nowhere.npz"], "nowhere.npz"),
        (["information-discarding", "--mnist", "nowhere.npz", "--side", "22"], "multiple of 4"),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(command_line.app, arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_results_are_for_programs(ablation_page) -> None:
    results = json.loads((ablation_page.out / "results.json").read_text("utf-8"))
    assert results["settings"]["errors"]["bins"] == 2
    assert set(results["settings"]) == set(ablation.PAPER.tables)
    assert set(results["verdicts"]["few"]) == set(ablation_page.study.kinds)


def test_markdown() -> None:
    assert markdown_table(("a", "b"), [(1, pd.NA)]) == "| a | b |\n| --- | --- |\n| 1 | <NA> |"
    assert [counted(number, "seed") for number in (1, 2)] == ["1 seed", "2 seeds"]


def test_a_figure_is_measured_again_alone(flow_page, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(flow_page.out, out)
    more = replace(flow_page.settings, seeds=1)
    flow.write(flow_page.images, flow_page.cache, out, more, ("figure-3-shares",))
    tables, settings, _ = read_page(flow.PAPER, out)
    assert settings["figure-3-shares"] == settings["networks"] == more
    assert settings["figure-1"] == flow_page.settings
    assert (out / "figure-1.csv").read_bytes() == (flow_page.out / "figure-1.csv").read_bytes()
    seeds = tables["networks"].groupby("figure").seeds.unique().map(list).to_dict()
    assert seeds == {figure: [1 if figure == "figure-3-shares" else 2] for figure in flow.FIGURES}
    text = (out / "README.md").read_text("utf-8")
    assert text.count("Settings that differ from those above: `seeds` 2 instead of 1.") == 3


def test_outcomes() -> None:
    assert [together(x) for x in ([True], [True, None], [None, False])] == [True, None, False]
    assert [most(x) for x in ([True, True, None], [True, None], [True, None, None], [True, False])] == [
        True,
        None,
        None,
        False,
    ]
    apart = Difference(0.3, 0.1, 3)
    assert (apart.higher, apart.lower, apart.within(0.5), apart.within(0.35), apart.within(0.1)) == (
        True,
        False,
        True,
        None,
        False,
    )
    for undecided in (Difference(0.1, 0.1, 3), Difference(0.3, 0.1, 2), Difference(0.3, float("nan"), 3)):
        assert undecided.higher is None
        assert undecided.lower is None
    assert Difference(0.3, 0.1, 2).within(0.5) is Difference(0.3, float("nan"), 3).within(0.5) is None
    assert differing(flow.Settings(seeds=2), flow.Settings()) == "`seeds` 2 instead of 3"
