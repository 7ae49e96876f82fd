package kombu

import (
	"context"
	"slices"
	"time"
)

// startSource consumes from a queue. A queue that is consumed from already is left alone.
func (c *Consumer) startSource(q Queue) {
	if q.Exchange.Type == Fanout {
		c.startBroadcast(q)
		return
	}
	s := &source{queue: q, lists: c.b.keys.lists(q.Name)}
	ctx, stop := context.WithCancel(c.ctx)
	s.stop = stop
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil || slices.ContainsFunc(c.queues, func(o *source) bool { return o.queue.Name == q.Name && !o.cancelled }) {
		stop()
		return
	}
	report := c.b.reporter("waiter")
	for _, l := range s.lists {
		w := &waiter{c: c, s: s, list: l, arm: make(chan struct{}, 1)}
		s.waiters = append(s.waiters, w)
		c.group.Go(func() { w.run(ctx, report) })
	}
	c.queues = append(c.queues, s)
	c.cycle = append(c.cycle, s)
}

func (c *Consumer) addQueue(ctx context.Context, q Queue) error {
	q = q.complete()
	if err := c.b.declare(ctx, []Queue{q}); err != nil {
		return err
	}
	c.startSource(q)
	c.hint()
	return nil
}

// cancelQueue returns when nothing more will be fetched from the queue, if the broker is there to say so.
func (c *Consumer) cancelQueue(name string) bool {
	c.mu.Lock()
	named := func(s *source) bool { return s.queue.Name == name && !s.cancelled }
	i := slices.IndexFunc(c.queues, named)
	if i < 0 {
		c.mu.Unlock()
		return false
	}
	s := c.queues[i]
	s.cancelled = true
	c.cycle = slices.DeleteFunc(c.cycle, func(o *source) bool { return o == s })
	c.mu.Unlock()
	ctx, cancel := await(blockTime + blockSlack)
	defer cancel()
	_ = c.callOff(ctx, func(w *waiter) bool { return w.s == s })
	s.stop()
	c.mu.Lock()
	c.queues = slices.DeleteFunc(c.queues, func(o *source) bool { return o == s })
	c.mu.Unlock()
	return true
}

func (c *Consumer) queueList() []Queue {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Queue, 0, len(c.queues))
	for _, s := range c.queues {
		if !s.cancelled {
			out = append(out, s.queue)
		}
	}
	return out
}

func (c *Consumer) setPrefetch(n int) {
	c.mu.Lock()
	lower := n > 0 && (c.prefetch == 0 || n < c.prefetch)
	c.prefetch = max(n, 0)
	lower = lower && !c.curbing
	if lower {
		c.curbing = true
	}
	c.mu.Unlock()
	c.kick()
	if lower {
		time.AfterFunc(curbDelay, c.curb)
	}
}

// curbDelay gathers changes of the prefetch limit.
const curbDelay = 10 * time.Millisecond

// curb calls off the claims that wait on the server with a limit above the present one.
func (c *Consumer) curb() {
	c.mu.Lock()
	c.curbing = false
	c.mu.Unlock()
	ctx, cancel := await(blockTime + blockSlack)
	defer cancel()
	_ = c.callOff(ctx, func(w *waiter) bool { return c.prefetch > 0 && (w.limit == 0 || w.limit > c.prefetch) })
}

func (c *Consumer) getPrefetch() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.prefetch
}

func (c *Consumer) setRefill(n int) {
	c.mu.Lock()
	c.refill = max(n, 1)
	c.mu.Unlock()
	c.kick()
}

func (c *Consumer) heldCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

func (c *Consumer) registered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.holding)
}
