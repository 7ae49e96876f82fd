package kombu

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Pauses between attempts to connect.
const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = time.Second
)

// dialer makes authenticated connections to the current master.
type dialer struct {
	target      *target
	opt         *TransportOptions
	credentials func(context.Context) (user, password string, err error)
	timeout     time.Duration
	masters     masters // open connections, by address; only with sentinels
}

// open makes one connection. It tries the hosts of the URL in turn, once each.
func (d *dialer) open(ctx context.Context) (redis.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	if d.target.scheme == "redis+socket" {
		return d.openAt(ctx, "unix", d.target.path, "")
	}
	if d.target.scheme == "sentinel" {
		return d.openMaster(ctx)
	}
	var errs []error
	for _, h := range d.target.hosts {
		c, err := d.openAt(ctx, "tcp", h.addr(), h.name)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, oneLine(errs)
}

func (d *dialer) openAt(ctx context.Context, network, addr, hostname string) (redis.Conn, error) {
	c, err := d.connect(ctx, network, addr, hostname, d.target.tls)
	if err == nil {
		if err = d.greet(ctx, c); err == nil {
			return c, nil
		}
		c.Close()
	}
	return nil, fmt.Errorf("%w to %s: %w", ErrConnection, addr, explain(err, d.target.tls != nil))
}

// connect dials and shakes hands.
func (d *dialer) connect(ctx context.Context, network, addr, hostname string, secure *TLSOptions) (redis.Conn, error) {
	nd := net.Dialer{KeepAlive: d.opt.SocketKeepalivePeriod}
	if d.opt.NoSocketKeepalive {
		nd.KeepAlive = -1
	}
	nc, err := nd.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	socket := nc
	nc = &awake{Conn: nc}
	if d.target.scheme == "sentinel" {
		nc = d.masters.add(nc, addr)
	}
	if secure != nil {
		conf, err := secure.config(hostname)
		if err != nil {
			nc.Close()
			return nil, err
		}
		tc := tls.Client(nc, conf)
		if err := tc.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, err
		}
		nc = tc
	}
	return withSocket(redis.NewConn(nc, d.opt.SocketTimeout, d.opt.SocketTimeout), socket), nil
}

// greet authenticates and selects the database.
func (d *dialer) greet(ctx context.Context, c redis.Conn) error {
	user, password := d.target.user, d.target.password
	if d.credentials != nil {
		var err error
		if user, password, err = d.credentials(ctx); err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
	}
	if err := authenticate(ctx, c, user, password); err != nil {
		return err
	}
	if d.target.db != 0 {
		if _, err := redis.DoContext(c, ctx, "SELECT", d.target.db); err != nil {
			return err
		}
	}
	if d.opt.ClientName != "" {
		if _, err := redis.DoContext(c, ctx, "CLIENT", "SETNAME", d.opt.ClientName); err != nil {
			return err
		}
	}
	// A server that is still loading its data accepts connections but serves nothing.
	_, err := redis.DoContext(c, ctx, "PING")
	return err
}

func authenticate(ctx context.Context, c redis.Conn, user, password string) error {
	var err error
	switch {
	case user != "": // a user that needs no password has an empty one
		_, err = redis.DoContext(c, ctx, "AUTH", user, password)
	case password != "":
		_, err = redis.DoContext(c, ctx, "AUTH", password)
	}
	return err
}

// oneLine joins the errors of several hosts in one line.
func oneLine(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return hostErrors(errs)
}

type hostErrors []error

func (h hostErrors) Unwrap() []error { return h }
func (h hostErrors) Error() string {
	lines := make([]string, len(h))
	for i, err := range h {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "; ")
}

// openForever connects, again and again with a backoff, until ctx ends. report hears of each failure.
func (d *dialer) openForever(ctx context.Context, report func(error)) (redis.Conn, error) {
	return openForever(ctx, d.open, report)
}

func openForever(ctx context.Context, open func(context.Context) (redis.Conn, error), report func(error)) (redis.Conn, error) {
	for pause := minBackoff; ; pause = min(2*pause, maxBackoff) {
		c, err := open(ctx)
		if err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		report(err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}
