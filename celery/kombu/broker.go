package kombu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Connection is a broker connection. It is safe for concurrent use.
type Connection struct {
	opt    TransportOptions
	target *target
	keys   *keys
	dial   *dialer
	log    *slog.Logger
	main   *link // publishing, bindings, plain access

	mu     sync.Mutex
	closed bool
	parts  map[part]struct{}        // consumers, subscriptions, listeners
	expiry map[string]time.Duration // of the queues declared here with x-expires
}

// part is what ends with the connection.
type part interface{ close() error }

func dial(ctx context.Context, url string, opts Options) (*Connection, error) {
	t, err := parseTarget(url)
	if err != nil {
		return nil, err
	}
	o, err := opts.Transport.or(t.options).withDefaults()
	if err != nil {
		return nil, err
	}
	if opts.TLS != nil {
		t.tls = opts.TLS
	}
	if t.scheme == "sentinel" && o.MasterName == "" {
		return nil, fmt.Errorf("%w: 'master_name' transport option must be specified for sentinel:// (?master_name=NAME at the URL's end does too)", ErrConfig)
	}
	c := &Connection{opt: o, target: t, log: opts.Logger, parts: map[part]struct{}{}, expiry: map[string]time.Duration{}}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.keys = newKeys(&c.opt, t.db, t.scheme == "sentinel")
	c.dial = &dialer{target: t, opt: &c.opt, credentials: opts.Credentials, timeout: o.SocketConnectTimeout}
	if opts.ConnectTimeout > 0 {
		c.dial.timeout = opts.ConnectTimeout
	}
	first, err := c.dial.open(ctx)
	if err != nil {
		return nil, err
	}
	first.Close()
	c.main = newLink(c.dial, c.reporter("publisher"))
	if t.scheme == "sentinel" {
		c.parts[c.startWatch()] = struct{}{}
	}
	return c, nil
}

// reporter logs connection trouble of one part, without repeating itself.
func (c *Connection) reporter(what string) func(error) {
	var q quiet
	return func(err error) {
		if err = explainRefusal(err); q.say(err.Error()) {
			c.log.Warn("broker connection lost, trying again", "part", what, "broker", c.String(), "error", err)
		}
	}
}

// attach registers a part to be closed with the connection.
func (c *Connection) attach(p part) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.parts[p] = struct{}{}
	return nil
}

func (c *Connection) detach(p part) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.parts, p)
}

func (c *Connection) close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	parts := c.parts
	c.parts = map[part]struct{}{}
	c.mu.Unlock()
	var errs []error
	for p := range parts {
		errs = append(errs, p.close())
	}
	c.main.close()
	return errors.Join(errs...)
}

func (c *Connection) ping(ctx context.Context) error {
	_, err := c.do(ctx, true, "PING")
	return err
}

// do runs one command on the shared link.
func (c *Connection) do(ctx context.Context, idempotent bool, cmd string, args ...any) (any, error) {
	one := &call{cmd: cmd, args: args, idem: idempotent}
	if err := c.main.roundTrip(ctx, one); err != nil {
		return nil, err
	}
	return one.reply, one.err
}

// pipeline runs idempotent commands in order and returns their replies, or the first error.
func (c *Connection) pipeline(ctx context.Context, calls []*call) ([]any, error) {
	if len(calls) == 0 {
		return nil, nil
	}
	if err := c.main.roundTrip(ctx, calls...); err != nil {
		return nil, err
	}
	out := make([]any, len(calls))
	for i, one := range calls {
		if one.err != nil {
			return nil, one.err
		}
		out[i] = one.reply
	}
	return out, nil
}

func (c *Connection) eval(ctx context.Context, s *Script, keys []string, args ...any) (any, error) {
	one := s.call(keys, args)
	if err := c.main.roundTrip(ctx, one); err != nil {
		return nil, fmt.Errorf("script %s: %w", s.name, err)
	}
	if one.err != nil {
		return nil, fmt.Errorf("script %s: %w", s.name, one.err)
	}
	return one.reply, nil
}

func (c *Connection) queueLen(ctx context.Context, queue string) (int, error) {
	var calls []*call
	for _, l := range c.keys.lists(queue) {
		calls = append(calls, &call{cmd: "LLEN", args: []any{l}, idem: true})
	}
	return sum(c.pipeline(ctx, calls))
}

func (c *Connection) purge(ctx context.Context, queue string) (int, error) {
	var lens, dels []*call
	for _, l := range c.keys.lists(queue) {
		lens = append(lens, &call{cmd: "LLEN", args: []any{l}, idem: true})
		dels = append(dels, &call{cmd: "DEL", args: []any{l}, idem: true})
	}
	replies, err := c.pipeline(ctx, append(lens, dels...))
	if err != nil {
		return 0, err
	}
	return sum(replies[:len(lens)], nil)
}

func sum(replies []any, err error) (int, error) {
	total := 0
	for _, r := range replies {
		n, _ := r.(int64)
		total += int(n)
	}
	return total, err
}

func (c *Connection) get(ctx context.Context, queue string) (*Message, error) {
	for _, l := range c.keys.lists(queue) {
		raw, err := redis.Bytes(c.do(ctx, false, "RPOP", l))
		if errors.Is(err, redis.ErrNil) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return ParseMessage(raw)
	}
	return nil, nil
}

// await returns a context for clean-up that outlives a cancelled one, but not for long.
func await(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}
