"""The information-flow page: it draws the results of the library, and says what is missing."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

import bitlens
from bitlens import tables
from bitlens_explorer.views.flow import captions
from tests.support.page_contents import chart, words

SETTINGS = {"permutations": 3, "batch": 48}
NULL = {"information": "", "null_mean": "null ", "null_std": "null deviation "}


@pytest.fixture
def spoilt(flowing_run, copied) -> bitlens.Run:
    return copied(flowing_run)


def assert_drawn(rows: list[dict], columns: dict[str, object]) -> None:
    """Each column of the rows has the values of a table by epoch and layer."""
    for row in rows:
        for name, table in columns.items():
            at = {dim: row[dim] for dim in ("epoch", "layer") if dim in table.dims}
            drawn = np.nan if row[name] is None else row[name]  # JSON has no NaN
            np.testing.assert_equal(drawn, float(table.sel(at)))


def all_rows(app, alt: str) -> list[dict]:
    """Rows of all data sets of a chart, also those of its rules."""
    (found,) = (element.proto for element in app.get("vega_lite_chart") if element.proto.alt.startswith(alt))
    return [row for data in found.datasets for row in pa.ipc.open_stream(data.data.data).read_all().to_pylist()]


@pytest.mark.parametrize("estimator", ["renyi", "binning", "kde"])
def test_the_plane_is_the_librarys(flowing_run, look, estimator):
    app = look(flowing_run.path, "flow", plane=estimator, t="1")
    spec, rows = chart(app, "information plane")
    plane = bitlens.information_plane(flowing_run, estimator, **SETTINGS)
    assert len(rows) == plane.sizes["epoch"] * plane.sizes["layer"]
    columns = {prefix + about: plane[name].sel(about=about) for name, prefix in NULL.items() if name in plane
               for about in ("input", "labels")}  # fmt: skip
    assert_drawn(rows, columns)
    text = json.dumps(spec)
    for about in ("input", "labels"):
        assert f"information about the {about} (bits)" in text
    bounds = {row["bound"] for row in all_rows(app, "information plane") if "bound" in row}
    if estimator == "renyi":
        known = plane.entropy_about[-1]
        assert bounds == {f"H({about}) = {float(known.sel(about=about)):.3f} bits" for about in ("input", "labels")}
    else:
        assert bounds == set()
    assert "datum.epoch === 1" in text


def test_the_modified_plane_and_the_shares_are_the_librarys(flowing_run, look):
    app = look(flowing_run.path, "flow", t="1")
    spec, rows = chart(app, "modified plane")
    assert "non-redundant information about the input (bits)" in json.dumps(spec)
    assert len(rows) == 9
    results = {name: bitlens.layer_decomposition(flowing_run, name, batch=48) for name in ("0", "1", "2")}

    def value(row: dict, name: str, about: str) -> float:
        return float(results[row["layer"]][name].sel(epoch=row["epoch"], about=about))

    for row in rows:
        for about in ("input", "labels"):
            assert row[about] == value(row, "weighted_nonredundant", about)
            assert row[f"null {about}"] == value(row, "weighted_nonredundant_null_mean", about)
    for quantity in ("redundancy_synergy", "weighted_nonredundant"):
        for about in ("input", "labels"):
            spec, rows = chart(app, f"{quantity.replace('_', ' ')} {about}")
            assert f"share of I({about}; two channels)" in json.dumps(spec)
            assert len(rows) == 9
            for row in rows:
                assert row[f"share {about}"] == value(row, f"{quantity}_share", about)
                assert row[f"null share {about}"] == value(row, f"{quantity}_share_null_mean", about)
                assert row[f"bits {about}"] == value(row, quantity, about)
    assert words(app).count("No error is given, because it comes from the deviations between mini-batches") == 5
    for about in ("input", "labels"):
        verdicts = {name: str(found.share_verdict.sel(epoch=1, about=about).values) for name, found in results.items()}
        for verdict in {*verdicts.values()} - {"measured"}:
            of_verdict = [f"{name} ({about})" for name, given in verdicts.items() if given == verdict]
            named = "all layers" if len(of_verdict) == len(verdicts) else ", ".join(of_verdict)
            assert f"{verdict}: {named}" in words(app)


@pytest.mark.parametrize("name", ["forward", "backward"])
def test_chains_and_their_violations_are_the_librarys(flowing_run, look, name):
    results = bitlens.processing_inequalities(flowing_run, **SETTINGS)
    marked = 0
    for epoch in (0, 1, 2):
        app = look(flowing_run.path, "flow", t=str(epoch))
        spec, rows = chart(app, f"{name} chain")
        here = results.sel(epoch=epoch)
        drawn = {column: here[f"{name}_{column}"] for column in ("null_mean", "null_std", "rise", "allowed")}
        assert_drawn(rows, {"information": here[name], **drawn})
        for row in rows:
            np.testing.assert_allclose(row["null_high"] - row["null_low"], 4 * row["null_std"], atol=1e-12)
        layers = here.layer.values.tolist()
        assert [row["layer"] for row in rows] == (layers if name == "forward" else layers[-2::-1])
        violating = [row["layer"] for row in rows if row["violation"]]
        assert len(violating) == int(here[f"{name}_violations"])
        for layer in violating:
            assert f"{layer} has {float(here[f'{name}_rise'].sel(layer=layer)):.4f} bits more than" in words(app)
        marked += len(violating)
        assert "(bits)" in json.dumps(spec)
        assert "triangle-up" in json.dumps(spec)
        _, counts = chart(app, "violations")
        drawn = {row["epoch"]: row["violations"] for row in counts if row["chain"] == name}
        assert drawn == dict(zip([0, 1, 2], results[f"{name}_violations"].values.tolist(), strict=True))
    assert marked == int(results[f"{name}_violations"].sum())


def test_steps_up_within_the_null_are_no_violations(flowing_run):
    results = bitlens.processing_inequalities(flowing_run, **SETTINGS).sel(epoch=0)
    layers = results.layer.values.tolist()
    by = dict.fromkeys(layers, 0.0)
    allowed, rise = by | {layers[1]: 1.0, layers[2]: 0.8}, by | {layers[1]: 1.0, layers[2]: 0.81}
    changed = results.assign(
        forward_allowed=("layer", [allowed[name] for name in layers]),
        forward_rise=("layer", [rise[name] for name in layers]),
    )
    frame = tables.information_chains(changed)
    frame = frame[frame["chain"] == "forward"]
    assert frame["violation"].tolist() == [False, False, True, *[False] * (len(layers) - 3)]
    said = captions.violations_caption(frame)
    assert "1 violation (triangles)" in said
    assert f"{layers[2]} has 0.8100 bits more than {layers[1]} (allowed 0.8000)" in said


def test_saturation_is_the_librarys_and_named(flowing_run, look):
    app = look(flowing_run.path, "flow")
    spec, rows = chart(app, "saturation")
    assert_drawn(rows, {"saturation": bitlens.information_plane(flowing_run, **SETTINGS).saturation})
    assert "H(layer) / log2 n" in json.dumps(spec)
    assert {"saturation": 0.98} in all_rows(app, "saturation")
    assert "No layer is saturated" in words(app)
    frame = tables.saturation(bitlens.information_plane(flowing_run, **SETTINGS))
    frame.loc[(frame["layer"] == "1") & (frame["epoch"] != 1), "saturation"] = 0.99
    assert "Saturated: 1 at epoch 0, 2." in captions.saturation_caption(frame)


@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
def test_other_settings_are_chosen_by_their_name(spoilt, look):
    bitlens.information_plane(spoilt, permutations=2, batch=48, **bitlens.published_settings("paper"))
    paper = with_bandwidth(spoilt, bitlens.Silverman(5.0))
    app = look(spoilt.path, "flow", set=paper)
    assert "bandwidth Silverman (h 5.0)" in words(app)
    assert app.query_params["set"] == paper
    _, rows = chart(app, "information plane")
    plane = bitlens.information_plane(spoilt, permutations=2, batch=48, **bitlens.published_settings("paper"))
    assert_drawn(rows, {"input": plane.information.sel(about="input")})
    app.button(key="compute processing_inequalities").click().run()
    known = [k.parameters for k in bitlens.processing_inequalities.known(spoilt)]
    (computed,) = [parameters for parameters in known if parameters.bandwidth == bitlens.Silverman(5.0)]
    assert computed.bandwidth_errors == bitlens.Silverman(0.1)
    app.selectbox(key="query settings").set_value(with_bandwidth(spoilt, bitlens.Median())).run()
    assert "bandwidth Median" in words(app)


def with_bandwidth(run: bitlens.Run, bandwidth: object) -> str:
    """The id of the matrix-based plane with a bandwidth."""
    known = bitlens.information_plane.known(run)
    return next(k.id for k in known if k.parameters.estimator == "renyi" and k.parameters.bandwidth == bandwidth)
