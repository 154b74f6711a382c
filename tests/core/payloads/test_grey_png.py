"""Any 16-bit image and any text, written by us and read back by Pillow; smaller than Pillow's own file for depth."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from monty_mqtt_core.payloads.grey_png import grey_png


@given(
    st.integers(1, 9).flatmap(
        lambda width: st.lists(st.lists(st.integers(0, 65_535), min_size=width, max_size=width), min_size=1, max_size=9)
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40),
)
def test_pillow_reads_back_every_pixel_and_the_text(rows, text):
    read = Image.open(io.BytesIO(grey_png(np.array(rows, np.uint16), "monty_mqtt", text)))
    assert (read.format, read.mode) == ("PNG", "I;16")
    assert np.asarray(read).tolist() == rows
    assert read.text["monty_mqtt"] == text


def test_a_depth_image_is_no_larger_than_pillows():
    across, down = np.meshgrid(np.arange(64), np.arange(64))
    levels = (20_000 + 900 * np.sin(across / 9) + 40 * down).astype(np.uint16)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG", compress_level=1)
    assert len(grey_png(levels, "monty_mqtt", "")) < len(file.getvalue())
