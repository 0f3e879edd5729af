"""What the boxes' base image is made of."""

import hashlib
import platform
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

SUITE = "bookworm"
_PACKAGES = (
    "ca-certificates",
    "curl",
    "iproute2",
    "openssh-server",
    "procps",
    "python3-minimal",
)
_DPKG_OPTIONS = (
    # A box that loses power is rebuilt; without this an installation spends most of its time in fsync.
    "force-unsafe-io",
)
_APT_OPTIONS = (
    'APT::Install-Recommends "false"',
    'APT::Sandbox::User "root"',
    'Acquire::Languages "none"',
    'Acquire::Retries "3"',
)
# The lists and their cache stay, so that a box can install at once.
_KEEP = "output/mknod,cleanup/apt/lists,cleanup/apt/cache"
_HOOK = r"""set -e
mkdir -p "$1/etc/provisioning/boot.d" "$1/var/cache/provisioning"
rm -f "$1"/etc/ssh/ssh_host_*
if ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then
  cp /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/"
  chroot "$1" update-ca-certificates >/dev/null
fi
rm -f "$1"/var/cache/apt/archives/*.deb
chroot "$1" apt-get check -q >/dev/null
"""
POLICY = "#!/bin/sh\nexit 101\n"
"""The image's /usr/sbin/policy-rc.d: an installation starts nothing by itself."""

_INHERITED = ("Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::ForceIPv")
"""The host's apt settings that say how its network and its mirrors are, and so hold for the boxes too."""


def arguments(target: Path) -> Sequence[str]:
    """The command that builds the image in the empty folder `target`, to be run with root's rights."""
    return (
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        f"--skip={_KEEP}",
        f"--include={','.join(_PACKAGES)}",
        *(f"--dpkgopt={option}" for option in _DPKG_OPTIONS),
        *(f"--aptopt={option}" for option in (*_APT_OPTIONS, *_apt_options_of_host())),
        f"--customize-hook={_HOOK}",
        SUITE,
        str(target),
        *_sources(),
    )


def identity() -> str:
    """The same for the same recipe on a machine that is set up in the same way."""
    text = "\0".join((platform.machine(), POLICY, *arguments(Path("/"))))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _sources() -> Sequence[str]:
    """The host's own mirrors where it is the same Debian; elsewhere none, and mmdebstrap takes its own."""
    folder = Path("/etc/apt")
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    return [str(file) for file in files if serves_suite(file)]


def serves_suite(file: Path) -> bool:
    """Whether `file` holds nothing but sources of our suite."""
    if file.suffix not in (".list", ".sources"):
        return False
    try:
        suites = list(_suites(file.read_text()))
    except OSError:
        return False
    return bool(suites) and all(suite.split("-")[0] == SUITE for suite in suites)


def _suites(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith("Suites:"):
            yield from line.split()[1:]
        elif line.startswith("deb "):
            words = line.partition("]")[2].split() or line.split()[1:]
            yield from words[1:2]


def _apt_options_of_host() -> Sequence[str]:
    command = ["apt-config", "dump"]
    try:
        dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ()
    lines = (line.rstrip(";") for line in dump.splitlines())
    return [line for line in lines if line.startswith(_INHERITED) and not line.endswith('""')]
