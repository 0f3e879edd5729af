"""`python -m activities.providers.local list|remove-all`: the local servers of the state directory set.

For a terminal, and for what takes a whole stack down. The inventory is not told.
"""

import asyncio
import os
import sys

from activities.providers.local.entry import build_local
from activities.settings import Settings, SettingsError
from workflows.domain.errors import ProvisioningError

_USAGE = "usage: python -m activities.providers.local list|remove-all"


def main(arguments: list[str]) -> int:
    if arguments not in (["list"], ["remove-all"]):
        _say(_USAGE, error=True)
        return 2
    try:
        provider = build_local(Settings.from_environment(os.environ))
        if arguments == ["remove-all"]:
            _say(f"removed {asyncio.run(provider.remove_all())} local servers")
        else:
            for server, runs in provider.servers():
                ssh = server.ssh
                state = "running" if runs else "stopped"
                _say(f"{server.key}\t{state}\t{server.spec.plan}\t{ssh.user}@{ssh.host}:{ssh.port}")
    except (ProvisioningError, SettingsError) as error:
        _say(str(error), error=True)
        return 1
    return 0


def _say(text: str, *, error: bool = False) -> None:
    print(text, file=sys.stderr if error else sys.stdout)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
