"""What machines use over time, in bounded memory."""

import pytest
from kit.page.page_state import SECOND, START, head

from monty_mqtt.wire import schema
from monty_mqtt_liveview import views
from monty_mqtt_liveview.state import machines
from monty_mqtt_liveview.state.machines import Machines, values_of
from monty_mqtt_liveview.state.run import Runs


def report(at, worker="main", load=None, **process):
    return schema.Machine(**head(at, worker), process=schema.ProcessUse(**process), host=schema.HostUse(load=load))


def machines_of(*messages):
    kept = Machines()
    for number, message in enumerate(messages):
        kept.add(message, number + 1)
    return kept


def test_each_worker_has_its_newest_report_and_its_course():
    kept = machines_of(report(2, threads=3), report(0, threads=1), report(2, "other", load=0.5))
    assert values_of(kept["main"].latest)["threads"] == 3
    points = kept["main"].fields["threads"].points()
    assert [(point.time_unix_nanos - START, point.value) for point in points] == [(0, 1), (2 * SECOND, 3)]
    assert (set(kept["main"].fields), set(kept["other"].fields)) == ({"threads"}, {"load"})
    assert kept.revision == 3


def test_a_long_run_and_many_workers_share_the_room(monkeypatch):
    monkeypatch.setattr(machines, "_MOST_POINTS", 5_000)
    every = (report(at, f"w{at % 20}", cpu_percent=float(at), memory_bytes=at, load=1.0) for at in range(5_000))
    kept = machines_of(*every)
    assert sum(len(values) for course in kept.values() for values in course.fields.values()) <= 5_000
    assert kept["w3"].fields["cpu_percent"].points()[-1].value == 4983


@pytest.mark.parametrize("value", [-1, 2**63, 10**30, -(10**30)])
def test_what_no_machine_has_is_as_if_it_were_not_told(value):
    kept = machines_of(report(0, memory_bytes=value, threads=2))
    assert values_of(kept["main"].latest)["memory_bytes"] is None
    assert set(kept["main"].fields) == {"threads"}


def test_the_view_names_the_host_and_thins():
    runs = Runs()
    runs.apply(schema.Info(**head(0), schema_version=1, host="node-7"))
    for at in range(1, 1001):
        runs.apply(report(at, cpu_percent=100.0 if at == 500 else 1.0, load=2.5))
    run = runs.by_name["r"]
    (told,) = views.machine(run)
    assert (told["host"], told["cpu_percent"], told["load"], told["threads"]) == ("node-7", 1.0, 2.5, None)
    assert views.machine(run, "nobody") == []
    course = views.machine_course(run.machines["main"], 50)["cpu_percent"]
    assert len(course["values"]) <= 54
    assert (max(course["values"]), course["is_whole"]) == (100.0, False)
