package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/conformance"
)

// TestCasesOverTLS runs the cases once more over HTTP/2 with TLS. The answers are those
// of HTTP/2 without it, byte for byte, and tell the client to stay with TLS.
func TestCasesOverTLS(t *testing.T) {
	t.Parallel()
	plain, secure := newFleet(t), newSecureFleet(t)
	for _, c := range loadCases(t) {
		if !c.Runs(conformance.OverH2C) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			over := runCase(t, secure.server(t, c.Variant()), c, conformance.OverH2C)
			if over.Answer.Header.Get("Strict-Transport-Security") == "" {
				t.Error("nothing keeps the client at TLS")
			}
			if c.Varies != "" {
				return
			}
			if err := conformance.Same(runCase(t, plain.server(t, c.Variant()), c, conformance.OverH2C), over); err != nil {
				t.Errorf("%s\nwithout TLS and with it: %v", c.Title, err)
			}
		})
	}
}

// certificate is a server's, and what makes a client trust it.
type certificate struct {
	certFile, keyFile string
	client            *tls.Config
}

func newCertificate(t *testing.T) *certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	c := &certificate{certFile: filepath.Join(folder, "cert.pem"), keyFile: filepath.Join(folder, "key.pem")}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, text := range map[string][]byte{c.certFile: certPEM, c.keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	c.client = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return c
}

// secureFleet starts one server over TLS for each variant.
type secureFleet struct {
	t           *testing.T
	certificate *certificate
	mu          sync.Mutex
	started     map[string]func() *server
}

func newSecureFleet(t *testing.T) *secureFleet {
	t.Helper()
	return &secureFleet{t: t, certificate: newCertificate(t), started: map[string]func() *server{}}
}

func (f *secureFleet) server(t *testing.T, name string) *server {
	t.Helper()
	if variants()[name].own {
		return startOver(t, name, f.certificate)
	}
	f.mu.Lock()
	once, ok := f.started[name]
	if !ok {
		once = sync.OnceValue(func() *server { return startOver(f.t, name, f.certificate) })
		f.started[name] = once
	}
	f.mu.Unlock()
	return once()
}
