package kombu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

// link is one connection that many goroutines share. Their commands are written together and the replies
// handed out in order, so n concurrent calls cost about one round trip. It connects when first used
// and again, for ever, after a failure.
type link struct {
	dial   *dialer
	report func(error)
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	queue []*call // not yet written
	wake  chan struct{}
}

// call is one command under way.
type call struct {
	cmd    string
	args   []any
	script *Script // set for scripts: NOSCRIPT is answered with the source
	idem   bool    // may be sent again
	dead   bool    // its caller has gone; guarded by link.mu
	reply  any
	err    error
	group  *sync.WaitGroup
}

func newLink(d *dialer, report func(error)) *link {
	l := &link{dial: d, report: report, wake: make(chan struct{}, 1), done: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	go l.run()
	return l
}

// roundTrip sends calls in order and waits for all of them. It returns early only if ctx ends; calls that
// have not been written by then never will be.
func (l *link) roundTrip(ctx context.Context, calls ...*call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var group sync.WaitGroup
	group.Add(len(calls))
	for _, c := range calls {
		c.group = &group
	}
	l.mu.Lock()
	if l.ctx.Err() != nil {
		l.mu.Unlock()
		return ErrClosed
	}
	l.queue = append(l.queue, calls...)
	l.mu.Unlock()
	l.kick()
	if ctx.Done() == nil {
		group.Wait()
		return nil
	}
	stop := context.AfterFunc(ctx, func() { l.abandon(calls, ctx.Err()) })
	group.Wait()
	stop()
	return nil
}

func (l *link) kick() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// abandon ends calls whose caller does not wait any longer. Those already written end without a reply.
func (l *link) abandon(calls []*call, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range calls {
		if !c.dead {
			c.dead, c.err = true, err
			c.group.Done()
		}
	}
}

// finish hands a result to the caller.
func (l *link) finish(c *call, reply any, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.dead {
		c.dead, c.reply, c.err = true, reply, err
		c.group.Done()
	}
}

// take returns the calls to write, without those that nobody waits for.
func (l *link) take() []*call {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.queue
	l.queue = nil
	live := q[:0]
	for _, c := range q {
		if !c.dead {
			live = append(live, c)
		}
	}
	return live
}

// putBack queues calls in front of the others.
func (l *link) putBack(calls []*call) {
	if len(calls) == 0 {
		return
	}
	l.mu.Lock()
	l.queue = append(calls[:len(calls):len(calls)], l.queue...)
	l.mu.Unlock()
	l.kick()
}

func (l *link) run() {
	defer close(l.done)
	for {
		select {
		case <-l.wake:
			l.kick()
		case <-l.ctx.Done():
			l.fail(l.take(), ErrClosed)
			return
		}
		conn, err := l.dial.openForever(l.ctx, l.report)
		if err == nil {
			if err = l.serve(conn); err != nil && l.ctx.Err() == nil {
				l.report(err)
			}
			conn.Close()
		}
	}
}

// serve writes calls to a connection until it breaks.
func (l *link) serve(conn redis.Conn) error {
	flight := make(chan []*call, 16)
	down := make(chan struct{}) // closed when a reply can't be read
	var undone []*call
	var broken error
	var busy atomic.Int64 // batches without all their replies
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		undone, broken = l.receive(conn, flight, down, &busy)
	}()
	err := l.write(conn, flight, down, &busy)
	conn.Close() // ends a blocked receive
	close(flight)
	<-finished
	if err == nil {
		err = broken
	}
	l.retry(undone, err)
	return err
}

// write writes what is queued; it returns nil when the reading side has failed or the link is closed.
func (l *link) write(conn redis.Conn, flight chan<- []*call, down <-chan struct{}, busy *atomic.Int64) error {
	for {
		select {
		case <-l.wake:
		case <-down:
			return nil
		case <-l.ctx.Done():
			return nil
		}
		batch := l.take()
		if len(batch) == 0 {
			continue
		}
		// Nobody reads an idle connection, so its end has to be looked for: what is sent after it has an uncertain fate.
		if busy.Load() == 0 && hasEnded(conn) {
			l.putBack(batch)
			return errEnded
		}
		var err error
		for _, c := range batch {
			if e := conn.Send(c.cmd, c.args...); e != nil && err == nil {
				err = e
			}
		}
		if err == nil {
			err = conn.Flush()
		}
		busy.Add(1)
		flight <- batch
		if err != nil {
			return err
		}
	}
}

// receive reads replies in order. After a failure it goes on taking batches, which the writer may be about to
// hand over, and returns all calls that have no reply.
func (l *link) receive(conn redis.Conn, flight <-chan []*call, down chan<- struct{}, busy *atomic.Int64) (undone []*call, broken error) {
	for batch := range flight {
		for i, c := range batch {
			if broken != nil {
				undone = append(undone, batch[i:]...)
				break
			}
			reply, err := conn.Receive()
			var refused redis.Error
			switch {
			case err == nil:
				l.finish(c, reply, nil)
			case !errors.As(err, &refused):
				broken = err
				undone = append(undone, c)
				close(down)
			case c.script != nil && c.cmd == "EVALSHA" && strings.HasPrefix(string(refused), "NOSCRIPT"):
				c.cmd, c.args[0] = "EVAL", c.script.src
				l.putBack([]*call{c})
			default:
				l.finish(c, nil, explainRefusal(refused))
			}
		}
		busy.Add(-1)
	}
	return undone, broken
}

// retry queues the idempotent calls again and fails the others, which may or may not have been executed.
func (l *link) retry(calls []*call, err error) {
	var again []*call
	for _, c := range calls {
		if c.idem && l.ctx.Err() == nil {
			again = append(again, c)
		} else {
			l.finish(c, nil, fmt.Errorf("%w broke, %w: %w", ErrConnection, ErrUncertain, err))
		}
	}
	l.putBack(again)
}

func (l *link) fail(calls []*call, err error) {
	for _, c := range calls {
		l.finish(c, nil, err)
	}
}

func (l *link) close() {
	l.mu.Lock()
	l.cancel()
	l.mu.Unlock()
	<-l.done
	l.fail(l.take(), ErrClosed)
}

// quiet limits how often the same trouble is reported.
type quiet struct {
	mu   sync.Mutex
	last string
	when time.Time
}

// say reports whether a text should be logged: it is new, or a minute has passed.
func (q *quiet) say(text string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if text == q.last && time.Since(q.when) < time.Minute {
		return false
	}
	q.last, q.when = text, time.Now()
	return true
}
