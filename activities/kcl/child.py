"""A process that evaluates one settings file and ends: `python -m activities.kcl.child COPY FILE`.

It prints an `Answer` as JSON. Whatever the settings do to it, at the worst it is killed.
"""

import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# Loaded whole before the process is confined: later it could read no library.
from kcl_lib import api
from kcl_lib.api.spec_pb2 import ExternalPkg

from activities.kcl import limits
from activities.kcl.confinement import confine, holds_files
from activities.kcl.copying import INFRA, SCHEMAS
from activities.kcl.imports import refused_imports
from activities.kcl.problems import listing
from activities.kcl.reports import problems_in


def main(arguments: Sequence[str]) -> int:
    copy, settings = arguments
    _limit()
    answers = os.dup(sys.stdout.fileno())
    # Whatever KCL may print goes to its report.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    folder, layers = confine(Path(copy), (INFRA, SCHEMAS))
    refused = list(refused_imports(folder / INFRA, files_are_held=holds_files(layers)))
    found = {"problem": listing(refused)} if refused else _evaluate(folder, settings)
    with os.fdopen(answers, "w", encoding="utf-8") as file:
        json.dump({"layers": layers, **found}, file, ensure_ascii=False)
    return 0


def _limit() -> None:
    for what, most in (
        (resource.RLIMIT_AS, limits.MEMORY),
        (resource.RLIMIT_FSIZE, limits.WRITTEN),
        (resource.RLIMIT_NOFILE, limits.OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        # A second after the one that ends it with a signal that says why.
        (resource.RLIMIT_CPU, limits.CPU_SECONDS + 1),
    ):
        allowed = resource.getrlimit(what)[1]
        limit = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(what, (limit, limit))
    longest = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (min(limits.CPU_SECONDS, longest), longest))
    # Should its parent be gone by then.
    signal.alarm(limits.DEADLINE)
    # Where the machine runs out of memory, this is the process to do without.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _evaluate(copy: Path, settings: str) -> Mapping[str, str]:
    """KCL's result and where it comes from, or what is wrong."""
    infra = copy / INFRA
    wanted = api.ExecProgramArgs(
        work_dir=str(infra),
        k_filename_list=[str(infra / settings)],
        external_pkgs=[ExternalPkg(pkg_name=SCHEMAS, pkg_path=str(copy / SCHEMAS))],
        error_format="sarif",
        sourcemap_output="inline",
        disable_none=True,
        disable_yaml_result=True,
    )
    try:
        found = api.API().exec_program(wanted)
    except MemoryError:
        raise
    except BaseException as error:  # KCL raises `Exception`, and its panics are not even that
        return {"problem": listing(problems_in(str(error), copy))}
    if found.err_message:
        # Checks that fail return normally, and their report in SARIF is printed.
        printed = os.pread(sys.stderr.fileno(), limits.WRITTEN, 0).decode(errors="replace")
        return {"problem": listing(problems_in(printed or found.err_message, copy))}
    if len(found.json_result.encode()) > limits.RESULT:
        return {"problem": f"{settings}: it comes to more than {limits.RESULT >> 20} MiB"}
    return {"result": found.json_result, "source_map": found.sourcemap}


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MemoryError:
        os.abort()  # which is how KCL ends at the same limit
