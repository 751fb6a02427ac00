package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/idempotency"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
)

// errBadOutcome says that the store returned a result that this package has not written.
var errBadOutcome = errors.New("the stored result cannot be read")

// outcome is the result of a request, as it is stored. Fields may be added, but must not change,
// because stores contain older results.
type outcome struct {
	// Status, Header and Body are those of a success. For a failure, Status is 0 and Header
	// contains the headers of the failure.
	Status int         `json:"status,omitempty"`
	Header http.Header `json:"header,omitempty"`
	Body   []byte      `json:"body,omitempty"`
	// Failure is a google.rpc.Status. The response is not stored, because it depends on the
	// request's id and Accept header.
	Failure []byte `json:"failure,omitempty"`
}

// failed returns the outcome for a failure, without its cause, which is in the log.
func failed(failure *respond.Failure) outcome {
	// Marshal fails if the text is not UTF-8. Then Failure is empty, and encode returns an error.
	text, _ := proto.Marshal(failure.Status)
	return outcome{Header: failure.Header, Failure: text}
}

func (o outcome) encode() ([]byte, error) {
	if o.Status == 0 && len(o.Failure) == 0 {
		return nil, errBadOutcome
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encoding a result: %w", err)
	}
	return text, nil
}

// decodeOutcome returns the outcome of a success, or the failure.
func decodeOutcome(result []byte) (outcome, *respond.Failure, error) {
	var o outcome
	if err := json.Unmarshal(result, &o); err != nil {
		return outcome{}, nil, fmt.Errorf("decoding a result: %w", err)
	}
	if o.Status != 0 {
		return o, nil, nil
	}
	status := &spb.Status{}
	if err := proto.Unmarshal(o.Failure, status); err != nil || len(o.Failure) == 0 {
		return outcome{}, nil, fmt.Errorf("decoding a failure: %w", errors.Join(err, errBadOutcome))
	}
	return outcome{}, &respond.Failure{Status: status, Header: o.Header}, nil
}

// digest hashes the parts, each with its length.
func digest(parts ...[]byte) idempotency.Digest {
	sum := sha256.New()
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		sum.Write(length[:])
		sum.Write(part)
	}
	return idempotency.Digest(sum.Sum(nil))
}

// scope combines the key with the caller, the method and the path: two callers may send the same key,
// and must not get each other's responses.
func scope(ex *exchange.Exchange, key string) idempotency.Digest {
	r, caller := ex.Request, ex.Caller
	credentials := ""
	if !strings.HasPrefix(caller, userPrefix) {
		// Many users may share one address, and only the backend knows them.
		credentials = strings.Join(r.Header["Authorization"], "\n")
	}
	return digest([]byte(caller), []byte(credentials), []byte(r.Method), []byte(r.URL.EscapedPath()), []byte(key))
}

// fingerprint identifies the content of a request. Two requests with one key must have the same.
func fingerprint(r *http.Request, body []byte) idempotency.Digest {
	return digest([]byte(r.Method), []byte(r.URL.EscapedPath()), []byte(r.URL.RawQuery), []byte(strings.Join(r.Header["Content-Type"], "\n")), body)
}
