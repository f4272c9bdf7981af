"""The words of ClickHouse's HTTP protocol: errors, their codes and statuses, formats.

An error leaves this processor as ClickHouse would put it, since drivers match on
`Code: N. DB::Exception: ... (NAME)` and on the status.
"""

from __future__ import annotations

from typing import Final

CODES: Final = {
    "BAD_ARGUMENTS": 36,
    "SYNTAX_ERROR": 62,
    "UNKNOWN_FORMAT": 73,
    "UNKNOWN_DATABASE": 81,
    "READONLY": 164,
    "REQUIRED_PASSWORD": 194,
    "TOO_MANY_SIMULTANEOUS_QUERIES": 202,
    "QUERY_IS_TOO_LARGE": 229,
    "QUERY_WAS_CANCELLED": 394,
    "ACCESS_DENIED": 497,
    "AUTHENTICATION_FAILED": 516,
    "UNKNOWN_EXCEPTION": 1002,
}

# As `exceptionCodeToHTTPStatus` of ClickHouse maps them; codes not here are 500.
_STATUS: Final = {
    **dict.fromkeys((164, 192, 193, 497, 516), 403),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 81, 115), 404),
    **dict.fromkeys((6, 16, 36, 42, 43, 44, 53, 62, 131, 184, 207), 400),
    **dict.fromkeys((211, 215, 456, 457), 400),
    **dict.fromkeys((76, 202, 209), 503),
    48: 501,
    159: 408,
    194: 401,
    229: 413,
}

_TEXT: Final = "text/plain; charset=UTF-8"


class Refused(Exception):
    """A statement that is not run, or that failed, in ClickHouse's own words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def status(self) -> int:
        """The HTTP status that ClickHouse gives this code."""
        return _STATUS.get(self.code, 500)


def refused(name: str, text: str) -> Refused:
    """Return the error *name*, a key of `CODES`, worded as ClickHouse words errors."""
    code = CODES[name]
    return Refused(code, f"Code: {code}. DB::Exception: {text}. ({name})")


def content_type(output_format: str) -> str:
    """Return the media type in which ClickHouse sends *output_format*."""
    if "EachRow" in output_format or output_format in ("JSONLines", "NDJSON"):
        return "application/x-ndjson; charset=UTF-8"
    if output_format.startswith("JSON"):
        return "application/json; charset=UTF-8"
    if output_format.startswith(("TabSeparated", "TSV")):
        return "text/tab-separated-values; charset=UTF-8"
    if output_format.startswith("CSV"):
        return "text/csv; charset=UTF-8; header=absent"
    if output_format.startswith(("Pretty", "Vertical", "Values", "Markdown", "TSKV")):
        return _TEXT
    if output_format == "XML":
        return "application/xml; charset=UTF-8"
    return "application/octet-stream"
