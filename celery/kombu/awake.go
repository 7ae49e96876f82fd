package kombu

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// awake is a connection that does not take its own process's standstill (SIGSTOP, a virtual machine that is not run) for
// the peer's silence: when a read's deadline is noticed late, what came meanwhile is read first. A subscription that was
// given up instead would lose what was published to it.
type awake struct {
	net.Conn
	deadline atomic.Pointer[time.Time] // of reads
}

const (
	overslept  = 200 * time.Millisecond // a deadline that is noticed so late passed while nothing ran
	awakeGrace = time.Second            // for what has come, or for a pong
)

func (a *awake) SetDeadline(t time.Time) error {
	a.deadline.Store(&t)
	return a.Conn.SetDeadline(t)
}

func (a *awake) SetReadDeadline(t time.Time) error {
	a.deadline.Store(&t)
	return a.Conn.SetReadDeadline(t)
}

func (a *awake) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	if d := a.deadline.Load(); d == nil || d.IsZero() || time.Since(*d) < overslept {
		return n, err
	}
	if serr := a.SetReadDeadline(time.Now().Add(awakeGrace)); serr != nil {
		return n, err
	}
	return a.Conn.Read(p)
}
