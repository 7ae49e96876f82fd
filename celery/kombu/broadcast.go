package kombu

import (
	"context"
	"slices"
	"time"
)

// Messages of fanout exchanges are published, not pushed: every consumer of one hears them, none can have them again.
// They are not registered as unacknowledged, do not count as held, and settling them does nothing. (Kombu registers
// them all the same, under one tag for all consumers, and restores them to a list that nobody reads.)

// broadcastBuffer is how many messages may wait for the reader; then the oldest are dropped, as any subscriber's.
const broadcastBuffer = 10_000

// fullPause is how long a broadcast waits to look again whether the reader has made room; the subscription buffers meanwhile.
const fullPause = 20 * time.Millisecond

// broadcast reports whether a delivery comes from a fanout exchange.
func (d *Delivery) broadcast() bool { return d.list == "" }

// hearingTime is how long a new source waits for its subscription to stand; it goes on trying after that.
const hearingTime = 5 * time.Second

// startBroadcast listens to a fanout exchange. When it returns, what is published from then on is heard, if the broker
// is there.
func (c *Consumer) startBroadcast(q Queue) {
	ctx, stop := context.WithCancel(c.ctx)
	c.mu.Lock()
	if c.ctx.Err() != nil || slices.ContainsFunc(c.queues, func(o *source) bool { return o.queue.Name == q.Name && !o.cancelled }) {
		c.mu.Unlock()
		stop()
		return
	}
	c.queues = append(c.queues, &source{queue: q, stop: stop})
	hears := make(chan struct{})
	c.group.Go(func() { c.hear(ctx, q, hears) })
	c.mu.Unlock()
	select {
	case <-hears:
	case <-ctx.Done():
	case <-time.After(hearingTime):
	}
}

func (c *Consumer) hear(ctx context.Context, q Queue, hears chan<- struct{}) {
	s, err := c.b.subscribe(ctx, SubscribeOptions{Buffer: broadcastBuffer, Bindings: []FanoutBinding{{q.Exchange.Name, q.RoutingKey}}})
	if err != nil {
		return // cancelled or closed
	}
	close(hears)
	defer s.close()
	for {
		select {
		case e, ok := <-s.out:
			if !ok {
				return
			}
			d := &Delivery{Queue: q.Name, Tag: e.Message.Properties.DeliveryTag, c: c, Message: &Message{raw: e.Message.raw}}
			if !c.overhear(ctx, d) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// overhear puts a message with those that wait for the reader, once there is room; false if ctx ends first.
func (c *Consumer) overhear(ctx context.Context, d *Delivery) bool {
	for {
		c.mu.Lock()
		room := len(c.backlog) < maxWaiting
		if room {
			c.backlog = append(c.backlog, d)
		}
		c.mu.Unlock()
		if room {
			select {
			case c.arrived <- struct{}{}:
			default:
			}
			return true
		}
		select {
		case <-time.After(fullPause):
		case <-ctx.Done():
			return false
		}
	}
}
