"""The report: one file without scripts, whose numbers are those of the library, also of damaged and foreign runs."""

from __future__ import annotations

import base64
import html
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

import bitlens
from bitlens import tables
from bitlens.runs import RunError
from bitlens_explorer.report import write_report
from bitlens_explorer.report.figure import MOST_ROWS, Figure
from bitlens_explorer.ui.components.heatmap import HeatMap
from bitlens_explorer.ui.images import palette
from tests.support.sample_runs import MARKUP, result_file, spoil


class Elements(HTMLParser):
    """Names of elements, values of attributes, and ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.links += [value or "" for name, value in attrs if name.split(":")[-1] in ("href", "src", "action")]
        self.ids += [value or "" for name, value in attrs if name == "id"]


def plain(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


@pytest.fixture(scope="module")
def written(recorded_run, ablated_run, tmp_path_factory) -> str:
    out = tmp_path_factory.mktemp("reports") / "new" / "report.html"
    assert write_report([recorded_run.path, ablated_run.path], out) == []
    return out.read_text("utf-8")


def test_it_is_one_file_without_scripts_or_links_to_others(written):
    elements = Elements(written)
    assert not {"script", "link", "iframe", "object", "form"} & set(elements.names)
    assert all(link.startswith(("#", "data:image/png")) for link in elements.links)
    assert "url(http" not in written
    assert len(elements.ids) == len(set(elements.ids)), "ids of figures must differ"
    anchors = {link[1:] for link in elements.links if link.startswith("#")}
    assert anchors <= set(elements.ids)
    assert elements.names.count("svg") > 20


def test_its_numbers_are_those_of_the_library(written, recorded_run):
    text = plain(written)
    (row,) = bitlens.training_performance.stored(recorded_run).sel(epoch=[1]).loss.values
    assert f" {row:.4g} " in text
    pair = recorded_run.layers[0].name, recorded_run.layers[1].name
    last = bitlens.layer_pair_information.stored(recorded_run, *pair, samples=32, permutations=3).isel(epoch=-1)
    mean = tables.estimate(float(last.mean_excess), float(last.mean_standard_error), str(last.mean_verdict.values))
    assert f"{pair[0]} {pair[1]} 2 {mean}" in text


def test_every_set_of_results_is_listed_with_its_parameters(written, ablated_run):
    text = plain(written)
    assert text.count("layer ablation") >= len(bitlens.layer_ablation.known(ablated_run))
    assert "tolerance 0.05" in text
    assert "Nothing of this was measured in this run." in text


def test_names_are_shown_as_they_are_written(markup_run, tmp_path):
    write_report([markup_run.path], tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "<b>zero</b>" not in text
    assert all(name in html.unescape(text) for name in MARKUP)
    assert "img" not in Elements(text).names


def test_damaged_results_are_left_out_and_named(run, tmp_path):
    (known,) = bitlens.layer_diversity.known(run)
    spoil(result_file(run, known.key, 1))
    notes = write_report([run.path], tmp_path / "report.html")
    assert any("layer diversity: results of 1 epochs are damaged and left out" in note for note in notes), notes
    assert "damaged and left out" in (tmp_path / "report.html").read_text("utf-8")


def test_long_tables_are_cut_and_large_matrices_are_left_out():
    figure = Figure("long", "", pd.DataFrame({"value": np.arange(MOST_ROWS + 3.0)}))
    assert figure.cut == 3
    assert len(figure.rows()) == MOST_ROWS
    table = xr.DataArray(np.zeros((300, 300)), {"row": range(300), "column": range(300)}, ("row", "column"))
    large = HeatMap(table, "", "", "", "bits", 0, 1, range(300), range(300), "file")
    figure = Figure("large", "", pd.DataFrame(), large)
    assert figure.too_large
    assert figure.svg("f") == ""


def test_cells_of_a_matrix_have_the_colours_of_their_values():
    values = xr.DataArray([[0.0, 1.0], [np.nan, 0.5]], {"row": ["a", "b"], "column": [7, 8]}, ("row", "column"))
    drawn = HeatMap(values, "", "columns", "rows", "bits", 0.0, 1.0, [0, 1], [7, 8], "file")
    svg = Figure("matrix", "", pd.DataFrame(), drawn).svg("f1")
    (address,) = re.findall(r'href="data:image/png;base64,([^"]+)"', svg)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(address))))
    colors = palette("viridis")
    np.testing.assert_array_equal(pixels[0, :, :3], [colors[0], colors[255]])
    np.testing.assert_array_equal(pixels[..., 3], [[255, 255], [0, 255]])
    assert all(f">{name}</t" in svg for name in ("a", "b", "7", "8", "columns", "rows", "bits"))


def test_wrong_runs_are_refused(recorded_run, tmp_path: Path):
    out = tmp_path / "report.html"
    with pytest.raises(ValueError, match="expected 1 to 4 runs, got 5"):
        write_report([recorded_run.path] * 5, out)
    with pytest.raises(ValueError, match=r"expected different runs, got .*tiny twice"):
        write_report([recorded_run.path] * 2, out)
    with pytest.raises(RunError, match="there is no such folder"):
        write_report([tmp_path / "none"], out)
    assert not out.exists()
