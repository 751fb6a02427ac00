package command_test

import (
	"strings"
	"testing"
)

// One server at a time has a data folder. A crash frees it.
func TestDataFolderIsLocked(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first := serve(t, "--data-dir="+folder)
	second := []string{"serve", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0", "--data-dir=" + folder}
	if got := run(t, "", second...); got.code != 1 || !strings.Contains(got.err, "another statusway serves from the folder "+folder) || got.out != "" {
		t.Errorf("a second one: %+v", got)
	}
	first.kill()
	serve(t, "--data-dir="+folder).stop(t)
	serve(t, "--data-dir="+folder).stop(t)
}
