package tour

import "slices"

const (
	fieldAccept        = "Accept"
	fieldAuthorization = "Authorization"
	fieldContentType   = "Content-Type"
	fieldIfMatch       = "If-Match"
	fieldIfNoneMatch   = "If-None-Match"

	typeJSON    = "application/json"
	entities    = "/v1/entities"
	teapot      = entities + "/teapot"
	sessions    = "/v1/sessions"
	maintenance = "/v1/maintenance"
	statuses    = "/statuses"

	// The users of a demo. What is done to the viewer's allowance leaves the others
	// theirs.
	viewer = "viewer"
	editor = "editor"
	admin  = "admin"
)

// Steps are all steps by their row, the simplest of a row first. A browser that shows
// them can send each to a server that has what it needs.
func Steps() []Step {
	return slices.Concat(successes(), wrongRequests(), wrongCallers(), conflicts(), tooMuch(), serverErrors())
}

// login asks for a token, which is kept under the user's name.
func login(user string) Request {
	return Request{
		Method: "POST", Path: sessions, Fields: []Field{{fieldContentType, typeJSON}},
		Body: `{"username": "` + user + `", "password": "demo"}`, Keep: map[string]string{user: "/accessToken"},
	}
}

// as makes r the request of a user who has logged in.
func (r Request) as(user string) Request {
	r.Fields = append([]Field{{fieldAuthorization, "Bearer {" + user + "}"}}, r.Fields...)
	return r
}

// with adds a header field.
func (r Request) with(name, value string) Request {
	r.Fields = append(slices.Clone(r.Fields), Field{name, value})
	return r
}

// keep names a value of the answer.
func (r Request) keep(name, of string) Request {
	r.Keep = map[string]string{name: of}
	return r
}

func read(path string) Request { return Request{Method: "GET", Path: path} }

func remove(path string) Request { return Request{Method: "DELETE", Path: path} }

// write has a JSON body.
func write(method, path, body string) Request {
	return Request{Method: method, Path: path, Fields: []Field{{fieldContentType, typeJSON}}, Body: body}
}

func successes() []Step {
	return []Step{
		{
			Name: "health", Row: 200, Needs: AnyServer, Title: "The server says that it is well",
			Why:     "The simplest request there is. It needs no token, and no limit counts it.",
			Request: read("/healthz"),
		},
		{
			Name: "entity-read", Row: 200, Needs: DemoData, Title: "An entity is read",
			Why:     "ETag is the version that was read, and Last-Modified the time of its last change. Both serve for conditions.",
			Before:  []Request{login(editor)},
			Request: read(teapot).as(editor),
		},
		{
			Name: "entity-created", Row: 201, Needs: DemoData, Title: "A POST creates an entity",
			Why:     "Location is the new entity's unique URL, with its id. The body is what a GET there returns.",
			Before:  []Request{login(editor)},
			Request: write("POST", entities, `{"id": "urn-{run}", "displayName": "An urn"}`).as(editor).keep("location", "header:Location"),
			After:   []Request{remove("{location}").as(editor)},
		},
		{
			Name: "entity-put", Row: 201, Needs: DemoData, Title: "A PUT creates an entity",
			Why:     "Nothing had this id, so the request has created it. The same request again would replace it, and be 200.",
			Before:  []Request{login(editor)},
			Request: write("PUT", entities+"/tray-{run}", `{"displayName": "A tray"}`).as(editor).keep("location", "header:Location"),
			After:   []Request{remove("{location}").as(editor)},
		},
		{
			Name: "import-accepted", Row: 202, Needs: DemoData, Title: "An import is accepted",
			Why:    "The work goes on in the background. Location is the operation to follow, which the request after it does.",
			Before: []Request{login(editor)},
			Request: write("POST", entities+":import", `{"entities": [{"id": "saucer-{run}", "displayName": "A saucer"}]}`).
				as(editor).keep("location", "header:Location"),
			After: []Request{read("{location}").as(editor)},
		},
		{
			Name: "entity-deleted", Row: 204, Needs: DemoData, Title: "An entity is deleted",
			Why:     "Nothing is left to tell, so there is no body.",
			Before:  []Request{login(editor), write("POST", entities, `{"id": "cracked-cup-{run}", "displayName": "A cracked cup"}`).as(editor)},
			Request: remove(entities + "/cracked-cup-{run}").as(editor),
		},
		{
			Name: "table-not-modified", Row: 304, Needs: AnyServer, Title: "The table has not changed",
			Why:     "The client has this very version already, which its entity-tag in If-None-Match says.",
			Before:  []Request{read(statuses).with(fieldAccept, typeJSON).keep("etag", "header:ETag")},
			Request: read(statuses).with(fieldAccept, typeJSON).with(fieldIfNoneMatch, "{etag}"),
		},
		{
			Name: "entity-not-modified", Row: 304, Needs: DemoData, Title: "The entity has not changed",
			Why:     "The version that the client has is the latest one, so no body is sent.",
			Before:  []Request{login(editor), read(teapot).as(editor).keep("etag", "header:ETag")},
			Request: read(teapot).as(editor).with(fieldIfNoneMatch, "{etag}"),
		},
	}
}

func wrongRequests() []Step {
	return []Step{
		{
			Name: "field-malformed", Row: 400, Needs: AnyServer, Title: "A header field cannot be read",
			Why:     "A weight in Accept is a number from 0 to 1. What is wrong stands in the member errors.",
			Request: read(statuses).with(fieldAccept, "text/html;q=high"),
		},
		{
			Name: "parameter-wrong", Row: 400, Needs: DemoData, Title: "A parameter is wrong",
			Why:     "pageSize is a number. The member errors points at each parameter that is wrong.",
			Before:  []Request{login(editor)},
			Request: read(entities + "?pageSize=many").as(editor),
		},
		{
			Name: "body-wrong", Row: 400, Needs: DemoData, Title: "A member of the body is wrong",
			Why:     "A display name is needed. The pointer is a JSON Pointer into the body that was sent.",
			Before:  []Request{login(editor)},
			Request: write("POST", entities, `{"displayName": ""}`).as(editor),
		},
	}
}

func wrongCallers() []Step {
	return []Step{
		{
			Name: "token-missing", Row: 401, Needs: ReferenceAPI, Title: "The token is missing",
			Why:     "WWW-Authenticate is the challenge: it says how to authenticate. Without credentials it tells of no error.",
			Request: read(entities),
		},
		{
			Name: "token-invalid", Row: 401, Needs: ReferenceAPI, Title: "The token is invalid or expired",
			Why:     "The challenge now says invalid_token, so that a client knows to log in again.",
			Request: read(entities).with(fieldAuthorization, "Bearer expired"),
		},
		{
			Name: "password-wrong", Row: 401, Needs: ReferenceAPI, Title: "The password is wrong",
			Why:     "Whether it was the name or the password does not show.",
			Request: write("POST", sessions, `{"username": "editor", "password": "guess"}`),
		},
		{
			Name: "group-foreign", Row: 403, Needs: DemoData, Title: "The entity belongs to another group",
			Why:     "The editor is known, and is not of the group accounts.",
			Before:  []Request{login(editor)},
			Request: read(entities + "/ledger").as(editor),
		},
		{
			Name: "url-invalid", Row: 404, Needs: AnyServer, Title: "The URL is invalid",
			Why:     "No route has this path. It shows before any token is asked for: which routes there are is public.",
			Request: read("/no/such/page"),
		},
		{
			Name: "entity-missing", Row: 404, Needs: DemoData, Title: "The entity was not found",
			Why:     "The route exists and the entity does not. The reason tells the two apart.",
			Before:  []Request{login(editor)},
			Request: read(entities + "/unicorn").as(editor),
		},
		{
			Name: "table-not-deletable", Row: 405, Needs: AnyServer, Title: "The page cannot be deleted",
			Why:     "Allow lists the methods that the resource does support.",
			Request: remove(statuses),
		},
		{
			Name: "collection-not-deletable", Row: 405, Needs: ReferenceAPI, Title: "The collection cannot be deleted",
			Why:     "Entities are deleted one by one. Allow lists what the collection supports.",
			Request: remove(entities),
		},
	}
}

func conflicts() []Step {
	return []Step{
		{
			Name: "id-taken", Row: 409, Needs: DemoData, Title: "The id is taken",
			Why:     "There is a teapot already, and a POST must not replace it.",
			Before:  []Request{login(editor)},
			Request: write("POST", entities, `{"id": "teapot", "displayName": "Another teapot"}`).as(editor),
		},
		{
			Name: "version-retired", Row: 410, Needs: ReferenceAPI, Title: "The version of the API is retired",
			Why:     "Every method on every path below /v0/ is gone for good, and Link names the successor. It may be cached for a day.",
			Request: Request{Method: "BREW", Path: "/v0/coffee"},
		},
		{
			Name: "table-condition", Row: 412, Needs: AnyServer, Title: "The table is another version",
			Why:     "If-Match asks for a version that is not the current one.",
			Request: read(statuses).with(fieldAccept, typeJSON).with(fieldIfMatch, `"an-older-version"`),
		},
		{
			Name: "entity-condition", Row: 412, Needs: DemoData, Title: "The entity has changed meanwhile",
			Why:     "The cup stays: it is another version than the one that the client wants to delete. The store decides that in the statement that would delete.",
			Before:  []Request{login(editor)},
			Request: remove(entities+"/cup").as(editor).with(fieldIfMatch, `"an-older-version"`),
		},
	}
}

func tooMuch() []Step {
	return []Step{
		{
			Name: "head-too-large", Row: 413, Needs: AnyServer, Title: "The URL is too long",
			Why:     "The request line and the header fields may have 64 KiB together, and {long} stands for 20 000 characters.",
			Request: read("/?{long}{long}{long}{long}"),
		},
		{
			Name: "body-too-large", Row: 413, Needs: ReferenceAPI, Title: "The body is too large",
			Why:     "A login may have 16 KiB, and {long} alone is longer. It is refused by its Content-Length, before a byte of it is read.",
			Request: write("POST", sessions, `{"username": "editor", "password": "{long}"}`),
		},
		{
			Name: "not-acceptable", Row: 415, Needs: AnyServer, Title: "The type that is asked for is not supported",
			Why:     "The table can be had as HTML and as JSON, and the client takes neither.",
			Request: read(statuses).with(fieldAccept, "image/png"),
		},
		{
			Name: "body-type", Row: 415, Needs: ReferenceAPI, Title: "The type of the body is not supported",
			Why:     "Accept, in the answer, lists the types that the resource reads.",
			Request: Request{Method: "POST", Path: sessions, Fields: []Field{{fieldContentType, "text/plain"}}, Body: "editor demo"},
		},
		{
			Name: "expectation", Row: 418, Needs: AnyServer, Title: "The server is asked to expect coffee",
			Why:     "Nobody knows how to, so the expectation cannot be met, and the request goes no further.",
			Request: Request{Method: "GET", Path: "/coffee", Fields: []Field{{"Expect", "coffee"}}, Instead: "/catalogue/expect"},
		},
		{
			Name: "allowance-used-up", Row: 429, Needs: DemoData, Title: "The allowance is used up",
			Why: "The request is sent again and again: X-Rate-Limit-Remaining counts down, and then Retry-After says when to come back. " +
				"It is the user viewer who is refused until then, and nothing else here needs the viewer.",
			Before:  []Request{login(viewer)},
			Request: withBurst(read(teapot).as(viewer)),
		},
	}
}

// withBurst sends a request until its user's allowance is used up, if that is not too
// large.
func withBurst(r Request) Request {
	r.Burst = 3000
	return r
}

func serverErrors() []Step {
	return []Step{
		{
			Name: "unexpected", Row: 500, Needs: ReferenceAPI, Title: "A disk is full", Mapped: true,
			Why: "Nothing that a client sends makes this server fail, so it is asked what it would answer if a service did. " +
				"What went wrong inside stays there: it goes to the log, under the request's id.",
			Request: write("POST", "/v1/statuses:map", `{"status": {"code": 13, "message": "disk /dev/sda1 is full"}}`),
		},
		{
			Name: "maintenance", Row: 503, Needs: DemoData, Title: "The API is closed for maintenance",
			Why: "The admin closes the API, the editor is told when to come back, and the admin opens it again.",
			Before: []Request{
				login(editor), login(admin),
				write("PUT", maintenance, `{"enabled": true, "retryAfter": 30, "message": "Back in half a minute."}`).as(admin),
			},
			Request: read(teapot).as(editor),
			After:   []Request{write("PUT", maintenance, `{"enabled": false}`).as(admin)},
		},
	}
}
