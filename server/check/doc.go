// Package check has the tests whose dependencies nothing else needs: a browser, a terminal,
// validators of OpenAPI and a parser of PromQL. They are a module of their own, so that
// programs that import the gateway do not get these requirements. `make system` runs them.
package check
