"""In what workflows run, so that what is not deterministic is found."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions


def workflow_runner(*, strict: bool) -> SandboxedWorkflowRunner:
    """The sandbox. `strict` is the SDK's proper: it finds what is not deterministic, for twice the CPU."""
    default = SandboxRestrictions.default
    if strict:
        return SandboxedWorkflowRunner(
            restrictions=default.with_passthrough_modules("workflows", "pydantic", "pydantic_core")
        )
    return SandboxedWorkflowRunner(restrictions=default.with_passthrough_all_modules())
