"""What a task service is: the description beside its scripts, as it stands in `service.yaml`."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from workflows.domain.errors import InvalidRequest
from workflows.domain.resources import Params

ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Scalar = bool | int | float | str

START_TIMEOUT = "start_timeout"
"""A parameter of every service: seconds until it must answer. It says how to act, and is not kept."""

_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Parameter(_Described):
    """A setting of a service. The default is what a new installation gets."""

    type: Literal["string", "integer", "number", "boolean"]
    description: str = ""
    default: Scalar
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    choices: tuple[Scalar, ...] | None = None
    longest: int = Field(default=1000, ge=1, le=65536)
    """Characters of a text."""

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        if problem := self.problem(self.default):
            raise ValueError(f"its default {problem}")
        return self

    def problem(self, value: JsonValue) -> str | None:
        """What is wrong with `value`, to be read after the parameter's name; None where nothing is."""
        # Python's True is an int, and JSON's is not.
        if not isinstance(value, _PYTHON_TYPES[self.type]) or (
            isinstance(value, bool) and self.type != "boolean"
        ):
            return f"must be of type {self.type}, not {value!r:.100}"
        if self.choices is not None and value not in self.choices:
            return f"must be one of {', '.join(map(str, self.choices))}, not {value!r:.100}"
        if isinstance(value, str):
            return self._problem_of_text(value)
        return self._problem_of_number(value) if isinstance(value, int | float) else None

    def _problem_of_number(self, value: float) -> str | None:
        if self.minimum is not None and value < self.minimum:
            return f"must be at least {self.minimum:g}, not {value}"
        if self.maximum is not None and value > self.maximum:
            return f"must be at most {self.maximum:g}, not {value}"
        return None

    def _problem_of_text(self, value: str) -> str | None:
        if len(value) > self.longest:
            return f"must not be longer than {self.longest} characters"
        if any(ord(character) < 32 for character in value):
            return "must not contain control characters"
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            return f"must match {self.pattern}, not {value!r:.100}"
        return None


class Health(_Described):
    """How to tell that the service is up, within `timeout` seconds after it was started."""

    kind: Literal["http", "tcp", "command"]
    path: str = Field(default="/", pattern=r"^/[\w./?=&-]*$")
    """For `http`: answered with a status below 400. For `command`, the script `health` ends with code 0."""
    timeout: int = Field(default=30, ge=1, le=600)


class Variant(_Described):
    """A way to get the program onto a server; the first one that the server allows is taken."""

    kind: Literal["debian", "wheels", "plain"]
    packages: tuple[str, ...] = ()
    """Debian packages, or PyPI requirements with their exact versions."""
    users: tuple[str, ...] = ()
    """Users and groups that the packages add and leave behind."""
    leftovers: tuple[Annotated[str, StringConstraints(pattern=r"^/[a-z]+/[a-z0-9/.-]+$")], ...] = ()
    """Directories that the packages leave behind."""


class Service(_Described):
    """A task service that can be installed."""

    name: ServiceName
    description: str
    version: str | None = None
    parameters: dict[ParameterName, Parameter] = {}
    port_parameter: ParameterName = "port"
    requires: tuple[ServiceName, ...] = ()
    joins: ParameterName | None = None
    """A parameter that names another server of the infra, on which there is what this installation joins."""
    servers: tuple[ParameterName, ...] = ()
    """Parameters that name other servers of the infra, with commas between them.

    Scripts find their addresses, in the same order, in `HOSTS_` and the parameter's name in capitals."""
    health: Health
    variants: tuple[Variant, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _parameters_fit(self) -> Self:
        port = self.parameters.get(self.port_parameter)
        if port is None or port.type != "integer":
            raise ValueError(f"the port parameter {self.port_parameter!r} is no integer parameter")
        if self.joins is not None:
            other = self.parameters.get(self.joins)
            if other is None or other.type != "string":
                raise ValueError(f"the parameter {self.joins!r} to join by is no string parameter")
        for name in self.servers:
            if (one := self.parameters.get(name)) is None or one.type != "string":
                raise ValueError(f"the parameter {name!r} to name servers is no string parameter")
        if START_TIMEOUT in self.parameters:
            raise ValueError(f"every service has the parameter {START_TIMEOUT}; it cannot be declared")
        return self

    def check(self, params: Params) -> None:
        """Raises InvalidRequest naming each parameter that is unknown or does not fit."""
        known = {**self.parameters, START_TIMEOUT: self._start_timeout}
        problems = [
            f"parameter {name!r} {problem}" if name in known else f"unknown parameter {name!r}"
            for name, value in params.items()
            if name not in known or (problem := known[name].problem(value))
        ]
        if problems:
            names = ", ".join(sorted(known))
            raise InvalidRequest(f"task service {self.name}: {'; '.join(problems)}; it has {names}")

    def check_restart(self, params: Params) -> None:
        """Raises InvalidRequest for all but START_TIMEOUT, the one parameter that says how to act."""
        if settings := [name for name in params if name != START_TIMEOUT]:
            raise InvalidRequest(
                f"task service {self.name}: a restart changes no parameters, such as {', '.join(settings)}; "
                f"configure does, and a restart takes {START_TIMEOUT} alone"
            )
        self.check(params)

    def resolve(self, current: Params, wanted: Params) -> Params:
        """All parameters: what is wanted, else what is set now, else the default.

        So installing a service that is there, without parameters, leaves it as it is.
        """
        known = {name: value for name, value in current.items() if name in self.parameters}
        stated = {name: value for name, value in wanted.items() if name in self.parameters}
        return {name: p.default for name, p in self.parameters.items()} | known | stated

    def start_timeout(self, wanted: Params) -> int:
        """Seconds that the service may take to answer."""
        value = wanted.get(START_TIMEOUT, self.health.timeout)
        return int(value) if isinstance(value, int) else self.health.timeout

    @property
    def _start_timeout(self) -> Parameter:
        return Parameter(type="integer", default=self.health.timeout, minimum=1, maximum=600)
