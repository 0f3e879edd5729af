"""Making checkpoints."""

from datetime import UTC, datetime
from uuid import UUID

from activities.ledger_ports import Inventory
from activities.ports import Claim, User
from activities.rollback_ports import CheckpointStore
from api.idempotency import Once
from api.schemas.rollback import CreateCheckpointRequest
from workflows.domain.rollbacks import Checkpoint


class Checkpoints:
    """Names moments."""

    def __init__(self, store: CheckpointStore, inventory: Inventory) -> None:
        self._store = store
        self._inventory = inventory

    async def create(self, request: CreateCheckpointRequest, user: User, once: Once) -> UUID:
        """A name for now, made once for what `once` stands for; its id.

        Raises:
            Unavailable: MongoDB is away; there may be a checkpoint of this id or not.
        """

        async def admit() -> None:
            """The schema has said all that there is to say."""

        async def work(_: None, claim: Claim) -> UUID:
            return UUID((await self._made(claim.work_id, request, user)).id)

        return await once.run(UUID, admit, work)

    async def _made(self, checkpoint_id: str, request: CreateCheckpointRequest, user: User) -> Checkpoint:
        existing = await self._store.get(checkpoint_id)
        if existing is not None:
            return existing
        created_at = datetime.now(UTC)
        picture = await self._inventory.picture()
        checkpoint = Checkpoint(
            id=checkpoint_id,
            name=request.name,
            description=request.description or None,
            created_at=created_at,
            position=picture.position,
            requested_by=user.username,
        )
        return await self._store.add(checkpoint, picture)
