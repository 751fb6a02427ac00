"""The methods of ConformanceService that do as they are told."""

from descriptors import enum, message
from statusway import Failure, fail_with

_EchoResponse = message("statusway.conformance.v1.EchoResponse")
_Empty = message("google.protobuf.Empty")
_Item = message("statusway.conformance.v1.Item")

_PLACEMENT = enum("statusway.conformance.v1.Placement")
_DELIVERY = enum("statusway.conformance.v1.Delivery")


class Outcomes:
    async def Respond(self, request, call):
        await begin(request, call)
        end(request, call)
        return _Empty()

    async def WatchItems(self, request, call):
        await begin(request.outcome, call)
        for number in range(1, min(request.count, 1000) + 1):
            await call.send(_Item(id=str(number), display_name=f"Item {number}"))
        end(request.outcome, call)

    async def Echo(self, request, call):
        response = _EchoResponse(request=request)
        for key, value in call.metadata:
            if not key.endswith("-bin"):
                response.metadata[key].values.append(value)
        return response


async def begin(outcome, call):
    """Sends what has to come before anything else."""
    if outcome.placement == _PLACEMENT["PLACEMENT_HEADER"]:
        await call.say_first(outcome.metadata)
    if outcome.placement == _PLACEMENT["PLACEMENT_TRAILER"]:
        # Sent empty, the trailers that follow are no part of it. Otherwise gRPC answers an
        # error by Trailers-Only.
        await call.say_first({})


def end(outcome, call):
    """Ends the call."""
    if outcome.placement != _PLACEMENT["PLACEMENT_HEADER"]:
        call.say(outcome.metadata)
    status = outcome.status
    if status.code == 0:
        return
    if outcome.delivery == _DELIVERY["DELIVERY_PLAIN"]:
        raise Failure(status.code, status.message)
    raise fail_with(status)
