"""Single submissions: one piece of work on an infra whose settings file says the rest."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from api.schemas.envelope import RequestModel
from workflows.domain.operations import ResourceName, TaskservWork

SettingsPath = Annotated[str, StringConstraints(min_length=1, max_length=255)]
"""Relative to the infra's folder; what it may name is checked where it is opened."""

CatalogueName = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class WorkflowSubmission(RequestModel):
    """What all of them name. `wait` answers when the task has ended; `check_mode` changes nothing."""

    infra: ResourceName
    settings: SettingsPath = "config.k"
    check_mode: bool = False
    wait: bool = False


class CreateServerWorkflow(WorkflowSubmission):
    """The servers that the infra's settings describe."""


class TaskservWorkflow(WorkflowSubmission):
    """One task service on the servers of an infra."""

    operation: TaskservWork
    taskserv: CatalogueName


class ClusterWorkflow(WorkflowSubmission):
    """A cluster of an infra."""

    operation: Literal["create", "delete", "scale", "upgrade"]
    cluster_type: CatalogueName
