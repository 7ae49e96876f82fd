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

// waiter blocks on one list until it is not empty, without taking anything: BLMOVE from the right end of a list to the
// right end of the same list leaves it as it is. Other clients blocked on the list, of Go or Python, are served
// in turn. It stays silent until it is armed again.
type waiter struct {
	list string
	arm  chan struct{}
}

func (w *waiter) rearm() {
	select {
	case w.arm <- struct{}{}:
	default:
	}
}

// run calls hint whenever the list may hold something: also when that can't be known.
func (w *waiter) run(ctx context.Context, d *dialer, report func(error), hint func()) {
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
		for {
			if conn == nil {
				var err error
				if conn, err = d.openForever(ctx, func(err error) { report(err); hint() }); err != nil {
					return
				}
			}
			found, err := w.block(ctx, conn)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				report(err)
			}
			if isRefusal(err) {
				// No BLMOVE (Redis before 6.2), out of memory, a key of another type: look now and then.
				select {
				case <-time.After(maxBackoff):
				case <-ctx.Done():
					return
				}
				found = true
			} else if err != nil {
				conn.Close()
				conn, found = nil, true
			}
			if found {
				hint()
				break
			}
		}
	}
}

// block waits for blockTime at most.
func (w *waiter) block(ctx context.Context, conn redis.Conn) (found bool, err error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	reply, err := redis.DoWithTimeout(conn, blockTime+blockSlack, "BLMOVE", w.list, w.list, "RIGHT", "RIGHT", blockTime.Seconds())
	if errors.Is(err, redis.ErrNil) {
		err = nil
	}
	return reply != nil, err
}
