"""The committed dashboards: what build.py makes, whole in themselves, and asking only for what is written."""

from __future__ import annotations

import configparser
import itertools
import re
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
from kit.bridge import make
from kit.history.grafana_files import DASHBOARDS, GRAFANA, ROOT, RULES, Asked, panels, queries, strings, variables
from kit.history.line_parser import parse
from kit.messages.message_examples import EXAMPLES

from monty_mqtt.observe.episode_outcome import PERFORMANCE_ORDER
from monty_mqtt.wire import schema
from monty_mqtt.wire.vocabulary import STATUS_CODES
from monty_mqtt_core.influx.line_protocol import Misfits
from monty_mqtt_core.influx.points import FIELDS, bridge_health, frame, lines_of, run_health

BUILT_IN = re.compile(r"__interval|timeFilter|__data|__url_time_range|__all|tag_\w+|col|SYS")
TELEGRAF = {
    "internal_write": {"output", "alias", "telegraf", "metrics_written", "metrics_dropped", "metrics_rejected",
                       "buffer_size", "write_time_ns"},
    "broker": {"topic", "value"},
}  # fmt: skip
"""What conf/telegraf/telegraf.conf stores of Telegraf and the broker; tests/grafana/test_queries.py sees it there."""

MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def test_they_are_what_build_makes(tmp_path):
    subprocess.run([sys.executable, str(GRAFANA / "build.py"), str(tmp_path)], check=True, timeout=60)
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    committed = {path: (ROOT / path).read_text() for path in made}
    assert committed == made, "run: .venv/bin/python grafana/build.py"
    of_dashboards = {path.name for path in made if path.parent.name == "dashboards"}
    assert {path.name for path in (GRAFANA / "dashboards").iterdir()} == of_dashboards


def test_all_five_are_there():
    assert {name: board["uid"] for name, board in DASHBOARDS.items()} == {
        name: f"monty_{name}" for name in ("runs", "experiment", "results", "parallel", "health")
    }


@pytest.mark.parametrize("name", DASHBOARDS)
def test_ids_are_unique_and_panels_do_not_overlap(name):
    everything = DASHBOARDS[name]["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    assert all(panel["id"] > 0 for panel in everything)
    places = {panel["title"]: panel["gridPos"] for panel in everything}
    for (title, place), (other_title, other) in itertools.combinations(places.items(), 2):
        apart_x = place["x"] + place["w"] <= other["x"] or other["x"] + other["w"] <= place["x"]
        apart_y = place["y"] + place["h"] <= other["y"] or other["y"] + other["h"] <= place["y"]
        assert apart_x or apart_y, f"{title} and {other_title}"
    assert all(place["x"] + place["w"] <= 24 for place in places.values())
    assert len(places) == len(everything), "two panels of one title"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_variable_is_defined(name):
    known = set(variables(name))
    for text in strings(DASHBOARDS[name]):
        for used in re.findall(r"\$\{?([A-Za-z_]\w*)", text):
            assert used in known or BUILT_IN.fullmatch(used), f"{text}: ${used}"
    for panel in panels(name):
        assert panel.get("repeat") in {None, *known}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_names_reach_a_query_escaped(name):
    asked = [query.text for query in queries() if query.dashboard == name]
    asked += [variable["query"] for variable in variables(name).values()]
    for text in asked:
        for used in re.findall(r"\$\{[^}]*\}", text):
            assert f"=~ /^{used}$/" in text
            assert used.endswith(":regex}")


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_says_what_it_answers(name):
    for panel in panels(name):
        title = panel["title"]
        assert re.search(r"[.?!]$", panel["description"]), title
        assert "?" in panel["description"], f"{title}: which question?"
        assert panel["fieldConfig"]["defaults"]["unit"], title
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"], title
        assert panel["targets"], title
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"monty_influxdb"}
        assert all(target["rawQuery"] for target in panel["targets"])
    for variable in variables(name).values():
        assert variable["description"]
        assert variable["datasource"]["uid"] == "monty_influxdb"
    assert DASHBOARDS[name]["description"]


def test_refresh_each_second_works():
    """Dashboard, allowed intervals and server must agree, else it is silently off."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(GRAFANA / "grafana.ini")
    least = milliseconds(settings["dashboards"]["min_refresh_interval"])
    for dashboard in DASHBOARDS.values():
        intervals = dashboard["timepicker"]["refresh_intervals"]
        assert dashboard["refresh"] == "1s"
        assert dashboard["refresh"] in intervals
        assert min(milliseconds(interval) for interval in intervals) >= least


def milliseconds(interval: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([a-z]+)", interval).groups()
    return int(number) * MILLISECONDS[unit]


def test_links_lead_to_dashboards_and_set_their_variables():
    uids = {dashboard["uid"]: name for name, dashboard in DASHBOARDS.items()}
    count = 0
    for name, dashboard in DASHBOARDS.items():
        assert [link["title"] for link in dashboard["links"]] == [
            title for title in ("Runs", "Experiment", "Results", "Parallel", "Health") if title.lower() != name
        ]
        urls = [text for text in strings(dashboard) if text.startswith("/d/")]
        for url in urls:
            parts = urlsplit(url.replace("${__url_time_range}", "from=now-1h"))
            target = uids[parts.path.removeprefix("/d/")]
            for key in parse_qs(parts.query):
                assert key in ("from", "to", "refresh") or key.removeprefix("var-") in variables(target), url
            count += 1
            assert set(parse_qs(parts.query).get("refresh", [])) <= set(dashboard["timepicker"]["refresh_intervals"])
    assert count > 20


def test_every_word_has_a_colour_of_its_own():
    words = set(PERFORMANCE_ORDER)
    mapped = [mapping["options"] for mapping in all_mappings()]
    of_outcomes = [options for options in mapped if "correct" in options]
    of_statuses = [options for options in mapped if "2" in options]
    assert len(of_outcomes) >= 3
    assert len(of_statuses) >= 3
    for options in of_outcomes:
        assert words <= set(options)
        assert len({options[word]["color"] for word in words}) == len(words)
        assert all(options[word]["text"] == word for word in words)
    for options in of_statuses:
        assert {code: shown["text"] for code, shown in options.items()} == {
            str(code): word for word, code in STATUS_CODES.items()
        }
        assert len({shown["color"] for shown in options.values()}) == len(STATUS_CODES)


def test_the_colours_are_those_that_colour_blind_eyes_tell_apart():
    okabe_ito = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}
    colours = {shown["color"] for mapping in all_mappings() for shown in mapping["options"].values()}
    greys = {colour for colour in colours if re.fullmatch(r"#(..)\1\1|transparent", colour)}
    assert colours - greys <= okabe_ito
    assert len(colours - greys) == 7


def all_mappings():
    for name in DASHBOARDS:
        for panel in panels(name):
            yield from panel["fieldConfig"]["defaults"].get("mappings", [])
            for override in panel["fieldConfig"]["overrides"]:
                yield from (
                    mapping for each in override["properties"] if each["id"] == "mappings" for mapping in each["value"]
                )


def written() -> dict[str, set[str]]:
    """Return what can be written: tags and fields by measurement."""
    named = {"status_code": 1, "stalled": 0, "secs_since_step": 1.0, "lost": 0, "dropped": 0}
    lines = [run_health("r", "w", "e", named, 1, Misfits()), bridge_health("b", {"lost": 1}, 1, Misfits())]
    messages = [message for message in EXAMPLES.values() if isinstance(message, schema.Message)]
    lines.append(frame(EXAMPLES["frame"], "url", "e", Misfits()))
    for message in [*messages, make(schema.Status, 0)]:
        lines += lines_of(message, "e", Misfits())
    fields: dict[str, set[str]] = {}
    for point in parse("".join(f"{line}\n" for line in lines).encode()):
        fields.setdefault(point.measurement, set(FIELDS.get(point.measurement, ()))).update(point.tags)
    return {**fields, **TELEGRAF}


WRITTEN = written()


def asked() -> list[tuple[str, str]]:
    everything = [(str(query), query.text) for query in queries()]
    everything += [(rule["title"], rule["data"][0]["model"]["query"]) for rule in RULES]
    for name in DASHBOARDS:
        everything += [(f"{name}: ${variable['name']}", variable["query"]) for variable in variables(name).values()]
    return everything


@pytest.mark.parametrize(("asker", "text"), asked(), ids=[asker for asker, _ in asked()])
def test_a_query_asks_only_for_what_is_written(asker, text):
    text = text.replace('"monty_logs"."autogen".', "")
    measurements = set(re.findall(r'FROM "(\w+)"', text))
    assert measurements, asker
    assert measurements <= set(WRITTEN), asker
    aliases = set(re.findall(r'AS "([^"]+)"', text))
    known = set().union(*(WRITTEN[measurement] for measurement in measurements))
    unknown = set(re.findall(r'"([^"]+)"', text)) - known - aliases - measurements
    assert not unknown, f"{asker}: {unknown}"


def test_the_fields_of_objects_are_asked_for_by_wildcard():
    wild = {measurement for query in queries() for measurement in re.findall(r'\(\*\) FROM "(\w+)"', query.text)}
    assert wild == {"evidence", "confusion"}


def test_a_panel_asks_by_few_queries():
    """Grafana runs a panel's queries one after the other."""
    most = max((panel for name in DASHBOARDS for panel in panels(name)), key=lambda panel: len(panel["targets"]))
    assert len(most["targets"]) <= 4, most["title"]
    assert isinstance(queries()[0], Asked)
