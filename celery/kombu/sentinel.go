package kombu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/gomodule/redigo/redis"
)

// A master that has been replaced goes on serving its clients until the sentinels make it a replica, some 10 s later,
// and forgets then what it was sent meanwhile. So a watch hears from every sentinel when it has switched to another
// master, and cuts all connections to the old one; each part then connects anew as after any other failure.

// openMaster asks the sentinels for the master and connects to it.
func (d *dialer) openMaster(ctx context.Context) (redis.Conn, error) {
	var errs []error
	for _, h := range d.target.hosts {
		master, err := d.askSentinel(ctx, h)
		if err == nil {
			var c redis.Conn
			if c, err = d.openAt(ctx, "tcp", master.addr(), master.name); err == nil {
				// A demoted master still answers until the sentinels have told it.
				if role, rerr := redis.Values(redis.DoContext(c, ctx, "ROLE")); rerr == nil && len(role) > 0 {
					if name, _ := redis.String(role[0], nil); name != "master" {
						c.Close()
						err = fmt.Errorf("%w to %s: it is a %s, not the master", ErrConnection, master.addr(), name)
					}
				}
				if err == nil {
					return c, nil
				}
			}
		}
		errs = append(errs, err)
	}
	return nil, oneLine(errs)
}

// openSentinel connects to a sentinel.
func (d *dialer) openSentinel(ctx context.Context, h host) (redis.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	c, err := d.connect(ctx, "tcp", h.addr(), h.name, d.opt.SentinelTLS)
	if err == nil {
		if err = authenticate(ctx, c, d.opt.SentinelUser, d.opt.SentinelPassword); err == nil {
			return c, nil
		}
		c.Close()
	}
	return nil, d.sentinelError(h, err)
}

func (d *dialer) sentinelError(h host, err error) error {
	return fmt.Errorf("%w to sentinel %s: %w", ErrConnection, h.addr(), explain(err, d.opt.SentinelTLS != nil))
}

// askSentinel asks a sentinel for the master's address.
func (d *dialer) askSentinel(ctx context.Context, h host) (host, error) {
	c, err := d.openSentinel(ctx, h)
	if err != nil {
		return host{}, err
	}
	defer c.Close()
	master, err := d.askOn(ctx, c)
	if err != nil {
		return host{}, d.sentinelError(h, err)
	}
	return master, nil
}

func (d *dialer) askOn(ctx context.Context, c redis.Conn) (host, error) {
	if d.opt.MinOtherSentinels > 0 {
		state, err := redis.StringMap(redis.DoContext(c, ctx, "SENTINEL", "MASTER", d.opt.MasterName))
		if err != nil {
			return host{}, err
		}
		if n, _ := strconv.Atoi(state["num-other-sentinels"]); n < d.opt.MinOtherSentinels {
			return host{}, fmt.Errorf("it knows of %d other sentinels, min_other_sentinels is %d", n, d.opt.MinOtherSentinels)
		}
	}
	addr, err := redis.Strings(redis.DoContext(c, ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", d.opt.MasterName))
	if errors.Is(err, redis.ErrNil) || err == nil && len(addr) != 2 {
		return host{}, fmt.Errorf("it knows no master called %q", d.opt.MasterName)
	}
	if err != nil {
		return host{}, err
	}
	port, err := strconv.Atoi(addr[1])
	if err != nil {
		return host{}, err
	}
	return host{addr[0], port}, nil
}

// watch listens to the sentinels.
type watch struct {
	d     *dialer
	parts []*listening
}

// startWatch starts to listen, in the background.
func (c *Connection) startWatch() *watch {
	w := &watch{d: c.dial}
	for _, h := range c.target.hosts {
		silent := func(error) {} // another sentinel will tell, and the master's loss is reported where it is felt
		l := &listening{
			open: func(ctx context.Context, _ func(error)) (redis.Conn, error) {
				return openForever(ctx, func(ctx context.Context) (redis.Conn, error) { return w.d.openSentinel(ctx, h) }, silent)
			},
			report:  silent,
			message: func(_ string, data []byte) { w.switched(string(data)) },
			state: func(up bool) {
				if up {
					w.compare(h)
				}
			},
		}
		l.names = []string{"+switch-master"}
		l.start()
		w.parts = append(w.parts, l)
	}
	return w
}

// switched reads "<name> <old host> <old port> <new host> <new port>".
func (w *watch) switched(text string) {
	if f := strings.Fields(text); len(f) == 5 && f[0] == w.d.opt.MasterName {
		w.d.masters.cut(func(addr string) bool { return addr == net.JoinHostPort(f[1], f[2]) })
	}
}

// compare makes up for what was said while a sentinel could not be heard.
func (w *watch) compare(h host) {
	ctx, cancel := await(w.d.timeout)
	defer cancel()
	now, err := w.d.askSentinel(ctx, h)
	if err != nil {
		return
	}
	w.d.masters.cut(func(addr string) bool { return addr != now.addr() })
}

func (w *watch) close() error {
	for _, l := range w.parts {
		l.close()
	}
	return nil
}

// masters are the open connections to masters. The zero value is empty.
type masters struct {
	mu   sync.Mutex
	open map[*masterConn]struct{}
}

// masterConn takes itself off the list when it is closed.
type masterConn struct {
	net.Conn
	addr string
	list *masters
}

func (m *masters) add(c net.Conn, addr string) net.Conn {
	one := &masterConn{c, addr, m}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open == nil {
		m.open = map[*masterConn]struct{}{}
	}
	m.open[one] = struct{}{}
	return one
}

func (c *masterConn) Close() error {
	c.list.mu.Lock()
	delete(c.list.open, c)
	c.list.mu.Unlock()
	return c.Conn.Close()
}

// cut closes the connections to addresses that are old.
func (m *masters) cut(old func(addr string) bool) {
	m.mu.Lock()
	var list []*masterConn
	for c := range m.open {
		if old(c.addr) {
			list = append(list, c)
		}
	}
	m.mu.Unlock()
	for _, c := range list {
		c.Close()
	}
}
