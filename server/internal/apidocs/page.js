"use strict";

// What scrolls for Swagger UI would take every link within the page for its own, and move
// no focus: the link that skips would skip nothing. It reads this as it is loaded.
window.noZensmooth = true;

// The server's public URL may be another origin than this page's, as behind a tunnel,
// and the page may talk to no origin but its own: so that is where every request goes.
function toThisServer(request) {
  const url = new URL(request.url, window.location.href);
  request.url = window.location.origin + url.pathname + url.search;
  return request;
}

// Swagger UI is dark where its class says so; the rest of the page asks the system.
const night = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", night.matches);
follow();
night.addEventListener("change", follow);

window.addEventListener("DOMContentLoaded", () => {
  window.SwaggerUIBundle({
    url: "openapi.json", // beside this page, also below a path prefix
    dom_id: "#api",
    deepLinking: true,
    syntaxHighlight: { theme: "tomorrow-night" },
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    requestInterceptor: toThisServer,
    validatorUrl: null, // it would send the document to another host
  });
});
