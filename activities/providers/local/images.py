"""The boxes' base image: built once, shared by all boxes of this user, never changed."""

import asyncio
import logging
import os
import shutil
import uuid
from pathlib import Path

from activities.finishing import finish
from activities.providers.local import commands, namespaces, recipe
from activities.providers.local.locks import exclusive
from workflows.domain.errors import ActionFailed, Unavailable

log = logging.getLogger(__name__)


class BaseImages:
    """The images under `<cache_dir>/images`, by the identity of their recipe."""

    def __init__(self, cache_dir: Path) -> None:
        self._home = cache_dir / "images"
        self._identity: str | None = None

    @property
    def current(self) -> str:
        """The image that new boxes get."""
        if self._identity is None:
            self._identity = recipe.identity()
        return self._identity

    def path(self, identity: str) -> Path:
        return self._home / identity

    def is_built(self, identity: str) -> bool:
        return self.path(identity).is_dir()

    def obstacle(self) -> str | None:
        """Why there can be no image, in words; None if there is one or it can be built."""
        if self.is_built(self.current):
            return None
        if shutil.which("mmdebstrap", path=namespaces.search_path()) is None:
            return "mmdebstrap is not installed"
        return None

    async def require(self, identity: str) -> Path:
        """The folder of the image, which is built now where it is the current one and missing.

        Raises:
            ActionFailed: it is an older one and is gone.
            Unavailable: it could not be built.
        """
        if not self.is_built(identity):
            if identity != self.current:
                raise ActionFailed(f"the base image {identity} is no longer in {self._home}")
            async with exclusive(self._home / "lock"):
                if not self.is_built(identity):
                    await self._build(identity)
        return self.path(identity)

    async def _build(self, identity: str) -> None:
        log.info("building the base image of the local servers in %s (about a minute, once)", self._home)
        # Whatever a build that was killed has left: nobody else can be building, the lock is ours.
        for remains in self._drafts():
            await commands.remove_tree(remains)
        draft = self._home / f".draft-{uuid.uuid4().hex}"
        try:
            await commands.run(
                (*namespaces.in_new_namespaces(), *recipe.arguments(_make_folder(draft / "root"))),
                {**os.environ, "PATH": namespaces.search_path(), "TMPDIR": str(draft)},
            )
            _keep(draft / "root", self.path(identity))
        except ActionFailed as error:
            raise Unavailable(
                f"the base image of the local servers cannot be built: {error.message}"
            ) from error
        finally:
            await finish(asyncio.create_task(commands.remove_tree(draft)))

    def _drafts(self) -> list[Path]:
        return sorted(self._home.glob(".draft-*"))


def _make_folder(path: Path) -> Path:
    path.mkdir(parents=True, mode=0o755)
    return path


def _keep(draft: Path, path: Path) -> None:
    # Here, because mmdebstrap has its own at this place while it works, and removes it at the end.
    policy = draft / "usr/sbin/policy-rc.d"
    policy.write_text(recipe.POLICY)
    policy.chmod(0o755)
    draft.rename(path)
