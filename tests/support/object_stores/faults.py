"""Which requests a fault strikes: rules that count requests, so that a run of the same requests meets the same."""

import random
from dataclasses import dataclass
from enum import StrEnum

from tests.support.object_stores.framing import KINDS, answer


class Fault(StrEnum):
    """What can happen between a job and an object store."""

    SLOW_DOWN = "slow_down"
    """503 with Retry-After; the server never sees the request."""
    RESET = "reset"
    """The connection is reset in the middle of the answer."""
    TRUNCATE = "truncate"
    """The connection is closed in the middle of the answer, as if it were whole."""
    STALL = "stall"
    """Nothing comes for some seconds in the middle of the answer."""
    LOST_ANSWER = "lost_answer"
    """The server does what is asked, the connection is reset instead of the answer."""
    EXPIRED = "expired"
    """403 ExpiredToken; the server never sees the request."""
    GONE = "gone"
    """All connections are reset, and new ones refused for some seconds."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault and the requests that it strikes."""

    fault: Fault
    kinds: tuple[str, ...] = KINDS
    first: int = 0
    """So many requests of these kinds pass before."""
    count: int | None = 1
    """So many are struck then; None: all that follow."""
    seconds: float = 0.0
    """How long a stall or an absence lasts, or what Retry-After says."""
    conditional: bool = False
    """Only requests with If-Match or If-None-Match."""
    holding: str = ""
    """Only requests with this text in their head, such as a token that has expired."""

    def fits(self, kind, head):
        """Tell whether the rule counts a request."""
        return (
            kind in self.kinds
            and (not self.conditional or b"\r\nif-match:" in head.lowered or b"\r\nif-none-match:" in head.lowered)
            and self.holding.encode() in head.raw
        )


class Rules:
    """Rules with the requests that they have counted; the first that strikes is the one."""

    def __init__(self, rules=()):
        self.rules = tuple(rules)
        self.seen = [0] * len(self.rules)

    def strike(self, kind, head):
        """Return the rule that strikes the next request, None where it passes."""
        struck = None
        for number, rule in enumerate(self.rules):
            if not rule.fits(kind, head):
                continue
            at = self.seen[number] - rule.first
            self.seen[number] += 1
            if struck is None and at >= 0 and (rule.count is None or at < rule.count):
                struck = rule
        return struck


def refusal(rule, head):
    """Return the answer of a server that refuses a request, in the dialect the request is in."""
    azure = b"\r\nx-ms-version:" in head.lowered
    status, code, said = {
        (Fault.SLOW_DOWN, False): ("503 Slow Down", "SlowDown", "Please reduce your request rate."),
        (Fault.SLOW_DOWN, True): ("503 Server Busy", "ServerBusy", "The server is busy."),
        (Fault.EXPIRED, False): ("403 Forbidden", "ExpiredToken", "The provided token has expired."),
        (Fault.EXPIRED, True): ("403 Forbidden", "AuthenticationFailed", "Signed expiry time has passed."),
    }[rule.fault, azure]
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{said}</Message></Error>'.encode()
    headers = {"x_ms_error_code": code} if azure else {}
    if rule.fault is Fault.SLOW_DOWN:
        headers["Retry_After"] = f"{rule.seconds:.0f}"
    return answer(status, b"" if head.raw.startswith(b"HEAD ") else body, **headers)


def schedule(seed, requests, seconds=1.0, faults=6):
    """Return some rules that strike among so many requests; one seed gives one schedule."""
    draw = random.Random(seed)
    return tuple(_drawn(draw, requests, seconds) for _ in range(faults))


def _drawn(draw, requests, seconds):
    fault = draw.choice(list(Fault))
    first = draw.randrange(requests)
    if fault is Fault.LOST_ANSWER:
        return Rule(fault, ("PUT",), draw.randrange(max(requests // 10, 1)), conditional=True)
    if fault in {Fault.SLOW_DOWN, Fault.EXPIRED}:
        return Rule(fault, first=first, count=draw.randint(1, 8), seconds=seconds)
    return Rule(fault, first=first, seconds=seconds)
