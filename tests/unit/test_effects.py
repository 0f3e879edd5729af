"""Effects as an algebra: an inverse brings back what was before, and undoes the inverse in turn."""

from datetime import UTC, datetime

import pytest

from tests.support.batches import server
from workflows.domain.actions import (
    Cause,
    ConfigureTaskserv,
    CreateServer,
    DeleteServer,
    InstallTaskserv,
    RemoveTaskserv,
    RestartTaskserv,
)
from workflows.domain.effects import Effect, EffectKind, described, inverse, still_open
from workflows.domain.resources import Resource, Taskserv

CAUSE = Cause(task_id="task", batch_id="batch", operation_id="operation")
WEB = server("web")
OLD = Taskserv(name="redis", params={"port": 1}, server=WEB, address="127.0.0.1:1", owner="old")
NEW = OLD.model_copy(update={"params": {"port": 2}})


def effect(
    kind: EffectKind,
    before: Resource | None,
    after: Resource | None,
    undoes: str | None = None,
    name: str = "e",
) -> Effect:
    cause = CAUSE.model_copy(update={"undoes": undoes})
    return Effect(id=name, kind=kind, cause=cause, at=datetime.now(UTC), before=before, after=after)


def test_a_created_server_is_deleted_as_the_one_that_was_made() -> None:
    action = inverse(effect(EffectKind.SERVER_CREATED, None, WEB))
    assert isinstance(action, DeleteServer)
    assert action.server.owner == WEB.owner
    assert action.cause.undoes == "e"


def test_a_server_that_was_made_anew_since_is_deleted_as_the_one_that_it_is_now() -> None:
    anew = WEB.model_copy(update={"owner": "the undoing of a deletion"})
    action = inverse(effect(EffectKind.SERVER_CREATED, None, WEB), anew)
    assert isinstance(action, DeleteServer)
    assert action.server == anew
    assert action.cause.undoes == "e"


def test_a_deleted_server_is_made_again_as_it_was_wanted() -> None:
    action = inverse(effect(EffectKind.SERVER_DELETED, WEB, None))
    assert isinstance(action, CreateServer)
    assert action.spec == WEB.spec


def test_an_installed_task_service_is_removed() -> None:
    action = inverse(effect(EffectKind.TASKSERV_INSTALLED, None, OLD))
    assert isinstance(action, RemoveTaskserv)
    assert (action.server, action.name) == (WEB, "redis")


@pytest.mark.parametrize(
    ("kind", "after"), [(EffectKind.TASKSERV_CONFIGURED, NEW), (EffectKind.TASKSERV_REMOVED, None)]
)
def test_what_was_there_before_comes_back_with_its_parameters(
    kind: EffectKind, after: Taskserv | None
) -> None:
    action = inverse(effect(kind, OLD, after))
    assert isinstance(action, InstallTaskserv)
    assert action.params == {"port": 1}


def test_a_task_service_goes_to_where_its_server_is_now() -> None:
    moved = WEB.model_copy(update={"ssh": WEB.ssh.model_copy(update={"port": 2222})})
    action = inverse(effect(EffectKind.TASKSERV_REMOVED, OLD, None), moved)
    assert isinstance(action, InstallTaskserv)
    assert action.server.ssh.port == 2222


def test_an_undoing_has_an_identity_of_its_own() -> None:
    forward = CreateServer(cause=CAUSE, spec=WEB.spec)
    again = inverse(effect(EffectKind.SERVER_DELETED, WEB, None, name="deletion"))
    assert isinstance(again, CreateServer)
    assert forward.key != again.key
    assert inverse(effect(EffectKind.SERVER_DELETED, WEB, None, name="deletion")).key == again.key


def test_a_restart_is_no_open_effect_and_cannot_be_taken_back() -> None:
    put = effect(EffectKind.TASKSERV_INSTALLED, None, OLD, name="put")
    restarted = effect(EffectKind.TASKSERV_RESTARTED, OLD, OLD, name="restarted")
    assert still_open([put, restarted]) == [put]
    assert described(restarted) == "taskserv restarted default/web/redis"
    with pytest.raises(ValueError, match="restarted"):
        inverse(restarted)


def test_only_a_restart_leaves_things_as_they_were() -> None:
    lasting = {kind for kind in EffectKind if effect(kind, OLD, OLD).is_lasting}
    assert lasting == set(EffectKind) - {EffectKind.TASKSERV_RESTARTED}


def test_each_action_of_a_task_on_a_task_service_has_an_identity_of_its_own() -> None:
    kinds = (InstallTaskserv, ConfigureTaskserv, RestartTaskserv, RemoveTaskserv)
    assert len({kind(cause=CAUSE, server=WEB, name="redis").key for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("kind", list(EffectKind))
def test_an_effect_without_before_and_after_cannot_be_undone(kind: EffectKind) -> None:
    with pytest.raises(ValueError, match="e"):
        inverse(effect(kind, None, None))


def test_open_is_what_nothing_undid() -> None:
    made = effect(EffectKind.SERVER_CREATED, None, WEB, name="made")
    put = effect(EffectKind.TASKSERV_INSTALLED, None, OLD, name="put")
    taken = effect(EffectKind.TASKSERV_REMOVED, OLD, None, undoes="put", name="taken")
    assert still_open([made, put, taken]) == [made]
