"""Fixtures that start real parts, each in a module of its own."""

pytest_plugins = [
    "tests.support.temporal",
    "tests.support.mongodb",
    "tests.support.engine",
    "tests.support.stack",
    "tests.support.api",
    "tests.support.ssh_server",
    "tests.support.taskservs",
    "tests.support.taskserv_world",
]
