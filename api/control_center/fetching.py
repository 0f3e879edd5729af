"""Fetches the libraries that `vendor/vendored.json` names from npm: `make vendor`.

Whoever runs the service needs neither npm nor a network: the files are in the repository. `hashes.json` holds
them to what was fetched, and each package to what its registry published.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

VENDOR = Path(__file__).parent / "vendor"
HASHES = VENDOR / "hashes.json"

MANIFEST = "vendored.json"


class Package(BaseModel, frozen=True, extra="forbid"):
    """A package of npm. `files` names ours, and what each of them is called in the package."""

    name: str
    version: str
    licence: str
    files: dict[str, str]


class Hashes(BaseModel, frozen=True, extra="forbid"):
    """`packages` as npm's lock files write them, `files` as SHA-256 in hexadecimal."""

    packages: dict[str, str]
    files: dict[str, str]


def packages() -> list[Package]:
    return TypeAdapter(list[Package]).validate_json((VENDOR / MANIFEST).read_bytes())


def hashes() -> Hashes:
    return Hashes.model_validate_json(HASHES.read_bytes())


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def fetch(package: Package, target: Path) -> tuple[str, dict[str, str]]:
    """Puts the package's files below `target`. Returns the package's hash, and theirs.

    Raises:
        CalledProcessError: npm has no such package, or is not there.
        KeyError: the package has no such file.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).glob("*.tgz")
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        found = {}
        with tarfile.open(archive) as content:
            for ours, theirs in package.files.items():
                file = content.extractfile(f"package/{theirs}")
                if file is None:
                    raise KeyError(f"{package.name}: {theirs} is no file")
                data = file.read()
                (target / ours).parent.mkdir(parents=True, exist_ok=True)
                (target / ours).write_bytes(data)
                found[ours] = sha256(data)
    return integrity, found


def main() -> int:
    """Replaces all of them. Returns 1, and changes nothing, where a known version is not what it was."""
    known = hashes().packages if HASHES.exists() else {}
    integrities: dict[str, str] = {}
    files: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        # One of its own, since nobody else may read the temporary one, and the mode is copied too.
        fetched = Path(folder) / VENDOR.name
        for package in packages():
            label = f"{package.name}@{package.version}"
            integrities[label], found = fetch(package, fetched)
            if known.get(label, integrities[label]) != integrities[label]:
                sys.stderr.write(f"{label} is not what it was\n")
                return 1
            files |= found
        for kept in VENDOR.iterdir():
            if kept.is_dir():
                shutil.rmtree(kept)
        shutil.copytree(fetched, VENDOR, dirs_exist_ok=True)
    held = Hashes(packages=integrities, files=files)
    HASHES.write_text(json.dumps(held.model_dump(), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
