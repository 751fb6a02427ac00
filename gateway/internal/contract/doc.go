// Package contract reads the google.api.http routes and the statusway.v1 annotations of a backend from
// descriptors into plain [Method] values. No other package reads options at run time.
//
// Invalid annotations are errors when the program starts. An error names the method and, if the
// descriptor contains source info, the file and line.
package contract
