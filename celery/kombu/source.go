package kombu

import (
	"context"
	"slices"
)

// startSource consumes from a queue. A queue that is consumed from already is left alone.
func (c *Consumer) startSource(q Queue) {
	if q.Exchange.Type == Fanout {
		return // its messages are published, not pushed: see Subscribe
	}
	s := &source{queue: q, lists: c.b.keys.lists(q.Name)}
	ctx, stop := context.WithCancel(c.ctx)
	s.stop = stop
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil || slices.ContainsFunc(c.queues, func(o *source) bool { return o.queue.Name == q.Name }) {
		stop()
		return
	}
	report := c.b.reporter("waiter")
	for _, l := range s.lists {
		w := &waiter{list: l, arm: make(chan struct{}, 1)}
		s.waiters = append(s.waiters, w)
		c.group.Go(func() { w.run(ctx, c.b.dial, report, c.hint) })
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

func (c *Consumer) cancelQueue(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	named := func(s *source) bool { return s.queue.Name == name }
	i := slices.IndexFunc(c.queues, named)
	if i < 0 {
		return false
	}
	c.queues[i].stop()
	c.queues = slices.Delete(c.queues, i, i+1)
	c.cycle = slices.DeleteFunc(c.cycle, named)
	return true
}

func (c *Consumer) queueList() []Queue {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Queue, len(c.queues))
	for i, s := range c.queues {
		out[i] = s.queue
	}
	return out
}

func (c *Consumer) setPrefetch(n int) {
	c.mu.Lock()
	c.prefetch = max(n, 0)
	c.mu.Unlock()
	c.kick()
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
