package storage

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// transport has time limits on everything that can hang; a response's body is watched by stallReader.
func (opt S3Options) transport() (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 2 * opt.Stall, // completing a large upload takes its time
		ExpectContinueTimeout: 10 * time.Second,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       time.Minute,
		DisableCompression:    true, // lengths and ranges must be those of the stored bytes
		ForceAttemptHTTP2:     false,
	}
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: opt.SkipVerify}
	if opt.CAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(opt.CAFile)
	if err != nil {
		return nil, fmt.Errorf("CA file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %s: no PEM certificate in it", opt.CAFile)
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}

// s3Transport is what minio-go sends its requests through.
type s3Transport struct {
	http.RoundTripper
	monitor *Monitor
}

// RoundTrip implements http.RoundTripper. When it returns, nothing reads the request's body any more:
// net/http may go on sending it behind an early answer (a 503, say), while minio-go already rewinds the
// same reader for its next attempt.
func (t s3Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = setDeleteVersion(req)
	if req.Body != nil && req.Body != http.NoBody {
		body := &detachable{ReadCloser: req.Body, monitor: t.monitor}
		req = req.Clone(req.Context())
		req.Body, req.GetBody = body, nil
		defer body.detach()
	}
	resp, err := t.RoundTripper.RoundTrip(req)
	t.monitor.answered(req, resp, err)
	return resp, err
}

var errDetached = errors.New("the request was answered before all of it was sent")

// detachable is a request's body that can be taken away from who reads it.
type detachable struct {
	io.ReadCloser
	monitor *Monitor
	mu      sync.Mutex
	off     bool
}

func (d *detachable) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return 0, errDetached
	}
	n, err := d.ReadCloser.Read(p)
	d.monitor.sent(n)
	return n, err
}

func (d *detachable) detach() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
}
