package kombu

import (
	"context"
	"slices"
)

// Messages of fanout exchanges are published, not pushed: every consumer of one hears them, none can have them again.
// They are not registered as unacknowledged, do not count as held, and settling them does nothing. (Kombu registers
// them all the same, under one tag for all consumers, and restores them to a list that nobody reads.)

// broadcastBuffer is how many messages may wait for the reader; then the oldest are dropped, as any subscriber's.
const broadcastBuffer = 10_000

// broadcast reports whether a delivery comes from a fanout exchange.
func (d *Delivery) broadcast() bool { return d.list == "" }

// startBroadcast listens to a fanout exchange.
func (c *Consumer) startBroadcast(q Queue) {
	ctx, stop := context.WithCancel(c.ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil || slices.ContainsFunc(c.queues, func(o *source) bool { return o.queue.Name == q.Name && !o.cancelled }) {
		stop()
		return
	}
	c.queues = append(c.queues, &source{queue: q, stop: stop})
	c.group.Go(func() { c.hear(ctx, q) })
}

func (c *Consumer) hear(ctx context.Context, q Queue) {
	s, err := c.b.subscribe(ctx, SubscribeOptions{Buffer: broadcastBuffer, Bindings: []FanoutBinding{{q.Exchange.Name, q.RoutingKey}}})
	if err != nil {
		return // cancelled or closed
	}
	defer s.close()
	for {
		select {
		case e, ok := <-s.out:
			if !ok {
				return
			}
			d := &Delivery{Queue: q.Name, Tag: e.Message.Properties.DeliveryTag, c: c, Message: e.Message}
			d.parsed.Store(true)
			select {
			case c.out <- d:
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
