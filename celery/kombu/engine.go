package kombu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/uuid"
)

// Consumer takes messages from queues and holds them until they are settled. It is safe for concurrent use.
//
// One goroutine, the engine, owns the consumer's connection and everything that it does there: each round
// trip carries what has gathered since the last one (acknowledgements, restores, renewals) and a claim if there is
// room. Waiters watch idle lists and claim what comes; a keeper sweeps and looks after dead peers. The reader takes deliveries
// one by one, from the channel by way of a pump.
type Consumer struct {
	b    *Connection
	id   string
	held string // key of the hash of what we hold
	opts ConsumerOptions
	out  chan *Delivery

	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
	ended  sync.Once
	over   chan struct{} // closed when everything has ended

	wake      chan struct{} // for the engine
	arrived   chan struct{} // for the reader
	connected atomic.Int64  // time of the last (re)connect, Unix ns; 0 while disconnected

	mu       sync.Mutex
	queues   []*source // in the order in which they were added
	cycle    []*source // in the order in which they are served next
	prefetch int
	refill   int
	paused   bool
	ready    bool                 // a list may hold something
	open     int                  // deliveries that are not settled
	holding  map[string]*Delivery // what the server has registered for us, by tag
	backlog  []*Delivery          // claimed, for the reader
	pumping  bool                 // there is a pump for the readers of out
	adopted  map[int64]time.Time  // sequences of messages found on the server, whose claim's reply may still come
	surplus  bool                 // the server had registered more than we know of when last asked
	pending  []*settlement        // in order
	since    time.Time            // when the first of pending was queued
	urgent   int                  // those of pending that should not wait for others
	queued   int64                // settlements ever queued and
	sent     int64                // confirmed by the server
	ops      []*operation
	renewing []*Delivery   // still to renew in this round
	calm     chan struct{} // closed when a waiter's claim ends; nil while nobody waits for that
	curbing  bool          // stale claims of waiters are being called off
}

// source is a queue with its lists.
type source struct {
	queue   Queue
	lists   []string // one per priority step
	waiters []*waiter
	stop    context.CancelFunc

	cancelled bool // nothing more is to be fetched; guarded by Consumer.mu
}

// States of a delivery.
const (
	stateOpen int32 = iota
	stateSettled
	stateLost
)

type settlementKind int

const (
	settleAck settlementKind = iota
	settleRequeue
	settleBury
)

type settlement struct {
	d      *Delivery
	kind   settlementKind
	reason string     // of a burial
	done   chan error // takes one value; may be nil
	trips  int        // how often it has been sent
}

// operation is work that needs the connection, to be done once the settlements up to after are confirmed.
type operation struct {
	after int64
	do    func(redis.Conn) error
	done  chan error
}

func (b *Connection) consume(ctx context.Context, opts ConsumerOptions) (*Consumer, error) {
	c := &Consumer{
		b: b, id: uuid.NewString(), opts: opts,
		out: make(chan *Delivery, 64), over: make(chan struct{}),
		wake: make(chan struct{}, 1), arrived: make(chan struct{}, 1),
		prefetch: max(opts.Prefetch, 0), refill: max(opts.Refill, 1),
		holding: map[string]*Delivery{}, adopted: map[int64]time.Time{},
	}
	c.held = b.keys.held(c.id)
	if err := b.declare(ctx, opts.Queues); err != nil {
		return nil, err
	}
	if err := b.attach(c); err != nil {
		return nil, err
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	for _, q := range opts.Queues {
		c.startSource(q.complete())
	}
	c.group.Go(c.run)
	c.group.Go(c.keep)
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, func() { _ = c.close() })
		go func() { <-c.over; stop() }()
	}
	return c, nil
}

func (c *Consumer) kick() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// hint says that a list may hold something.
func (c *Consumer) hint() {
	c.mu.Lock()
	c.ready = true
	c.mu.Unlock()
	c.kick()
}

// run keeps a session going until the consumer ends.
func (c *Consumer) run() {
	report := c.b.reporter("consumer")
	pause := minBackoff
	for {
		conn, err := c.b.dial.openForever(c.ctx, report)
		if err != nil {
			break
		}
		stop := context.AfterFunc(c.ctx, func() { conn.Close() })
		began := time.Now()
		err = c.session(conn)
		stop()
		conn.Close()
		if c.connected.Swap(0) != 0 && c.opts.Connected != nil {
			c.opts.Connected(false)
		}
		if c.ctx.Err() != nil {
			break
		}
		report(err)
		if pause = min(2*pause, maxBackoff); time.Since(began) > 5*time.Second {
			pause = minBackoff
		}
		select { // a server that refuses our commands must not be flooded
		case <-time.After(pause):
		case <-c.ctx.Done():
		}
	}
	c.mu.Lock()
	ops, pending := c.ops, c.pending
	c.ops, c.pending = nil, nil
	c.mu.Unlock()
	for _, o := range ops {
		o.done <- ErrClosed
	}
	for _, s := range pending {
		s.finish(ErrClosed)
	}
}

// urgent reports whether somebody waits for a settlement, or another consumer may.
func (s *settlement) urgent() bool { return s.done != nil || s.kind != settleAck }

func (s *settlement) finish(err error) {
	if s.done != nil {
		select {
		case s.done <- err:
		default: // sent again although it had been confirmed
		}
	}
}

// replyTimeout bounds the wait for one reply; with the lease, which is renewed more often, it bounds how
// long a dead connection goes unnoticed.
func (c *Consumer) replyTimeout() time.Duration {
	return min(c.b.opt.SocketTimeout, 2500*time.Millisecond)
}

// session works on one connection until it breaks.
func (c *Consumer) session(conn redis.Conn) error {
	if err := load(conn, claimScript, ackScript, renewScript, restoreScript, buryScript); err != nil {
		return err
	}
	if err := c.b.declareOn(conn, c.queueList(), c.replyTimeout()); err != nil {
		return err
	}
	if err := c.resync(conn); err != nil {
		return err
	}
	c.connected.Store(time.Now().UnixNano())
	if c.opts.Connected != nil {
		c.opts.Connected(true)
	}
	c.hint()
	lease := c.b.opt.LeaseTimeout / 4
	nextLease, nextRenewal := time.Now(), time.Now().Add(c.b.opt.renewal())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for c.ctx.Err() == nil {
		now := time.Now()
		if !now.Before(nextRenewal) {
			nextRenewal = now.Add(c.b.opt.renewal())
			c.startRenewal()
		}
		wait := c.linger(now)
		trip := &trip{}
		if wait <= 0 {
			trip = c.gather()
		}
		if !now.Before(nextLease) || trip.renew != nil {
			nextLease = now.Add(lease)
			trip.lease = true
		}
		if trip.empty() {
			next := min(time.Until(nextLease), time.Until(nextRenewal))
			if wait > 0 {
				next = min(next, wait)
			}
			timer.Reset(next)
			select {
			case <-c.wake:
			case <-timer.C:
			case <-c.ctx.Done():
			}
			continue
		}
		if err := c.travel(conn, trip); err != nil {
			return err
		}
	}
	return ErrClosed
}

// trip is what one round trip carries.
type trip struct {
	acks     []*settlement
	requeues []*settlement
	burials  []*settlement
	count    int // settlements in all
	renew    []*Delivery
	lease    bool
	claim    int // messages to claim
	limit    int // most that may be held, 0 for no limit
	order    []*source
	list     string // only this list of the only source
	rotate   bool
	op       *operation
}

func (t *trip) empty() bool { return t.count == 0 && !t.lease && t.claim == 0 && t.op == nil }

// Limits of one round trip.
const (
	maxSettlements = 500
	maxRenewals    = 500
	maxWaiting     = 2000 // deliveries waiting for the reader beyond which nothing is claimed
)

// maxLinger is how long acknowledgements wait for the claim that they can travel with, while there is more to do.
const maxLinger = time.Millisecond

// linger is how long the next trip should wait: while messages are at work and more wait in the lists, one trip with
// a claim takes the acknowledgements of all those finished since the last one.
func (c *Consumer) linger(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lingers() || len(c.renewing) > 0 || len(c.ops) > 0 {
		return 0
	}
	return c.since.Add(maxLinger).Sub(now)
}

// lingers reports whether what is pending can wait for a claim. c.mu is held.
func (c *Consumer) lingers() bool {
	n := len(c.pending)
	return n > 0 && n < maxSettlements && c.urgent == 0 && c.ready && !c.paused && c.open > 0 && c.room() == 0
}

// gather collects what there is to do. Settlements stay in pending until they are confirmed.
func (c *Consumer) gather() *trip {
	t := &trip{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.pending[:min(len(c.pending), maxSettlements)] {
		switch s.kind {
		case settleAck:
			t.acks = append(t.acks, s)
		case settleRequeue:
			t.requeues = append(t.requeues, s)
		default:
			t.burials = append(t.burials, s)
		}
		s.trips++
		t.count++
	}
	if n := min(len(c.renewing), maxRenewals); n > 0 {
		t.renew, c.renewing = c.renewing[:n], c.renewing[n:]
	}
	if len(c.ops) > 0 && c.ops[0].after <= c.sent {
		t.op = c.ops[0]
	}
	if t.claim = c.room(); t.claim > 0 {
		t.limit, t.order, t.rotate = c.prefetch, c.serveOrder(), c.b.opt.QueueOrderStrategy == "round_robin"
	}
	return t
}

// room is how many messages to claim now. c.mu is held.
func (c *Consumer) room() int {
	if !c.ready || c.paused || len(c.cycle) == 0 {
		return 0
	}
	n := maxClaim
	if c.prefetch > 0 {
		n = c.prefetch - c.open
		if n < min(c.refill, c.prefetch) && c.open > 0 {
			return 0
		}
	}
	return max(0, min(n, maxClaim, maxWaiting-len(c.backlog)))
}

// serveOrder is the order in which queues are asked. c.mu is held.
func (c *Consumer) serveOrder() []*source {
	order := slices.Clone(c.cycle)
	if c.b.opt.QueueOrderStrategy == "sorted" {
		slices.SortFunc(order, func(a, b *source) int {
			switch {
			case a.queue.Name < b.queue.Name:
				return -1
			case a.queue.Name > b.queue.Name:
				return 1
			}
			return 0
		})
	}
	return order
}

// travel makes the round trip and deals with the replies.
func (c *Consumer) travel(conn redis.Conn, t *trip) error {
	var readers []func(any) error
	send := func(s *Script, keys []string, args []any, read func(any) error) error {
		readers = append(readers, read)
		return conn.Send("EVALSHA", s.arguments(keys, args)...)
	}
	k := c.b.keys
	if len(t.acks) > 0 {
		args := make([]any, 0, 2*len(t.acks))
		for _, s := range t.acks {
			args = append(args, s.d.Tag, s.d.seq)
		}
		if err := send(ackScript, []string{k.unacked, k.index, c.held}, args, acknowledged(t.acks)); err != nil {
			return err
		}
	}
	if len(t.requeues) > 0 {
		// To the back of the queue, so the oldest first.
		keys, args := c.restoreArgs(deliveries(t.requeues), "LPUSH")
		if err := send(restoreScript, keys, args, confirm(t.requeues)); err != nil {
			return err
		}
	}
	for _, s := range t.burials {
		args := []any{
			s.d.Tag, s.d.seq, string(appendString(nil, s.d.list)), string(appendString(nil, s.reason)), s.d.Message.raw,
		}
		if err := send(buryScript, []string{k.unacked, k.index, c.held, k.dead}, args, func(any) error { return nil }); err != nil {
			return err
		}
	}
	if t.lease || t.renew != nil {
		args := make([]any, 0, 2+2*len(t.renew))
		args = append(args, c.id, c.leaseSeconds())
		for _, d := range t.renew {
			args = append(args, d.Tag, d.seq)
		}
		read := func(reply any) error { return c.renewed(t.renew, reply) }
		if err := send(renewScript, []string{k.index, c.held, k.leases}, args, read); err != nil {
			return err
		}
	}
	if t.claim > 0 {
		keys, args := c.claimArgs(t)
		read := func(reply any) error {
			empty, err := c.claimed(t, keys, reply)
			if empty && err == nil {
				c.drained()
			}
			return err
		}
		if err := send(claimScript, keys, args, read); err != nil {
			return err
		}
	}
	if err := conn.Flush(); err != nil {
		return err
	}
	for _, read := range readers {
		reply, err := redis.ReceiveWithTimeout(conn, c.replyTimeout())
		if err == nil {
			err = read(reply)
		}
		if err != nil {
			return err
		}
	}
	c.confirmed(t)
	if t.op != nil {
		if err := t.op.do(conn); err != nil && !isRefusal(err) {
			return err
		} else {
			c.mu.Lock()
			c.ops = c.ops[1:]
			c.mu.Unlock()
			t.op.done <- err
		}
	}
	return nil
}

// isRefusal tells an error reply from a broken connection.
func isRefusal(err error) bool {
	var refused redis.Error
	return errors.As(err, &refused)
}

func (c *Consumer) leaseSeconds() string {
	return fmt.Sprintf("%.3f", c.b.opt.LeaseTimeout.Seconds())
}

// confirm reads a script's {1 or 0 per message}. Every settlement's channel takes one value.
func confirm(list []*settlement) func(any) error {
	return func(reply any) error {
		ok, err := redis.Ints(reply, nil)
		if err == nil && len(ok) != len(list) {
			err = fmt.Errorf("%d results for %d messages", len(ok), len(list))
		}
		if err != nil {
			return err
		}
		for i, s := range list {
			if ok[i] == 1 {
				s.finish(nil)
			} else {
				s.disown()
			}
		}
		return nil
	}
}

// disown says that a settled message was not ours.
func (s *settlement) disown() {
	if s.trips > 1 { // the first attempt may have done it
		s.finish(fmt.Errorf("%w, %w: %s", ErrUncertain, ErrNotOwned, s.d.Tag))
		return
	}
	s.finish(fmt.Errorf("%w: %s", ErrNotOwned, s.d.Tag))
}

// acknowledged reads the reply of ackScript: the numbers of those that were not ours.
func acknowledged(list []*settlement) func(any) error {
	return func(reply any) error {
		lost, err := redis.Ints(reply, nil)
		if err != nil {
			return err
		}
		for _, i := range lost {
			if i < 0 || i >= len(list) {
				return fmt.Errorf("malformed reply of an acknowledgement: %d", i)
			}
			list[i].disown()
		}
		for _, s := range list {
			s.finish(nil) // has no effect on those
		}
		return nil
	}
}

// confirmed drops the settlements of a trip.
func (c *Consumer) confirmed(t *trip) {
	if t.count == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.pending[:t.count] {
		if c.holding[s.d.Tag] == s.d {
			delete(c.holding, s.d.Tag)
		}
	}
	for _, s := range c.pending[:t.count] {
		if s.urgent() {
			c.urgent--
		}
	}
	rest := copy(c.pending, c.pending[t.count:])
	clear(c.pending[rest:])
	c.pending = c.pending[:rest]
	c.since = time.Now()
	c.sent += int64(t.count)
}

func deliveries(list []*settlement) []*Delivery {
	out := make([]*Delivery, len(list))
	for i, s := range list {
		out[i] = s.d
	}
	return out
}

// restoreArgs are the arguments of restoreScript for our own messages.
func (c *Consumer) restoreArgs(ds []*Delivery, push string) (keys []string, args []any) {
	k := c.b.keys
	keys = []string{k.unacked, k.index, c.held, k.leases}
	args = append(args, "")
	for _, d := range ds {
		i := slices.Index(keys[4:], d.list)
		if i < 0 {
			i = len(keys) - 4
			keys = append(keys, d.list)
		}
		raw, err := markRedelivered(d.Message.raw)
		if err != nil { // can't be: it has been parsed
			raw = d.Message.raw
		}
		args = append(args, d.Tag, d.seq, i+5, push, raw)
	}
	return keys, args
}
