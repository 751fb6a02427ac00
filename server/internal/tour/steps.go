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

// Steps returns all steps by their row, the simplest of a row first.
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

// keep stores a value of the response under a name.
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
			Name: "health", Row: 200, Needs: AnyServer, Title: "The server reports that it runs",
			Why:     "The simplest request. It needs no token, and no limit counts it.",
			Request: read("/healthz"),
		},
		{
			Name: "entity-read", Row: 200, Needs: DemoData, Title: "An entity is read",
			Why:     "ETag is the entity's version, and Last-Modified the time of its last change. A client can use both in conditions.",
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
			Why:     "No entity had this id, so the request created one. The same request again would replace it and return 200.",
			Before:  []Request{login(editor)},
			Request: write("PUT", entities+"/tray-{run}", `{"displayName": "A tray"}`).as(editor).keep("location", "header:Location"),
			After:   []Request{remove("{location}").as(editor)},
		},
		{
			Name: "import-accepted", Row: 202, Needs: DemoData, Title: "An import is accepted",
			Why:    "The import continues in the background. Location is the operation to poll, as the next request does.",
			Before: []Request{login(editor)},
			Request: write("POST", entities+":import", `{"entities": [{"id": "saucer-{run}", "displayName": "A saucer"}]}`).
				as(editor).keep("location", "header:Location"),
			After: []Request{read("{location}").as(editor)},
		},
		{
			Name: "entity-deleted", Row: 204, Needs: DemoData, Title: "An entity is deleted",
			Why:     "There is nothing to report, so the response has no body.",
			Before:  []Request{login(editor), write("POST", entities, `{"id": "cracked-cup-{run}", "displayName": "A cracked cup"}`).as(editor)},
			Request: remove(entities + "/cracked-cup-{run}").as(editor),
		},
		{
			Name: "table-not-modified", Row: 304, Needs: AnyServer, Title: "The table has not changed",
			Why:     "The entity-tag in If-None-Match shows that the client has this version already.",
			Before:  []Request{read(statuses).with(fieldAccept, typeJSON).keep("etag", "header:ETag")},
			Request: read(statuses).with(fieldAccept, typeJSON).with(fieldIfNoneMatch, "{etag}"),
		},
		{
			Name: "entity-not-modified", Row: 304, Needs: DemoData, Title: "The entity has not changed",
			Why:     "The client has the latest version, so the response has no body.",
			Before:  []Request{login(editor), read(teapot).as(editor).keep("etag", "header:ETag")},
			Request: read(teapot).as(editor).with(fieldIfNoneMatch, "{etag}"),
		},
	}
}

func wrongRequests() []Step {
	return []Step{
		{
			Name: "field-malformed", Row: 400, Needs: AnyServer, Title: "A header field cannot be read",
			Why:     "A weight in Accept must be a number from 0 to 1. The member errors says what is wrong.",
			Request: read(statuses).with(fieldAccept, "text/html;q=high"),
		},
		{
			Name: "parameter-wrong", Row: 400, Needs: DemoData, Title: "A parameter is wrong",
			Why:     "pageSize must be a number. The member errors names each wrong parameter.",
			Before:  []Request{login(editor)},
			Request: read(entities + "?pageSize=many").as(editor),
		},
		{
			Name: "body-wrong", Row: 400, Needs: DemoData, Title: "A member of the body is wrong",
			Why:     "An entity needs a display name. The pointer is a JSON Pointer into the request body.",
			Before:  []Request{login(editor)},
			Request: write("POST", entities, `{"displayName": ""}`).as(editor),
		},
	}
}

func wrongCallers() []Step {
	return []Step{
		{
			Name: "token-missing", Row: 401, Needs: ReferenceAPI, Title: "The token is missing",
			Why:     "WWW-Authenticate is the challenge: it says how to authenticate. A request without credentials gets a challenge without an error.",
			Request: read(entities),
		},
		{
			Name: "token-invalid", Row: 401, Needs: ReferenceAPI, Title: "The token is invalid or expired",
			Why:     "The challenge says invalid_token, so the client knows that it has to log in again.",
			Request: read(entities).with(fieldAuthorization, "Bearer expired"),
		},
		{
			Name: "password-wrong", Row: 401, Needs: ReferenceAPI, Title: "The password is wrong",
			Why:     "The response does not reveal whether the name or the password is wrong.",
			Request: write("POST", sessions, `{"username": "editor", "password": "guess"}`),
		},
		{
			Name: "group-foreign", Row: 403, Needs: DemoData, Title: "The entity belongs to another group",
			Why:     "The editor is logged in, but is not in the group accounts.",
			Before:  []Request{login(editor)},
			Request: read(entities + "/ledger").as(editor),
		},
		{
			Name: "url-invalid", Row: 404, Needs: AnyServer, Title: "The URL is invalid",
			Why:     "No route has this path. The server checks that before the token, because the list of routes is public.",
			Request: read("/no/such/page"),
		},
		{
			Name: "entity-missing", Row: 404, Needs: DemoData, Title: "The entity was not found",
			Why:     "The route exists, but the entity does not. The reason distinguishes the two cases.",
			Before:  []Request{login(editor)},
			Request: read(entities + "/unicorn").as(editor),
		},
		{
			Name: "table-not-deletable", Row: 405, Needs: AnyServer, Title: "The page cannot be deleted",
			Why:     "Allow lists the methods that the resource supports.",
			Request: remove(statuses),
		},
		{
			Name: "collection-not-deletable", Row: 405, Needs: ReferenceAPI, Title: "The collection cannot be deleted",
			Why:     "A client deletes entities one by one. Allow lists the methods that the collection supports.",
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
			Why:     "The paths below /v0/ are gone for good, for every method. Link names the successor. A cache may keep the response for a day.",
			Request: Request{Method: "BREW", Path: "/v0/coffee"},
		},
		{
			Name: "table-condition", Row: 412, Needs: AnyServer, Title: "The table has another version",
			Why:     "If-Match asks for a version that is not the current one.",
			Request: read(statuses).with(fieldAccept, typeJSON).with(fieldIfMatch, `"an-older-version"`),
		},
		{
			Name: "entity-condition", Row: 412, Needs: DemoData, Title: "The entity has changed meanwhile",
			Why:     "The client wants to delete an older version of the cup, so the cup stays. The store decides that in the statement that deletes.",
			Before:  []Request{login(editor)},
			Request: remove(entities+"/cup").as(editor).with(fieldIfMatch, `"an-older-version"`),
		},
	}
}

func tooMuch() []Step {
	return []Step{
		{
			Name: "head-too-large", Row: 413, Needs: AnyServer, Title: "The URL is too long",
			Why:     "The request line and the header fields together may have 64 KiB; {long} stands for 20 000 characters.",
			Request: read("/?{long}{long}{long}{long}"),
		},
		{
			Name: "body-too-large", Row: 413, Needs: ReferenceAPI, Title: "The body is too large",
			Why:     "A login may have 16 KiB, and {long} alone is longer. The server refuses it because of its Content-Length, before it reads a byte.",
			Request: write("POST", sessions, `{"username": "editor", "password": "{long}"}`),
		},
		{
			Name: "not-acceptable", Row: 415, Needs: AnyServer, Title: "The server does not support the requested type",
			Why:     "The table is available as HTML and as JSON, and the client accepts neither.",
			Request: read(statuses).with(fieldAccept, "image/png"),
		},
		{
			Name: "body-type", Row: 415, Needs: ReferenceAPI, Title: "The server does not support the type of the body",
			Why:     "Accept in the response lists the types that the resource supports.",
			Request: Request{Method: "POST", Path: sessions, Fields: []Field{{fieldContentType, "text/plain"}}, Body: "editor demo"},
		},
		{
			Name: "expectation", Row: 418, Needs: AnyServer, Title: "The client expects coffee",
			Why:     "The server cannot meet this expectation, so it refuses the request.",
			Request: Request{Method: "GET", Path: "/coffee", Fields: []Field{{"Expect", "coffee"}}, Instead: "/catalogue/expect"},
		},
		{
			Name: "allowance-used-up", Row: 429, Needs: DemoData, Title: "The allowance is used up",
			Why: "The client repeats the request: X-Rate-Limit-Remaining counts down, and then Retry-After says when to retry. " +
				"Until then the server refuses only the user viewer, whom no other example needs.",
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
			Why: "You cannot provoke a 500, so this one is simulated: the server shows its response to a service that fails. " +
				"The response does not reveal the cause. The log has it, under the request's id.",
			Request: write("POST", "/v1/statuses:map", `{"status": {"code": 13, "message": "disk /dev/sda1 is full"}}`),
		},
		{
			Name: "maintenance", Row: 503, Needs: DemoData, Title: "The API is closed for maintenance",
			Why: "The admin closes the API, the editor gets Retry-After, and the admin opens it again.",
			Before: []Request{
				login(editor), login(admin),
				write("PUT", maintenance, `{"enabled": true, "retryAfter": 30, "message": "Back in half a minute."}`).as(admin),
			},
			Request: read(teapot).as(editor),
			After:   []Request{write("PUT", maintenance, `{"enabled": false}`).as(admin)},
		},
	}
}
