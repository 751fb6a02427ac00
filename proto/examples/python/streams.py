"""StreamService: streams in both directions, and calls that run until their client leaves."""

import asyncio
import contextlib

from calls import Calls
from descriptors import message
from outcomes import begin, end
from pictures import Pictures

_ChatResponse = message("statusway.conformance.v1.ChatResponse")
_CollectResponse = message("statusway.conformance.v1.CollectResponse")
_Empty = message("google.protobuf.Empty")
_HoldResponse = message("statusway.conformance.v1.HoldResponse")
_Note = message("statusway.conformance.v1.Note")
_WatchNotesResponse = message("statusway.conformance.v1.WatchNotesResponse")

_MOST = 1000
_LONGEST = 10.0


class Streams(Pictures):
    """The request of a client stream is an async iterable of messages. It ends when the client has half-closed."""

    def __init__(self):
        super().__init__(Calls())

    async def Collect(self, notes, call):
        response = _CollectResponse()
        with contextlib.ExitStack() as counting:
            async for note in notes:
                if not response.notes:
                    counting.enter_context(self._calls.counted(note.key))
                response.notes.append(note)
                if note.HasField("outcome"):
                    end(note.outcome, call)
                    return response
            response.half_closed = True
            return response

    async def Chat(self, notes, call):
        await call.say_first({})  # Without it a client would see nothing until it has said something.
        count = 0
        with contextlib.ExitStack() as counting:
            async for note in notes:
                if count == 0:
                    counting.enter_context(self._calls.counted(note.key))
                count += 1
                await call.send(_ChatResponse(note=note, count=count))
                if note.HasField("outcome"):
                    end(note.outcome, call)
                    return
            await call.send(_ChatResponse(count=count, half_closed=True))

    async def WatchNotes(self, request, call):
        await begin(request.outcome, call)
        for number in range(1, min(request.count, _MOST) + 1):
            await call.send(_WatchNotesResponse(number=number, note=_Note(text=f"Note {number}", number=number)))
        end(request.outcome, call)

    async def Hold(self, request, call):
        with self._calls.counted(request.key):
            await call.say_first({})
            for number in range(1, min(request.count, _MOST) + 1):
                await call.send(_HoldResponse(number=number))
            await _pause(request.milliseconds)
            end(request.outcome, call)

    async def Wait(self, request, _call):
        with self._calls.counted(request.key):
            await _pause(request.milliseconds)
            return _Empty()

    async def GetCalls(self, request, _call):
        return self._calls.of(request.key)


async def _pause(milliseconds):
    """Waits so many milliseconds; 0 means until the call is cancelled."""
    if milliseconds == 0:
        await asyncio.Event().wait()
    await asyncio.sleep(min(milliseconds / 1000, _LONGEST))
