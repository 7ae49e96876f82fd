package kombu

import (
	"errors"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/uuid"
)

// keep looks after messages whose holders are gone: a sweep of the unacked index by visibility timeout, as every
// Kombu consumer does it, and the leases of dead Go consumers.
func (c *Consumer) keep() {
	o := &c.b.opt
	sweep := time.NewTicker(o.RestoreInterval * time.Duration(o.RestoreThrottle))
	defer sweep.Stop()
	leases := time.NewTicker(o.LeaseTimeout / 4)
	defer leases.Stop()
	r := &reaper{c: c, seen: map[string]string{}}
	if err := c.sweep(); err != nil && c.ctx.Err() == nil {
		c.b.log.Warn("sweep of unacknowledged messages failed", "error", err)
	}
	refreshed := map[string]time.Time{}
	for {
		var err error
		select {
		case <-c.ctx.Done():
			return
		case <-sweep.C:
			err = c.sweep()
		case <-leases.C:
			err = errors.Join(r.look(), c.refresh(refreshed))
		}
		if err != nil && c.ctx.Err() == nil {
			c.b.log.Warn("restoring unacknowledged messages failed", "error", err)
		}
	}
}

// refresh keeps the queues with x-expires that we consume from alive, with their bindings. when holds the last time.
func (c *Consumer) refresh(when map[string]time.Time) error {
	for _, q := range c.queueList() {
		if q.Expires <= 0 || time.Since(when[q.Name]) < q.Expires/3 {
			continue
		}
		when[q.Name] = time.Now()
		if err := c.b.declare(c.ctx, []Queue{q}); err != nil {
			return err
		}
		if _, err := c.b.pipeline(c.ctx, c.b.prolong(q.Name)); err != nil {
			return err
		}
	}
	return nil
}

// sweepChunk is how many messages are examined under one look at the index.
const sweepChunk = 100

// sweep restores the messages that have been unacknowledged for longer than the visibility timeout, whoever holds them,
// under the lock that Kombu's consumers use too.
func (c *Consumer) sweep() error {
	b, k := c.b, c.b.keys
	token := uuid.NewString()
	ok, err := b.do(c.ctx, true, "SET", k.mutex, token, "NX", "PX", b.opt.UnackedMutexExpire.Milliseconds())
	if err != nil || ok == nil {
		return err
	}
	defer func() {
		ctx, cancel := await(time.Second)
		defer cancel()
		_, _ = b.eval(ctx, unlockScript, []string{k.mutex}, token)
	}()
	if err := b.trimDead(c.ctx); err != nil {
		return err
	}
	now, err := c.serverTime()
	if err != nil {
		return err
	}
	until := now - b.opt.VisibilityTimeout.Seconds()
	for done := 0; b.opt.RestoreLimit == 0 || done < b.opt.RestoreLimit; {
		n := sweepChunk
		if b.opt.RestoreLimit > 0 {
			n = min(n, b.opt.RestoreLimit-done)
		}
		// The newest first, each put in front of the one before, so that the oldest is served first.
		found, err := redis.Strings(b.do(c.ctx, true, "ZREVRANGEBYSCORE", k.index, until, 0, "WITHSCORES", "LIMIT", 0, n))
		if err != nil {
			return err
		}
		restored := 0
		for i := 0; i+1 < len(found); i += 2 {
			n, err := c.sweepOne(found[i], found[i+1])
			if err != nil {
				return err
			}
			restored += n
		}
		// Those that are left have changed hands or have been renewed.
		if done += len(found) / 2; len(found) < 2*n || restored == 0 {
			return nil
		}
	}
	return nil
}

func (c *Consumer) serverTime() (float64, error) {
	t, err := redis.Ints(c.b.do(c.ctx, true, "TIME"))
	if err != nil || len(t) != 2 {
		return 0, errors.Join(err, errors.New("no time from the server"))
	}
	return float64(t[0]) + float64(t[1])/1e6, nil
}

func (c *Consumer) sweepOne(tag, score string) (int, error) {
	b, k := c.b, c.b.keys
	value, err := redis.Bytes(b.do(c.ctx, true, "HGET", k.unacked, tag))
	if err != nil && !errors.Is(err, redis.ErrNil) {
		return 0, err
	}
	keys, payload := []string{k.unacked, k.index}, []byte{}
	if value != nil {
		var lists []string
		if lists, payload, err = c.home(value); err != nil {
			return 0, err
		}
		keys = append(keys, lists...)
		b.log.Info("restoring a message whose visibility timeout has passed", "delivery_tag", tag, "lists", lists)
	}
	return redis.Int(b.eval(c.ctx, sweepScript, keys, tag, score, payload))
}

// home finds where a message of the unacked hash belongs, and the element to push. What can't be
// routed goes to the dead letters.
func (c *Consumer) home(value []byte) (lists []string, payload []byte, err error) {
	k := c.b.keys
	raw, exchange, routingKey, err := unackedEntry(value)
	m := &Message{}
	if err == nil {
		err = m.parse(raw)
	}
	if err != nil {
		return []string{k.dead}, deadLetter(k.unacked, err.Error(), value), nil
	}
	if payload, err = markRedelivered(raw); err != nil {
		return []string{k.dead}, deadLetter(k.unacked, err.Error(), value), nil
	}
	queues, err := c.b.lookup(c.ctx, Exchange{Name: exchange}, routingKey)
	if errors.Is(err, ErrUnroutable) {
		return []string{k.dead}, deadLetter(k.unacked, err.Error(), payload), nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, q := range queues {
		lists = append(lists, k.list(q, m.Properties.Priority))
	}
	return lists, payload, nil
}

// reaper gives back what dead Go consumers hold.
type reaper struct {
	c    *Consumer
	seen map[string]string // expired lease by consumer, as seen at the last look
}

// look restores the messages of consumers whose lease has run out. A lease must be seen expired twice, and we must have
// been connected for a lease's time: after the broker's return all consumers need time to come back.
func (r *reaper) look() error {
	c := r.c
	since := c.connected.Load()
	if since == 0 || time.Since(time.Unix(0, since)) < c.b.opt.LeaseTimeout {
		clear(r.seen)
		return nil
	}
	found, err := redis.Strings(c.b.eval(c.ctx, expiredScript, []string{c.b.keys.leases}))
	if err != nil {
		return err
	}
	expired := map[string]string{}
	for i := 0; i+1 < len(found); i += 2 {
		expired[found[i]] = found[i+1]
	}
	before := r.seen
	r.seen = expired
	for id, lease := range expired {
		if id != c.id && before[id] == lease {
			if err := r.reap(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// reap gives back the messages of one dead consumer, the newest first, each in front of the one before.
func (r *reaper) reap(id string) error {
	c, k := r.c, r.c.b.keys
	held := k.held(id)
	reply, err := redis.StringMap(c.b.do(c.ctx, true, "HGETALL", held))
	if err != nil {
		return err
	}
	entries := parseHash(reply)
	slices.Reverse(entries)
	if len(entries) > 0 {
		c.b.log.Warn("a consumer has died, giving its messages back", "consumer", id, "messages", len(entries))
	}
	for chunk := range slices.Chunk(entries, restoreChunk) {
		ok, err := r.reapChunk(id, held, chunk)
		if err != nil || !ok {
			return err
		}
	}
	_, err = c.b.eval(c.ctx, forgetScript, []string{held, k.leases}, id, 1)
	return err
}

// reapChunk reports false if the consumer turned out to be alive.
func (r *reaper) reapChunk(id, held string, chunk []heldEntry) (bool, error) {
	c, k := r.c, r.c.b.keys
	args := []any{k.unacked}
	for _, e := range chunk {
		args = append(args, e.tag)
	}
	values, err := redis.ByteSlices(c.b.do(c.ctx, true, "HMGET", args...))
	if err != nil {
		return false, err
	}
	keys := []string{k.unacked, k.index, held, k.leases}
	argv := []any{id}
	for i, e := range chunk {
		var payload []byte
		list, push := e.list, "RPUSH"
		if values[i] != nil {
			raw, _, _, err := unackedEntry(values[i])
			if err == nil {
				payload, err = markRedelivered(raw)
			}
			if err != nil {
				list, push, payload = k.dead, "LPUSH", deadLetter(k.unacked, err.Error(), values[i])
			}
		}
		at := slices.Index(keys[4:], list)
		if at < 0 {
			at = len(keys) - 4
			keys = append(keys, list)
		}
		argv = append(argv, e.tag, e.seq, at+5, push, payload)
	}
	reply, err := c.b.eval(c.ctx, restoreScript, keys, argv...)
	if err != nil {
		// A lost reply is harmless: the next look finds what is left.
		return false, err
	}
	n, alive := reply.(int64)
	return !(alive && n == -1), nil
}
