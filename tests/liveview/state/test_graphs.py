"""What is kept of the learned graphs: what changed, and no more than there is room for."""

from itertools import permutations

from kit.page.page_state import SECOND, START, head, only_worker

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import LearningModuleEpisode
from monty_mqtt_liveview.state import graphs as graphs_module
from monty_mqtt_liveview.state.episodes import EpisodeKey
from monty_mqtt_liveview.state.graphs import MOST_GRAPHS, Graphs


def ended(at, nodes, mode="train", module="LM_0", **more):
    made, extended = more.pop("made", []), more.pop("extended", [])
    return schema.EpisodeEnded(
        **head(at),
        mode=mode,
        epoch=0,
        episode=int(at),
        graph_nodes={module: nodes},
        graphs_made={module: made} if made else {},
        graphs_extended={module: extended} if extended else {},
        **more,
    )


LIFE = [
    ended(0, {"mug": 10}, made=["mug"]),
    ended(1, {"mug": 10, "bowl": 4}, made=["bowl"]),
    ended(2, {"mug": 12, "bowl": 4}, extended=["mug"]),
    ended(3, {"mug": 12, "bowl": 4}, mode="eval"),
    ended(4, {"mug": 12, "bowl": 4}, extended=["bowl"]),
]


def of(messages):
    graphs = Graphs()
    for message in messages:
        graphs.note(message)
    return graphs


def told(graphs, module="LM_0"):
    return {
        name: [(change.key.episode, change.nodes, change.change) for change in graph.changes]
        for name, graph in graphs[module].graphs.items()
    }


def test_only_what_changed_is_kept():
    assert told(of(LIFE)) == {
        "mug": [(0, 10, "made"), (2, 12, "extended")],
        "bowl": [(1, 4, "made"), (4, 4, "extended")],
    }


def test_an_episode_that_is_told_twice_or_late_changes_nothing():
    expected = told(of(LIFE))
    for order in permutations(LIFE):
        changes = told(of([*order, *order]))
        without_doubles = {name: [one for one in ones if one[2] != "found"] for name, ones in changes.items()}
        assert without_doubles == expected


def test_a_graph_that_was_there_before_is_found():
    graphs = of([ended(3, {"mug": 7}, mode="eval")])
    assert told(graphs) == {"mug": [(3, 7, "found")]}
    assert graphs["LM_0"].graphs["mug"].last_seen is None


def test_the_last_episode_that_saw_it():
    likely = {"LM_0": LearningModuleEpisode(most_likely_object="mug"), "LM_1": LearningModuleEpisode()}
    later = ended(9, {"mug": 12, "bowl": 4}, mode="eval", learning_modules=likely)
    graphs = of([*LIFE[:3], later, LIFE[4]])["LM_0"].graphs
    assert graphs["mug"].last_seen == EpisodeKey("eval", 9)
    assert graphs["mug"].seen_unix_nanos == START + 9 * SECOND
    assert graphs["bowl"].last_seen == EpisodeKey("train", 4)


def test_objects_are_those_of_the_newest_episode():
    newer = ended(2, {"new_object0": 5, "mug": 1}, graph_targets={"LM_0": {"new_object0": ["bowl", "cup"]}})
    older = ended(1, {"new_object0": 5}, graph_targets={"LM_0": {"new_object0": ["bowl"]}})
    graphs = of([newer, older])["LM_0"].graphs
    assert {name: graph.targets for name, graph in graphs.items()} == {"new_object0": ["bowl", "cup"], "mug": ["mug"]}


def test_of_too_many_graphs_the_others_are_counted():
    nodes = {f"new_object{number}": number for number in range(MOST_GRAPHS + 88)}
    module = of([ended(0, nodes)])["LM_0"]
    assert (len(module.graphs), module.left_out) == (MOST_GRAPHS, 88)


def test_many_episodes_of_many_graphs_stay_bounded(monkeypatch):
    monkeypatch.setattr(graphs_module, "MOST_CHANGES", 300)
    names = [f"new_object{number}" for number in range(50)]
    graphs = Graphs()
    for episode in range(40):
        for module in ("LM_0", "LM_1"):
            graphs.note(ended(episode, dict.fromkeys(names, episode), module=module, extended=names))
    kept = [graph.changes for module in graphs.values() for graph in module.graphs.values()]
    assert sum(map(len, kept)) == 300
    assert graphs.changes_left_out == 2 * 50 * 40 - 300
    assert {changes[-1].nodes for changes in kept} == {39}, "the newest size is always there"


def test_the_kept_message_of_an_episode_does_not_hold_the_list():
    worker = only_worker(LIFE)
    assert told(worker.graphs) == told(of(LIFE))
    assert [episode.ended.graph_nodes for episode in worker.episodes.values()] == [{}] * len(LIFE)
