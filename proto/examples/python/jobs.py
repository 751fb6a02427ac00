"""The jobs of ConformanceService, and its Sleep: what takes a while."""

import asyncio
import time
import uuid

import grpc

from descriptors import message
from items import failure
from statusway import choose_status, prefer_wait

_Empty = message("google.protobuf.Empty")
_Job = message("statusway.conformance.v1.Job")

_MOST = 1024
_LONGEST = 10.0


class Jobs:
    """The methods of jobs. A job is done when its time has come; nothing runs until then."""

    def __init__(self):
        self._jobs = {}  # By name: when it ends, and what it then is.

    async def StartJob(self, request, call):
        lasts = _seconds(request.milliseconds)
        done = _Job(name=f"jobs/{uuid.uuid4()}", done=True)
        if request.HasField("error"):
            done.error.CopyFrom(request.error)
        self._jobs[done.name] = (time.monotonic() + lasts, done)
        if len(self._jobs) > _MOST:
            del self._jobs[next(iter(self._jobs))]
        wait = prefer_wait(call.metadata)
        if wait is None or wait < lasts:
            await asyncio.sleep(wait or 0)
            return self._now(done.name)  # 202, as the method declares: look at Location later.
        await asyncio.sleep(lasts)
        call.say(choose_status(200))
        return done

    async def GetJob(self, request, _call):
        if request.name not in self._jobs:
            raise failure(grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND", f'There is no job "{request.name}".')
        return self._now(request.name)

    async def Sleep(self, request, _call):
        await asyncio.sleep(_seconds(request.milliseconds))
        return _Empty()

    def _now(self, name):
        ends, done = self._jobs[name]
        return done if time.monotonic() >= ends else _Job(name=name)


def _seconds(milliseconds):
    return min(max(0, milliseconds / 1000), _LONGEST)
