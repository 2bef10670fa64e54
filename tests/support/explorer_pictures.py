"""Takes the pictures of docs/explorer: `python -m tests.support.explorer_pictures RUN [OTHER_RUN]`.

RUN is that of `bitlens demo`; the picture of the comparison needs another run in the same folder.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.support.browser_driver import browsing, serving
from tests.support.browser_page import Page

PICTURES = Path(__file__).parents[2] / "docs" / "explorer"
WIDTH, HEIGHT = 1440, 900
# Page -> the component that is waited for, and the address.
PAGES = {
    "training": (".heatmap", {"cm": "8.1"}),
    "flow": (None, {}),
    "layers": (".heatmap", {"a": "conv2", "b": "relu2", "cell": "3.2"}),
    "channels": (".packing", {"a": "conv1", "c": "1"}),
    "embedding": (".scatter", {"a": "pool2", "emb": "turn"}),
    "pixels": (".heatmap", {}),
    "ablation": (None, {}),
    "compare": (None, {"cp": "estimates"}),
    "method": (None, {"fig": "Defined"}),
}
SECONDS = 2.5  # until charts have come to rest


def main(run: Path, other: Path | None) -> None:
    """Take all pictures, in light and dark."""
    size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    pages = {name: page for name, page in PAGES.items() if other or name != "compare"}
    with (
        tempfile.TemporaryDirectory() as profile,
        serving(None, run.parent) as address,
        browsing(Path(profile), None, logged=False) as browser,
    ):
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        page = Page(browser, address, run.name)
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            for name, (ready, parts) in pages.items():
                against = {"vs": other.name} if other and name == "compare" else {}
                page.visit("" if name == "training" else name, **parts, **against)
                page.until(lambda ready=ready: page.state(ready).get("ready") if ready else page.text)
                page.settled()
                time.sleep(SECONDS)
                picture = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
                picture.quantize(256).save(PICTURES / f"{name}-{scheme}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
