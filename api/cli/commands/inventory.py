"""`provisioning inventory`: what exists, and the ledger of what was done."""

from typing import Annotated

import typer

from api.cli.answers import Answer, Fields, as_rows, valid
from api.cli.errors import Failed
from api.cli.listing import show_page
from api.cli.options import DEFAULT_PROFILE, JsonOption, LimitOption, OffsetOption, ProfileOption
from api.cli.output import is_terminal, show_json, show_rows, tell
from api.cli.session import session_of

app = typer.Typer(help="See what exists, and what was done.", no_args_is_help=True)

_SERVER_COLUMNS = ("infra", "name", "provider", "plan", "zone", "status", "ssh", "task_services")
_CLUSTER_COLUMNS = ("infra", "name", "cluster_type", "version", "params", "members")
_EFFECT_COLUMNS = ("position", "at", "kind", "resource", "by", "undone")
_SHORT_EFFECT_COLUMNS = ("position", "at", "kind", "what", "operation", "undone")

_LOCK_COLUMNS = ("infra", "status", "servers", "what", "since", "workflow_id")
_DIFFERENCE_COLUMNS = ("resource", "kind", "fields", "mended")

_SSH_PORT = 22


@app.command()
def servers(
    *,
    infra: Annotated[str | None, typer.Option("--infra")] = None,
    provider: Annotated[str | None, typer.Option("--provider")] = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """List the servers and the task services on them, and whether they answer right now."""
    query = {"infra": infra, "provider": provider}
    found = as_rows(session_of(profile).call("GET", "/inventory/servers", query=query))
    show_rows([_server(row) for row in found], _SERVER_COLUMNS, as_json=as_json, raw=found)


@app.command()
def clusters(
    *,
    infra: Annotated[str | None, typer.Option("--infra")] = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """List the clusters, and which servers are their members."""
    found = as_rows(session_of(profile).call("GET", "/inventory/clusters", query={"infra": infra}))
    show_rows(found, _CLUSTER_COLUMNS, as_json=as_json, raw=found)


@app.command()
def effects(
    *,
    task: Annotated[str | None, typer.Option("--task", metavar="TASK_ID")] = None,
    batch: Annotated[str | None, typer.Option("--batch", metavar="BATCH_ID")] = None,
    server: Annotated[str | None, typer.Option("--server", help="A name, or INFRA/NAME.")] = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """List everything that was changed in the world, the newest first."""
    query = {"task_id": task, "batch_id": batch, "server": server, "limit": limit, "offset": offset}
    page = session_of(profile).page("/inventory/effects", query)
    rows = [_effect(row) for row in as_rows(page.data)]
    columns = _SHORT_EFFECT_COLUMNS if is_terminal() else _EFFECT_COLUMNS
    show_page(rows, columns, page, offset, as_json=as_json)


@app.command()
def locks(
    *,
    infra: Annotated[str | None, typer.Option("--infra")] = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """List who works on which servers, and who waits for them, in the order of asking."""
    found = as_rows(session_of(profile).call("GET", "/locks", query={"infra": infra}))
    rows = [row | {"servers": row.get("servers", "all")} for row in found]
    show_rows(rows, _LOCK_COLUMNS, as_json=as_json, raw=found)


@app.command()
def rebuild(
    *,
    check: Annotated[bool, typer.Option("--check", help="Only compare, and mend nothing.")] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Replay the ledger, hold the inventory against it, and mend what differs.

    Shows each difference, and ends with code 5 if one is left. Work may go on meanwhile.
    """
    # A long ledger takes its time.
    answer = session_of(profile).call("POST", "/inventory/rebuild", query={"dry_run": check}, patience=None)
    report = valid(_Report, answer)
    if as_json:
        show_json(answer)
    else:
        show_rows(report.differences, _DIFFERENCE_COLUMNS, as_json=False)
    _sum_up(report)


class _Report(Answer):
    position: int
    resources: int
    found: int
    mended: int
    differences: list[Fields]
    unreadable: list[int]


def _sum_up(report: _Report) -> None:
    """Raises Failed where a difference is left."""
    tell(
        f"{report.position} effects make {report.resources} resources: "
        f"{report.found or 'no'} differences{f', {report.mended} mended' if report.mended else ''}"
    )
    if report.unreadable:
        places = ", ".join(str(position) for position in report.unreadable)
        tell(f"warning: the ledger's entries at these positions cannot be read: {places}")
    if left := report.found - report.mended:
        raise Failed(f"{left} differences are left")


def _server(row: Fields) -> Fields:
    ssh, services = row.get("ssh"), row.get("task_services")
    shown = dict(row)
    if isinstance(ssh, dict):
        port = "" if ssh.get("port") == _SSH_PORT else f":{ssh.get('port')}"
        shown["ssh"] = f"{ssh.get('user')}@{ssh.get('host')}{port}"
    if isinstance(services, list):
        shown["task_services"] = [_service(one) for one in services if isinstance(one, dict)]
    return shown


def _service(service: Fields) -> str:
    """With how it is, where it is not well."""
    health = service.get("health")
    return f"{service.get('name')}" if health == "Healthy" else f"{service.get('name')} ({health})"


def _effect(row: Fields) -> Fields:
    """With who did it, in full and in short, and the thing without its type, which the kind names too."""
    batch, operation = row.get("batch_id"), row.get("operation_id")
    return row | {
        "by": f"{batch}/{operation}" if batch and operation else row.get("task_id"),
        "operation": operation or "",
        "what": str(row.get("resource", "")).partition(":")[2],
        "undone": "yes" if row.get("undone_by") else "",
    }
