"""What a provider is written with, in one place, for those of other packages; README shows one."""

from activities.providers.entry import ProviderEntry
from activities.providers.fitting import another_one, must_fit
from activities.providers.local.locks import exclusive
from activities.secret_files import replace_secret_file as write_whole
from workflows.domain.errors import ActionFailed, Conflict, InvalidRequest, Refused, Unavailable
from workflows.domain.resources import Server, ServerSpec, SshEndpoint

__all__ = [
    "ActionFailed",
    "Conflict",
    "InvalidRequest",
    "ProviderEntry",
    "Refused",
    "Server",
    "ServerSpec",
    "SshEndpoint",
    "Unavailable",
    "another_one",
    "exclusive",
    "must_fit",
    "write_whole",
]
