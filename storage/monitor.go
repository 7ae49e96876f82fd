package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
)

// Monitor counts what the storages that share it move, and is told of disturbances. A nil *Monitor counts
// nothing. Its counters may be read at any time.
type Monitor struct {
	Local, S3 Traffic

	// Disturbed, if it is not nil, is called for each request to an S3 service that failed in passing: 5xx,
	// throttling, a broken or silent connection. Unless the operation's patience is over it is made again.
	// ctx is that of the operation. request is "METHOD URL", without the query.
	Disturbed func(ctx context.Context, request string, err error)
}

// Traffic is what was moved to and from storages of one kind.
type Traffic struct {
	// ReadBytes are the bytes that arrived: of files, or of the answers of a service.
	ReadBytes atomic.Int64
	// WrittenBytes are the bytes that were sent, those of failed attempts included.
	WrittenBytes atomic.Int64
	// Disturbances are the requests that failed in passing.
	Disturbances atomic.Int64
}

func (m *Monitor) localRead(n int) {
	if m != nil {
		m.Local.ReadBytes.Add(int64(n))
	}
}

func (m *Monitor) localWritten(n int) {
	if m != nil {
		m.Local.WrittenBytes.Add(int64(n))
	}
}

func (m *Monitor) sent(n int) {
	if m != nil {
		m.S3.WrittenBytes.Add(int64(n))
	}
}

// disturbed judges a failure of a request whose context is req's.
func (m *Monitor) disturbed(req *http.Request, err error) {
	ctx := req.Context()
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errStalled) {
		return // given up by the caller
	}
	if errors.Is(context.Cause(ctx), errStalled) {
		err = errStalled
	}
	m.S3.Disturbances.Add(1)
	if m.Disturbed != nil {
		m.Disturbed(ctx, req.Method+" "+req.URL.Scheme+"://"+req.URL.Host+req.URL.Path, err)
	}
}

// answered looks at the answer to a request, and at its body while it is read.
func (m *Monitor) answered(req *http.Request, resp *http.Response, err error) {
	switch {
	case m == nil:
	case err != nil:
		m.disturbed(req, err)
	case passing(resp.StatusCode):
		m.disturbed(req, fmt.Errorf("the service answers %s", resp.Status))
	default:
		resp.Body = &countedBody{ReadCloser: resp.Body, m: m, req: req}
	}
}

// passing tells whether a request with this answer may succeed when it is made again.
func passing(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout ||
		status >= 500 && status != http.StatusNotImplemented && status != http.StatusInsufficientStorage
}

// countedBody is the body of an answer.
type countedBody struct {
	io.ReadCloser
	m      *Monitor
	req    *http.Request
	failed bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.m.S3.ReadBytes.Add(int64(n))
	if err != nil && err != io.EOF && !b.failed {
		b.failed = true
		b.m.disturbed(b.req, err)
	}
	return n, err
}
