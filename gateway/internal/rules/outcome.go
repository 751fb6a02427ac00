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

// errBadOutcome says that what a store returned is not what was given to it.
var errBadOutcome = errors.New("the kept result cannot be read")

// outcome is what came of a request. It is stored, so that its form stays: a field may
// be added, and none may change.
type outcome struct {
	// Status, Header and Body are of a success; of a failure Status is 0 and Header
	// what goes with it.
	Status int         `json:"status,omitempty"`
	Header http.Header `json:"header,omitempty"`
	Body   []byte      `json:"body,omitempty"`
	// Failure is a google.rpc.Status. It is kept and not the answer made of it, which
	// names the request and follows its Accept.
	Failure []byte `json:"failure,omitempty"`
}

// failed is the outcome of a failure. Its cause is not kept: it was logged.
func failed(failure *respond.Failure) outcome {
	// A status whose text is no UTF-8 cannot be encoded; encode then finds no outcome.
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

// decodeOutcome returns a success, or the failure.
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

// digest is of the parts, and of where each ends.
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

// scope is what a key is unique within: two callers may well send the same one, and
// must not get each other's answers.
func scope(ex *exchange.Exchange, key string) idempotency.Digest {
	r, caller := ex.Request, ex.Caller
	credentials := ""
	if !strings.HasPrefix(caller, userPrefix) {
		// Only the backend knows who calls, and many call from one address.
		credentials = strings.Join(r.Header["Authorization"], "\n")
	}
	return digest([]byte(caller), []byte(credentials), []byte(r.Method), []byte(r.URL.EscapedPath()), []byte(key))
}

// fingerprint is what two requests with one key must have in common.
func fingerprint(r *http.Request, body []byte) idempotency.Digest {
	return digest([]byte(r.Method), []byte(r.URL.EscapedPath()), []byte(r.URL.RawQuery), []byte(strings.Join(r.Header["Content-Type"], "\n")), body)
}
