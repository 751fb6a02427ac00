package sqlite

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/statusway/statusway/server/internal/entity"
)

// guard is the part of a WHERE that checks the scope and the condition. It is in the
// statement that writes, so that no other write can come between check and write. A
// parameter that is NULL checks nothing.
const guard = `
	AND (@everywhere OR group_name IN (SELECT value FROM json_each(@groups)))
	AND (@match IS NULL OR version IN (SELECT value FROM json_each(@match)))
	AND (@unmodified_before IS NULL OR update_time < @unmodified_before)
	AND (@none_match IS NULL OR version NOT IN (SELECT value FROM json_each(@none_match)))
	AND (@etag IS NULL OR version = @etag)
	AND @replace`

// noVersion is that of no entity.
const noVersion = 0

// guardArgs returns the parameters of guard.
func guardArgs(scope entity.Scope, condition entity.Condition) ([]any, error) {
	groups, err := jsonList(scope.Groups())
	if err != nil {
		return nil, err
	}
	match, err := versions(condition.IfMatch, condition.IfMatch.StrongVersions())
	if err != nil {
		return nil, err
	}
	noneMatch, err := versions(condition.IfNoneMatch, condition.IfNoneMatch.WeakVersions())
	if err != nil {
		return nil, err
	}
	var unmodifiedBefore, etag any
	if before := condition.UnmodifiedBefore(); !before.IsZero() {
		unmodifiedBefore = before.UnixMicro()
	}
	if condition.ETag != "" {
		version, ok := entity.VersionOfETag(condition.ETag)
		if !ok {
			version = noVersion
		}
		etag = version
	}

	return []any{
		sql.Named("everywhere", scope.All()),
		sql.Named("groups", groups),
		sql.Named("match", match),
		sql.Named("none_match", noneMatch),
		sql.Named("unmodified_before", unmodifiedBefore),
		sql.Named("etag", etag),
		sql.Named("replace", condition.AllowsReplace()),
	}, nil
}

// versions returns NULL for a list that is not there, and for "*", which every
// row meets that a write finds; the opposite of it is @replace.
func versions(tags entity.Tags, list []int64) (any, error) {
	if !tags.Present || tags.Any {
		return nil, nil //nolint:nilnil // It is the value NULL.
	}

	return jsonList(list)
}

// jsonList returns a list as one parameter, so that the statement does not
// depend on its length.
func jsonList[T any](list []T) (string, error) {
	if list == nil {
		return "[]", nil
	}
	text, err := json.Marshal(list)
	if err != nil {
		return "", fmt.Errorf("encode a list: %w", err)
	}

	return string(text), nil
}
