"""The search attributes by which an operator finds an execution in the Temporal UI."""

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from workflows.domain.batches import BatchSpec, OperationInput
from workflows.domain.rollbacks import RollbackSpec
from workflows.domain.states import BatchStatus, TaskStatus

BATCH_ID = SearchAttributeKey.for_keyword("BatchId")
OPERATION_ID = SearchAttributeKey.for_keyword("OperationId")
INFRA = SearchAttributeKey.for_keyword("Infra")
PROVIDER = SearchAttributeKey.for_keyword("Provider")
TASK_STATUS = SearchAttributeKey.for_keyword("TaskStatus")


def of_batch(batch: BatchSpec) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(BATCH_ID, batch.batch_id),
            SearchAttributePair(TASK_STATUS, BatchStatus.RUNNING.value),
        ]
    )


def of_operation(request: OperationInput) -> TypedSearchAttributes:
    operation = request.operation
    pairs = [
        SearchAttributePair(OPERATION_ID, operation.id),
        SearchAttributePair(INFRA, operation.config.infra),
        SearchAttributePair(TASK_STATUS, TaskStatus.RUNNING.value),
    ]
    if operation.provider:
        pairs.append(SearchAttributePair(PROVIDER, operation.provider))
    if request.batch_id is not None:
        pairs.append(SearchAttributePair(BATCH_ID, request.batch_id))
    return TypedSearchAttributes(pairs)


def of_rollback(rollback: RollbackSpec) -> TypedSearchAttributes:
    """With infra and provider where there is one of each."""
    pairs = [SearchAttributePair(TASK_STATUS, TaskStatus.RUNNING.value)]
    if rollback.infra:
        pairs.append(SearchAttributePair(INFRA, rollback.infra))
    if rollback.provider:
        pairs.append(SearchAttributePair(PROVIDER, rollback.provider))
    return TypedSearchAttributes(pairs)


def of_locks(infra: str) -> TypedSearchAttributes:
    return TypedSearchAttributes([SearchAttributePair(INFRA, infra)])
