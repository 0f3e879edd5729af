"""Box isolation: a Debian system in namespaces of its own, on a file system of its own.

The network is the machine's; the server has its own loopback address there. CPU and memory are the
machine's too: a plan is a label (limits would need cgroups, which an ordinary user seldom may write).
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from activities.providers.local import namespaces
from activities.providers.local.folder import IsolationName, Record, ServerFolder, write_private
from activities.providers.local.images import BaseImages
from activities.providers.local.isolation import Launch
from workflows.domain.errors import ActionFailed

_MOUNT_SCRIPT = Path(__file__).with_name("box_mount.sh")
_INIT_SCRIPT = Path(__file__).with_name("box_init.sh")
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
_UNSAFE = set(',:\\"\n')
"""Characters that would end a path in the options of an overlay mount."""

_PROBE = """set -e
cd "$1"
mount -t overlay -o "lowerdir=lower,upperdir=upper,workdir=work$2" overlay merged
mount -t proc proc merged/proc
: > merged/file
chown 1000:1000 merged/file
rm merged/old
mount -t devpts -o newinstance,ptmxmode=0666,gid=5 devpts merged/pts
cd merged
pivot_root . old.d
"""

_SSHD = """ListenAddress {address}
Port {port}
HostKey /run/provisioning/host_key
AuthorizedKeysFile /run/provisioning/authorized_keys .ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PidFile none
UseDNS no
PrintMotd no
PrintLastLog no
MaxStartups 1000
MaxSessions 1000
AcceptEnv LANG LC_*
SetEnv {environment}
Subsystem sftp internal-sftp
LogLevel ERROR
"""


class Box:
    """Boxes of this user, upon the base images in `cache_dir`."""

    def __init__(self, state_dir: Path, cache_dir: Path) -> None:
        self._state_dir = state_dir
        self._packages = cache_dir / "apt"
        self.images = BaseImages(cache_dir)

    @property
    def name(self) -> IsolationName:
        return "box"

    @property
    def user(self) -> str:
        return "root"

    @property
    def image(self) -> str | None:
        return self.images.current

    def obstacle(self) -> str | None:
        paths = (self._state_dir, self.images.path(""))
        if any(_UNSAFE & set(str(path)) for path in paths):
            return "the state or cache directory has a comma, colon, quote or backslash in its name"
        return namespaces.missing() or self.images.obstacle() or _probe(self._state_dir)

    async def prepare(self, image: str | None) -> None:
        if image is None:
            raise ActionFailed("a box without a base image")
        self._packages.mkdir(parents=True, exist_ok=True)
        await self.images.require(image)

    def furnish(self, folder: ServerFolder, record: Record) -> None:
        folder.root.mkdir(mode=0o755)
        for name in ("work", "mnt"):
            (folder.path / name).mkdir(mode=0o755)
        variables = {**_variables(record), **_proxies()}
        environment = " ".join(f"{name}={value}" for name, value in variables.items())
        configuration = _SSHD.format(address=record.address, port=record.port, environment=environment)
        write_private(folder.seed / "sshd_config", configuration)

    def launch(self, folder: ServerFolder, record: Record) -> Launch:
        # The newest init, so that a server which is started again gets what was mended since.
        write_private(folder.seed / "init", _INIT_SCRIPT.read_text())
        return Launch(
            arguments=(*namespaces.in_new_namespaces(), "sh", str(_MOUNT_SCRIPT)),
            environment={
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG": "C.UTF-8",
                "HOME": "/root",
                "IMAGE": str(self.images.path(record.image or "")),
                "OPTIONS": namespaces.overlay_options(),
                "PACKAGES": str(self._packages),
                **_variables(record),
                **_proxies(),
            },
            directory=folder.path,
        )

    def strays(self, folder: ServerFolder) -> Sequence[int]:  # noqa: ARG002 - the kernel takes all along
        return ()


def _variables(record: Record) -> dict[str, str]:
    """What scripts in the server may rely on, in a login as well as in boot.d."""
    return {
        "PROVISIONING_SERVER_NAME": record.spec.name,
        "PROVISIONING_SERVER_ADDRESS": record.address,
    }


def _proxies() -> dict[str, str]:
    found = ((name, os.environ.get(name, "")) for name in _PROXIES)
    return {name: value for name, value in found if value and not any(c in value for c in ' "\n')}


def _probe(state_dir: Path) -> str | None:
    """Tries, in a moment and with nothing left behind, what every box needs."""
    state_dir.mkdir(parents=True, exist_ok=True)
    options = namespaces.overlay_options()
    with tempfile.TemporaryDirectory(dir=state_dir, prefix=".box-probe-") as name:
        probe = Path(name)
        for part in ("lower/proc", "lower/pts", "lower/old.d", "upper", "work", "merged"):
            (probe / part).mkdir(parents=True)
        (probe / "lower/old").touch()
        try:
            _run_probe((*namespaces.in_new_namespaces(), "sh", "-c", _PROBE, "sh", name, options))
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode(errors="replace").strip().splitlines()
            return f"the kernel does not allow it here: {reason[0] if reason else error}"
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"the attempt failed: {error}"
        finally:
            # Files of other users, and overlayfs's own work folder without any rights.
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                _run_probe((*namespaces.as_root(), "sh", "-c", 'rm -rf "$1"/*', "sh", name))
    return None


def _run_probe(command: Sequence[str]) -> None:
    subprocess.run(
        command,
        env={"PATH": namespaces.search_path(), "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=20,
    )
