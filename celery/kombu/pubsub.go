package kombu

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// listening is a connection in subscriber mode that comes back by itself. names is what is wanted; the server
// is told about the differences, and about everything after a reconnect.
type listening struct {
	open    func(context.Context, func(error)) (redis.Conn, error) // again and again until it works
	report  func(error)
	pattern bool                              // PSUBSCRIBE
	message func(channel string, data []byte) // must not block
	state   func(connected bool)              // after all names are confirmed, and when the connection is lost

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu        sync.Mutex
	names     []string
	conn      redis.PubSubConn // writing; zero while disconnected
	live      bool
	confirmed map[string]bool
	changed   chan struct{} // closed and replaced when confirmed or live changes
}

// pingEvery is how often an idle subscription asks for a sign of life.
const pingEvery = 2 * time.Second

func (l *listening) start() {
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.done = make(chan struct{})
	l.changed = make(chan struct{})
	l.names = append(l.names, idleChannel)
	go l.run()
}

func (l *listening) run() {
	defer close(l.done)
	for {
		conn, err := l.open(l.ctx, l.report)
		if err != nil {
			return
		}
		stop := context.AfterFunc(l.ctx, func() { conn.Close() })
		err = l.serve(conn)
		stop()
		conn.Close()
		if l.ctx.Err() != nil {
			return
		}
		l.report(err)
		select {
		case <-time.After(minBackoff):
		case <-l.ctx.Done():
			return
		}
	}
}

func (l *listening) serve(conn redis.Conn) error {
	ps := redis.PubSubConn{Conn: conn}
	l.mu.Lock()
	l.conn, l.live, l.confirmed = ps, true, map[string]bool{}
	err := l.tell(true, l.names)
	if err == nil {
		err = ps.Ping("")
	}
	l.notify()
	l.mu.Unlock()
	stop := make(chan struct{})
	pings := make(chan struct{})
	go func() {
		defer close(pings)
		l.ping(ps, stop)
	}()
	announced := false
	for err == nil {
		switch r := ps.ReceiveWithTimeout(pingEvery + 2*time.Second).(type) {
		case redis.Message:
			l.message(r.Channel, r.Data)
		case redis.Subscription:
			l.mu.Lock()
			switch r.Kind {
			case "subscribe", "psubscribe":
				l.confirmed[r.Channel] = true
			default:
				delete(l.confirmed, r.Channel)
			}
			l.notify()
			l.mu.Unlock()
		case redis.Pong:
			// The server answers in order: the first pong follows the confirmations.
			if !announced {
				announced = true
				l.state(true)
			}
		case error:
			err = r
		}
	}
	l.mu.Lock()
	l.conn, l.live, l.confirmed = redis.PubSubConn{}, false, nil
	l.notify()
	l.mu.Unlock()
	close(stop)
	conn.Close()
	<-pings
	if announced {
		l.state(false)
	}
	return err
}

// ping keeps the reader's deadline from passing on a live connection.
func (l *listening) ping(ps redis.PubSubConn, stop <-chan struct{}) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.mu.Lock()
			err := ps.Ping("")
			l.mu.Unlock()
			if err != nil {
				return // the reader sees it too
			}
		case <-stop:
			return
		}
	}
}

// tell sends names. l.mu is held.
func (l *listening) tell(subscribe bool, names []string) error {
	if len(names) == 0 {
		return nil
	}
	args := make([]any, len(names))
	for i, n := range names {
		args[i] = n
	}
	switch {
	case subscribe && l.pattern:
		return l.conn.PSubscribe(args...)
	case subscribe:
		return l.conn.Subscribe(args...)
	case l.pattern:
		return l.conn.PUnsubscribe(args...)
	}
	return l.conn.Unsubscribe(args...)
}

func (l *listening) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// add wants further names and waits until the server has confirmed them.
func (l *listening) add(ctx context.Context, names []string) error {
	l.mu.Lock()
	var fresh []string
	for _, n := range names {
		if !slices.Contains(l.names, n) {
			fresh = append(fresh, n)
		}
	}
	l.names = append(l.names, fresh...)
	if l.live {
		_ = l.tell(true, fresh) // a failure shows in the reader, which then tells all
	}
	l.mu.Unlock()
	return l.await(ctx, func() bool {
		return l.live && !slices.ContainsFunc(names, func(n string) bool { return !l.confirmed[n] })
	})
}

func (l *listening) remove(ctx context.Context, names []string) error {
	l.mu.Lock()
	l.names = slices.DeleteFunc(l.names, func(n string) bool { return slices.Contains(names, n) })
	if l.live {
		_ = l.tell(false, names)
	}
	l.mu.Unlock()
	return l.await(ctx, func() bool {
		return !l.live || !slices.ContainsFunc(names, func(n string) bool { return l.confirmed[n] })
	})
}

// await waits for a condition that is examined with l.mu held.
func (l *listening) await(ctx context.Context, cond func() bool) error {
	for {
		l.mu.Lock()
		ok, changed := cond(), l.changed
		l.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-l.done:
			return ErrClosed
		case <-ctx.Done():
			return errors.Join(ErrConnection, ctx.Err())
		}
	}
}

func (l *listening) close() {
	l.cancel()
	<-l.done
}
