"use strict";

// The server's public URL may be another origin than this page's, as behind a tunnel,
// and the page may talk to no origin but its own: so that is where every request goes.
function toThisServer(request) {
  const url = new URL(request.url, window.location.href);
  request.url = window.location.origin + url.pathname + url.search;
  return request;
}

window.addEventListener("DOMContentLoaded", () => {
  window.SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#api",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    requestInterceptor: toThisServer,
    validatorUrl: null, // it would send the document to another host
  });
});
