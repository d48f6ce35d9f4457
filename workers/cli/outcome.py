"""What the program exits with."""

from enum import IntEnum

from pipeline.errors import InputError, TransientError, VoxqueueError
from workers.errors import ConfigurationError, JobFailed, RequestError, WaitTimeout
from workers.jobs import JobStatus
from workers.states import JobState


class Exit(IntEnum):
    """Exit statuses, the same for every command."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    AWAY = 3
    INTERRUPTED = 130


def exit_status(error: VoxqueueError) -> Exit:
    """The exit status of a program that ends with this error."""
    match error:
        case WaitTimeout() | TransientError():
            return Exit.AWAY
        case JobFailed():
            return Exit.JOB_FAILED
        case InputError() | RequestError() | ConfigurationError():
            return Exit.USAGE
    return Exit.JOB_FAILED


def exit_status_of(job: JobStatus) -> Exit:
    """The exit status of a program that waited for this job."""
    if job.state is JobState.COMPLETED:
        return Exit.OK
    return Exit.USAGE if job.error_code in _codes(InputError) else Exit.JOB_FAILED


def _codes(kind: type[VoxqueueError]) -> set[str]:
    return {kind.code}.union(*(_codes(each) for each in kind.__subclasses__())) - {VoxqueueError.code}
