"""BindingService: each method returns its request as it arrived."""


class Bindings:
    async def Choose(self, request, _call):
        return request

    async def Select(self, request, _call):
        return request

    async def Change(self, request, _call):
        return request

    async def Act(self, request, _call):
        return request

    async def Report(self, request, _call):
        return request
