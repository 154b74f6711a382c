"""deploy/kubernetes: valid by the published schemas, and by the checks of compose.yaml."""

from __future__ import annotations

import re

import pytest
from kit.machine.compose_project import ROOT, resolve
from kit.machine.kubernetes_tools import build, invalid, resources

from monty_mqtt_bridge.settings import load as load_bridge
from monty_mqtt_liveview.settings import load as load_page

FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("base", "cluster")
pytestmark = pytest.mark.timeout(900)  # kustomize and kubeconform are built once, in a minute


@pytest.fixture(scope="module")
def texts():
    return {name: build(FOLDER / name) for name in OVERLAYS}


@pytest.fixture(scope="module", params=OVERLAYS)
def every(request, texts):
    return resources(texts[request.param])


@pytest.fixture(scope="module")
def cluster(texts):
    return workloads(resources(texts["cluster"]))


def workloads(every):
    return {one["metadata"]["name"]: one for one in every if one["kind"] in ("Deployment", "StatefulSet")}


def pod_of(workload):
    return workload["spec"]["template"]["spec"]


def container_of(workload):
    (container,) = pod_of(workload)["containers"]
    return container


def environment_of(workload):
    names = {"metadata.name": f"{workload['metadata']['name']}-0"}
    return {
        one["name"]: one["value"] if "value" in one else names[one["valueFrom"]["fieldRef"]["fieldPath"]]
        for one in container_of(workload)["env"]
    }


@pytest.mark.parametrize("name", OVERLAYS)
def test_it_is_as_the_schemas_of_kubernetes_say(texts, name):
    assert invalid(texts[name]) == []


def test_a_mistake_would_be_found(texts):
    assert invalid(texts["cluster"].replace("replicas: 3", "replicaz: 3"))
    assert invalid(texts["base"].replace("kind: NetworkPolicy", "kind: NetworkPolicies"))


def test_nothing_has_more_rights_than_it_needs(every):
    for name, workload in workloads(every).items():
        pod, container = pod_of(workload), container_of(workload)
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] >= 1000, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert "limits" in container["resources"], name


def test_users_and_images_are_those_of_the_compose_files(every):
    single, several = resolve()["services"], resolve(file=ROOT / "compose.cluster.yaml")["services"]
    for name, workload in workloads(every).items():
        service = single.get(name) or several[{"nats": "nats-1"}.get(name, name)]
        assert pod_of(workload)["securityContext"]["runAsUser"] == int(service["user"].partition(":")[0]), name
        image = container_of(workload)["image"]
        assert image == service.get("image", f"monty-mqtt-{name}"), name  # ours are named by the user's own overlay


def test_what_stays_up_is_looked_after(every):
    for name, workload in workloads(every).items():
        container = container_of(workload)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert probe in container, (name, probe)


def test_secrets_are_referred_to_and_never_there(every):
    assert [one["metadata"]["name"] for one in every if one["kind"] == "Secret"] == []
    for name, workload in workloads(every).items():
        volumes = {volume["name"]: volume for volume in pod_of(workload)["volumes"]}
        assert volumes["secrets"]["secret"]["defaultMode"] == 0o440, name
        for variable, value in environment_of(workload).items() if "env" in container_of(workload) else ():
            if re.search("PASSWORD|LOGIN_FILE|TOKEN|SECRET|KEY", variable):
                assert value.startswith("/run/secrets"), (name, variable)


def test_what_is_kept_is_on_volumes_of_each_ones_own(every):
    for name, workload in workloads(every).items():
        kept = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", ())}
        assert bool(kept) == (workload["kind"] == "StatefulSet"), name
        mounted = {mount["name"] for mount in container_of(workload)["volumeMounts"]}
        assert mounted == kept | {volume["name"] for volume in pod_of(workload)["volumes"]}, name


def test_each_of_several_has_a_disruption_budget(every):
    budgets = {one["metadata"]["name"] for one in every if one["kind"] == "PodDisruptionBudget"}
    assert budgets == {name for name, one in workloads(every).items() if one["kind"] == "StatefulSet"}


def test_nothing_comes_in_or_goes_out_that_is_not_named(every):
    policies = {one["metadata"]["name"]: one["spec"] for one in every if one["kind"] == "NetworkPolicy"}
    assert policies["nothing-else"]["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & policies["nothing-else"].keys()
    assert all(
        "ports" in rule for one in policies.values() for way in ("ingress", "egress") for rule in one.get(way, ())
    )


def test_the_cluster_has_two_or_three_of_everything(cluster):
    counts = {name: workload["spec"]["replicas"] for name, workload in cluster.items()}
    assert counts == {"nats": 3, "bridge": 2, "liveview": 2, "telegraf": 1, "telegraf-2": 1}


def test_the_settings_are_those_of_our_programs(cluster):
    bridge = load_bridge([], environment_of(cluster["bridge"])).config
    page = load_page([], environment_of(cluster["liveview"])).config
    nodes = [f"nats-{node}.nats" for node in range(3)]
    for config in (bridge, page):
        assert [endpoint.host for endpoint in config.broker.endpoints] == nodes
    assert (bridge.bridge_id, bridge.influx_partitions) == ("bridge-0", 2)
    for name in ("telegraf", "telegraf-2"):
        urls = [value for variable, value in environment_of(cluster[name]).items() if "BROKER_URL" in variable]
        assert urls == [f"tcp://{node}:1883" for node in nodes]
    assert environment_of(cluster["telegraf-2"])["MONTY_MQTT_TELEGRAF_TOPIC"] == "monty/influx/v1/1/+"
    wanted = set(re.findall(r"\$(NATS_\w+)", (ROOT / "conf" / "nats" / "nats.conf").read_text()))
    assert {name for name in wanted if not name.endswith("_PASSWORD")} - {"NATS_ROUTES"} == set(
        environment_of(cluster["nats"])
    )
