"""What a Temporal namespace must have before the first workflow runs in it."""

import asyncio
import logging
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workflows import search

log = logging.getLogger(__name__)

SEARCH_ATTRIBUTES = tuple(
    sorted(
        key.name
        for key in (
            search.BATCH_ID,
            search.OPERATION_ID,
            search.INFRA,
            search.PROVIDER,
            search.TASK_STATUS,
        )
    )
)
"""Their names. All are keywords."""

RETENTION = timedelta(days=30)
"""How long a closed execution can be looked at in the Temporal UI; what ended is also in MongoDB."""

_SETTLING = 30.0
"""Seconds within which the frontends of a cluster learn of a new search attribute."""


_REFUSALS = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED)


async def prepare_namespace(client: Client) -> None:
    """Registers the search attributes and raises the retention; what is as wanted already stays.

    May be called by several processes at once, and again at every start. On a server that keeps such changes
    to its operators it is enough that they made them.

    Raises:
        RPCError: the server is away, or lacks the search attributes and refuses to take them.
        TimeoutError: the server took the attributes and still does not know them after 30 seconds.
    """
    if not await _are_usable(client):
        await _register_search_attributes(client)
    try:
        await _raise_retention(client)
    except RPCError as error:
        if error.status not in _REFUSALS:
            raise
        log.warning("the namespace's retention stays as it is: %s", error.message)


async def _register_search_attributes(client: Client) -> None:
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = [name for name in SEARCH_ATTRIBUTES if name not in known.custom_attributes]
    if missing:
        keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        try:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=client.namespace, search_attributes=dict.fromkeys(missing, keyword)
                )
            )
        except RPCError as error:
            if error.status != RPCStatusCode.ALREADY_EXISTS:
                raise
    async with asyncio.timeout(_SETTLING):
        while True:
            if await _are_usable(client):
                return
            await asyncio.sleep(0.2)


async def _are_usable(client: Client) -> bool:
    """Whether a query may name the attributes: each frontend caches them for some seconds."""
    try:
        await client.count_workflows(" AND ".join(f"{name} = 'none'" for name in SEARCH_ATTRIBUTES))
    except RPCError as error:
        if error.status == RPCStatusCode.INVALID_ARGUMENT:
            return False
        raise
    return True


async def _raise_retention(client: Client) -> None:
    service = client.workflow_service
    current = await service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    if current.config.workflow_execution_retention_ttl.ToTimedelta() >= RETENTION:
        return
    wanted = Duration()
    wanted.FromTimedelta(RETENTION)
    change = UpdateNamespaceRequest(namespace=client.namespace)
    change.config.workflow_execution_retention_ttl.CopyFrom(wanted)
    await service.update_namespace(change)
