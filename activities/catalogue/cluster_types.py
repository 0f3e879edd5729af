"""The catalogue of cluster types: a file for each, in the folder `clusters` of a catalogue folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from activities.catalogue.catalogue import Catalogue, catalogue_folders
from activities.catalogue.cluster_type import ClusterType, Members, settings_of
from activities.settings import Settings
from workflows.domain.errors import InvalidRequest
from workflows.domain.operations import ClusterConfig

BUILT_IN = Path(__file__).parent
FOLDER = "clusters"


class ClusterCatalogue:
    """The types by name. Immutable; made by `load`."""

    def __init__(self, types: Mapping[str, ClusterType], services: Catalogue) -> None:
        self._types = dict(sorted(types.items()))
        self._services = services

    @classmethod
    def load(cls, services: Catalogue, folders: Sequence[Path] = ()) -> "ClusterCatalogue":
        """The built-in types and those in `folders`; of one name, the later folder's wins.

        Raises:
            ValueError: a file does not fit, or names task services or parameters that there are not.
        """
        types: dict[str, ClusterType] = {}
        for folder in (BUILT_IN, *folders):
            for path in sorted((folder / FOLDER).glob("*.yaml")):
                kind = _read(path, services)
                types[kind.name] = kind
        return cls(types, services)

    @classmethod
    def from_settings(cls, settings: Settings) -> "ClusterCatalogue":
        """With what the folders hold that the settings name. Raises ValueError as `load` does."""
        folders = catalogue_folders(settings)
        return cls.load(Catalogue.load(folders), folders)

    @property
    def services(self) -> Catalogue:
        """The task services that the types are made of."""
        return self._services

    def get(self, name: str) -> ClusterType:
        """Raises InvalidRequest for an unknown name, with the known ones."""
        try:
            return self._types[name]
        except KeyError:
            known = ", ".join(self._types)
            raise InvalidRequest(f"unknown cluster type {name!r}; there are {known}") from None

    def check(self, cluster: ClusterConfig, provider: str) -> None:
        """Raises InvalidRequest where the cluster cannot be as it is wanted."""
        kind = self.get(cluster.cluster_type)
        kind.check(cluster.nodes, provider, cluster.params, cluster.version)
        wanted = settings_of(cluster.params, cluster.version)
        for service in kind.services():
            self._services.check(service.name, service.own(wanted))


def _read(path: Path, services: Catalogue) -> ClusterType:
    try:
        kind = ClusterType.model_validate(yaml.safe_load(path.read_text()))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ValueError(f"{path}: {problems}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from None
    if kind.name != path.stem:
        raise ValueError(f"{path}: the cluster type is named {kind.name}, and its file {path.stem}")
    try:
        _check_services(kind, services)
    except InvalidRequest as error:
        raise ValueError(f"{path}: {error.message}") from None
    return kind


def _check_services(kind: ClusterType, services: Catalogue) -> None:
    for one in kind.services():
        service = services.get(one.name).service
        service.check({name: v for name, v in one.params.items() if not isinstance(v, Members)})
        names = {*one.refers(), *one.takes}
        if unknown := sorted(names - service.parameters.keys()):
            raise InvalidRequest(f"task service {one.name} has no parameter {', '.join(unknown)}")
        if others := sorted(one.refers().keys() - set(service.servers) - {service.joins}):
            raise InvalidRequest(f"task service {one.name}: {', '.join(others)} names no servers")
