"""Channels, embedding and method pages without a browser: they draw the results of the library."""

from __future__ import annotations

import base64
import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch

import bitlens
from bitlens.measures import MEASURES
from bitlens_explorer.results import export
from tests.support.page_contents import chart, numbers, words


@pytest.fixture(scope="module")
def with_deconvolutions(tmp_path_factory: pytest.TempPathFactory) -> bitlens.Run:
    """A run of two epochs that keeps deconvolutions of the last."""
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(108, 4))
    store = tmp_path_factory.mktemp("runs") / "projected"
    probe = torch.rand(16, 1, 8, 8), torch.arange(16) % 4
    with bitlens.Recorder(model, store, probe, weights=[1], show_size=False) as recorder:
        recorder.snapshot(0)
        recorder.snapshot(1)
    run = bitlens.open_run(store)
    bitlens.layer_deconvolution(run, model, "1")
    bitlens.measure(run, ["channel_entropies"])
    return run


def of_kind(app, part: str) -> list[dict]:
    """Payloads of components that have a field of this name."""
    found = [e.proto for e in app.get("bidi_component")]
    return [payload for proto in found if proto.json and part in (payload := json.loads(proto.json))]


def floats(text: str, *shape: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(shape)


def scatter(app) -> tuple[dict, dict[str, np.ndarray]]:
    """Header and arrays of the scatter-plot matrix."""
    (data,) = [e.proto.bytes for e in app.get("bidi_component") if e.proto.bytes]
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    arrays, place = {}, 4 + length
    for name, kind, size in header["arrays"]:
        arrays[name] = np.frombuffer(data, f"<{kind}", size, place)
        place += -(-arrays[name].nbytes // 4) * 4
    return header, arrays


def test_circles_are_the_library_s_entropies(recorded_run, look):
    app = look(recorded_run.path, "channels", a="0", t="1", c="2")
    found = bitlens.channel_entropies(recorded_run, "0").sel(epoch=1)
    (payload,) = of_kind(app, "groups")
    assert payload["groups"] == ["all samples", "0", "1", "2", "3"]
    drawn = floats(payload["values"], 5, 4)
    np.testing.assert_allclose(drawn[0], found.intra_sample_entropy, rtol=1e-6)
    np.testing.assert_allclose(drawn[1:], found.class_intra_sample_entropy, rtol=1e-6)
    assert (payload["unit"], payload["selected"]) == ("bits", 2)
    _, rows = chart(app, "intra-sample entropy of the channels of layer 0")
    bars = {row["channel"]: row["value"] for row in rows}
    np.testing.assert_allclose([bars[i] for i in range(4)], found.intra_sample_entropy, rtol=1e-6)


def test_every_channel_has_a_line_for_every_class(recorded_run, look):
    app = look(recorded_run.path, "channels", a="0", t="1", cls="1,3")
    found = bitlens.channel_entropies(recorded_run, "0")
    spec, rows = chart(app, "intra-sample entropy of channel 2")
    assert "bits" in json.dumps(spec)
    assert {row["group"] for row in rows} == {"all samples", "1", "3"}
    for row in rows:
        at = {"channel": 2, "epoch": row["epoch"]}
        entropies = found.intra_sample_entropy
        if row["group"] != "all samples":
            entropies = found.class_intra_sample_entropy.sel({"class": row["group"]})
        assert row["value"] == pytest.approx(float(entropies.sel(at)), rel=1e-6)


def test_the_map_of_epochs_chooses_channel_and_epoch(recorded_run, look):
    app = look(recorded_run.path, "channels", a="0", t="1", c="2")
    (payload,) = of_kind(app, "row_ids")
    expected = bitlens.channel_entropies(recorded_run, "0").intra_sample_entropy.transpose("channel", "epoch")
    np.testing.assert_allclose(numbers(payload), expected, rtol=1e-6)
    assert payload["selected"] == [2, 1]
    assert "layer 0, channel 2" in words(app)


def test_dead_channels_are_named(run, look):
    found = bitlens.channel_entropies(run, "1")
    dead = found.channel.values[found.dead.sel(epoch=1).values].tolist()
    said = words(look(run.path, "channels", a="1", t="1"))
    assert ("No channel is dead at epoch 1" in said) == (not dead)
    assert all(str(channel) in said for channel in dead)


def test_layers_without_maps_have_no_circles(recorded_run, look):
    app = look(recorded_run.path, "channels", a="output", t="1")
    assert "single values, which do not vary within a sample" in words(app)
    assert not of_kind(app, "groups")


def test_channels_are_measured_when_asked_for(with_deconvolutions, look, tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3))
    with bitlens.Recorder(model, tmp_path / "new", (torch.rand(9, 1, 6, 6), None), show_size=False) as recorder:
        recorder.snapshot(0)
    app = look(tmp_path / "new", "channels", a="output")
    assert "have not been measured" in words(app)
    app.button(key="compute channels").click().run()
    assert len(of_kind(app, "groups")) == 1
    assert of_kind(app, "groups")[0]["groups"] == ["all samples"]


def test_deconvolutions_are_shown_where_they_are_kept(with_deconvolutions, look):
    app = look(with_deconvolutions.path, "channels", a="1", t="1", c="2")
    kept = bitlens.layer_deconvolution.stored(with_deconvolutions, "1").deconvolution.sel(epoch=1, channel=2)
    assert f"From {-float(abs(kept).max()):.3g} (blue) over 0 (white)" in words(app)
    assert len(app.get("image")[-1].proto.imgs) == 4
    app = look(with_deconvolutions.path, "channels", a="1", t="0", c="2")
    assert "Epochs with deconvolutions: 1." in words(app)
    assert "bitlens.layer_deconvolution(run, model, '1')" in app.code[-1].value


def test_the_matrix_holds_the_layer_s_points(recorded_run, look):
    app = look(recorded_run.path, "embedding", a="2", t="1")
    points = bitlens.layer_points(recorded_run, "2", 1)
    header, arrays = scatter(app)
    low, high = np.array(header["low"]), np.array(header["high"])
    values = arrays["values"].reshape(4, -1).T * np.where(high > low, high - low, 1) + low
    varying = high > low
    np.testing.assert_allclose(values[:, varying], points.activation.values[:, varying], rtol=1e-5, atol=1e-5)
    assert arrays["sample_of"].tolist() == points["sample"].values.tolist()
    np.testing.assert_array_equal(arrays["class_of"], recorded_run.labels[points["sample"].values])
    boxes = arrays["boxes"].reshape(-1, 4)
    first, end = points["first"].values, points["end"].values
    np.testing.assert_array_equal(boxes, np.stack([first[:, 0], end[:, 0], first[:, 1], end[:, 1]], axis=1))
    assert (header["unit"], header["names"]) == ("activation", ["0", "1", "2", "3"])


def test_channels_are_shown_once_and_not_too_many(recorded_run, look):
    header, _ = scatter(look(recorded_run.path, "embedding", a="0", t="1", d="3,1,3"))
    assert header["names"] == ["3", "1"]


def test_two_layers_lie_across_each_other(recorded_run, look):
    app = look(recorded_run.path, "embedding", a="0", b="output", emb="two", t="1", d="3,1")
    header, arrays = scatter(app)
    assert header["names"] == ["0: 3", "0: 1", "output: 0", "output: 1", "output: 2", "output: 3"]
    assert (header["columns"], header["rows"]) == ([0, 1], [2, 3, 4, 5])
    pooled = bitlens.layer_points(recorded_run, "0", 1, pooled=True).activation.sel(channel=3)
    low, high = header["low"][0], header["high"][0]
    drawn = arrays["values"].reshape(6, -1)[0] * (high - low) + low
    np.testing.assert_allclose(drawn, pooled, rtol=1e-4, atol=1e-5)


def test_a_selection_is_linked_to_averages_and_to_other_pages(run, look):
    chosen = [1, 5, 9, 13]
    name = bitlens.save_selection(run, chosen)
    app = look(run.path, "embedding", a="2", t="1", sel=name)
    header, _ = scatter(app)
    bits = np.unpackbits(np.frombuffer(base64.b64decode(header["selected"]), np.uint8), bitorder="little")
    assert np.flatnonzero(bits).tolist() == chosen
    assert "4 samples of 48 selected" in words(app).replace("**", "")
    maps = of_kind(app, "tile")
    assert len(maps) == len(run.layers)
    for payload, layer in zip(maps, run.layers, strict=True):
        height, width = payload["tile"]
        mean = bitlens.average_maps(run, layer.name, 1, chosen).values
        mean = mean if mean.ndim == 3 else mean.reshape(len(mean), 1, -1)
        across = len(payload["columns"]) // width
        drawn = numbers(payload)
        for channel in range(len(mean)):
            row, column = channel // across * height, channel % across * width
            np.testing.assert_allclose(
                drawn[row : row + height, column : column + width], mean[channel], rtol=1e-5, atol=1e-6
            )
    app = look(run.path, "layers", a="0", b="1", t="1", cell="3.2", sel=name)
    assert [image.caption.split("\\")[0] for image in app.get("image")[0].proto.imgs] == list(map(str, chosen))


def test_a_selection_without_the_chosen_classes(run, look):
    name = bitlens.save_selection(run, [1, 5])  # both of class 1
    app = look(run.path, "layers", a="0", b="1", t="1", cell="3.2", sel=name, cls="2")
    assert "no selected sample belongs to the chosen classes" in words(app)


def test_an_epoch_without_activations_has_no_points(run, look):
    (run.path / "epochs").joinpath(sorted(p.name for p in (run.path / "epochs").iterdir())[1]).unlink()
    assert "Only results were recorded at epoch 1" in words(look(run.path, "embedding", t="1"))


def test_inputs_that_are_no_images_have_no_atlas(look, tmp_path):
    with bitlens.Recorder(torch.nn.Sequential(torch.nn.Linear(5, 3)), tmp_path / "run", (torch.rand(9, 5), None)) as r:
        r.snapshot(0)
    header, arrays = scatter(look(tmp_path / "run", "embedding", a="output"))
    assert "atlas" not in arrays
    assert arrays["class_of"].tolist() == [255] * 9
    assert header["classes"] == []


def test_the_method_page_lists_everything_that_was_measured(recorded_run, look):
    app = look(recorded_run.path, "method")
    listed = app.dataframe[1].value
    titles = [MEASURES[name].title for name in recorded_run.results.measures()]
    assert all(any(row.startswith(title) for row in listed["measure"]) for title in titles)
    assert any("permutations 3" in text for text in listed["parameters"])
    assert {expander.label for expander in app.expander} == {measure.title for measure in MEASURES.values()}
    assert recorded_run.manifest.probe_sha256 in app.dataframe[0].value["value"].tolist()


def test_the_archive_has_every_number(recorded_run):
    with zipfile.ZipFile(io.BytesIO(export.archive(recorded_run))) as archive:
        assert archive.testzip() is None
        sets = json.loads(archive.read("parameters.json"))
        assert {found["measure"] for found in sets} == set(recorded_run.results.measures())
        number = next(i for i, found in enumerate(sets) if found["measure"] == "layer_diversity")
        text = archive.read(f"{number:03}_layer_diversity/epoch_layer.csv").decode()
    table = pd.read_csv(io.StringIO(text), comment="#")
    k = sets[number]["parameters"]["k"]
    expected = bitlens.layer_diversity(recorded_run, k, epochs=[1]).inter_sample_entropy.sel(epoch=1)
    assert len(table) == 3 * len(recorded_run.layers)
    for row in table[table["epoch"] == 1].itertuples():
        assert row.inter_sample_entropy == pytest.approx(float(expected.sel(layer=str(row.layer))))
