"""Counts calls by the key that their client chose."""

import asyncio
import contextlib

from descriptors import message

_Calls = message("statusway.conformance.v1.Calls")

_MOST = 4096  # The newest keys stay, so that it never fills up.


class Calls:
    def __init__(self):
        self._counts = {}

    @contextlib.contextmanager
    def counted(self, key):
        """Counts a call while the block runs. An empty key counts nothing."""
        if not key:
            yield
            return
        counts = self._counts.setdefault(key, _Calls())
        if len(self._counts) > _MOST:
            del self._counts[next(iter(self._counts))]
        counts.started += 1
        counts.running += 1
        try:
            yield
        except asyncio.CancelledError:
            counts.cancelled += 1  # The client has left.
            raise
        finally:
            counts.running -= 1

    def of(self, key):
        return self._counts.get(key) or _Calls()
