"""The components' scripts: each one whole for the browser, their arithmetic run by Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bitlens_explorer.ui.components import circle_packing, heatmap, scatter, sources

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


@pytest.mark.parametrize("component", [heatmap, circle_packing, scatter], ids=lambda component: component.__name__)
def test_a_component_is_one_script_that_writes_no_markup(component):
    script = sources(*component.FILES)["js"]
    assert "import " not in script.replace("important", "")
    assert "innerHTML" not in script
    assert script.count("export default") == 1


@needs_node
@pytest.mark.parametrize("component", [heatmap, circle_packing, scatter], ids=lambda component: component.__name__)
def test_a_script_is_sound(component):
    check = [str(NODE), "--input-type=module", "--check"]
    script = sources(*component.FILES)["js"]
    done = subprocess.run(check, input=script, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@needs_node
@pytest.mark.parametrize("test", sorted(Path(__file__).parent.glob("*.test.mjs")), ids=lambda path: path.name)
def test_arithmetic(test):
    done = subprocess.run([str(NODE), "--test", str(test)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
