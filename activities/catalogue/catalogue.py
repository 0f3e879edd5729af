"""The catalogue of task services: a folder for each, with a description and its scripts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import yaml
from pydantic import ValidationError

from activities.catalogue.service import Service
from activities.settings import Settings
from workflows.domain.errors import InvalidRequest
from workflows.domain.resources import Params

BUILT_IN = Path(__file__).parent / "services"
SCRIPTS = ("create", "configure", "restart", "delete")
"""What every service brings; each may be run again after it was cut off anywhere."""
DESCRIPTION = "service.yaml"


@dataclass(frozen=True)
class Entry:
    """A service and the text of its files: the four scripts, and whatever they read."""

    service: Service
    files: Mapping[str, str]


class Catalogue:
    """The services by name. Immutable; made by `load`."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = dict(sorted(entries.items()))
        self._order = _order(self._entries)

    @classmethod
    def load(cls, folders: Sequence[Path] = ()) -> "Catalogue":
        """The built-in services and those in `folders`; of one name, the later folder's wins.

        Raises:
            ValueError: a folder is missing, a description does not fit, a script is missing, a required
                service is unknown, or services require each other in a cycle. The message names the file.
        """
        entries: dict[str, Entry] = {}
        for folder in (BUILT_IN, *folders):
            if not folder.is_dir():
                raise ValueError(f"catalogue folder {folder} does not exist")
            for path in sorted(folder.iterdir()):
                if (path / DESCRIPTION).is_file():
                    entry = _read(path)
                    entries[entry.service.name] = entry
        return cls(entries)

    def names(self) -> Sequence[str]:
        return list(self._entries)

    def get(self, name: str) -> Entry:
        """Raises InvalidRequest for an unknown name, with the known ones."""
        try:
            return self._entries[name]
        except KeyError:
            known = ", ".join(self._entries)
            raise InvalidRequest(f"unknown task service {name!r}; there are {known}") from None

    def check(self, name: str, params: Params) -> None:
        """Refuses an unknown service, and parameters that it does not have or that do not fit.

        Raises:
            InvalidRequest: saying what is wrong with which parameter.
        """
        self.get(name).service.check(params)

    def check_restart(self, name: str, params: Params) -> None:
        """Refuses an unknown service, and parameters that a restart does not have.

        Raises:
            InvalidRequest: saying what is wrong with which parameter.
        """
        self.get(name).service.check_restart(params)

    def expand(self, names: Iterable[str]) -> list[str]:
        """These services and all that they require, each once, what is required first.

        Raises:
            InvalidRequest: a name is unknown.
        """
        wanted: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in wanted:
                wanted.add(name)
                todo.extend(self.get(name).service.requires)
        return [name for name in self._order if name in wanted]

    def in_order(self, names: Iterable[str]) -> list[str]:
        """Just these services, what is required first.

        Raises:
            InvalidRequest: a name is unknown.
        """
        wanted = {self.get(name).service.name for name in names}
        return [name for name in self._order if name in wanted]


def catalogue_folders(settings: Settings) -> list[Path]:
    """The folders beside the built-in one, as the settings name them."""
    return [Path(folder) for folder in settings.catalogue_dirs.split(":") if folder]


def _read(folder: Path) -> Entry:
    path = folder / DESCRIPTION
    try:
        service = Service.model_validate(yaml.safe_load(path.read_text()))
        files = {f.name: f.read_text() for f in sorted(folder.iterdir()) if f.is_file() and f != path}
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ValueError(f"{path}: {problems}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from None
    if service.name != folder.name:
        raise ValueError(f"{path}: the service is named {service.name}, and its folder {folder.name}")
    needed = (*SCRIPTS, "health") if service.health.kind == "command" else SCRIPTS
    if missing := [name for name in needed if name not in files]:
        raise ValueError(f"{folder}: script missing: {', '.join(missing)}")
    return Entry(service, files)


def _order(entries: Mapping[str, Entry]) -> list[str]:
    """All names, required ones first, otherwise by name."""
    graph = {name: sorted(entry.service.requires) for name, entry in entries.items()}
    for name, requires in graph.items():
        if unknown := [required for required in requires if required not in graph]:
            raise ValueError(f"task service {name} requires unknown {', '.join(unknown)}")
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        raise ValueError(f"task services require each other in a cycle: {cycle}") from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order.extend(ready)
        sorter.done(*ready)
    return order
