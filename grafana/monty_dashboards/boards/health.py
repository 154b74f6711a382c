"""Makes the dashboard Health: the way from the experiments to InfluxDB, and what it costs."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from monty_dashboards import palette
from monty_dashboards.board import Row, board, variable
from monty_dashboards.influxql import NO_MODULE, Query, is_selected, where
from monty_dashboards.panels import extremes, number, over_time, steps

__all__ = ["health"]

_BRIDGE = is_selected("name", "bridge")
_OF_BRIDGE = where(_BRIDGE)
_EACH = "GROUP BY time($__interval) fill(none)"
_EACH_WRITER = 'GROUP BY time($__interval), "alias", "telegraf" fill(none)'
_WRITES = where("\"output\" = 'influxdb_v2'")
_TROUBLE = steps((None, palette.GOOD), (1, palette.BAD))
_SYS = "$SYS/broker/"


def health() -> dashboard.Dashboard:
    """Return the dashboard."""
    return board(
        "health",
        "Is everything that was published stored, how soon, and at which cost? From the experiment over bridge, broker "
        "and Telegraf into InfluxDB.",
        "now-15m",
        [variable("bridge", "Bridge", 'SHOW TAG VALUES FROM "bridge_health" WITH KEY = "name"', "Which bridge.",
                  several=True, all_of_them=True)],
        [
            Row("Is anything missing?", _missing()),
            Row("How much, how soon", _flow()),
            Row("What waits", _queues()),
            Row("What it costs the experiments", _cost()),
        ],
    )  # fmt: skip


def _of_bridge(field: str) -> Query:
    return Query(f'SELECT last("{field}") AS "{field}" FROM "bridge_health" {_OF_BRIDGE}')


def _missing() -> list[object]:
    def of_telegraf(field: str) -> Query:
        return Query(f'SELECT max("{field}") AS "{field}" FROM "internal_write" {_WRITES}')

    return [
        number("Bridge up for", "Does the bridge live, and since when? Nothing here is an alarm.",
               _of_bridge("uptime_secs"), (3, 4), unit="s", none="offline"),
        number("Workers", "How many experiments are connected?", _of_bridge("workers"), (2, 4), none="0"),
        number("Lost", "How many messages will never come, although their sender once had them?", _of_bridge("lost"),
               (3, 4), none="0", thresholds=_TROUBLE),
        number("Dropped", "How many messages did experiments drop because their memory and spool were full?",
               _of_bridge("dropped"), (3, 4), none="0", thresholds=_TROUBLE),
        number("Too large", "How many messages are larger than the broker takes?", _of_bridge("too_large"), (3, 4),
               none="0", thresholds=_TROUBLE),
        number("Refused", "How many messages were invalid: of another schema, or malformed?", _of_bridge("refused"),
               (2, 4), none="0", thresholds=_TROUBLE),
        number("Left out", "How many values did not fit their field in InfluxDB?", _of_bridge("misfits"), (2, 4),
               none="0", thresholds=_TROUBLE),
        number("Telegraf dropped", "How many points did Telegraf drop because its buffer was full?",
               of_telegraf("metrics_dropped"), (3, 4), none="0", thresholds=_TROUBLE),
        number("InfluxDB rejected", "How many points did InfluxDB refuse?", of_telegraf("metrics_rejected"), (3, 4),
               none="0", thresholds=_TROUBLE),
    ]  # fmt: skip


def _flow() -> list[object]:
    def rates(of: str) -> Query:
        return Query(
            f'SELECT {of}("received_per_sec") AS "messages from experiments", {of}("published_per_sec") '
            f'AS "MQTT messages", {of}("points_per_sec") AS "points" FROM "bridge_health" {_OF_BRIDGE} {_EACH}',
            alias="$col",
        )

    def broker(of: str) -> Query:
        topic = f'"topic" =~ /^{_escaped(_SYS)}load\\/messages\\/(received|sent)\\/1min$/'
        by_topic = 'GROUP BY time($__interval), "topic" fill(none)'
        return Query(f'SELECT {of}("value") FROM "broker" {where(topic)} {by_topic}', alias="$tag_topic")

    stored = Query(
        'SELECT non_negative_derivative(last("metrics_written"), 1s) AS "points stored" FROM "internal_write" '
        f"{_WRITES} {_EACH_WRITER}",
        alias="$tag_alias $tag_telegraf",
    )
    delay = Query(f'SELECT max("delay_secs") FROM "bridge_health" {_OF_BRIDGE} {_EACH}', alias="publish to broker")
    write = Query(
        f'SELECT max("write_time_ns") / 1000000000 FROM "internal_write" {_WRITES} {_EACH}', alias="write into InfluxDB"
    )
    return [
        extremes("Bridge", "How much does the bridge take in and give out?", rates, (8, 8), unit="cps"),
        over_time("Stored by Telegraf", "How many points a second reach InfluxDB, by bucket and Telegraf?",
                  [stored], (8, 8), unit="cps"),
        extremes("Broker", "How many messages a minute does the broker receive and send?", broker, (8, 8), unit="cpm"),
        over_time("Delay from publish to stored", "How long does it take at worst? From the experiment's publish to "
                  "the broker, and Telegraf's write into InfluxDB; in between Telegraf gathers for at most 250 ms. The "
                  "first compares two clocks where experiment and bridge run on two machines.", [delay, write], (24, 7),
                  unit="s", limits=(0, None)),
    ]  # fmt: skip


def _queues() -> list[object]:
    bridge = Query(
        'SELECT max("queued") AS "queued for MQTT", max("in_flight") AS "in flight", '
        f'max("journal_waiting") AS "waiting in the journal" FROM "bridge_health" {_OF_BRIDGE} {_EACH}',
        alias="$col",
    )
    oldest = Query(
        f'SELECT max("journal_oldest_secs") FROM "bridge_health" {_OF_BRIDGE} {_EACH}', alias="oldest waiting"
    )
    journal = Query(f'SELECT max("journal_bytes") FROM "bridge_health" {_OF_BRIDGE} {_EACH}', alias="journal")
    buffer = Query(
        f'SELECT max("buffer_size") FROM "internal_write" {_WRITES} {_EACH_WRITER}', alias="$tag_alias $tag_telegraf"
    )
    broker = Query(
        f'SELECT max("value") FROM "broker" {where(_topic("store/messages/count"))} {_EACH}', alias="messages"
    )
    dropped = Query(
        f'SELECT last("value") FROM "broker" {where(_topic("publish/messages/dropped"))} {_EACH}', alias="dropped"
    )
    return [
        over_time("In the bridge", "What waits in the bridge for the broker?", [bridge], (6, 8), limits=(0, None)),
        over_time("Journal", "How large is the journal on disk?", [journal], (6, 8), unit="bytes", limits=(0, None)),
        over_time("In the broker", "What does the broker keep for Telegraf and others, and has it dropped any?",
                  [broker, dropped], (6, 8), limits=(0, None)),
        over_time("In Telegraf", "How many points wait in Telegraf for InfluxDB, by bucket and Telegraf?",
                  [buffer], (6, 8), limits=(0, None)),
        over_time("Oldest that waits", "How old is what waits longest in the journal? It grows while the broker is "
                  "away.", [oldest], (24, 6), unit="s", limits=(0, None)),
    ]  # fmt: skip


def _cost() -> list[object]:
    def of_steps(value: str) -> Query:
        clause = f'{where(NO_MODULE)} GROUP BY time($__interval), "run" fill(none)'
        return Query(f'SELECT {value} FROM "step" {clause}', alias="$tag_run")

    return [
        extremes("Our cost per step", "How long does the monitor hold each step up?",
                 lambda of: of_steps(f'{of}("monitor_micros")'), (12, 8), unit="µs", limits=(0, None)),
        over_time("Our share of a step", "Which share of the experiment's time does the monitor take?",
                  [of_steps('sum("monitor_micros") / sum("step_secs") / 1000000')], (12, 8), unit="percentunit",
                  limits=(0, None)),
    ]  # fmt: skip


def _topic(name: str) -> str:
    return f"\"topic\" = '{_SYS}{name}'"


def _escaped(text: str) -> str:
    return text.replace("$", "\\$").replace("/", "\\/")
