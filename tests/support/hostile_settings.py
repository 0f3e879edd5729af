"""Settings files that are broken, or meant to do harm, and what each is told."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SECRET = "what nobody may read"

SERVER_LINES = """            name = "web"
            provider = "local"
            plan = "1xCPU-2GB"
            zone = "local"
"""
SERVER = f"""import provisioning

infra = provisioning.Infra {{
    servers = [
        provisioning.Server {{
{SERVER_LINES}        }}
    ]
}}
"""


@dataclass(frozen=True)
class Hostile:
    """An infra's folder, which file of it is asked for, and a part of what must be answered."""

    says: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    settings: str = "config.k"
    prepare: Callable[[Path], None] | None = None

    def make(self, folder: Path) -> None:
        for name, content in {"config.k": SERVER, **self.files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        for name, target in self.links.items():
            (folder / name).symlink_to(target)
        if self.prepare is not None:
            self.prepare(folder)


def make_surroundings(root: Path) -> None:
    """What lies beside the infras and must stay unread."""
    (root / "secret.k").write_text(f'secret = "{SECRET}"\n')
    (root / "outside").mkdir()
    (root / "outside" / "outside.k").write_text(f'secret = "{SECRET}"\n')
    (root / "outside" / "kcl.mod").write_text('[package]\nname = "outside"\nversion = "0.0.1"\n')


def _config(text: str | bytes, says: str) -> Hostile:
    return Hostile(says, {"config.k": text})


def _server(line: str, says: str) -> Hostile:
    """A server that has one more line, the tenth."""
    return _config(SERVER.replace('zone = "local"\n', f'zone = "local"\n            {line}\n'), says)


def _package(dependencies: str) -> str:
    return f'[package]\nname = "shop"\nversion = "0.0.1"\n[dependencies]\n{dependencies}\n'


def _with_module(dependencies: str, imported: str, folder: str = "") -> Hostile:
    return Hostile(
        f"Cannot find the module {imported}",
        {f"{folder}kcl.mod": _package(dependencies), "config.k": f"import {imported}\ninfra = {imported}\n"},
    )


def _sparse(folder: Path) -> None:
    with (folder / "config.k").open("wb") as file:
        file.truncate(50 * 1024 * 1024)


def _reading(expression: str) -> Hostile:
    return _config(f"import file\ninfra = {expression}\n", "escapes module root '.'")


NOT_DEEPER = "or goes deeper than it can"
TOO_LONG = "evaluating it takes longer than"
TOO_MUCH = "evaluating it takes more memory than"
EITHER = "evaluating it takes "
"""What meets a limit slowly meets another one first where the machine is busy."""
LEADS_OUT = "is a link that does not lead to another file in the infra's folder"

PATHS = {
    "upwards": Hostile("'..' is not allowed", settings="../outside/outside.k"),
    "upwards-inside": Hostile("'..' is not allowed", settings="parts/../config.k"),
    "absolute": Hostile("is not a path relative to", settings="/etc/passwd"),
    "home": Hostile("is not a path relative to", settings="~/config.k"),
    "backslashes": Hostile("is not a path relative to", settings="parts\\web.k"),
    "nul-in-path": Hostile("is not a path relative to", settings="config.k\0"),
    "absent": Hostile("has no file 'absent.k'", settings="absent.k"),
    "too-long": Hostile("has no file", settings="x" * 253 + ".k"),
    "a-folder": Hostile("has no file 'parts'", {"parts/web.k": ""}, settings="parts"),
    "not-kcl": Hostile("'notes.txt' is not a KCL file", {"notes.txt": SERVER}, settings="notes.txt"),
    "hidden": Hostile("has no file '.hidden.k' to be read", {".hidden.k": SERVER}, settings=".hidden.k"),
    "linked-out": Hostile("leads out of the infra's", links={"out.k": "../secret.k"}, settings="out.k"),
}

FOLDERS = {
    "link-absolute": Hostile(f"'passwd' {LEADS_OUT}", links={"passwd": "/etc/passwd"}),
    "link-upwards": Hostile(f"'secret.k' {LEADS_OUT}", links={"secret.k": "../secret.k"}),
    "link-to-folder": Hostile(f"'etc' {LEADS_OUT}", links={"etc": "/etc"}),
    "link-to-infras": Hostile(f"'all' {LEADS_OUT}", links={"all": ".."}),
    "link-over-link": Hostile(f"'a' {LEADS_OUT}", {"sub/x.k": ""}, {"a": "sub/b", "sub/b": "../../secret.k"}),
    "link-through-link": Hostile(f"'x' {LEADS_OUT}", links={"a": ".", "x": "a/../secret.k"}),
    "link-in-a-circle": Hostile(f"'circle' {LEADS_OUT}", links={"circle": "circle"}),
    "link-to-nothing": Hostile(f"'gone.k' {LEADS_OUT}", links={"gone.k": "absent.k"}),
    "link-to-proc": Hostile(f"'self' {LEADS_OUT}", links={"self": "/proc/self/root"}),
    "fifo": Hostile(
        "'pipe' is neither a file nor a folder", prepare=lambda folder: os.mkfifo(folder / "pipe")
    ),
    "50-mb": Hostile("'config.k' is larger than 1024 KiB", prepare=_sparse),
    "many-mb": Hostile("are larger than 8 MiB together", {f"{n}.bin": b"x" * 1_000_000 for n in range(9)}),
    "many-files": Hostile("has more than 1000 entries", {f"{n}.k": "" for n in range(1001)}),
    "deep": Hostile("lies more than 16 folders deep", {"d/" * 17 + "x.k": ""}),
}

READS = {
    "read-absolute": _reading('file.read("/etc/passwd")'),
    "read-upwards": _reading('file.read("../secret.k")'),
    "read-process": _reading('file.read("/proc/self/environ")'),
    "glob-absolute": _reading('file.glob("/etc/*")'),
    "glob-upwards": _reading('file.glob("../*")'),
    "exists": _reading('file.exists("/etc/passwd")'),
    "size": _reading('file.size("/etc/passwd")'),
    "copy-in": _reading('file.cp("/etc/passwd", "passwd")'),
    "move-in": _reading('file.mv("../secret.k", "secret.k")'),
    "write-out": _reading('file.write("../written", "x")'),
    "append-out": _reading('file.append("../written", "x")'),
    "delete-out": _reading('file.delete("../secret.k")'),
    "make-folder": _reading('file.mkdir("../made")'),
    "write-in": _config('import file\ninfra = file.write("config.k", "x")\n', "config.k:2:1: "),
    "import-upwards": _config("import ..outside\ninfra = outside\n", "config.k:1:1: Failed to import"),
    "import-root": _config("import ......etc\ninfra = etc\n", "config.k:1:1: Failed to import"),
    "import-absolute": _config("import /etc/passwd\ninfra = 1\n", 'config.k:1:8: expected one of ["ident'),
    "import-quoted": _config('import "/etc/passwd" as p\ninfra = p\n', "config.k:1:8: expected one of"),
    "template": _config(
        'import template\ninfra = template.execute("{{> /etc/passwd}}", {a = 1})\n', "config.k:2:1: render"
    ),
    "plugin": _config("import kcl_plugin.os\ninfra = os.run()\n", "config.k:1:1: plugins are not available"),
}

MODULES = {
    "module-path": _with_module('outside = {path = "../outside"}', "outside"),
    "module-git": _with_module('k = {git = "https://127.0.0.1:1/k.git"}', "k"),
    "module-registry": _with_module('k8s = "1.28"', "k8s"),
    "module-of-a-subfolder": _with_module('outside = {path = "../../outside"}', "outside", "sub/"),
    "module-entries": Hostile(
        "there is no variable infra",
        {"kcl.mod": '[profile]\nentries = ["../outside/outside.k"]\n', "config.k": "x = 1\n"},
    ),
    "module-above": Hostile(
        "Cannot find the module outside",
        {"config.k": "import outside\ninfra = outside\n"},
        prepare=lambda folder: (folder.parent / "kcl.mod").touch(),
    ),
    "own-schemas": Hostile(
        "config.k:1:1: the `provisioning` is found multiple times",
        {"provisioning/server.k": "schema Server:\n    name: str\n"},
    ),
}

_PACKAGES = 12
RESOURCES = {
    "recursion": _config("f = lambda x {\n    f(x) + 1\n}\ninfra = f(1)\n", EITHER),
    "mutual-recursion": _config("f = lambda g {\n    g(g)\n}\ninfra = f(f)\n", NOT_DEEPER),
    "schema-in-itself": _config("schema A:\n    a: A = A {}\n\ninfra = A {}\n", EITHER),
    "parentheses": _config(f"infra = {'(' * 50_000}1{')' * 50_000}\n", NOT_DEEPER),
    "braces": _config(f"infra = {'{a=' * 5_000}1{'}' * 5_000}\n", NOT_DEEPER),
    "long-sum": _config(f"infra = {'+'.join(['1'] * 100_000)}\n", NOT_DEEPER),
    "endless": _config(
        "fib = lambda n: int -> int {\n    1 if n <= 1 else fib(n - 1) + fib(n - 2)\n}\ninfra = fib(60)\n",
        TOO_LONG,
    ),
    # Loops over ranges take memory as they run; which limit they meet first is the machine's speed.
    "growing-loops": _config("infra = [1 for i in range(100000) for j in range(100000) if i == 1]\n", EITHER),
    "endless-loops": _config(
        f's = "abcdefghij"\ninfra = [1 {" ".join(f"for {x} in s" for x in "abcdefghi")} if a == "z"]\n',
        TOO_LONG,
    ),
    "huge-list": _config("infra = [i for i in range(1000000000)]\n", EITHER),
    "huge-range": _config("infra = sum(range(10000000000))\n", EITHER),
    "huge-text": _config('infra = "a" * 10000000000\n', TOO_MUCH),
    "huge-texts": _config('a = "a" * 100000000\ninfra = [a for i in range(100)]\n', EITHER),
    "huge-map": _config('infra = {"k${i}" = "x" * 1000 for i in range(10000000)}\n', EITHER),
    "wide-format": _config('infra = "{:>1000000000}".format("a")\n', TOO_MUCH),
    "much-printed": _config('infra = [print("a" * 100000) for i in range(1000000)]\n', EITHER),
    "long-result": _config('infra = "a" * 5000000\n', "config.k: it comes to more than 4 MiB"),
    "long-report": _config('assert False, "a" * 2000000\n', "config.k:1:1: aaaa"),
    "power": _config("infra = 10 ** 1000000000\n", "config.k:1:1: 0: A 64 bit integer overflow"),
    "yaml-bomb": _config(
        'import yaml\ninfra = yaml.decode("a: &a [x'
        + ",x" * 9
        + "]\\n"
        + "".join(f"{n}: &{n} [*{p}{(',*' + p) * 9}]\\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True))
        + '")\n',
        "config.k:2:1: repetition limit exceeded",
    ),
    "json-nesting": _config(
        'import json\ninfra = json.decode("[" * 100000)\n', "config.k:2:1: recursion limit exceeded"
    ),
    "regex-bomb": _config(
        'import regex\ninfra = regex.match("a", "((a{0,1000}){0,1000}){0,1000}")\n', "CompiledTooBig"
    ),
    "import-circle": Hostile(
        "There is a circular reference between modules a, b",
        {"a.k": "import b\nx = b.y\n", "b.k": "import a\ny = a.x\n", "config.k": "import a\ninfra = a.x\n"},
    ),
    "import-bomb": Hostile(
        "There is a circular reference between modules",
        {f"p{n}.k": "".join(f"import p{m}\n" for m in range(_PACKAGES) if m != n) for n in range(_PACKAGES)}
        | {"config.k": "import p0\ninfra = 1\n"},
    ),
}

TEXTS = {
    "latin-1": _config('infra = "\n  caf\xe9"\n'.encode("latin-1"), "config.k:2:6: this is not UTF-8"),
    "utf-16": _config(SERVER.encode("utf-16"), "config.k:1:1: this is not UTF-8"),
    "bytes": _config(bytes(range(256)) * 100, "config.k:2:118: this is not UTF-8"),
    "nul": _config(b"infra = 1\0\n", "config.k:1:10: unknown start of token"),
    "empty": _config("", "there is no variable infra"),
    "nothing-to-say": _config("import provisioning\nx = 1\n", "there is no variable infra"),
    "unfinished": _config("infra = {\n    servers = [\n", "config.k:2:"),
    "unfinished-text": _config('infra = """\nweb', "config.k:1:9: unterminated string"),
    "unknown-name": _config("infra = {servers = web}\n", "config.k:1:20: name 'web' is not defined"),
    "division": _config("infra = 1 / 0\n", "config.k:1:9: integer division or modulo by zero"),
    "wrong-type": _server('count = "3"', "config.k:10:13: expected int, got str(3)"),
    "wrong-labels": _server("labels = {a = 1}", "config.k:10:23: expected str, got int(1)"),
    "misspelt": _server('plann = "x"', "config.k:10:13: Cannot add member 'plann' to schema 'Server'"),
    "missing": _config(
        SERVER.replace('            plan = "1xCPU-2GB"\n', ""), "attribute 'plan' of Server is required"
    ),
    "check-of-count": _server("count = 0", "condition: count is 1 to 1000, not 0"),
    "check-of-user": _server('ssh_user = "A b"', "condition: ssh_user is a user's name, not 'A b'"),
    "check-of-taskservs": _server('taskservs = ["a", {name = "a"}]', "taskservs names a task service twice"),
    "own-check": _config("assert 1 > 2, 'never\x1b[31m\\n\\n'\n", "config.k:1:1: never"),
    "not-an-infra": _config("infra = [1, 2]\n", "there is no variable infra with a provisioning.Infra"),
    "two-documents": _config(
        "import manifests\nmanifests.yaml_stream([{a = 1}, {b = 2}])\n", "there is no variable infra"
    ),
    "a-plain-map": _config(
        "\ninfra = {servers = [{name = 'a'}]}\n", "config.k:2:1: infra.servers[0].plan: Field required"
    ),
    "its-own-name": _config("infra = {name = 'other'}\n", "config.k:1:1: infra.name: an infra's name is"),
    "names-that-clash": _config(
        SERVER.replace("\n    ]", "\n        provisioning.Server {\n" + SERVER_LINES + "        }\n    ]"),
        "config.k:3:1: infra.servers[1].name: web is taken by servers[0]",
    ),
}

HOSTILE: dict[str, Hostile] = {**PATHS, **FOLDERS, **READS, **MODULES, **RESOURCES, **TEXTS}
