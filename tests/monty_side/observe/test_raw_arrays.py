"""Images, hypotheses and points as raw buffers."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.monty.monty_models import evidence_lm, space

from monty_mqtt.observe.raw_arrays import hypothesis_cloud, images, points

RGBA = np.arange(3 * 2 * 4, dtype=np.uint8).reshape((3, 2, 4))


def unpacked(cloud):
    count = cloud.kept
    locations, evidence, objects = cloud.buffers
    places = struct.unpack(f"<{count * 3}f", locations)[::3]
    names = [cloud.objects[index] for index in struct.unpack(f"<{count}H", objects)]
    return list(zip(names, places, struct.unpack(f"<{count}f", evidence)))


def test_images_of_every_sensor():
    depth = np.full((3, 2), 0.5, dtype=np.float64)
    seen = list(images({"agent": {"patch": {"rgba": RGBA, "depth": depth, "semantic_3d": None}, "blind": {}}}))
    assert [(image.sensor, image.modality, image.height, image.width) for image in seen] == [
        ("patch", "rgba", 3, 2),
        ("patch", "depth", 3, 2),
    ]
    assert seen[0].pixels == bytes(range(24))
    assert seen[1].pixels == struct.pack("<6f", *[0.5] * 6)


@pytest.mark.parametrize("rgba", [RGBA[:, :, :3], RGBA.astype(np.float32), RGBA[:, :, 0]])
def test_image_that_is_not_rgba_of_bytes_is_left_out(rgba):
    assert list(images({"agent": {"patch": {"rgba": rgba}}})) == []


def test_strided_image_is_copied_row_by_row():
    seen = next(images({"agent": {"patch": {"rgba": RGBA[::-1]}}}))
    assert seen.pixels == RGBA[::-1].tobytes()


def test_cloud_of_all_where_there_are_few():
    cloud = hypothesis_cloud(evidence_lm({"mug": [1.0, 3.0], "bowl": [2.0]}), 500)
    assert (cloud.kept, cloud.total) == (3, 3)
    assert unpacked(cloud) == [("mug", 1.0, 3.0), ("mug", 0.0, 1.0), ("bowl", 0.0, 2.0)]


def test_no_cloud_before_the_first_observation():
    assert hypothesis_cloud(evidence_lm(), 500) is None


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["mug", "bowl", "dice"]), st.lists(st.integers(-50, 50), max_size=60), min_size=1),
    st.integers(1, 40),
    st.booleans(),
)
def test_cloud_holds_the_strongest_of_all_objects(evidence, most, voted):
    kind = np.ma.array if voted else np.array
    lm = evidence_lm()
    lm._hypotheses = {
        graph: evidence_lm({graph: kind(values, dtype=float)})._hypotheses[graph] if values else space(np.empty(0))
        for graph, values in evidence.items()
    }
    flat = [(graph, index, value) for graph, values in evidence.items() for index, value in enumerate(values)]
    cloud = hypothesis_cloud(lm, most)
    if not flat:
        assert cloud is None
        return
    kept = unpacked(cloud)
    assert cloud.total == len(flat)
    assert sorted((value for *_, value in kept), reverse=True) == sorted((v for *_, v in flat), reverse=True)[:most]
    assert set(kept) <= {(graph, float(index), float(value)) for graph, index, value in flat}


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_points_of_a_graph(kind):
    count, buffer = points(kind([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    assert count == 2
    assert struct.unpack("<6f", buffer) == (1, 2, 3, 4, 5, 6)
