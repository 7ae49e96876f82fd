package kombu

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// startRenewal begins a round of renewals; the engine works it off in portions.
func (c *Consumer) startRenewal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renewing = c.renewing[:0]
	for _, d := range c.holding {
		c.renewing = append(c.renewing, d)
	}
}

// renewed notes the messages that a peer has taken over.
func (c *Consumer) renewed(asked []*Delivery, reply any) error {
	values, err := redis.Values(reply, nil)
	if err != nil || len(values) == 0 {
		return fmt.Errorf("malformed reply of a renewal: %w", err)
	}
	n, err := redis.Int(values[0], nil)
	if err != nil {
		return err
	}
	lost, err := redis.Strings(values[1:], nil)
	if err != nil {
		return err
	}
	c.audit(n)
	for _, tag := range lost {
		if i := slices.IndexFunc(asked, func(d *Delivery) bool { return d.Tag == tag }); i >= 0 {
			c.lose(asked[i])
		}
	}
	return nil
}

// audit compares the number of messages that the server has registered for us with what we know. If it was more twice in
// a row, seconds apart, the reply of a claim is lost: one that the server executed after its connection had broken.
func (c *Consumer) audit(registered int) {
	c.mu.Lock()
	more := registered > len(c.holding)
	again := more && c.surplus
	c.surplus = more && !again
	for seq, when := range c.adopted {
		if time.Since(when) > time.Minute {
			delete(c.adopted, seq)
		}
	}
	c.mu.Unlock()
	if again {
		c.takeStock()
	}
}

// lose ends a delivery that is not ours any more.
func (c *Consumer) lose(d *Delivery) {
	c.mu.Lock()
	if c.holding[d.Tag] == d {
		delete(c.holding, d.Tag)
	}
	lost := d.state.CompareAndSwap(stateOpen, stateLost)
	if lost {
		c.open--
	}
	c.mu.Unlock()
	if !lost {
		return
	}
	c.b.log.Warn("a peer has taken a message over", "queue", d.Queue, "delivery_tag", d.Tag)
	if d.parsed.Load() && c.opts.Lost != nil { // else it has not been delivered, and won't be
		c.opts.Lost(d)
	}
	c.kick()
}

// heldEntry is a value of a held hash, "score|sequence|list".
type heldEntry struct {
	tag  string
	seq  int64
	list string
}

func parseHeld(tag, value string) (heldEntry, bool) {
	p := strings.SplitN(value, "|", 3)
	if len(p) != 3 {
		return heldEntry{}, false
	}
	seq, err := strconv.ParseInt(p[1], 10, 64)
	return heldEntry{tag, seq, p[2]}, err == nil
}

// parseHash reads the reply of HGETALL on a held hash, in order of delivery.
func parseHash(reply map[string]string) []heldEntry {
	out := make([]heldEntry, 0, len(reply))
	for tag, value := range reply {
		if e, ok := parseHeld(tag, value); ok {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b heldEntry) int { return int(a.seq - b.seq) })
	return out
}

// resync compares what the server has registered for us with what we know, after a new connection: a claim
// whose reply was lost has brought messages that nobody works on, and peers may have taken some over.
func (c *Consumer) resync(conn redis.Conn) error {
	reply, err := redis.StringMap(redis.DoWithTimeout(conn, c.replyTimeout(), "HGETALL", c.held))
	if err != nil {
		return err
	}
	entries := parseHash(reply)
	seqs := make(map[string]int64, len(entries))
	for _, e := range entries {
		seqs[e.tag] = e.seq
	}
	var lost []*Delivery
	var unknown []heldEntry
	c.mu.Lock()
	for tag, d := range c.holding {
		if seq, ok := seqs[tag]; !ok || seq != d.seq {
			lost = append(lost, d)
		}
	}
	for _, e := range entries {
		if d := c.holding[e.tag]; d == nil || d.seq != e.seq {
			unknown = append(unknown, e)
		}
	}
	c.mu.Unlock()
	for _, d := range lost {
		c.lose(d)
	}
	for chunk := range slices.Chunk(unknown, restoreChunk) {
		if err := c.adopt(conn, chunk); err != nil {
			return err
		}
	}
	return nil
}

// adopt delivers messages that are registered for us.
func (c *Consumer) adopt(conn redis.Conn, entries []heldEntry) error {
	args := []any{c.b.keys.unacked}
	for _, e := range entries {
		args = append(args, e.tag)
	}
	values, err := redis.ByteSlices(redis.DoWithTimeout(conn, c.replyTimeout(), "HMGET", args...))
	if err != nil {
		return err
	}
	var fresh []*Delivery
	for i, e := range entries {
		if i >= len(values) || values[i] == nil {
			continue
		}
		raw, _, _, err := unackedEntry(values[i])
		if err != nil {
			raw = values[i] // accept will put it aside
		}
		fresh = append(fresh, c.delivery(c.b.keys.queue(e.list), e.tag, e.list, e.seq, raw))
	}
	c.accept(fresh, true)
	return nil
}
