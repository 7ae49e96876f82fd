package kombu

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"syscall"

	"github.com/gomodule/redigo/redis"
)

// explain adds to an error of connecting what to do about it, where that is known.
func explain(err error, secure bool) error {
	if hint := remedy(err, secure); hint != "" {
		return &explained{err, hint}
	}
	return err
}

// explainRefusal does so for an error that a server has answered with, at any time.
func explainRefusal(err error) error {
	var refused redis.Error
	var done *explained
	if !errors.As(err, &refused) || errors.As(err, &done) {
		return err
	}
	return explain(err, false)
}

// explained keeps the error's chain; its text stays one line.
type explained struct {
	error
	hint string
}

func (e *explained) Unwrap() error { return e.error }
func (e *explained) Error() string {
	return strings.TrimSuffix(e.error.Error(), ".") + " (" + e.hint + ")"
}

func remedy(err error, secure bool) string {
	var refused redis.Error
	if errors.As(err, &refused) {
		word, _, _ := strings.Cut(string(refused), " ")
		if strings.Contains(string(refused), "executing the script can't run this command") || strings.Contains(string(refused), "ACL failure in script") {
			return "the user's ACL rule forbids it, ACL LOG on the server names it; docs/operations.md has the least one"
		}
		switch word {
		case "WRONGPASS":
			return "check user and password in the URL; special characters are percent-encoded"
		case "NOAUTH":
			return "the server wants a password: redis://:PASSWORD@HOST or redis://USER:PASSWORD@HOST"
		case "NOPERM":
			return "the user's ACL rule forbids it; docs/operations.md has the least one"
		case "LOADING":
			return "the server is reading its data"
		case "DENIED":
			return "the server is in protected mode: set a password or bind it to an address"
		}
		return ""
	}
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return "name the authority's file with ssl_ca_certs, or trust anybody with ssl_cert_reqs=none"
	case errors.As(err, &name):
		return "use a name that is in the certificate, or set ssl_check_hostname=false"
	case errors.As(err, &record):
		return "the server does not speak TLS there: redis:// instead of rediss://"
	// Since TLS 1.3 the refusal comes after the handshake: as an alert, or the connection is just gone.
	case secure && (strings.Contains(err.Error(), "certificate required") || hungUp(err)):
		return "does the server want a client's certificate, ssl_certfile and ssl_keyfile?"
	case secure && errors.Is(err, context.DeadlineExceeded):
		return "no TLS handshake in time: does the server speak TLS there?"
	case hungUp(err):
		return "the server hung up: does it want TLS, rediss://?"
	}
	return ""
}

func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
