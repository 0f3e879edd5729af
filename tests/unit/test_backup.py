"""What deploy/compose/backup.sh keeps of the machine's files, and restore.sh puts back on another one."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.stack import ROOT

DEPLOY = ROOT / "deploy"


class Machine:
    """A folder `deploy`, and a `docker` that takes everything and does nothing."""

    def __init__(self, place: Path) -> None:
        self.deploy = place / "deploy"
        shutil.copytree(DEPLOY / "compose", self.deploy / "compose")
        shutil.copy(DEPLOY / "secrets.sh", self.deploy)
        docker = place / "bin" / "docker"
        docker.parent.mkdir()
        docker.write_text("#!/bin/sh\ncase \"$*\" in *' -T '*) cat > /dev/null ;; esac\n")
        docker.chmod(0o755)
        self._path = f"{docker.parent}:{os.environ['PATH']}"

    def run(self, script: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.deploy / script, *arguments],
            env={"PATH": self._path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Mode and content of the secrets."""
        secrets = sorted((self.deploy / "secrets").iterdir())
        return {path.name: (path.stat().st_mode & 0o777, path.read_bytes()) for path in secrets}


def test_what_is_put_back_is_read_in_containers_as_before(tmp_path: Path) -> None:
    """By other users than the one who puts it back."""
    old, new, backup = Machine(tmp_path / "old"), Machine(tmp_path / "new"), tmp_path / "backup"
    assert old.run("secrets.sh").returncode == 0
    kept = old.run("compose/backup.sh", backup)
    assert kept.returncode == 0, kept.stderr
    put_back = new.run("compose/restore.sh", backup)
    assert put_back.returncode == 0, put_back.stderr
    assert new.files() == old.files()
    assert {mode for mode, _ in new.files().values()} == {0o444}
    for folder in (backup, new.deploy / "secrets"):
        assert folder.stat().st_mode & 0o077 == 0
    assert new.run("compose/restore.sh", backup).returncode == 0  # once more, where it was broken off


def test_the_settings_are_kept_too_since_keys_may_stand_there(tmp_path: Path) -> None:
    old, new, backup = Machine(tmp_path / "old"), Machine(tmp_path / "new"), tmp_path / "backup"
    old.run("secrets.sh")
    (old.deploy / ".env").write_text("PROVISIONING_PAYLOAD_KEYS=key\n")
    old.run("compose/backup.sh", backup)
    assert new.run("compose/restore.sh", backup).returncode == 0
    assert (new.deploy / ".env").read_text() == "PROVISIONING_PAYLOAD_KEYS=key\n"
    (new.deploy / ".env").write_text("PROVISIONING_PAYLOAD_KEYS=another\n")
    refused = new.run("compose/restore.sh", backup)
    assert refused.returncode == 1
    assert "deploy/.env is another one than in the backup" in refused.stderr
