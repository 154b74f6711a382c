"""The tab Machine: what each host and each worker's process uses, now and over time, whatever is said of it."""

from __future__ import annotations

import pytest
from kit.machine.child_process import until
from kit.page.teller import HOSTILE
from playwright.sync_api import expect

from monty_mqtt.wire import schema

pytestmark = pytest.mark.timeout(120)

GIB = 2**30
DRAWN = """(place) => place?.chart?.getOption().series.find((one) => one?.id === "values")?.data ?? []"""


def report(voice, number: int, **process) -> None:
    host = schema.HostUse(load=0.5 * number, cpus=8, disk_free_bytes=25 * GIB, disk_total_bytes=100 * GIB)
    voice.say(schema.Machine, after_secs=2, process=schema.ProcessUse(**process), host=host)


def drawn(page, field: str) -> list[list[float]]:
    canvas = page.locator(f"article[data-field='{field}'] [data-testid='machine-canvas']")
    return page.evaluate(DRAWN, canvas.element_handle())


def test_workers_and_hosts_now_and_over_time_and_live(watched, teller):
    voices = {name: teller.voice("machine", name, secs_ago=60) for name in ("main", "eval_1")}
    for number, voice in enumerate(voices.values(), 1):
        voice.say(schema.Info, host=f"node-{number}")
        voice.say(schema.Status, status="running")
        for at in range(1, 11):
            report(voice, at, cpu_percent=10.0 * at * number, memory_bytes=at * GIB, threads=number)
    teller.done()
    page = watched.open("/run/machine?worker=main&tab=machine")
    panel = page.get_by_role("tabpanel")
    hosts = panel.get_by_role("list", name="Hosts")
    expect(hosts.get_by_role("listitem")).to_have_count(2)
    for words in ("node-1", "node-2", "load 5 of 8 processors", "25 GiB free of 100 GiB"):
        expect(hosts).to_contain_text(words)
    assert hosts.get_by_role("meter", name="disk").first.get_attribute("aria-valuenow") == "75"
    rows = panel.get_by_role("row")
    expect(rows.filter(has_text="main")).to_contain_text("100 %")
    expect(rows.filter(has_text="eval_1")).to_contain_text("200 %")

    panel.get_by_text("Free disk").scroll_into_view_if_needed()
    until(lambda: [value for _, value in drawn(page, "cpu_percent")] == [10.0 * at for at in range(1, 11)])
    report(voices["main"], 11, cpu_percent=5.0, memory_bytes=GIB, threads=9)
    teller.done()
    expect(rows.filter(has_text="main")).to_contain_text("9")
    until(lambda: [value for _, value in drawn(page, "threads")][-1] == 9)

    panel.get_by_role("button", name="eval_1").click()
    until(lambda: [value for _, value in drawn(page, "cpu_percent")][-1:] == [200.0])
    assert panel.get_by_text("GPU").count() == 0, "what no machine has told is not shown"


def test_of_many_workers_and_hostile_values_the_table_stays_a_table(watched, teller, page_server):
    for number in range(150):
        voice = teller.voice("odd machines", HOSTILE if number == 0 else f"{number} \u202e<b>w", secs_ago=60)
        voice.say(schema.Info, host=HOSTILE if number % 2 else None)
        process = schema.ProcessUse(cpu_percent=1e308, memory_bytes=2**62, threads=-5, gpu_memory_bytes=0)
        host = schema.HostUse(load=-1.0, cpus=0, gpu_percent=1e9, disk_free_bytes=9, disk_total_bytes=0)
        voice.say(schema.Machine, process=process, host=host)
    teller.done()
    page_server.until_json("/api/run/odd%2520machines/machine", lambda heads: len(heads) == 150)
    page = watched.open("/run/odd%2520machines?worker=%&tab=machine".replace("%&", "&"))
    panel = page.get_by_role("tabpanel")
    expect(panel.get_by_role("row")).to_have_count(101)
    expect(panel).to_contain_text("50 more workers")
    expect(panel.get_by_role("list", name="Hosts")).to_contain_text(HOSTILE)
    expect(panel.get_by_role("list", name="Hosts")).to_contain_text("host not named")
    expect(panel.get_by_role("button", name=HOSTILE)).to_have_attribute("aria-pressed", "true")
    expect(panel.locator("article[data-field='memory_bytes']")).to_contain_text("TiB")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
