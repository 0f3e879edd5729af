"""The id of the request that work began with, handed on from the API through workflows to activities.

It goes in Temporal's headers, beside the arguments: no workflow decides by it, and histories without replay.
"""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from temporalio import client, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import StartWorkflowInput, WorkflowHandle
from temporalio.converter import PayloadConverter
from temporalio.worker import (
    ContinueAsNewInput,
    Interceptor,
    StartActivityInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

_HEADER = "provisioning-request-id"

_converter = PayloadConverter.default

Headers = Mapping[str, Payload]


def request_of(headers: Headers) -> Mapping[str, str]:
    """What a log line says of the request; nothing where the work began with none."""
    if _HEADER not in headers:
        return {}
    return {"request_id": _converter.from_payload(headers[_HEADER], str)}


class SendsRequestId(client.Interceptor):
    """For the API's client: workflows that are started know in the course of which request.

    `current` gives its id, or None outside of requests.
    """

    def __init__(self, current: Callable[[], str | None]) -> None:
        self._current = current

    def intercept_client(self, next: client.OutboundInterceptor) -> client.OutboundInterceptor:
        return _Starting(next, self._current)


class _Starting(client.OutboundInterceptor):
    def __init__(self, next: client.OutboundInterceptor, current: Callable[[], str | None]) -> None:
        super().__init__(next)
        self._current = current

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        identity = self._current()
        if identity is not None:
            input.headers = {**input.headers, _HEADER: _converter.to_payload(identity)}
        return await super().start_workflow(input)


class HandsRequestIdOn(Interceptor):
    """For workers: what a workflow starts knows the request that the workflow was started by."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: ARG002 - the SDK's signature
    ) -> type[WorkflowInboundInterceptor]:
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        input.headers = _with_ours(input.headers)
        return super().start_activity(input)

    async def start_child_workflow(
        self, input: StartChildWorkflowInput
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        input.headers = _with_ours(input.headers)
        return await super().start_child_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        input.headers = _with_ours(input.headers)
        super().continue_as_new(input)


def _with_ours(headers: Headers) -> Headers:
    ours = workflow.info().headers
    return {**headers, _HEADER: ours[_HEADER]} if _HEADER in ours else headers
