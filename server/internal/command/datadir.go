package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// errLocked reports that another process has the lock.
var errLocked = errors.New("the file is locked")

// lockDataDir locks the folder of the database until the result is closed or the process ends. Two servers
// on one folder would each have their own limits and their own maintenance mode.
func lockDataDir(folder string) (io.Closer, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("creating the folder of --data-dir: %w", err)
	}
	// The file stays: removing it would race with another process that has opened it.
	file, err := os.OpenFile(filepath.Join(folder, "statusway.lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the folder that the caller named.
	if err != nil {
		return nil, fmt.Errorf("locking the folder of --data-dir: %w", err)
	}
	if err := tryLock(file); err != nil {
		_ = file.Close()
		if errors.Is(err, errLocked) {
			return nil, fmt.Errorf("another statusway serves from the folder %s: stop it, or choose another --data-dir", folder) //nolint:err113 // for people.
		}
		return nil, fmt.Errorf("locking the folder of --data-dir: %w", err)
	}
	return file, nil
}
