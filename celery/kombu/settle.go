package kombu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"
)

func (d *Delivery) settled() bool { return d.state.Load() != stateOpen }

// settle queues an acknowledgement or a restore. It reports whether this call did it.
func (c *Consumer) settle(d *Delivery, kind settlementKind, done chan error) bool {
	return c.settleAs(d, &settlement{d: d, kind: kind, done: done})
}

func (c *Consumer) settleAs(d *Delivery, s *settlement) bool {
	if !d.state.CompareAndSwap(stateOpen, stateSettled) {
		return false
	}
	if d.broadcast() {
		s.finish(nil)
		return true
	}
	c.mu.Lock()
	c.open--
	c.pending = append(c.pending, s)
	c.queued++
	if s.urgent() {
		c.urgent++
	}
	wake := true
	if len(c.pending) == 1 {
		c.since = time.Now()
	} else {
		wake = !c.lingers() // else the first one has woken the engine
	}
	c.mu.Unlock()
	if wake {
		c.kick()
	}
	return true
}

func (c *Consumer) settleWait(ctx context.Context, d *Delivery, kind settlementKind) error {
	done := make(chan error, 1)
	if !c.settle(d, kind, done) {
		return fmt.Errorf("%w: %s", ErrNotOwned, d.Tag)
	}
	select {
	case err := <-done:
		return err
	case <-c.over:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// perform runs an operation on the engine, after all settlements so far. It is repeated on the next
// connection if the present one breaks.
func (c *Consumer) perform(ctx context.Context, do func(redis.Conn) error) error {
	o := &operation{do: do, done: make(chan error, 1)}
	c.mu.Lock()
	if c.ctx.Err() != nil {
		c.mu.Unlock()
		return ErrClosed
	}
	o.after = c.queued
	c.ops = append(c.ops, o)
	c.mu.Unlock()
	c.kick()
	select {
	case err := <-o.done:
		return err
	case <-c.over:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Consumer) flush(ctx context.Context) error {
	return c.perform(ctx, func(redis.Conn) error { return nil })
}

func (c *Consumer) pause(ctx context.Context) error {
	c.mu.Lock()
	c.paused = true
	c.mu.Unlock()
	if err := c.callOff(ctx, func(*waiter) bool { return true }); err != nil {
		return err
	}
	return c.flush(ctx)
}

func (c *Consumer) resume() {
	c.mu.Lock()
	c.paused = false
	c.mu.Unlock()
	c.hint()
}

// restoreChunk bounds one restore: few messages, so that the server is not held up.
const restoreChunk = 100

func (c *Consumer) release(ctx context.Context, ds []*Delivery) error {
	mine := make([]*Delivery, 0, len(ds))
	c.mu.Lock()
	for _, d := range ds {
		if d.broadcast() {
			d.state.Store(stateSettled) // nobody else could have it
			continue
		}
		if d.c == c && d.state.CompareAndSwap(stateOpen, stateSettled) {
			c.open--
			mine = append(mine, d)
		}
	}
	c.mu.Unlock()
	if len(mine) == 0 {
		return nil
	}
	slices.SortFunc(mine, func(a, b *Delivery) int { return int(b.seq - a.seq) })
	err := c.perform(ctx, func(conn redis.Conn) error {
		// The newest first: each is put in front of the one before.
		for chunk := range slices.Chunk(mine, restoreChunk) {
			keys, args := c.restoreArgs(chunk, "RPUSH")
			if _, err := evalOn(conn, restoreScript, keys, args, c.replyTimeout()); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		c.mu.Lock()
		for _, d := range mine {
			if c.holding[d.Tag] == d {
				delete(c.holding, d.Tag)
			}
		}
		c.mu.Unlock()
	}
	return err
}

// evalOn runs a loaded script on a connection of our own.
func evalOn(conn redis.Conn, s *Script, keys []string, args []any, timeout time.Duration) (any, error) {
	reply, err := redis.DoWithTimeout(conn, timeout, "EVALSHA", s.arguments(keys, args)...)
	if err != nil {
		return nil, fmt.Errorf("script %s: %w", s.name, err)
	}
	return reply, nil
}

// held deliveries in the order of their arrival. settled ones are on their way out.
func (c *Consumer) unsettled() []*Delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*Delivery
	for _, d := range c.holding {
		if !d.settled() {
			out = append(out, d)
		}
	}
	return out
}

// shutdown gives everything back and ends the consumer.
func (c *Consumer) shutdown(ctx context.Context) error {
	err := c.pause(ctx)
	if err == nil {
		err = c.release(ctx, c.unsettled())
	}
	if err == nil {
		err = c.perform(ctx, func(conn redis.Conn) error {
			if err := load(conn, forgetScript); err != nil {
				return err
			}
			_, err := evalOn(conn, forgetScript, []string{c.held, c.b.keys.leases}, []any{c.id, 0}, c.replyTimeout())
			return err
		})
	}
	c.end()
	<-c.over
	if errors.Is(err, ErrClosed) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("kombu: consumer closed without giving its messages back: %w", err)
	}
	return nil
}

// close ends the consumer with the connection.
func (c *Consumer) close() error {
	ctx, cancel := await(5 * time.Second)
	defer cancel()
	return c.shutdown(ctx)
}

// end stops all goroutines and closes the channel. Further calls only wait.
func (c *Consumer) end() {
	c.ended.Do(func() {
		c.mu.Lock()
		c.cancel() // under the lock: no pump starts after it
		c.mu.Unlock()
		c.b.detach(c)
		c.mu.Lock()
		sources := c.queues
		c.queues, c.cycle = nil, nil
		c.mu.Unlock()
		for _, s := range sources {
			s.stop()
		}
		c.group.Wait()
		close(c.out)
		close(c.over)
	})
}
