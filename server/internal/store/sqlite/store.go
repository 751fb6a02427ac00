// Package sqlite is the store of the reference service in one SQLite file.
//
// One connection writes and several read. SQLite always has one writer at a time. With
// one connection the writers wait in Go, where a context ends the wait, and not in the
// driver, where SQLITE_BUSY does. Readers work on a snapshot (WAL) and never wait.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	"maragu.dev/goqite"
	_ "modernc.org/sqlite" // The driver "sqlite".

	"github.com/statusway/statusway/server/internal/entity"
)

// Defaults of Params.
const (
	DefaultBusyTimeout   = 5 * time.Second
	DefaultImportTimeout = 5 * time.Second
	DefaultImportPoll    = time.Second
	DefaultReaders       = 4
)

const (
	// privateFile keeps the password hashes from other users of the machine.
	// SQLite gives its -wal and -shm files the mode of the database.
	privateFile   = 0o600
	privateFolder = 0o700
)

var (
	// ErrNewerSchema reports that a newer program has written the database.
	ErrNewerSchema = errors.New("the database has a newer schema than this program knows")
	// ErrEmpty reports a database file without content, which is not a new one.
	ErrEmpty = errors.New("the database file is there but empty, so its data is lost: restore it from a backup, or delete it to begin anew")
)

//go:embed migrations/*.sql
var migrations embed.FS

// Params configure a store.
type Params struct {
	// Path is that of the database file. It and its folder are created when they
	// are missing, for this user of the machine alone.
	Path string
	// Now is the clock of everything but the queue's timeouts, which are the
	// queue's own. nil means time.Now.
	Now func() time.Time
	// BusyTimeout is how long a write waits for another process, and for the writes
	// before it. 0 means DefaultBusyTimeout.
	BusyTimeout time.Duration
	// ImportTimeout is how long after the last sign of life of its worker an import
	// is given to another. 0 means DefaultImportTimeout.
	ImportTimeout time.Duration
	// ImportPoll is how often a waiting worker looks for such an import. A new one
	// wakes it at once. 0 means DefaultImportPoll.
	ImportPoll time.Duration
	// Readers is how many connections read. 0 means DefaultReaders.
	Readers int
}

// Store is an entity.Store in a SQLite file.
type Store struct {
	now        func() time.Time
	writer     *sql.DB
	reader     *sql.DB
	getEntity  *sql.Stmt
	getSession *sql.Stmt

	busyTimeout time.Duration
	// refused is why the last write could not be stored; nil after one that was.
	refused atomic.Pointer[error]

	queue         *goqite.Queue
	importTimeout time.Duration
	importPoll    time.Duration
	// importReady has room for one: a worker that is busy finds the import when
	// it asks the next time.
	importReady chan struct{}
}

var _ entity.Store = (*Store)(nil)

// Open opens the database and brings its schema up to date. The error of a
// database from a later program is ErrNewerSchema. Close the store after use.
func Open(ctx context.Context, p Params) (*Store, error) {
	p = p.withDefaults()
	created, err := createPrivate(p.Path)
	if err != nil {
		return nil, err
	}
	s := &Store{
		now:           p.Now,
		busyTimeout:   p.BusyTimeout,
		importTimeout: p.ImportTimeout,
		importPoll:    p.ImportPoll,
		importReady:   make(chan struct{}, 1),
	}
	if err := s.open(ctx, p); err != nil {
		err = errors.Join(fmt.Errorf("open %s: %w", p.Path, err), s.Close())
		if created && isEmpty(p.Path) {
			err = errors.Join(err, os.Remove(p.Path)) // else the next start would refuse it.
		}

		return nil, err
	}

	return s, nil
}

func (s *Store) open(ctx context.Context, p Params) error {
	var err error
	if s.writer, err = openWriter(p); err != nil {
		return err
	}
	if err = migrate(ctx, s.writer); err != nil {
		return err
	}
	// After the writer, which has created the files that a reader cannot.
	if s.reader, err = openReader(p); err != nil {
		return err
	}
	if s.getEntity, err = s.reader.PrepareContext(ctx, selectEntity); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if s.getSession, err = s.reader.PrepareContext(ctx, selectSessionByToken); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	s.queue = goqite.New(goqite.NewOpts{
		DB:   s.writer,
		Name: importQueue,
		// Attempts are counted with the operation, which can then end as failed.
		// The queue would only stop delivering, and the caller poll for ever.
		MaxReceive: math.MaxInt32,
		Timeout:    p.ImportTimeout,
	})

	return nil
}

// Ping reads from the database.
func (s *Store) Ping(ctx context.Context) error {
	var schema int
	err := s.reader.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&schema)

	return translate(ctx, "ping", err)
}

// Close closes the readers first: the last connection to go empties the
// write-ahead log, which a reader cannot.
func (s *Store) Close() error {
	var failures []error
	for _, statement := range []*sql.Stmt{s.getEntity, s.getSession} {
		if statement != nil {
			failures = append(failures, statement.Close())
		}
	}
	for _, db := range []*sql.DB{s.reader, s.writer} {
		if db != nil {
			failures = append(failures, db.Close())
		}
	}
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}

	return nil
}

func (p Params) withDefaults() Params {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.BusyTimeout <= 0 {
		p.BusyTimeout = DefaultBusyTimeout
	}
	if p.ImportTimeout <= 0 {
		p.ImportTimeout = DefaultImportTimeout
	}
	if p.ImportPoll <= 0 {
		p.ImportPoll = DefaultImportPoll
	}
	if p.Readers <= 0 {
		p.Readers = DefaultReaders
	}

	return p
}

// createPrivate makes the file before SQLite does, which would follow the umask. It reports
// whether there was none.
func createPrivate(path string) (created bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), privateFolder); err != nil {
		return false, fmt.Errorf("create the folder of the database: %w", err)
	}
	file, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_EXCL|os.O_RDWR, privateFile)
	if errors.Is(err, fs.ErrExist) {
		if isEmpty(path) {
			return false, fmt.Errorf("open %s: %w", path, ErrEmpty)
		}

		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("create the database: %w", err)
	}
	if err := file.Close(); err != nil {
		return false, fmt.Errorf("create the database: %w", err)
	}

	return true, nil
}

func isEmpty(path string) bool {
	info, err := os.Stat(path)

	return err == nil && info.Mode().IsRegular() && info.Size() == 0
}

func openWriter(p Params) (*sql.DB, error) {
	db, err := openPool(p, url.Values{
		// A transaction that reads first and writes later would else fail with
		// SQLITE_BUSY when another process has written in between.
		"_txlock": {"immediate"},
		"_pragma": {
			busyTimeout(p),
			"journal_mode(WAL)",
			"foreign_keys(1)",
			// A commit is on the disk when it returns. NORMAL would survive a crash
			// of the process too, but not of the machine, and a 202 is a promise.
			"synchronous(FULL)",
		},
	})
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)

	return db, nil
}

func openReader(p Params) (*sql.DB, error) {
	db, err := openPool(p, url.Values{
		"mode":    {"ro"},
		"_pragma": {busyTimeout(p), "query_only(1)"},
	})
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(p.Readers)
	db.SetMaxIdleConns(p.Readers)

	return db, nil
}

func busyTimeout(p Params) string {
	return fmt.Sprintf("busy_timeout(%d)", p.BusyTimeout.Milliseconds())
}

func openPool(p Params, options url.Values) (*sql.DB, error) {
	path, err := filepath.Abs(p.Path)
	if err != nil {
		return nil, fmt.Errorf("find the database: %w", err)
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/… of Windows.
	}
	// A URL, because a path may have any of ? # % in it.
	address := url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, fmt.Errorf("open the pool: %w", err)
	}

	return db, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	// No Close: it would close the database.
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	have, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if have > known {
		return fmt.Errorf("%w: %d, and it knows %d", ErrNewerSchema, have, known)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}

	return nil
}
