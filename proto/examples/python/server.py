"""Serves ConformanceService, StreamService and BindingService over gRPC."""

import argparse
import asyncio
import signal

import grpc

from allowances import Counted
from bindings import Bindings
from descriptors import methods
from items import Items
from jobs import Jobs
from outcomes import Outcomes
from statusway import handler
from streams import Streams

_PACKAGE = "statusway.conformance.v1"


async def serve(address, counted):
    # Without the option a request whose metadata is over 8 KiB fails, and a gateway passes
    # longer header fields on.
    server = grpc.aio.server(options=[("grpc.max_metadata_size", 128 << 10)])
    services = {
        "ConformanceService": (Items(), Jobs(), Outcomes()),
        "StreamService": (Streams(),),
        "BindingService": (Bindings(),),
    }
    for name, parts in services.items():
        service = f"{_PACKAGE}.{name}"
        handlers = _handlers(service, parts, counted)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port(address)
    await server.start()
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    print(f"gRPC {address.rpartition(':')[0]}:{port}", flush=True)
    await stop.wait()
    await server.stop(grace=5)  # Running calls may finish.


def _handlers(service, parts, counted):
    """The handlers of a service's methods, each of which one of the parts has."""
    handlers = {}
    for name, method in methods(service).items():
        for run in (getattr(part, name, None) for part in parts):
            if run is not None:
                handlers[name] = handler(method, counted.method(run) if counted else run)
    return handlers


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="127.0.0.1:50051")
    parser.add_argument("--allowance", help="such as 100/60: each caller may send 100 requests in 60 seconds")
    arguments = parser.parse_args()
    counted = Counted(*map(int, arguments.allowance.split("/"))) if arguments.allowance else None
    asyncio.run(serve(arguments.address, counted))


if __name__ == "__main__":
    main()
