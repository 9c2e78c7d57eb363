"""Calls to a store made at the same time, so that they wait for it together.

What is written together must be open before: opening an array asks Icechunk's session for its name, with the
interpreter's lock held, and while another call writes that can wait for ever.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final

AT_ONCE: Final = 16


def together[T](calls: Iterable[Callable[[], T]], at_once: int = AT_ONCE) -> list[T]:
    """The results of calls in their order, so many of them under way at a time.

    Raises
    ------
    Exception
        What the first call that failed has raised, once none is under way any more; those not begun are left out.
    """
    calls = list(calls)
    if len(calls) <= 1:
        return [call() for call in calls]
    with ThreadPoolExecutor(min(at_once, len(calls)), "store") as pool:
        under_way = [pool.submit(copy_context().run, call) for call in calls]
        try:
            return [one.result() for one in under_way]
        finally:
            for one in under_way:
                one.cancel()
