"""Keeps the fuzzer from sawing off its branch, and from what no schema can say.

It is logged in as an admin, whom it can look up.
"""

import os
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData

from tests.fuzz.exclusions import is_unstorable

ADMIN = "FUZZ_ADMIN"
"""The environment variable with the name of the user whose token is used."""


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Nobody disables the admin, or takes the token from them: another name stands in the path."""
    if case.path_parameters.get("username") == os.environ[ADMIN]:
        case.path_parameters["username"] = "nobody-of-that-name"


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Whether it is one."""
    refused = isinstance(failure, RejectedPositiveData) and response.status_code == 422
    return not (refused and is_unstorable(case.body))
