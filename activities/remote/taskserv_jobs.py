"""Task services on servers over SSH: each piece of work is a detached job (see `catalogue/shell`)."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue, ValidationError

from activities import catalogue
from activities.catalogue.catalogue import Entry
from activities.catalogue.service import Service
from activities.ports import LogLine, LogSink
from activities.remote.door import SshDoor
from activities.remote.jobs import Ended, Ending, Job, RemoteJobs, command
from activities.taskserv_host import Attempt, Errand, Installation, Report, Verdict, Work
from workflows.domain.errors import ActionFailed
from workflows.domain.resources import Server

_SHELL = Path(catalogue.__file__).parent / "shell"
_MAIN = "lifecycle.sh"
_CODES = {0: Verdict.DONE, 75: Verdict.LATER, 76: Verdict.CHANGED, 77: Verdict.NEEDED}
"""The exit codes of `lifecycle.sh`; all others are failures."""


class SshTaskservHost:
    """The `TaskservHost` for servers that are reached over SSH."""

    def __init__(self, door: SshDoor, jobs: RemoteJobs) -> None:
        self._door = door
        self._jobs = jobs

    async def begin(self, server: Server, name: str, key: str) -> Attempt:
        attempt = await self._action(server, "begin", key, name)
        if attempt is None:
            raise AssertionError("`begin` leaves an open attempt")
        return attempt

    async def peek(self, server: Server, name: str, key: str) -> Attempt | None:
        return await self._action(server, "peek", key, name)

    async def close(self, server: Server, name: str, attempt: Attempt) -> None:
        await self._action(server, "close", attempt.key, name, str(attempt.generation))

    async def perform(self, work: Work, entry: Entry, log: LogSink) -> Report:
        job = _job(work, entry)

        def on_line(number: int, text: str) -> None:
            log.write([_log_line(work, entry.service.name, number, text)])

        ended = await self._jobs.run(work.server.ssh, job, on_line)
        return Report(verdict=_verdict(ended), tail=ended.tail)

    async def installed(self, server: Server) -> Mapping[str, Installation]:
        output = await self._door.ask(server.ssh, command("installed"))
        found = [_installation(line, server) for line in output.splitlines()]
        return {installation.name: installation for installation in found}

    async def answering(self, server: Server, ports: Mapping[str, int]) -> Collection[str]:
        numbers = (str(port) for port in ports.values())
        output = await self._door.ask(server.ssh, command("answering", server.ssh.host, *numbers))
        answering = {int(line) for line in output.split()}
        return {name for name, port in ports.items() if port in answering}

    async def invitation(self, server: Server, name: str) -> str | None:
        return await self._door.ask(server.ssh, command("invitation", name)) or None

    async def stop(self, server: Server, job_id: str) -> None:
        await self._jobs.stop(server.ssh, job_id)

    async def _action(self, server: Server, verb: str, key: str, name: str, *more: str) -> Attempt | None:
        output = await self._door.ask(server.ssh, command("action", verb, key, name, *more))
        generation, *rest = output.split("\n", 2)
        if not rest or rest[0] not in ("begun", "failed"):
            return None
        try:
            before = _installation(rest[1], server) if rest[1].strip() else None
        except ActionFailed:
            # No attempt can have got any further than here, so there is nothing to take back either.
            await self._action(server, "close", key, name, generation)
            if verb == "begin":
                raise
            return None
        return Attempt(key=key, generation=int(generation), before=before, failed=rest[0] == "failed")


def _installation(text: str, server: Server) -> Installation:
    """Raises ActionFailed where it is not what a server remembers."""
    try:
        return Installation.model_validate_json(text)
    except ValidationError as error:
        raise ActionFailed(
            f"server {server.key} remembers a task service in a way that cannot be read "
            f"(/var/lib/provisioning/taskservs/*/marker.json): {error.errors()[0]['msg']}: {text[:200]!r}"
        ) from error


def _verdict(ended: Ended) -> Verdict:
    if ended.ending is not Ending.EXITED:
        return Verdict.LATER
    return _CODES.get(ended.code, Verdict.FAILED)


def _job(work: Work, entry: Entry) -> Job:
    shell = {path.name: path.read_text() for path in _SHELL.glob("*.sh") if path.name != _MAIN}
    return Job(
        id=work.job_id,
        main=(_SHELL / _MAIN).read_text(),
        files={
            **shell,
            **{f"service/{name}": text for name, text in entry.files.items()},
            "before.json": work.before.to_text() if work.before else "",
            "after.json": work.after.to_text() if work.after else "",
            "invitation": work.invitation,
        },
        environment=_environment(work, entry.service),
        # What could not be taken back today may be tomorrow.
        retry_failures=work.errand in (Errand.UNDO, Errand.REVIVE),
    )


def _environment(work: Work, service: Service) -> dict[str, str]:
    """Values reach the scripts as variables only, and never as a part of their text."""
    environment = {
        "TASK": work.errand.value,
        "SERVICE": service.name,
        "REQUIRES": " ".join(service.requires),
        "SERVER": work.server.spec.name,
        "ADDRESS": work.server.ssh.host,
        "PORT": _as_text(work.params[service.port_parameter]),
        "HEALTH": service.health.kind,
        "HEALTH_PATH": service.health.path,
        "START_TIMEOUT": str(work.start_timeout),
        "UNDOES": work.undoes,
        "VARIANTS": " ".join(variant.kind for variant in service.variants),
    }
    for variant in service.variants:
        prefix = variant.kind.upper()
        environment[f"{prefix}_PACKAGES"] = " ".join(variant.packages)
        environment[f"{prefix}_USERS"] = " ".join(variant.users)
        environment[f"{prefix}_LEFTOVERS"] = " ".join(variant.leftovers)
    for name, hosts in work.hosts.items():
        environment[f"HOSTS_{name.upper()}"] = " ".join(hosts)
    for name, value in work.params.items():
        environment[f"PARAM_{name.upper()}"] = _as_text(value)
    return environment


def _as_text(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _log_line(work: Work, name: str, number: int, text: str) -> LogLine:
    return LogLine(
        job=work.job_id,
        number=number,
        at=datetime.now(UTC),
        text=text,
        task_id=work.cause.task_id,
        batch_id=work.cause.batch_id,
        operation_id=work.cause.operation_id,
        server=work.server.key,
        taskserv=name,
    )
