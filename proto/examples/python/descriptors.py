"""The messages and services of a FileDescriptorSet, without generated code.

The set is the one that `statusway proxy --descriptors` reads, so the two ends of the
connection cannot disagree on what a field or a method is.
"""

import pathlib

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FILE = pathlib.Path(__file__).parent.parent / "conformance.binpb"

# A pool of its own: the default one has files of the same names that may be older.
_pool = descriptor_pool.DescriptorPool()
for _file in descriptor_pb2.FileDescriptorSet.FromString(_FILE.read_bytes()).file:
    _pool.Add(_file)

# protobuf 4.22 made a function of what had been a method, and later ones have that alone.
if hasattr(message_factory, "GetMessageClass"):
    _class_of = message_factory.GetMessageClass
else:
    _class_of = message_factory.MessageFactory(_pool).GetPrototype


def message(name):
    """The class of a message, by its full name."""
    return _class_of(_pool.FindMessageTypeByName(name))


def enum(name):
    """The numbers of an enum, by the names of its values."""
    return {value.name: value.number for value in _pool.FindEnumTypeByName(name).values}


def methods(service):
    """The methods of a service by name: the classes of request and response, whether client and server stream."""
    # What streams is in the descriptor's own message: before protobuf 4.22 Python shows it nowhere else.
    declared = descriptor_pb2.ServiceDescriptorProto()
    _pool.FindServiceByName(service).CopyToProto(declared)
    return {
        method.name: (
            message(method.input_type[1:]),
            message(method.output_type[1:]),
            method.client_streaming,
            method.server_streaming,
        )
        for method in declared.method
    }
