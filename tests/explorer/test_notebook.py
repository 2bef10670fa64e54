"""`bitlens.show`: widgets with the payloads of the explorer's components, mounted by the script that notebooks load."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("anywidget")

import bitlens
from bitlens_explorer.ui.components import circle_packing, heatmap, scatter
from tests.explorer.test_components import NODE, needs_node
from tests.support.browser_driver import CHROMIUM, DRIVER, complaints

if TYPE_CHECKING:
    from selenium import webdriver

PAGE = """<!doctype html><meta charset="utf-8"><body><div id="place"></div><script type="module">
const text = atob("%s");
const url = URL.createObjectURL(new Blob([text], {type: "text/javascript"}));
const {default: widget} = await import(url);
const state = %s;
if (state.binary) state.data = new DataView(Uint8Array.from(atob(state.data), (c) => c.charCodeAt(0)).buffer);
const model = {get: (name) => state[name], set: (name, value) => { state[name] = value; }, save_changes: () => {
  document.title = JSON.stringify([state.picked ?? null, state.selected ?? null]);
}, on: () => {}, off: () => {}};
widget.render({model, el: document.getElementById("place")});
</script>"""


def mounted(browser: webdriver.Chrome, widget, folder: Path) -> None:
    """Open a page that does what a notebook does with a widget."""
    binary = isinstance(widget.data, bytes)
    data = base64.b64encode(widget.data).decode() if binary else widget.data
    state = json.dumps({"data": data, "binary": binary, "markup": widget.markup, "style": widget.style})
    script = base64.b64encode(widget._esm.encode()).decode()
    page = folder / "notebook.html"
    page.write_text(PAGE % (script, state.replace("</", "<\\/")), "utf-8")
    browser.get(page.as_uri())


def test_the_heat_map_is_that_of_the_library(recorded_run):
    widget = bitlens.show(recorded_run, "layers", "0", "1", epoch=1)
    known = bitlens.layer_pair_information.known(recorded_run, "0", "1")[0]
    results = bitlens.layer_pair_information.load(recorded_run, known, [1]).sel(epoch=1)
    values = np.frombuffer(base64.b64decode(widget.data["values"]), "<f4").reshape(len(widget.data["rows"]), -1)
    expected = results.mutual_information.transpose("channel_b", "channel_a")
    expected = expected.sel(channel_b=widget.data["row_ids"], channel_a=widget.data["column_ids"])
    np.testing.assert_array_equal(values, expected.to_numpy().astype("f4"))
    assert "layers 0 and 1 at epoch 1" in widget.data["title"]


def test_a_selection_comes_back_as_sample_numbers(recorded_run):
    widget = bitlens.show(recorded_run, "embedding", "output")
    assert widget.selection == []
    flags = np.zeros(recorded_run.manifest.samples, bool)
    flags[[2, 9, 47]] = True
    widget.selected = base64.b64encode(np.packbits(flags, bitorder="little").tobytes()).decode()
    assert widget.selection == [2, 9, 47]


def test_what_is_not_stored_is_computed_and_stored(run):
    widget = bitlens.show(run, "layers", "0", "output", epoch=2)
    assert bitlens.layer_pair_information.known(run, "0", "output")[0].epochs == (2,)
    assert widget.data["columns"] != []


@pytest.mark.parametrize(
    ("arguments", "epoch", "message"),
    [
        (["plane"], None, "view: expected one of layers, channels, embedding, got 'plane'"),
        (["channels", "0", "1"], None, "layers: expected at most 1 for the view 'channels', got 2"),
        (["layers", "none"], None, "layer: no layer 'none'"),
        (["layers"], 9, r"epoch: expected one of \[0, 1, 2\], got 9"),
        (["channels", "output"], None, "layers: output has single values"),
    ],
)
def test_refusals(recorded_run, arguments, epoch, message):
    with pytest.raises(ValueError, match=message):
        bitlens.show(recorded_run, *arguments, epoch=epoch)


@needs_node
@pytest.mark.parametrize("component", [heatmap, circle_packing, scatter], ids=lambda component: component.__name__)
def test_a_widget_is_one_sound_script(component):
    import subprocess

    from bitlens_explorer.notebook import _script
    from bitlens_explorer.ui.components import sources

    script = _script(sources(*component.FILES)["js"])
    assert script.count("export default") == 1
    assert "innerHTML" not in script
    check = [str(NODE), "--input-type=module", "--check"]
    done = subprocess.run(check, input=script, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")
@pytest.mark.parametrize(
    ("view", "part"), [("layers", ".heatmap"), ("channels", ".packing"), ("embedding", ".scatter")]
)
def test_widgets_draw_in_a_browser(browser, recorded_run, tmp_path, view, part):
    from selenium.webdriver.support.ui import WebDriverWait

    widget = bitlens.show(recorded_run, view, "0")
    mounted(browser, widget, tmp_path)
    root = "document.getElementById('place').firstChild?.shadowRoot"
    ready = f"return {root}?.querySelector('{part}')?.dataset.ready"
    WebDriverWait(browser, 120).until(lambda _: browser.execute_script(ready))
    if view == "layers":
        press = f"{root}.querySelector('.stage').dispatchEvent(new KeyboardEvent('keydown', {{key: 'ArrowRight'}}))"
        browser.execute_script(press)
        WebDriverWait(browser, 120).until(lambda _: browser.title.startswith("[["))
        (row, column), _ = json.loads(browser.title)
        assert (row, column) in {(r, c) for r in widget.data["row_ids"] for c in widget.data["column_ids"]}
    if view == "embedding":
        browser.execute_script(f"{root}.querySelector('.legend button').click()")
        WebDriverWait(browser, 120).until(lambda _: browser.title.startswith("[null,"))
        widget.selected = json.loads(browser.title)[1]
        assert widget.selection == np.flatnonzero(recorded_run.labels == 0).tolist()
    browser.save_screenshot(str(tmp_path / f"{view}.png"))
    assert complaints(browser) == []
