#!/usr/bin/python3
"""Stands in for kubeadm, kubelet and kubectl where they cannot run: by the name under which it is called.

It does none of their work, and insists on what they insist on: in which order they are called, that a node is
not made twice, that who joins has the right token and the right certificate. Needs no more than Debian's
python3-minimal.
"""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

VERSION = "@VERSION@"
STATE = Path("/var/lib/standin")
KUBERNETES = Path("/etc/kubernetes")
KUBELET_CONFIG = Path("/var/lib/kubelet/config.yaml")
CILIUM = STATE / "cilium"


def refuse(why: str) -> NoReturn:
    sys.exit(f"stand-in: {why}")


def field(text: str, name: str) -> str:
    found = re.search(rf'\b{name}: *\[?"?([^"\]\n]+)', text)
    return found[1] if found else refuse(f"the config has no {name}")


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


def output_of(*command: object, data: bytes = b"") -> bytes:
    return subprocess.run(list(map(str, command)), input=data, capture_output=True, check=True).stdout


def certificate_hash() -> str:
    key = output_of("openssl", "x509", "-in", KUBERNETES / "pki/ca.crt", "-noout", "-pubkey")
    public = output_of("openssl", "pkey", "-pubin", "-outform", "der", data=key)
    return "sha256:" + output_of("sha256sum", data=public).decode()[:64]


def start_node() -> None:
    """Writes what the kubelet waits for, and waits in turn for it."""
    KUBELET_CONFIG.parent.mkdir(parents=True, exist_ok=True)
    KUBELET_CONFIG.touch()
    for _ in range(100):
        if any("/usr/bin/kubelet" in p.read_text(errors="replace") for p in command_lines()):
            return
        time.sleep(0.1)
    refuse("no kubelet runs")


def command_lines() -> "list[Path]":
    return [p for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists()]


def kubeadm(verb: str) -> None:
    if verb == "version":
        print(f"v{VERSION}")
    elif verb == "reset":
        output_of("rm", "-rf", KUBERNETES, KUBELET_CONFIG.parent)
        CILIUM.unlink(missing_ok=True)
    elif verb == "init":
        init(Path(option("--config")).read_text())
    elif verb == "join":
        join(Path(option("--config")).read_text())
    elif verb == "upgrade" and not KUBELET_CONFIG.exists():
        refuse("there is no node to upgrade")


def init(config: str) -> None:
    if KUBERNETES.exists() or KUBELET_CONFIG.exists():
        refuse("there is a node already")
    (KUBERNETES / "pki").mkdir(parents=True)
    files = ("-out", KUBERNETES / "pki/ca.crt", "-keyout", KUBERNETES / "pki/ca.key")
    output_of("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=stand-in", *files)
    (STATE / "address").write_text(field(config, "advertiseAddress") + " " + field(config, "bindPort"))
    (STATE / "secret").write_text(field(config, "token") + " " + certificate_hash())
    (KUBERNETES / "admin.conf").touch()
    start_node()


def join(config: str) -> None:
    if KUBERNETES.exists() or KUBELET_CONFIG.exists():
        refuse("there is a node already")
    host, port = field(config, "apiServerEndpoint").rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"{field(config, 'token')} {field(config, 'caCertHashes')}".encode())
        if connection.recv(100) != b"welcome":
            refuse("the control plane does not know this token")
    KUBERNETES.mkdir()
    (KUBERNETES / "kubelet.conf").touch()
    start_node()


def kubelet() -> None:
    """Listens as the API server would, where the node is a control plane."""
    if "--version" in sys.argv:
        print(f"Kubernetes v{VERSION}")
        return
    while not (KUBERNETES / "admin.conf").exists():
        time.sleep(0.1)
    host, port = (STATE / "address").read_text().split()
    with socket.create_server((host, int(port))) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                asked = connection.recv(1000).decode()
                connection.sendall(b"welcome" if asked == (STATE / "secret").read_text() else b"go away")


def kubectl() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    if not Path(option("--kubeconfig")).exists():
        refuse("there is no such kubeconfig")
    if "daemonset" in words:
        print(CILIUM.read_text() if CILIUM.exists() else refuse("not found"), end="")
    elif "restart" in words:
        CILIUM.write_text(CILIUM.read_text() + "+")
    elif "status" in words and not CILIUM.exists():
        refuse("not found")


def main() -> None:
    name = Path(sys.argv[0]).name
    STATE.mkdir(exist_ok=True)
    with (STATE / "calls").open("a") as calls:
        calls.write(f"{name} {' '.join(sys.argv[1:])}\n")
    if name == "kubeadm":
        kubeadm(sys.argv[1])
    elif name == "kubelet":
        kubelet()
    else:
        kubectl()


main()
