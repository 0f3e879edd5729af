"""What a server is told at its first start: the host key that it shows, so that we know it by that.

The private half goes to AWS with the call that makes the server, and is kept nowhere else: in no file, no
history and no log. Whoever may read the instance's user data can read it: programs on the server itself, and
users of the account who may call `DescribeInstanceAttribute`. Those who also take over the server's address
could pose as this one server to us. Without a known key, taking over the address alone would do.
"""

import json

from activities.remote.host_keys import HostKey


def user_data(key: HostKey) -> str:
    """A cloud-config. JSON is YAML, and needs no care with quotes."""
    config = {
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": key.private.get_secret_value(),
            "ed25519_public": key.public,
        },
    }
    return f"#cloud-config\n{json.dumps(config, indent=1)}\n"
