"""What was learned, by learning module and graph."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from kit.monty.monty_models import displacement_lm, evidence_lm, model

from monty_mqtt.observe.learned_graphs import changes, learned, models_of, nodes_of


def points(count):
    return SimpleNamespace(pos=np.zeros((count, 3)))


def test_learned_is_what_was_built_anew():
    lm = evidence_lm({"mug": [1.0], "bowl": [1.0]})
    before = models_of(model(lm))
    assert learned(before, models_of(model(lm))) == []
    lm.graph_memory.models_in_memory["bowl"]["patch"].pos = np.zeros((5, 3))
    lm.graph_memory.models_in_memory["dice"] = lm.graph_memory.models_in_memory["bowl"]
    assert learned(before, models_of(model(lm))) == [
        ("learning_module_0", "bowl", "patch"),
        ("learning_module_0", "dice", "patch"),
    ]


def test_a_graph_that_was_there_is_extended_also_by_a_channel_of_its_own():
    lm, other = evidence_lm({"mug": [1.0], "bowl": [1.0]}), evidence_lm({"mug": [1.0]}, name="learning_module_1")
    memory = lm.graph_memory.models_in_memory
    before = models_of(model(lm, other))
    memory["mug"]["touch"] = points(7)
    memory["bowl"]["patch"].pos = np.zeros((5, 3))
    memory["dice"] = {"patch": points(2), "touch": points(1)}
    made, extended = changes(before, learned(before, models_of(model(lm, other))))
    assert made == {"learning_module_0": ["dice"]}
    assert extended == {"learning_module_0": ["mug", "bowl"]}
    assert changes(before, []) == ({}, {})


def test_nodes_are_montys_number_over_all_channels():
    lm = evidence_lm({"mug": [1.0], "bowl": [1.0]})
    lm.graph_memory.models_in_memory["mug"]["touch"] = points(7)
    for channels in lm.graph_memory.models_in_memory.values():
        for graph in channels.values():
            graph.x = graph.pos
    montys = {graph: lm.graph_memory.get_num_nodes_in_graph(graph) for graph in ("mug", "bowl")}
    assert nodes_of(models_of(model(lm, displacement_lm("learning_module_1")))) == {"learning_module_0": montys}
    assert montys == {"mug": 11, "bowl": 4}
