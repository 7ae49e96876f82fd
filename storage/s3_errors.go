package storage

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// s3Error translates a failure of the service: the cause that errors.Is finds, then the service's words.
func s3Error(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		err = urlErr.Err // without the URL: the path is named already, and a query may hold a signature
	}
	r, ok := errors.AsType[minio.ErrorResponse](err)
	if !ok {
		return err
	}
	text := strings.TrimSuffix(r.Message, ".")
	switch {
	case r.Code == minio.NoSuchBucket:
		return fmt.Errorf("%w: no bucket of that name", fs.ErrNotExist)
	case r.Code == minio.NoSuchKey, r.StatusCode == http.StatusNotFound && (r.Code == "" || r.Code == "NotFound" || r.Code == "NoSuchVersion"):
		return fs.ErrNotExist
	case r.StatusCode == http.StatusPreconditionFailed, r.Code == minio.PreconditionFailed, r.Code == "ConditionalRequestConflict":
		return ErrPrecondition
	case r.Code == minio.InvalidAccessKeyID, r.Code == minio.SignatureDoesNotMatch, r.Code == "ExpiredToken", r.Code == "InvalidToken", r.Code == "XAdminUserNotFound":
		return fmt.Errorf("%w: the service refuses the credentials (%s): check the profile's keys and region", fs.ErrPermission, r.Code)
	case r.Code == "RequestTimeTooSkewed":
		return fmt.Errorf("%w: this machine's clock differs too much from the service's (%s): set it, for example by NTP", fs.ErrPermission, r.Code)
	case r.Code == "PermanentRedirect", r.Code == "TemporaryRedirect", r.Code == "AuthorizationHeaderMalformed", r.Code == "IllegalLocationConstraintException", r.StatusCode == http.StatusMovedPermanently:
		return fmt.Errorf("the bucket is in another region%s (%d %s): correct region and endpoint of the profile", regionOf(r), r.StatusCode, r.Code)
	case r.StatusCode == http.StatusForbidden, r.StatusCode == http.StatusUnauthorized, r.Code == minio.AccessDenied:
		return fmt.Errorf("%w: the service denies access with these credentials (%s); without the right to list the bucket it says so of missing objects too", fs.ErrPermission, r.Code)
	case r.Code == "QuotaExceeded", r.Code == "XMinioStorageFull", r.Code == "XMinioAdminBucketQuotaExceeded", r.StatusCode == http.StatusInsufficientStorage:
		return fmt.Errorf("%w (%s)", ErrDiskFull, text)
	}
	return fmt.Errorf("the service answers %d %s: %s", r.StatusCode, r.Code, text)
}

// regionOf is the region that an answer names.
func regionOf(r minio.ErrorResponse) string {
	if r.Region == "" {
		return ""
	}
	return ", " + r.Region
}

// transient says whether trying again may help.
func transient(err error) bool {
	var unknownCA x509.UnknownAuthorityError
	var badCert x509.CertificateInvalidError
	var badHost x509.HostnameError
	var dns *net.DNSError
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return false
	case errors.As(err, &unknownCA), errors.As(err, &badCert), errors.As(err, &badHost):
		return false
	case errors.As(err, &dns) && dns.IsNotFound:
		return false
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return false
	}
	if r, ok := errors.AsType[minio.ErrorResponse](err); ok {
		switch r.Code {
		case "SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "ThrottlingException", "RequestThrottled",
			"RequestLimitExceeded", "RequestTimeout", "InternalError", "OperationAborted":
			return true
		}
		return passing(r.StatusCode)
	}
	var urlErr *url.Error
	var netErr net.Error
	return errors.As(err, &urlErr) || errors.As(err, &netErr) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errStalled)
}

// backoff counts out the waits of one operation: exponential, with jitter, until patience has run out
// since the last progress.
type backoff struct {
	patience time.Duration
	since    time.Time // zero: no failure since the last progress
	wait     time.Duration
}

func (b *backoff) progress() { b.since, b.wait = time.Time{}, 0 }

// again waits before another attempt; false when err is final, the patience is at its end, or ctx is.
func (b *backoff) again(ctx context.Context, err error) bool {
	const firstWait, longestWait = 250 * time.Millisecond, 15 * time.Second
	if !transient(err) || ctx.Err() != nil {
		return false
	}
	now := time.Now()
	if b.since.IsZero() {
		b.since, b.wait = now, firstWait
	}
	if now.Sub(b.since) > b.patience {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(b.wait/2 + rand.N(b.wait)):
	}
	b.wait = min(2*b.wait, longestWait)
	return true
}

// retry runs an operation until it succeeds or fails for good.
func (s *S3) retry(ctx context.Context, op func() error) error {
	b := backoff{patience: s.client.opt.Patience}
	for {
		err := op()
		if err == nil || !b.again(ctx, err) {
			return err
		}
	}
}
