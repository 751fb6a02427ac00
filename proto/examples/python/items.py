"""The items of ConformanceService, in memory."""

import base64
import binascii
import uuid

import grpc

from descriptors import message
from statusway import Preconditions, choose_status, plain_fail

DOMAIN = "statusway.conformance.v1"

_Empty = message("google.protobuf.Empty")
_Item = message("statusway.conformance.v1.Item")
_ListItemsResponse = message("statusway.conformance.v1.ListItemsResponse")

_MOST = 4096  # The newest stay, so that it never fills up.
_LONGEST_ID = 128


def failure(code, reason, text):
    """An error of the service's own. What it states needs no more than plain metadata."""
    return plain_fail(code, text, reason, DOMAIN)


class Items:
    """The methods of items. None awaits anything between reading and writing, so no other call comes between."""

    def __init__(self):
        self._items = {}  # By id, the oldest first.
        self._run = uuid.uuid4().hex[:8]  # Tells the versions of this run from those of another.
        self._versions = 0

    async def ListItems(self, request, _call):
        after = _from_token(request.page_token)
        size = min(request.page_size, 1000) if request.page_size > 0 else 50
        # Python compares strings by code point, which is the order of their octets in UTF-8.
        ids = sorted(one for one in self._items if one.startswith(request.prefix) and one > after)
        response = _ListItemsResponse(items=[self._items[one] for one in ids[:size]])
        if len(ids) > size:
            response.next_page_token = base64.urlsafe_b64encode(ids[size - 1].encode()).decode()
        return response

    async def GetItem(self, request, _call):
        return self._find(request.id)

    async def GetOldItem(self, request, call):
        return await self.GetItem(request, call)  # That it is deprecated is nothing to the backend.

    async def CreateItem(self, request, _call):
        new_id = request.item.id or str(uuid.uuid4())
        _validate(new_id, request.item)
        if new_id in self._items:
            raise failure(grpc.StatusCode.ALREADY_EXISTS, "ITEM_EXISTS", f'There is an item "{new_id}" already.')
        return self._create(new_id, request.item)  # The method declares 201, and Location by a template.

    async def PutItem(self, request, call):
        _validate(request.id, request.item)
        current = self._items.get(request.id)
        _may_write(call, current, request.item.etag)
        if current is None:
            call.say(choose_status(201))  # The default of the two declared is 200.
            return self._create(request.id, request.item)
        current.display_name = request.item.display_name
        _set_labels(current, request.item)
        return self._touched(current)

    async def UpdateItem(self, request, call):
        current = self._find(request.item.id)
        _may_write(call, current, request.item.etag)
        named = {"display_name", "labels"}.intersection(request.update_mask.paths)
        if "display_name" in named:
            _validate(current.id, request.item)
            current.display_name = request.item.display_name
        if "labels" in named:
            _set_labels(current, request.item)
        return self._touched(current) if named else current

    async def DeleteItem(self, request, call):
        _may_write(call, self._find(request.id))
        del self._items[request.id]
        return _Empty()

    def _find(self, item_id):
        if item_id not in self._items:
            raise failure(grpc.StatusCode.NOT_FOUND, "ITEM_NOT_FOUND", f'There is no item "{item_id}".')
        return self._items[item_id]

    def _create(self, item_id, given):
        item = self._touched(_Item(id=item_id, display_name=given.display_name, labels=given.labels))
        item.create_time.CopyFrom(item.update_time)
        self._items[item_id] = item
        if len(self._items) > _MOST:
            del self._items[next(iter(self._items))]
        return item

    def _touched(self, item):
        self._versions += 1
        item.etag = f"{self._run}-{self._versions}"
        item.update_time.GetCurrentTime()
        return item


def _may_write(call, item, etag=""):
    """Raises unless the item may be written: by the request's metadata, and by the etag in its message."""
    conditions = Preconditions(call.metadata)
    if item is None:
        conditions.check()
    else:
        conditions.check(item.etag, item.update_time.seconds)
    if etag and (item is None or etag != item.etag):
        raise failure(grpc.StatusCode.ABORTED, "STALE_ETAG", "The etag is not that of the current version.")


def _validate(item_id, item):
    if not item.display_name or len(item_id) > _LONGEST_ID:
        text = f"An item needs a display name, and an id of at most {_LONGEST_ID} characters."
        raise failure(grpc.StatusCode.INVALID_ARGUMENT, "ITEM_INVALID", text)


def _set_labels(item, given):
    item.labels.clear()
    item.labels.update(given.labels)


def _from_token(token):
    """The id after which a page begins."""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = "The page token is none of this list."
        raise failure(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", text) from None
