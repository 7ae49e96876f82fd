package kombu

import (
	"fmt"
	"slices"

	"github.com/gomodule/redigo/redis"
)

// claimArgs are the arguments of claimScript.
func (c *Consumer) claimArgs(t *trip) (keys []string, args []any) {
	k := c.b.keys
	keys = make([]string, 0, 5+len(t.order)*len(k.steps))
	keys = append(keys, k.unacked, k.index, c.held, k.leases, k.dead)
	for step := range k.steps {
		for _, s := range t.order {
			keys = append(keys, s.lists[step])
		}
	}
	rotate := 0
	if t.rotate {
		rotate = 1
	}
	return keys, []any{c.id, t.claim, maxClaimBytes, t.seq, c.leaseSeconds(), len(t.order), rotate}
}

// claimed takes what a claim has brought.
func (c *Consumer) claimed(t *trip, keys []string, reply any) error {
	parts, err := redis.Values(reply, nil)
	if err != nil || len(parts) != 3 {
		return fmt.Errorf("malformed reply of a claim: %w", err)
	}
	got, err := redis.Values(parts[1], nil)
	if err != nil || len(got)%3 != 0 {
		return fmt.Errorf("malformed reply of a claim: %w", err)
	}
	bad, _ := redis.Values(parts[2], nil)
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
	size := 0
	for i := range n {
		tag, _ := redis.String(got[3*i], nil)
		key, _ := redis.Int(got[3*i+1], nil)
		raw, _ := got[3*i+2].([]byte)
		if key < 6 || key > len(keys) || raw == nil {
			return fmt.Errorf("malformed reply of a claim: key %d", key)
		}
		size += len(raw)
		s := t.order[(key-6)%len(t.order)]
		served = append(served, s)
		fresh = append(fresh, &Delivery{Queue: s.queue.Name, Tag: tag, c: c, list: keys[key-1], seq: t.seq + int64(i), Message: &Message{raw: raw}})
	}
	c.mu.Lock()
	c.seq = t.seq + int64(n)
	if t.rotate {
		c.rotate(served)
	}
	drained := n < t.claim && size < maxClaimBytes
	if drained {
		c.ready = false
		for _, s := range c.queues {
			for _, w := range s.waiters {
				w.rearm()
			}
		}
	}
	c.mu.Unlock()
	c.accept(fresh)
	return nil
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

// accept parses claimed messages and hands the good ones to the pump. The others go to the dead letters.
func (c *Consumer) accept(fresh []*Delivery) {
	if len(fresh) == 0 {
		return
	}
	good := fresh[:0:len(fresh)]
	var bad []*settlement
	for _, d := range fresh {
		if err := d.Message.parse(d.Message.raw); err != nil {
			c.b.log.Error("list element is no message, put aside", "list", d.list, "reason", err, "dead_letters", c.b.keys.dead)
			d.state.Store(stateSettled)
			bad = append(bad, &settlement{d: d, kind: settleBury, reason: err.Error()})
			continue
		}
		good = append(good, d)
	}
	c.mu.Lock()
	for _, d := range good {
		c.holding[d.Tag] = d
	}
	c.open += len(good)
	c.backlog = append(c.backlog, good...)
	c.pending = append(c.pending, bad...)
	c.queued += int64(len(bad))
	c.mu.Unlock()
	c.waiting.Add(int64(len(good)))
	select {
	case c.pumpWake <- struct{}{}:
	default:
	}
}

// pump hands deliveries to the reader.
func (c *Consumer) pump() {
	for {
		c.mu.Lock()
		batch := c.backlog
		c.backlog = nil
		c.mu.Unlock()
		for _, d := range batch {
			if d.settled() {
				c.waiting.Add(-1)
				continue
			}
			select {
			case c.out <- d:
				c.waiting.Add(-1)
			case <-c.ctx.Done():
				return
			}
		}
		if len(batch) > 0 {
			c.kick()
			continue
		}
		select {
		case <-c.pumpWake:
		case <-c.ctx.Done():
			return
		}
	}
}
