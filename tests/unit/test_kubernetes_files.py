"""The Kubernetes files: valid, and of one mind with each other, the settings and the image."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from activities.settings import PREFIX, Settings
from tests.support.env_files import variables
from tests.support.stack import ROOT
from worker import GRACE

KUBERNETES = ROOT / "deploy/kubernetes"
BASE, OVERLAY = KUBERNETES / "base", KUBERNETES / "overlays/example"
TLS = KUBERNETES / "components/temporal-tls"
KEDA = ROOT / "tests/support/keda"
VERSIONS = ("1.30", "1.37")

Resource = Mapping[str, Any]


def resources_of(*folders: Path) -> Iterator[Resource]:
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            if path.name != "kustomization.yaml":
                yield from yaml.safe_load_all(path.read_text())


RESOURCES = list(resources_of(BASE, OVERLAY))
PODS = {r["metadata"]["name"]: r["spec"]["template"] for r in RESOURCES if r["kind"] == "Deployment"}


def named(kind: str) -> Mapping[str, Resource]:
    return {r["metadata"]["name"]: r for r in RESOURCES if r["kind"] == kind}


def container(pod: Resource) -> Resource:
    (only,) = pod["spec"]["containers"]
    return only  # type: ignore[no-any-return]


def validate(resource: Resource) -> None:
    """Unknown fields count as mistakes."""
    if resource["apiVersion"].startswith("keda.sh/"):
        jsonschema.validate(resource, json.loads((KEDA / f"{resource['kind'].lower()}.json").read_text()))
        return
    for version in VERSIONS:
        kubernetes_validate.validate(dict(resource), version, strict=True)


@pytest.mark.parametrize(
    "resource", [*RESOURCES, *resources_of(TLS)], ids=lambda r: f"{r['kind']}-{r['metadata']['name']}"
)
def test_it_is_valid(resource: Resource) -> None:
    validate(resource)


@pytest.mark.parametrize("folder", [BASE, OVERLAY, TLS], ids=["base", "example", "tls"])
def test_every_file_is_used(folder: Path) -> None:
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert all((folder / resource).exists() for resource in kustomization["resources"])
    files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert files <= set(kustomization["resources"])


@pytest.mark.parametrize(
    "component", ["", "components: [../../components/temporal-tls]\n"], ids=["plain", "tls"]
)
def test_it_can_be_built(tmp_path: Path, component: str) -> None:
    """With kustomize, where this machine has it."""
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl")
    shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    overlay = tmp_path / "kubernetes/overlays/example"
    with (overlay / "kustomization.yaml").open("a") as file:
        file.write(component)
    subprocess.run([ROOT / "deploy/secrets.sh", overlay / "secrets"], check=True, capture_output=True)
    built = subprocess.run(["kubectl", "kustomize", overlay], check=True, capture_output=True, text=True)
    resources = list(yaml.safe_load_all(built.stdout))
    # Beside what is written down, a map of settings and the secrets.
    assert len(resources) == len(RESOURCES) + 2 + bool(component)
    for resource in resources:
        validate(resource)
        assert resource["kind"] == "Namespace" or resource["metadata"]["namespace"] == "provisioning"


@pytest.mark.parametrize("name", PODS)
def test_the_settings_can_be_used(name: str, tmp_path: Path) -> None:
    given = {**variables(BASE / "settings.env"), **variables(OVERLAY / "settings.env")}
    subprocess.run([ROOT / "deploy/secrets.sh", tmp_path], check=True, capture_output=True)
    for variable in container(PODS[name])["env"]:
        given[variable["name"]] = variable["value"].replace("/run/secrets/provisioning", str(tmp_path))
    settings = Settings.from_environment(given)
    assert settings.mongodb_uri is not None
    assert settings.local_isolation == "off"
    others = {name for name in given if not name.startswith(PREFIX)}
    assert others <= variables(ROOT / "deploy/env.example").keys()


def test_tls_is_told_where_its_files_are_mounted(tmp_path: Path) -> None:
    text = (TLS / "kustomization.yaml").read_text()
    given = variables(TLS / "settings.env")
    assert all(file.startswith("/run/secrets/temporal/") for file in given.values())
    assert "mountPath: /run/secrets/temporal," in text
    settings = Settings.from_environment(given)
    assert settings.temporal_cert_file is not None
    (authentication,) = resources_of(TLS)
    named = {one["key"] for one in authentication["spec"]["secretTargetRef"]}
    assert named == {Path(file).name for file in given.values()}
    assert all(f"--from-file={name}" in text for name in named)


@pytest.mark.parametrize("name", PODS)
def test_the_secrets_that_are_read_are_there(name: str) -> None:
    generators = yaml.safe_load((OVERLAY / "kustomization.yaml").read_text())["secretGenerator"]
    (secret,) = generators
    made = {Path(file).name for file in secret["files"]}
    volumes = [v["secret"] for v in PODS[name]["spec"]["volumes"] if "secret" in v]
    assert {volume["secretName"] for volume in volumes} == {secret["name"]}
    mounted = {item["path"] for volume in volumes for item in volume["items"]}
    assert {item["key"] for volume in volumes for item in volume["items"]} <= made
    assert {Path(variable["value"]).name for variable in container(PODS[name])["env"]} <= mounted


@pytest.mark.parametrize("name", PODS)
def test_a_pod_may_do_little(name: str) -> None:
    pod, inside = PODS[name]["spec"], container(PODS[name])
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10001
    assert inside["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    # A service of our prefix's name would put variables into the environment that are no settings of ours.
    assert pod["enableServiceLinks"] is False
    assert {mount["name"] for mount in inside["volumeMounts"]} >= {"state", "tmp", "snapshots"}


@pytest.mark.parametrize("name", PODS)
def test_volumes_are_described_and_mounted(name: str) -> None:
    pod = PODS[name]["spec"]
    assert {volume["name"] for volume in pod["volumes"]} == {
        mount["name"] for mount in container(PODS[name])["volumeMounts"]
    }
    claims = {v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v}
    assert claims == set(named("PersistentVolumeClaim"))


def test_whoever_chooses_pods_finds_some() -> None:
    labels = [pod["metadata"]["labels"] for pod in PODS.values()]
    choices = [
        *(r["spec"]["selector"]["matchLabels"] for r in RESOURCES if r["kind"] == "Deployment"),
        *(r["spec"]["selector"] for r in named("Service").values()),
        *(r["spec"]["selector"]["matchLabels"] for r in named("PodDisruptionBudget").values()),
        *(r["spec"]["podSelector"]["matchLabels"] for r in named("NetworkPolicy").values()),
    ]
    assert len(choices) == 8
    assert [choice for choice in choices if not any(choice.items() <= one.items() for one in labels)] == []


def test_ports_are_called_what_they_are() -> None:
    ports = {port["name"] for port in container(PODS["provisioning-api"])["ports"]}
    (service,) = named("Service").values()
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    allowed = named("NetworkPolicy")["provisioning-api"]["spec"]["ingress"][0]["ports"]
    assert {port["port"] for port in allowed} == ports
    (ingress,) = named("Ingress").values()
    backends = [rule["http"]["paths"][0]["backend"]["service"] for rule in ingress["spec"]["rules"]]
    assert {backend["name"] for backend in backends} == {service["metadata"]["name"]}
    # Each is reached from outside: the API, and the page.
    assert {backend["port"]["name"] for backend in backends} == ports
    hosts = [rule["host"] for rule in ingress["spec"]["rules"]]
    assert len(set(hosts)) == 2
    assert ingress["spec"]["tls"][0]["hosts"] == hosts


def test_an_overlay_names_every_host() -> None:
    (ingress,) = named("Ingress").values()
    (patch,) = yaml.safe_load((OVERLAY / "kustomization.yaml").read_text())["patches"]
    replaced = {change["path"] for change in yaml.safe_load(patch["patch"])}
    rules = range(len(ingress["spec"]["rules"]))
    assert replaced == {f"/spec/{where}" for n in rules for where in (f"tls/0/hosts/{n}", f"rules/{n}/host")}


def test_workers_are_scaled_by_the_queue_that_they_poll() -> None:
    (scaled,) = named("ScaledObject").values()
    assert scaled["spec"]["scaleTargetRef"]["name"] in PODS
    (trigger,) = scaled["spec"]["triggers"]
    settings = variables(BASE / "settings.env")
    assert trigger["metadata"]["taskQueue"] == settings["PROVISIONING_TASK_QUEUE"]
    assert trigger["metadata"]["namespace"] == settings["PROVISIONING_TEMPORAL_NAMESPACE"]
    assert trigger["metadata"]["endpointFromEnv"] in settings
    assert all("replicas" not in r["spec"] for r in named("Deployment").values())


def test_a_worker_has_time_to_end() -> None:
    assert PODS["provisioning-worker"]["spec"]["terminationGracePeriodSeconds"] >= 10 * GRACE.total_seconds()
