"""Learned graphs as JSON."""

from kit.page.page_state import head, only_worker
from kit.page.teller import HOSTILE
from msgspec import json

from monty_mqtt.wire import schema
from monty_mqtt_liveview.views import graphs


def ended(at, **more):
    return schema.EpisodeEnded(**head(at), mode="train", epoch=0, episode=int(at), **more)


def test_what_a_graph_is_and_how_it_grew():
    view = graphs(
        only_worker(
            [
                ended(0, graph_nodes={"LM_0": {"a": 3, HOSTILE: 5}}, graphs_made={"LM_0": [HOSTILE]}),
                ended(
                    1,
                    graph_nodes={"LM_0": {"a": 3, HOSTILE: 9}},
                    graphs_extended={"LM_0": [HOSTILE]},
                    graph_targets={"LM_0": {HOSTILE: ["mug", HOSTILE]}},
                ),
            ]
        )
    )
    known, made = view["learning_modules"]["LM_0"]["graphs"]
    assert (known["graph"], known["targets"], known["nodes"]) == ("a", ["a"], 3)
    assert (known["made_in"], known["last_seen"]) == (None, None)
    assert made == {
        "graph": HOSTILE,
        "targets": ["mug", HOSTILE],
        "nodes": 9,
        "made_in": {"mode": "train", "episode": 0},
        "last_seen": {"mode": "train", "episode": 1},
        "changes": {
            "mode": ["train", "train"],
            "episode": [0, 1],
            "nodes": [5, 9],
            "change": ["made", "extended"],
        },
    }
    assert (view["learning_modules"]["LM_0"]["left_out"], view["changes_left_out"]) == (0, 0)
    assert json.decode(json.encode(view)) == view


def test_a_run_that_tells_none():
    assert graphs(only_worker([ended(0)])) == {"learning_modules": {}, "changes_left_out": 0}
