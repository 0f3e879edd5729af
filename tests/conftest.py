"""Fixtures that start real parts, each in a module of its own."""

pytest_plugins = [
    "tests.support.order",
    "tests.support.temporal",
    "tests.support.mongodb",
    "tests.support.engine",
    "tests.support.stack",
    "tests.support.surrealdb",
    "tests.support.api",
    "tests.support.spoiling",
    "tests.support.command_line",
    "tests.support.control_center",
    "tests.support.moto",
    "tests.support.aws_proxy",
    "tests.support.ssh_server",
    "tests.support.taskservs",
    "tests.support.taskserv_world",
    "tests.support.ordinary_user",
    "tests.support.upcloud",
    "tests.support.package_source",
]
