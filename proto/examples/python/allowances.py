"""How much each caller may ask for: so many requests in each period."""

import math
import time

import grpc

from descriptors import message
from statusway import allowance, fail, values_of

_RetryInfo = message("google.rpc.RetryInfo")


class Counted:
    """Counts the calls of all its methods, and has each answer tell what is left."""

    def __init__(self, limit, period):
        self._limit = limit
        self._period = period
        self._ends = 0.0
        self._used = {}  # By caller, of this period alone.

    def method(self, run):
        """The same method, counted."""

        async def counted(request, call):
            self._take(call)
            return await run(request, call)

        return counted

    def _take(self, call):
        now = time.monotonic()
        if now >= self._ends:
            self._ends = now + self._period
            self._used = {}
        # The gateway's own: no client can choose it. Whoever calls without a gateway is one caller.
        caller = (values_of(call.metadata, "x-forwarded-for") or [""])[0]
        self._used[caller] = self._used.get(caller, 0) + 1
        reset = math.ceil(self._ends - now)
        call.say(allowance(self._limit, max(0, self._limit - self._used[caller]), reset))
        if self._used[caller] > self._limit:
            raise _spent(reset)


def _spent(seconds):
    wait = _RetryInfo()
    wait.retry_delay.seconds = seconds
    return fail(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "All requests of this period are used up.",
        "RATE_LIMITED",
        "statusway.v1",
        details=[wait],
    )
