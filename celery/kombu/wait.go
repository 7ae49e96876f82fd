package kombu

import (
	"context"
	"errors"
	"time"

	"github.com/gomodule/redigo/redis"
)

// blockTime is how long the server holds a blocked command; the connection counts as dead when the answer
// is overdue by blockSlack.
const (
	blockTime  = 3 * time.Second
	blockSlack = 1000 * time.Millisecond
)

// waiter blocks on one list until it is not empty: BLMOVE from the right end of a list to the right end of the same list
// leaves it as it is. Other clients blocked on the list, of Go or Python, are served in turn. A claim of that list follows
// the BLMOVE in the same packet, and the server executes it as soon as the BLMOVE ends: a push on an idle
// list costs one wake-up here, and popping and registering are still one step. A waiter that found the list not to be
// empty afterwards leaves the rest to the engine and stays silent until it is armed again.
//
// A claim that waits on the server must be called off where nothing may be fetched any more (pause, cancelled queue, lower
// prefetch): CLIENT UNBLOCK ends the BLMOVE, and the claim's reply is waited for. Where the server has no such command
// (miniredis, an ACL), the BLMOVE goes alone and the engine claims.
type waiter struct {
	c    *Consumer
	s    *source
	list string
	arm  chan struct{}

	// Guarded by c.mu.
	armed    bool
	claiming bool  // a claim waits on the server or its reply is under way
	limit    int   // of that claim
	client   int64 // connection's id on the server; 0 if it can't be unblocked
}

// rearm starts a silent waiter. c.mu is held.
func (w *waiter) rearm() {
	if !w.armed {
		w.armed = true
		w.arm <- struct{}{} // has room: it is taken before armed is cleared
	}
}

// run waits and claims until ctx ends.
func (w *waiter) run(ctx context.Context, report func(error)) {
	var conn redis.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for {
		select {
		case <-w.arm:
		case <-ctx.Done():
			return
		}
		for again := true; again; {
			if conn == nil {
				var err error
				if conn, err = w.open(ctx, report); err != nil {
					return
				}
			}
			var err error
			again, err = w.block(ctx, conn)
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				continue
			}
			report(err)
			if isRefusal(err) {
				// No BLMOVE (Redis before 6.2), out of memory, a key of another type: look now and then.
				select {
				case <-time.After(maxBackoff):
				case <-ctx.Done():
					return
				}
			} else {
				conn.Close()
				conn = nil
			}
			w.yield()
			again = false
		}
	}
}

// open connects, and finds out whether a blocked command can be called off.
func (w *waiter) open(ctx context.Context, report func(error)) (redis.Conn, error) {
	for {
		conn, err := w.c.b.dial.openForever(ctx, func(err error) { report(err); w.c.hint() })
		if err != nil {
			return nil, err
		}
		id, err := redis.Int64(redis.DoWithTimeout(conn, w.c.replyTimeout(), "CLIENT", "ID"))
		if err == nil {
			err = load(conn, claimScript)
		}
		if err != nil && !isRefusal(err) {
			conn.Close()
			report(err)
			continue
		}
		if err != nil {
			id = 0
		}
		w.c.mu.Lock()
		w.client = id
		w.c.mu.Unlock()
		return conn, nil
	}
}

// yield leaves the list to the engine.
func (w *waiter) yield() {
	w.c.mu.Lock()
	w.armed = false
	w.c.ready = true
	w.c.mu.Unlock()
	w.c.kick()
}

// block waits for blockTime at most. again says that the list is empty and to be waited for again; an error of the connection
// has to be followed by yield.
func (w *waiter) block(ctx context.Context, conn redis.Conn) (again bool, err error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	t, ok := w.start()
	if !ok {
		return false, nil
	}
	if err := conn.Send("BLMOVE", w.list, w.list, "RIGHT", "RIGHT", blockTime.Seconds()); err != nil {
		w.over(t, err)
		return true, err
	}
	var keys []string
	if t != nil {
		var args []any
		keys, args = w.c.claimArgs(t)
		if err := conn.Send("EVALSHA", claimScript.arguments(keys, args)...); err != nil {
			w.over(t, err)
			return true, err
		}
	}
	err = conn.Flush()
	if err != nil {
		w.over(t, err)
		return true, err
	}
	moved, err := redis.ReceiveWithTimeout(conn, blockTime+blockSlack)
	if t == nil {
		if err == nil && moved != nil {
			w.yield()
			return false, nil
		}
		return true, err
	}
	var reply any
	if err == nil || isRefusal(err) {
		var claimErr error
		if reply, claimErr = redis.ReceiveWithTimeout(conn, w.c.replyTimeout()); claimErr != nil {
			err = claimErr
		} else if empty, claimErr := w.c.claimed(t, keys, reply); claimErr != nil {
			err = claimErr
		} else if !empty && err == nil {
			w.over(t, nil)
			w.yield()
			return false, nil
		}
	}
	w.over(t, err)
	return true, err
}

// start notes that a claim is about to wait on the server: nil where it could not be called off. It is false if nothing is to
// be fetched now.
func (w *waiter) start() (*trip, bool) {
	c := w.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused || w.s.cancelled {
		w.armed = false
		return nil, false
	}
	if len(c.backlog) >= maxWaiting {
		w.armed, c.ready = false, true
		return nil, false
	}
	if w.client == 0 {
		return nil, true
	}
	w.claiming, w.limit = true, c.prefetch
	return &trip{claim: maxClaim, limit: c.prefetch, order: []*source{w.s}, list: w.list}, true
}

// over notes that a claim has ended. If its reply is lost it may have brought messages.
func (w *waiter) over(t *trip, err error) {
	if t == nil {
		return
	}
	c := w.c
	c.mu.Lock()
	w.claiming = false
	if c.calm != nil {
		close(c.calm)
		c.calm = nil
	}
	c.mu.Unlock()
	if err != nil && !isRefusal(err) {
		c.takeStock()
	}
}

// takeStock asks the engine to compare what the server has registered for us with what we know.
func (c *Consumer) takeStock() {
	c.mu.Lock()
	c.ops = append(c.ops, &operation{do: c.resync, done: make(chan error, 1)})
	c.mu.Unlock()
	c.kick()
}

// callOff ends the claims of waiters that wait on the server, as far as they are wanted, and waits until their replies have been
// dealt with. Those waiters must have been told before not to start again.
func (c *Consumer) callOff(ctx context.Context, wanted func(*waiter) bool) error {
	for {
		var clients []int64
		c.mu.Lock()
		for _, s := range c.queues {
			for _, w := range s.waiters {
				if w.claiming && wanted(w) {
					clients = append(clients, w.client)
				}
			}
		}
		if len(clients) > 0 && c.calm == nil {
			c.calm = make(chan struct{})
		}
		calm := c.calm
		c.mu.Unlock()
		if len(clients) == 0 {
			return nil
		}
		if err := c.perform(ctx, func(conn redis.Conn) error { return c.unblock(conn, clients) }); err != nil {
			return err
		}
		select {
		case <-calm:
		case <-time.After(20 * time.Millisecond): // it may not have been blocked yet
		case <-c.over:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// unblock ends the blocked commands of connections. A refusal is no error: blockTime ends them too.
func (c *Consumer) unblock(conn redis.Conn, clients []int64) error {
	for _, id := range clients {
		if err := conn.Send("CLIENT", "UNBLOCK", id); err != nil {
			return err
		}
	}
	if err := conn.Flush(); err != nil {
		return err
	}
	var refused redis.Error
	for range clients {
		if _, err := redis.ReceiveWithTimeout(conn, c.replyTimeout()); err != nil && !errors.As(err, &refused) {
			return err
		}
	}
	return nil
}
