"""What a backend sends to the gateway and reads from it.

It is all gRPC metadata and google.rpc.Status (../../README.md), so a backend never sees
HTTP. Copy this file and descriptors.py to your backend.
"""

import asyncio
import datetime
import logging
import math
import re

import grpc

from descriptors import message

_Any = message("google.protobuf.Any")
_ErrorInfo = message("google.rpc.ErrorInfo")
_Status = message("google.rpc.Status")


def choose_status(status):
    """Chooses one of the success statuses that the method declares."""
    return {"statusway-status": str(status)}


def allowance(limit, remaining, reset):
    """Reports the caller's limit, how many requests are left, and the seconds until the reset."""
    return {
        "x-rate-limit-limit": str(limit),
        "x-rate-limit-remaining": str(remaining),
        "x-rate-limit-reset": str(reset),
    }


class Failure(Exception):
    """An error as gRPC sends it: a number, a message for the client, and trailing metadata."""

    def __init__(self, code, text, metadata=None):
        super().__init__(text)
        self.code = code  # a number: grpc.StatusCode.NOT_FOUND.value[0], or one without a name
        self.text = text
        self.metadata = metadata or {}


def fail(code, text, reason, domain, metadata=None, details=()):
    """An error with rich details: messages such as google.rpc.RetryInfo."""
    status = _Status(code=code.value[0], message=text)
    for detail in (_ErrorInfo(reason=reason, domain=domain, metadata=metadata), *details):
        status.details.add().Pack(detail)
    return fail_with(status)


def fail_with(status):
    """An error that is a whole google.rpc.Status."""
    # Its code must equal grpc-status: a client treats two different codes as a broken
    # response.
    return Failure(status.code, status.message, {"grpc-status-details-bin": status.SerializeToString()})


def plain_fail(code, text, reason, domain, retry_after=None):
    """The same error without google.rpc.Status: the gateway makes the details."""
    metadata = {"statusway-reason": reason, "statusway-domain": domain}
    if retry_after is not None:
        metadata["statusway-retry-after"] = str(math.ceil(retry_after))
    return Failure(code.value[0], text, metadata)


def prefer_wait(metadata):
    """How many seconds the client waits for the work to end; None if it did not say."""
    values = [value for value in values_of(metadata, "prefer-wait") if value.isascii() and value.isdigit()]
    return int(values[0]) if values else None


def values_of(metadata, key):
    """All values of a key. Several of them are one list (RFC 9110 §5.3)."""
    return [value for name, value in metadata if name == key]


class Preconditions:
    """The conditions of a request for its write (RFC 9110 §13.1)."""

    def __init__(self, metadata):
        self._metadata = metadata

    def check(self, etag=None, modified=None):
        """Raises if a condition does not hold for the stored resource.

        The arguments are its version and the second of its last change; both None if the
        resource is missing. Nothing may happen between this check and the write, or two
        clients could both succeed. Here neither awaits anything. With a database, use one
        transaction, or the WHERE of the statement that writes.
        """
        match, none_match = self._tags("if-match"), self._tags("if-none-match")
        since = _http_date(self._line("if-unmodified-since"))
        if match is not None:
            # If-Match compares strongly, so a weak tag never matches (§8.8.3.2).
            if etag is None or not ("*" in match or (False, etag) in match):
                raise _condition_failed()
        elif since is not None and modified is not None and modified > since:
            raise _condition_failed()
        if none_match is not None and etag is not None:
            if "*" in none_match or etag in [tag[1] for tag in none_match]:
                raise _condition_failed()

    def _line(self, key):
        values = values_of(self._metadata, key)
        return ", ".join(values) if values else None

    def _tags(self, key):
        """The entity-tags of a list, each as (weak, text), or just "*"; None if there is no list."""
        line = self._line(key)
        if line is None:
            return None
        if line.strip() == "*":
            return ["*"]
        tags, at = [], 0
        while at < len(line):
            # A tag may contain a comma, so do not split the list at commas.
            member = re.compile(r'[\t ]*(?:(W/)?"([!\x23-\x7e]*)")?[\t ]*(?:,|$)').match(line, at)
            if member is None:
                raise _condition_failed()  # The gateway refuses such a list.
            if member[2] is not None:
                tags.append((member[1] is not None, member[2]))
            at = member.end()
        return tags


def _condition_failed():
    return fail(
        grpc.StatusCode.ABORTED, "A condition of the request does not hold.", "PRECONDITION_FAILED", "statusway.v1"
    )


def _http_date(text):
    """The second of an HTTP-date in the gateway's form (§5.6.7); None if there is none."""
    try:
        date = datetime.datetime.strptime(text or "", "%a, %d %b %Y %H:%M:%S GMT")
    except ValueError:
        return None
    return date.replace(tzinfo=datetime.timezone.utc).timestamp()


class Call:
    """What a method knows about its call besides the request."""

    def __init__(self, context):
        self._context = context
        self._begun = False
        self.metadata = context.invocation_metadata()
        self.trailer = {}

    def say(self, *metadata):
        """Adds response metadata, which is sent at the end, for a success and for an error.

        A stream also sends the metadata that it has before its first message, because the
        gateway cannot wait for the end of a stream.
        """
        for one in metadata:
            self.trailer.update(one)

    async def say_first(self, metadata):
        """Sends initial metadata now, once. Only tests need it."""
        if not self._begun:
            self._begun = True
            await self._context.send_initial_metadata(tuple(metadata.items()))

    async def send(self, response):
        """Sends one message of a stream."""
        await self.say_first(self.trailer)
        await self._context.write(response)

    async def finish(self, run, request):
        """Runs a method to the end of its call."""
        try:
            response = await run(request, self)
        except Failure as failure:
            await self._abort(failure)
        except asyncio.CancelledError:
            raise  # Nobody waits for the response.
        except Exception:  # pylint: disable=broad-except
            logging.exception("a method failed")
            # The client must not see internals.
            await self._abort(Failure(grpc.StatusCode.INTERNAL.value[0], "internal error"))
        self._context.set_trailing_metadata(tuple(self.trailer.items()))
        return response

    async def _abort(self, failure):
        trailer = {**self.trailer, **failure.metadata}
        await self._context.abort(_Code(failure.code), failure.text, tuple(trailer.items()))


class _Code:
    """A code without a name, in the form of grpc.StatusCode, which has only named codes."""

    def __init__(self, number):
        self.value = (number,)


async def _messages(stream):
    """The messages of a client stream, until the client ends it.

    grpcio also ends the iteration when the client disconnects, and cancels the call only
    afterwards, on a busy machine some milliseconds later. Without the wait a method would
    mistake half of a stream for all of it.
    """
    async for one in stream:
        yield one
    await asyncio.sleep(0.02)


def handler(method, run):
    """The handler of a method, for grpc.method_handlers_generic_handler.

    run takes (request, call). For a unary method it returns the response; for a streaming
    method it sends with call.send. If the client streams, the request is an async iterable
    of messages. To fail, raise a Failure.
    """
    request_class, response_class, client_streams, server_streams = method

    async def handle(request, context):
        return await Call(context).finish(run, _messages(request) if client_streams else request)

    make = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[client_streams, server_streams]
    return make(
        handle, request_deserializer=request_class.FromString, response_serializer=response_class.SerializeToString
    )
