"""The provisioning files against the keys that Grafana documents.

Sources: grafana.com/docs/grafana/latest/administration/provisioning (data sources, dashboards) and
…/alerting/set-up/provision-alerting-resources/file-provisioning, and the types that read them (Grafana's
pkg/services/provisioning). Grafana skips a key that it does not know, so a typing error would show nowhere else.
"""

from __future__ import annotations

import configparser
import re

import pytest
import yaml
from kit.history.grafana_files import DASHBOARDS, GRAFANA, PROVISIONING, RULES

DATA_SOURCE = {
    "name", "type", "access", "orgId", "uid", "url", "user", "database", "basicAuth", "basicAuthUser",
    "withCredentials", "isDefault", "jsonData", "secureJsonData", "version", "editable",
}  # fmt: skip
INFLUXQL = {"version", "dbName", "httpMode", "httpHeaderName1", "timeInterval", "maxSeries"}
PROVIDER = {
    "name", "orgId", "folder", "folderUid", "type", "disableDeletion", "updateIntervalSeconds", "allowUiUpdates",
    "options", "editable",
}  # fmt: skip
RULE = {
    "uid", "title", "condition", "data", "dashboardUid", "panelId", "noDataState", "execErrState", "for",
    "keepFiringFor", "annotations", "labels", "isPaused", "notification_settings",
}  # fmt: skip
ASKED = {"refId", "queryType", "relativeTimeRange", "datasourceUid", "model"}
SETTINGS = {
    "dashboards": {"min_refresh_interval", "default_home_dashboard_path"},
    "users": {"allow_sign_up"},
    "security": {"disable_gravatar"},
    "analytics": {"reporting_enabled", "check_for_updates", "check_for_plugin_updates"},
    "news": {"news_feed_enabled"},
    "unified_alerting": {"min_interval"},
}
"""What grafana.ini sets, by the names of Grafana's conf/defaults.ini."""

GROUP = yaml.safe_load((PROVISIONING / "alerting" / "rules.json").read_text())["groups"][0]


def loaded(path):
    content = yaml.safe_load((PROVISIONING / path).read_text())
    assert content["apiVersion"] == 1
    return content


def test_the_data_source_is_influxql_over_post_with_a_fixed_uid():
    content = loaded("datasources/influxdb.yaml")
    assert set(content) == {"apiVersion", "prune", "datasources"}
    (source,) = content["datasources"]
    assert set(source) <= DATA_SOURCE
    assert set(source["jsonData"]) == INFLUXQL
    assert (source["uid"], source["type"], source["access"]) == ("monty_influxdb", "influxdb", "proxy")
    assert source["jsonData"]["version"] == "InfluxQL"
    assert source["jsonData"]["httpMode"] == "POST"
    assert source["database"] == source["jsonData"]["dbName"] == "monty", "older and newer releases read one each"
    assert set(source["secureJsonData"]) == {"httpHeaderValue1"}
    assert source["jsonData"]["httpHeaderName1"] == "Authorization"


def test_no_secret_is_in_the_files():
    text = "".join(path.read_text() for path in GRAFANA.rglob("*.yaml"))
    assert re.findall(r"Token (.*)", text) == ["$__env{GF_MONTY_INFLUXDB_TOKEN}"]
    assert not re.search(r"password", text, flags=re.IGNORECASE)


def test_the_provider_reads_all_dashboards_into_one_folder():
    (provider,) = loaded("dashboards/monty.yaml")["providers"]
    assert set(provider) <= PROVIDER
    assert provider["folder"] == GROUP["folder"] == "Monty"
    assert provider["options"] == {"path": "$__env{GF_MONTY_DASHBOARDS}"}
    assert provider["allowUiUpdates"] is False


def test_the_home_dashboard_is_one_of_ours():
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(GRAFANA / "grafana.ini")
    assert {name: set(settings[name]) for name in settings.sections()} == SETTINGS
    folder, _, name = settings["dashboards"]["default_home_dashboard_path"].rpartition("/")
    assert folder == "$__env{GF_MONTY_DASHBOARDS}"
    assert name == "runs.json"
    assert name.removesuffix(".json") in DASHBOARDS


def test_the_contact_point_waits_to_be_filled_in():
    (point,) = loaded("alerting/contact_points.yaml")["contactPoints"]
    assert set(point) == {"orgId", "name", "receivers"}
    (receiver,) = point["receivers"]
    assert set(receiver) == {"uid", "type", "settings"}
    assert receiver["settings"] == {"addresses": "fill-in@example.com"}
    assert {rule["notification_settings"]["receiver"] for rule in RULES} == {point["name"]}


def test_there_is_a_rule_for_each_thing_that_must_be_told():
    assert [rule["uid"] for rule in RULES] == [
        "monty_run_stalled", "monty_run_error", "monty_run_disconnected", "monty_run_completed",
        "monty_messages_dropped", "monty_bridge_offline",
    ]  # fmt: skip
    assert set(GROUP) == {"orgId", "name", "folder", "interval", "rules"}
    assert GROUP["interval"] == "10s", "Grafana's scheduler takes no shorter steps"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_a_rule_has_the_documented_keys(rule):
    assert set(rule) <= RULE
    assert rule["noDataState"] in {"NoData", "Alerting", "OK", "KeepLast"}
    assert rule["execErrState"] in {"Error", "Alerting", "OK", "KeepLast"}
    asked, newest, fires = rule["data"]
    assert all(set(query) <= ASKED for query in rule["data"])
    assert rule["condition"] == fires["refId"]
    assert newest["model"]["expression"] == asked["refId"]
    assert fires["model"]["expression"] == newest["refId"]
    assert (newest["model"]["type"], fires["model"]["type"]) == ("reduce", "threshold")
    assert asked["datasourceUid"] == "monty_influxdb"
    assert asked["relativeTimeRange"]["from"] > asked["relativeTimeRange"]["to"] == 0
    assert "$timeFilter" in asked["model"]["query"], "Grafana leaves the query as it is: no $$"
    assert rule["annotations"]["summary"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_a_rule_leads_to_the_panel_that_shows_it(rule):
    name = rule["dashboardUid"].removeprefix("monty_")
    titles = {panel["id"]: panel["title"] for panel in DASHBOARDS[name]["panels"] if panel["type"] != "row"}
    assert rule["panelId"] in titles


def test_what_finds_nothing_is_right_but_for_the_bridge():
    assert {rule["uid"] for rule in RULES if rule["noDataState"] != "OK"} == {"monty_bridge_offline"}
