"""The parts that every step at AWS works with."""

from datetime import timedelta
from typing import NamedTuple

from activities.providers.aws.calls import Calls
from activities.providers.aws.doorway import Doorways
from activities.providers.aws.instances import Instances
from activities.providers.aws.options import Options


class Patience(NamedTuple):
    """How AWS is waited for. All but `settled` in seconds."""

    settled: timedelta = timedelta(seconds=3)
    """Age at which an instance can be relied upon to be the first of its name. AWS tells whole seconds, and
    shows what it has made to everybody after one or two. Starting takes it longer anyway."""
    pause: float = 0.5
    """Until the second look; from then on half as long again each time."""
    longest_pause: float = 5.0
    shown: float = 60.0
    """Until an instance that was made must be shown."""


class Cloud(NamedTuple):
    calls: Calls
    instances: Instances
    doorways: Doorways
    options: Options
    patience: Patience
