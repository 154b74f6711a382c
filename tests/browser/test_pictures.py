"""The pictures of README and docs/liveview.md: of the recorded demo, as the page shows it today.

`MONTY_MQTT_PICTURES=docs/pictures` in the environment keeps them there; without it they are taken and looked at.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from kit.page.page_process import replay
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
LARGEST_BYTES = 200_000
COLOURS = 128
FAILED_EPISODE = 5
SETTLE_MILLIS = 4000
"""Images and charts below come one after the other, and nothing says which is the last."""

pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def demo(bridge, page_server):
    _, run = replay(bridge.zmq_port)
    path = f"/api/run/{run}"
    page_server.until_json(path, lambda run_shown: run_shown["run"]["status"] == "completed")
    return run


@pytest.fixture
def keep(tmp_path):
    folder = Path(os.environ.get("MONTY_MQTT_PICTURES") or tmp_path)

    def keep(name, shot):
        picture = Image.open(io.BytesIO(shot)).convert("RGB")
        small = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        small.save(folder / f"{name}.png", optimize=True)
        assert (folder / f"{name}.png").stat().st_size <= LARGEST_BYTES
        assert len(picture.getcolors(maxcolors=1 << 24)) > COLOURS / 2, "an empty page"

    return keep


def test_pictures_of_a_run(demo, page_server, chromium, keep):
    looks = {
        "liveview-run": (1440, 900, "light", f"/run/{demo}?mode=eval&episode={FAILED_EPISODE}&step=9"),
        "liveview-dark": (1280, 800, "dark", f"/run/{demo}"),
        "liveview-narrow": (390, 844, "light", f"/run/{demo}?mode=eval&episode={FAILED_EPISODE}&step=9"),
        "liveview-runs": (1280, 420, "light", "/"),
    }
    for name, (width, height, scheme, path) in looks.items():
        viewport = {"width": width, "height": height}
        context = chromium.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
        page = context.new_page()
        page.goto(page_server.url + path)
        page.get_by_text(demo).first.wait_for()
        if path != "/":
            page.locator("[data-testid='timeline'] canvas").first.wait_for()
        page.wait_for_timeout(SETTLE_MILLIS)
        keep(name, page.screenshot())
        context.close()


@pytest.mark.parametrize("text", [ROOT / "README.md", ROOT / "docs" / "liveview.md"], ids=lambda path: path.name)
def test_shown_pictures_are_there_and_small(text):
    shown = [part.split(")")[0] for part in text.read_text().split("](") if "pictures/" in part.split(")")[0]]
    assert any("liveview" in name for name in shown)
    for name in shown:
        path = text.parent / name
        assert path.is_file(), name
        assert path.stat().st_size <= LARGEST_BYTES, name
