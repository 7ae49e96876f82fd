package testenv

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificates are PEM files of an authority of a test's own, and of what it has signed.
type Certificates struct {
	CA                    string // the authority
	Server, ServerKey     string // for 127.0.0.1 and localhost
	Stranger, StrangerKey string // signed too, for another host's name
	Client, ClientKey     string
	ClientPair            string // certificate and key of the client in one file
	OtherCA               string // an authority that has signed nothing here
}

// NewCertificates makes an authority and signs a server's and a client's certificate.
func NewCertificates(t testing.TB) *Certificates {
	t.Helper()
	dir := t.TempDir()
	serial := int64(0)
	// sign writes NAME.pem and NAME.key; without an issuer the certificate signs itself.
	sign := func(name string, template, issuer *x509.Certificate, issuerKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, string, string) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		serial++
		template.SerialNumber = big.NewInt(serial)
		template.Subject = pkix.Name{CommonName: "healpipe test " + name}
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
		if issuer == nil {
			issuer, issuerKey = template, key
			template.IsCA, template.BasicConstraintsValid = true, true
			template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
		} else {
			template.KeyUsage = x509.KeyUsageDigitalSignature
			template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		}
		der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, issuerKey)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		keyDER, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		certFile, keyFile := filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
		writePEM(t, certFile, "CERTIFICATE", der)
		writePEM(t, keyFile, "PRIVATE KEY", keyDER)
		return cert, key, certFile, keyFile
	}
	c := &Certificates{}
	ca, caKey, caFile, _ := sign("authority", &x509.Certificate{}, nil, nil)
	c.CA = caFile
	_, _, c.OtherCA, _ = sign("other-authority", &x509.Certificate{}, nil, nil)
	loopback := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	_, _, c.Server, c.ServerKey = sign("server", &x509.Certificate{DNSNames: []string{"localhost"}, IPAddresses: loopback}, ca, caKey)
	_, _, c.Stranger, c.StrangerKey = sign("stranger", &x509.Certificate{DNSNames: []string{"elsewhere.example"}}, ca, caKey)
	_, _, c.Client, c.ClientKey = sign("client", &x509.Certificate{}, ca, caKey)
	c.ClientPair = filepath.Join(dir, "client-pair.pem")
	var pair []byte
	for _, name := range []string{c.Client, c.ClientKey} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pair = append(pair, text...)
	}
	if err := os.WriteFile(c.ClientPair, pair, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func writePEM(t testing.TB, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// StartRedisTLS starts a redis-server that speaks TLS only, with a certificate and its key. Clients must show a
// certificate of the authority unless args say "--tls-auth-clients", "no" (or "optional").
func StartRedisTLS(t testing.TB, ca, cert, key string, args ...string) *Redis {
	t.Helper()
	args = append([]string{"--tls-ca-cert-file", ca, "--tls-cert-file", cert, "--tls-key-file", key}, args...)
	r := &Redis{Addr: FreeAddr(t), Dir: t.TempDir(), args: args, tls: true, t: t}
	r.Start()
	t.Cleanup(r.Kill)
	return r
}
