// Package check holds the files beside it against those who will read them: BuildKit,
// systemd and Kubernetes. None of these runs where the project is built, so it is their
// own parsers, types and linters that are asked.
//
// It is a module of its own, because these would push hundreds of requirements on
// everyone who imports the gateway. That what the files say is true of the program is
// tested where the program is: in server/internal/command.
package check
