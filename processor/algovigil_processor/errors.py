"""The exception tree of the processor.

    ProcessorError        an AlgovigilError, so that the command line prints it
    ├── Permanent     the same request can never succeed; the sender must not retry
    │   └── TooLarge  more bytes than a stated bound
    ├── Retryable     the request was good and we are not able; carries advice
    └── StartError    the processor refuses to start; the message says how to mend it

Permanent or Retryable is decided where it is known and translated to gRPC and HTTP
codes only in `receive`. No message ever holds a value of the data.
"""

from __future__ import annotations

from algovigil.errors import AlgovigilError


class ProcessorError(AlgovigilError):
    """The root of every error that the processor raises on purpose."""


class Permanent(ProcessorError):
    """The data is wrong; sending it again changes nothing."""


class TooLarge(Permanent):
    """A body, or what it decompresses to, is over the stated bound."""


class Retryable(ProcessorError):
    """Nothing is wrong with the data; try again after `retry_seconds`."""

    def __init__(self, message: str, retry_seconds: float = 1.0) -> None:
        super().__init__(message)
        # 1-3 s: Python exporters drop a batch when advice exceeds their deadline
        self.retry_seconds = min(max(retry_seconds, 1.0), 3.0)


class StartError(ProcessorError):
    """Found, expected, hint: why the processor does not start."""

    exit_code = 2
