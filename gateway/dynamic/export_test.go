package dynamic

import (
	"context"
	"crypto/sha256"

	"google.golang.org/grpc"
)

// Dial returns a connection as Connect makes it.
func Dial(address string) (*grpc.ClientConn, error) {
	conn, err := dial(Target{Address: address})
	if err != nil {
		return nil, err
	}
	return conn.ClientConn, nil
}

// Fingerprint returns the fingerprint of a target's descriptors: two are equal if nothing has to be replaced.
func Fingerprint(ctx context.Context, target Target) ([sha256.Size]byte, error) {
	s := server{Target: target, conn: target.Conn}
	described, err := s.describe(ctx)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	return described.fingerprint, nil
}
