"""The embedded stack at a terminal: `python -m deploy.local run`, or `demo`."""

import argparse
import asyncio
import os
import sys

from activities.process_end import end_after
from activities.settings import Settings, SettingsError
from deploy.local.demo.journey import demo
from deploy.local.errors import BadSetting, StackError
from deploy.local.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("what", choices=["run", "demo"])
    what = parser.parse_args().what
    try:
        settings = _settings()
        return asyncio.run(run(settings) if what == "run" else demo(settings))
    except StackError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _settings() -> Settings:
    try:
        return Settings.from_environment(os.environ)
    except SettingsError as error:
        raise BadSetting(str(error)) from None


if __name__ == "__main__":
    end_after(main)
