"""The methods of StreamService whose messages are google.api.HttpBody: raw bytes with a content type."""

import contextlib
import hashlib

import grpc

from descriptors import message
from items import failure
from outcomes import begin, end

_GetPictureResponse = message("statusway.conformance.v1.GetPictureResponse")
_HttpBody = message("google.api.HttpBody")
_PutPictureResponse = message("statusway.conformance.v1.PutPictureResponse")
_UploadResponse = message("statusway.conformance.v1.UploadResponse")

_MOST_PICTURES = 256
_MOST_MESSAGES = 1000
_MOST_BYTES = 1 << 20
_PICTURE_BYTES = 4


class Pictures:
    def __init__(self, calls):
        self._calls = calls
        self._pictures = {}  # By id, the oldest first.

    async def PutPicture(self, request, _call):
        picture = request.picture
        self._pictures.pop(request.id, None)
        self._pictures[request.id] = picture
        if len(self._pictures) > _MOST_PICTURES:
            del self._pictures[next(iter(self._pictures))]
        return _PutPictureResponse(
            id=request.id,
            caption=request.caption,
            content_type=picture.content_type,
            size=len(picture.data),
            sha256=hashlib.sha256(picture.data).hexdigest(),
        )

    async def GetPicture(self, request, _call):
        if request.id not in self._pictures:
            raise failure(grpc.StatusCode.NOT_FOUND, "PICTURE_NOT_FOUND", f'There is no picture "{request.id}".')
        return _GetPictureResponse(id=request.id, picture=self._pictures[request.id])

    async def StreamPicture(self, request, call):
        whole = (await self.GetPicture(request, call)).picture
        for at in range(0, len(whole.data), _PICTURE_BYTES):
            data, content_type = whole.data[at : at + _PICTURE_BYTES], "" if at else whole.content_type
            picture = _HttpBody(data=data, content_type=content_type)
            await call.send(_GetPictureResponse(id=request.id, picture=picture))

    async def Upload(self, bodies, _call):
        response = _UploadResponse()
        digest = hashlib.sha256()
        first = True
        with contextlib.ExitStack() as counting:
            async for body in bodies:
                if first:
                    counting.enter_context(self._calls.counted(body.content_type))
                    first = False
                if body.data:
                    response.messages += 1
                if body.content_type and body.content_type not in response.content_types:
                    response.content_types.append(body.content_type)
                response.size += len(body.data)
                digest.update(body.data)
            response.sha256 = digest.hexdigest()
            return response

    async def Download(self, request, call):
        await begin(request.outcome, call)
        size = min(max(0, request.size), _MOST_BYTES)
        for i in range(min(request.count, _MOST_MESSAGES)):
            data = bytes([ord("a") + i % 26]) * size
            await call.send(_HttpBody(data=data, content_type=request.content_type if i == 0 else ""))
        end(request.outcome, call)
