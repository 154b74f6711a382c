"""A recording that is shipped says nothing of the machine that made it, and all the rest."""

import socket

import pytest
from kit.messages.message_examples import EXAMPLES

from monty_mqtt.wire import schema, topics
from monty_mqtt_core.recordings.mcap_file import Entry
from monty_mqtt_stack.demo.scrubbing import HOST, scrubbed, without_places

HEAD = {"run": "r", "worker": "main", "seq": 1, "time_unix_nanos": 5}


def entry_of(message):
    return Entry(topics.of_message(message).topic, schema.encode(message), message.time_unix_nanos, message.seq)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/ada/monty/results/run_1", "…/run_1"),
        ("saved to /tmp/x/model.pt.", "saved to …/model.pt."),
        ('File "/usr/lib/python3/run.py", line 3', 'File "…/run.py", line 3'),
        ("file:///work/conf/", "…/conf"),
        ("~/tbp/results/monty", "…/monty"),
        ("path=/a/b,/c/d", "path=…/b,…/d"),
        ("either/or", "either/or"),
        ("1/2", "1/2"),
        ("tbp.monty.frameworks", "tbp.monty.frameworks"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("/monty", "/monty"),
        ("on lab-7 now", f"on {HOST} now"),
    ],
)
def test_paths_and_the_host_are_taken_out(text, expected):
    assert without_places(text, "lab-7") == expected


def test_it_reaches_into_lists_and_mappings_and_keeps_the_rest():
    before = {"a": ["/x/y/z", 1, None, {"/p/q": True}], "b": 0.5}
    assert without_places(before, "lab-7") == {"a": ["…/z", 1, None, {"…/q": True}], "b": 0.5}


def test_info_keeps_what_the_experiment_is_and_loses_where_it_ran():
    message = schema.Info(
        **HEAD,
        schema_version=1,
        experiment="demo",
        config={"seed": 42, "logging": {"output_dir": "/home/ada/results"}},
        seed=42,
        versions={"python": "3.11.2"},
        host=socket.gethostname(),
        pid=1234,
        environment="ada-env",
        git_commit="0123",
        command_line=["/home/ada/bin/run.py", "experiment=demo"],
        model_path="/home/ada/models",
        output_dir="/home/ada/results",
    )
    scrubbed_message = schema.decode(scrubbed(entry_of(message)).payload)
    assert scrubbed_message == schema.Info(
        **HEAD,
        schema_version=1,
        experiment="demo",
        config={"seed": 42, "logging": {"output_dir": "…/results"}},
        seed=42,
        versions={"python": "3.11.2"},
        host=HOST,
    )


@pytest.mark.parametrize(
    "kind", sorted(set(schema.KINDS) - {"info", "frame", "object_model", "hypotheses", "image", "points"})
)
def test_what_says_nothing_of_the_machine_stays_as_it_is(kind):
    entry = entry_of(EXAMPLES[kind])
    assert schema.decode(scrubbed(entry).payload) == EXAMPLES[kind]
    assert scrubbed(entry)[2:] == entry[2:]


def test_images_are_not_touched():
    entry = Entry("monty/raw/v1/r/main/frame/patch/rgba", b"\xff\xd8 /home/ada/x", 1, 2)
    assert scrubbed(entry) is entry
