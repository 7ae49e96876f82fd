package kombu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"
)

// claimArgs are the arguments of claimScript.
func (c *Consumer) claimArgs(t *trip) (keys []string, args []any) {
	k := c.b.keys
	keys = make([]string, 0, 5+len(t.order)*len(k.steps))
	keys = append(keys, k.unacked, k.index, c.held, k.leases, k.dead)
	if t.list != "" {
		keys = append(keys, t.list)
	} else {
		for step := range k.steps {
			for _, s := range t.order {
				keys = append(keys, s.lists[step])
			}
		}
	}
	rotate := 0
	if t.rotate {
		rotate = 1
	}
	return keys, []any{c.id, t.claim, maxClaimBytes, t.limit, c.leaseSeconds(), len(t.order), rotate}
}

// claimed takes what a claim has brought; empty says that it has left nothing in the lists.
func (c *Consumer) claimed(t *trip, keys []string, reply any) (empty bool, err error) {
	parts, err := redis.Values(reply, nil)
	if err != nil || len(parts) != 4 {
		return false, fmt.Errorf("malformed reply of a claim: %w", err)
	}
	first, err := redis.Int64(parts[0], nil)
	got, err2 := redis.Values(parts[2], nil)
	if err = errors.Join(err, err2); err != nil || len(got)%3 != 0 {
		return false, fmt.Errorf("malformed reply of a claim: %w", err)
	}
	first = first*1000 + 100
	bad, _ := redis.Values(parts[3], nil)
	for i := 0; i+1 < len(bad); i += 2 {
		n, _ := redis.Int(bad[i], nil)
		reason, _ := redis.String(bad[i+1], nil)
		if n >= 1 && n <= len(keys) {
			c.b.log.Error("list element is no message, put aside", "list", keys[n-1], "reason", reason, "dead_letters", c.b.keys.dead)
		}
	}
	n := len(got) / 3
	fresh := make([]*Delivery, 0, n)
	served := make([]*source, 0, n)
	for i := range n {
		tag, _ := redis.String(got[3*i], nil)
		key, _ := redis.Int(got[3*i+1], nil)
		raw, _ := got[3*i+2].([]byte)
		if key < 6 || key > len(keys) || raw == nil {
			return false, fmt.Errorf("malformed reply of a claim: key %d", key)
		}
		s := t.order[(key-6)%len(t.order)]
		served = append(served, s)
		fresh = append(fresh, c.delivery(s.queue.Name, tag, keys[key-1], first+int64(i), raw))
	}
	if t.rotate && n > 0 {
		c.mu.Lock()
		c.rotate(served)
		c.mu.Unlock()
	}
	c.accept(fresh, false)
	left, err := redis.Int(parts[1], nil)
	return left == 1, err
}

func (c *Consumer) delivery(queue, tag, list string, seq int64, raw []byte) *Delivery {
	both := &struct {
		d Delivery
		m Message
	}{} // they live as long as each other
	both.m.raw = raw
	both.d = Delivery{Message: &both.m, Queue: queue, Tag: tag, c: c, list: list, seq: seq}
	return &both.d
}

// drained lets the waiters watch the lists, which were empty.
func (c *Consumer) drained() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = false
	for _, s := range c.queues {
		for _, w := range s.waiters {
			w.rearm()
		}
	}
}

// rotate moves each queue that was served to the end, in the order of service. c.mu is held.
func (c *Consumer) rotate(served []*source) {
	if len(c.cycle) < 2 {
		return
	}
	for _, s := range served {
		if i := slices.Index(c.cycle, s); i >= 0 {
			c.cycle = append(slices.Delete(c.cycle, i, i+1), s)
		}
	}
}

// accept takes over what is registered for us; the reader parses it. adopted ones were found on the server: the reply of
// their claim is lost, or late.
func (c *Consumer) accept(fresh []*Delivery, adopted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if adopted || len(c.adopted) > 0 {
		fresh = slices.DeleteFunc(fresh, func(d *Delivery) bool { return c.known(d, adopted) })
	}
	if len(fresh) == 0 {
		return
	}
	for _, d := range fresh {
		c.holding[d.Tag] = d
	}
	c.open += len(fresh)
	c.backlog = append(c.backlog, fresh...)
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// known reports whether a message has been delivered already. c.mu is held.
func (c *Consumer) known(d *Delivery, adopted bool) bool {
	if h := c.holding[d.Tag]; h != nil && h.seq == d.seq {
		return true
	}
	if adopted {
		c.adopted[d.seq] = time.Now()
		return false
	}
	_, is := c.adopted[d.seq]
	return is
}

// parse makes a delivery ready for the reader. What is no message goes to the dead letters.
func (c *Consumer) parse(d *Delivery) bool {
	err := d.Message.parse(d.Message.raw)
	if err == nil {
		d.parsed.Store(true)
		return !d.settled()
	}
	c.b.log.Error("list element is no message, put aside", "list", d.list, "reason", err, "dead_letters", c.b.keys.dead)
	c.settleAs(d, &settlement{d: d, kind: settleBury, reason: err.Error()})
	return false
}

// receive waits for the next delivery.
func (c *Consumer) receive(ctx context.Context) (*Delivery, error) {
	for {
		c.mu.Lock()
		var d *Delivery
		if len(c.backlog) > 0 {
			d, c.backlog[0] = c.backlog[0], nil
			c.backlog = c.backlog[1:]
		} else {
			c.backlog = nil
		}
		hungry := d != nil && len(c.backlog) == maxWaiting-1 // the engine has stopped claiming
		c.mu.Unlock()
		if hungry {
			c.kick()
		}
		switch {
		case d == nil:
			select {
			case <-c.arrived:
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-c.ctx.Done():
				return nil, ErrClosed
			}
		case !d.settled() && c.parse(d):
			return d, nil
		}
	}
}

// undelivered takes away what the reader has not received.
func (c *Consumer) undelivered() []*Delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.backlog
	c.backlog = nil
	return slices.DeleteFunc(out, (*Delivery).settled)
}

// deliveries starts the pump.
func (c *Consumer) deliveries() <-chan *Delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.pumping && c.ctx.Err() == nil {
		c.pumping = true
		c.group.Go(c.pump)
	}
	return c.out
}

// pump hands deliveries to the readers of the channel.
func (c *Consumer) pump() {
	for {
		d, err := c.receive(c.ctx)
		if err != nil {
			return
		}
		select {
		case c.out <- d:
		case <-c.ctx.Done():
			return
		}
	}
}
