"""How an activity interface and its implementation share one name."""

from abc import ABC
from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity

_DEFINITION = "__temporal_activity_definition"


class ActivityContract(ABC):  # noqa: B024 - the methods are declared by the interfaces
    """Base of the activity interfaces.

    An interface's methods bear `@activity.defn(name=...)`. An implementation overrides them plainly; it
    takes over the definition, so that a name stands in one place.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, method in list(vars(cls).items()):
            declared = next(
                (d for base in cls.__mro__[1:] if (d := getattr(vars(base).get(name), _DEFINITION, None))),
                None,
            )
            if declared is not None and callable(method) and not hasattr(method, _DEFINITION):
                activity.defn(name=declared.name)(method)

    def activities(self) -> Sequence[Callable[..., Any]]:
        """The bound methods to register at a worker."""
        names = {
            name
            for base in type(self).__mro__
            for name, method in vars(base).items()
            if hasattr(method, _DEFINITION)
        }
        return [getattr(self, name) for name in sorted(names)]
