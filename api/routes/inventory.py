"""What exists, and who made it: our addition to the contract."""

from uuid import UUID

from fastapi import APIRouter, Response

from api.deps import ServicesDep
from api.paging import PagingDep
from api.schemas.envelope import ApiResponse
from api.schemas.inventory import (
    InventoryCluster,
    InventoryRebuild,
    InventoryServer,
    LedgerEffect,
    addresses,
)

router = APIRouter(tags=["Inventory"])


@router.get("/inventory/servers")
async def list_servers(
    services: ServicesDep, infra: str | None = None, provider: str | None = None
) -> ApiResponse[list[InventoryServer]]:
    """The servers and the task services on them; whether they answer is found out now."""
    items = await services.stores.inventory.servers(infra, provider)
    answering = await services.reachability.reachable(addresses(items))
    return ApiResponse(data=[InventoryServer.of(item, answering) for item in items])


@router.get("/inventory/clusters")
async def list_clusters(
    services: ServicesDep, infra: str | None = None
) -> ApiResponse[list[InventoryCluster]]:
    """The clusters, and which servers are their members."""
    await services.stores.inventory.catch_up()
    found = await services.stores.inventory.clusters(infra)
    return ApiResponse(data=[InventoryCluster.of(cluster) for cluster in found])


@router.get("/inventory/effects")
async def list_effects(
    *,
    services: ServicesDep,
    paging: PagingDep,
    response: Response,
    task_id: UUID | None = None,
    batch_id: UUID | None = None,
    server: str | None = None,
) -> ApiResponse[list[LedgerEffect]]:
    """The ledger, newest first. `server` is a name, or `infra/name`."""
    page = await services.stores.ledger.page(
        task_id=str(task_id) if task_id else None,
        batch_id=str(batch_id) if batch_id else None,
        server=server,
        limit=paging.limit,
        offset=paging.offset,
    )
    paging.describe(page, response)
    return ApiResponse(data=[LedgerEffect.of(entry) for entry in page.items])


@router.post("/inventory/rebuild")
async def rebuild_inventory(services: ServicesDep, dry_run: bool = False) -> ApiResponse[InventoryRebuild]:
    """Holds the inventory against the ledger, and mends it; with `dry_run` it only compares."""
    return ApiResponse(
        data=InventoryRebuild.of(await services.stores.inventory_rebuild.run(mend=not dry_run))
    )
