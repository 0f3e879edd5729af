"""A package source on loopback: signed Debian repositories and other files, as a test needs them."""

import functools
import hashlib
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest


class PackageSource:
    """Serves the files in its folder at `url` until it is closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "served"
        self.folder.mkdir()
        self._drafts = folder / "drafts"
        self._keys = folder / "keys"
        self._keys.mkdir(mode=0o700)
        handler = functools.partial(_Quiet, directory=str(self.folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add_package(self, folder: str, name: str, version: str, files: Mapping[str, str]) -> None:
        """Puts a package of programs, by their paths, into a repository, which `sign` then makes whole."""
        draft = self._drafts / folder / f"{name}_{version}"
        for path, text in files.items():
            program = draft / path.lstrip("/")
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text(text)
            program.chmod(0o755)
        (draft / "DEBIAN").mkdir(parents=True)
        (draft / "DEBIAN/control").write_text(
            f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
            "Maintainer: Tests <tests@localhost>\nDescription: a stand-in\n"
        )
        where = self.folder / folder
        where.mkdir(parents=True, exist_ok=True)
        _run("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(draft), str(where))

    def sign(self, folder: str) -> None:
        """Writes what apt reads, and the key that it is signed with."""
        where = self.folder / folder
        packages = "\n".join(_entry(deb) for deb in sorted(where.glob("*.deb")))
        (where / "Packages").write_text(packages)
        (where / "Release").write_text(
            "Origin: stand-in\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n"
            f" {hashlib.sha256(packages.encode()).hexdigest()} {len(packages.encode())} Packages\n"
        )
        if not any(self._keys.iterdir()):
            self._gpg("--passphrase", "", "--quick-generate-key", "stand-in", "rsa2048", "sign", "never")
        (where / "InRelease").unlink(missing_ok=True)
        self._gpg("--clearsign", "--output", str(where / "InRelease"), str(where / "Release"))
        (where / "Release.key").write_bytes(self._gpg("--armor", "--export"))

    def _gpg(self, *arguments: str) -> bytes:
        return _run(
            "gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", *arguments, GNUPGHOME=str(self._keys)
        )


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing of what is asked for."""


def _entry(deb: Path) -> str:
    control = _run("dpkg-deb", "--field", str(deb)).decode()
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    return f"{control}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"


def _run(*command: str, **environment: str) -> bytes:
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def package_source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackageSource]:
    folder = tmp_path_factory.mktemp("source")
    source = PackageSource(folder)
    yield source
    source.close()
    subprocess.run(["gpgconf", "--homedir", str(folder / "keys"), "--kill", "all"], check=False)
    shutil.rmtree(folder)
