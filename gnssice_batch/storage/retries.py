"""What the libraries of object stores do where a request fails: they ask again as `PATIENCE` says."""

from collections.abc import Mapping
from typing import Any, Final

from gnssice_batch.storage.patience import PATIENCE, TRIES, seconds_said
from gnssice_batch.storage.traffic import note_answer, note_request

_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
_AN_ERROR: Final = 300
_TIMEOUT: Final = "RequestTimeout"


def count_s3(request: Any, event_name: str = "", **_event: object) -> None:
    """Take note of botocore's event ``before-send``: a request, made again or not."""
    note_request(request.method, request.headers, lists=".ListObjects" in event_name)


def pause_of_s3(
    response: tuple[Any, Mapping[str, Any]] | None, attempts: int, caught_exception: Exception | None, **_event: object
) -> float | None:
    """Answer botocore's event ``needs-retry``: seconds until a request is made again, None where it is not."""
    if caught_exception is not None:
        from botocore.exceptions import ConnectionError as NoConnection  # noqa: PLC0415 - only where S3 is used
        from botocore.exceptions import HTTPClientError  # noqa: PLC0415

        transient = isinstance(caught_exception, HTTPClientError | NoConnection)
        return PATIENCE.pause_s(attempts, caught_exception) if transient else None
    if response is None:
        return None
    answer, parsed = response
    if getattr(answer, "headers", None) is not None and answer.status_code < _AN_ERROR:
        note_answer(answer.headers)
    code = parsed.get("Error", {}).get("Code", "")
    if answer.status_code in _AGAIN or code == _TIMEOUT:
        said_s = seconds_said(answer.headers.get("Retry-After"))
        return PATIENCE.pause_s(attempts, f"{answer.status_code} {code}", said_s)
    PATIENCE.answered()
    return None


def retries_of_azure() -> Any:
    """The policy of Azure's library for requests that fail."""
    from azure.storage.blob.aio import ExponentialRetry  # noqa: PLC0415 - only where Azure is used

    class Patient(ExponentialRetry):
        """Waits as `PATIENCE` says."""

        def increment(self, settings: dict[str, Any], request: Any, response: Any = None, error: Any = None) -> bool:
            """Take note of a failure; tell whether the request is made again."""
            note_request(request.method, request.headers, lists="comp=list" in request.url)
            if not super().increment(settings, request, response, error):
                return False
            said_s = seconds_said(response.headers.get("Retry-After")) if response is not None else 0.0
            why = error or f"{response.status_code} {response.headers.get('x-ms-error-code', '')}"
            settings["pause_s"] = PATIENCE.pause_s(settings["count"], why, said_s)
            return settings["pause_s"] is not None

        def get_backoff_time(self, settings: dict[str, Any]) -> float:
            """Seconds until it is made."""
            return float(settings["pause_s"])

        async def send(self, request: Any) -> Any:  # type: ignore[override]  # as the asynchronous base does
            """Make a request, as often as it is needed."""
            response = await super().send(request)  # type: ignore[no-untyped-call]  # the library's own is not typed
            asked = request.http_request
            note_request(asked.method, asked.headers, lists="comp=list" in asked.url)
            note_answer(response.http_response.headers)
            if response.http_response.status_code not in _AGAIN:
                PATIENCE.answered()
            return response

    return Patient(retry_total=TRIES, retry_connect=TRIES, retry_read=TRIES, retry_status=TRIES)
