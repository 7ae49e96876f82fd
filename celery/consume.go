package celery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"healpipe/celery/internal/pyrepr"
	"healpipe/celery/kombu"
)

// receiver is the loop that takes messages from the transport and hands each to where it belongs: the pool, the
// scheduler, a rate limit's queue, or nowhere with the reason in the log.
type receiver struct {
	worker   *Worker
	consumer *kombu.Consumer

	mu       sync.Mutex
	base     int // prefetch without ETA tasks; 0: no limit
	eta      int // ETA tasks, which do not count
	stopping bool
	buckets  map[string]*tokenBucket
	retired  []*tokenBucket // of limits that were reset while tasks waited for them
}

// Run receives until the deliveries end.
func (c *receiver) Run(ctx context.Context) error {
	for {
		d, err := c.consumer.Receive(ctx)
		if err != nil {
			return nil // the worker or the consumer has ended
		}
		c.receive(ctx, d)
	}
}

// receive judges one message.
func (c *receiver) receive(ctx context.Context, d *kombu.Delivery) {
	w := c.worker
	c.mu.Lock()
	stopping := c.stopping
	c.mu.Unlock()
	if stopping {
		c.putBack(ctx, &Request{delivery: d})
		return
	}
	r, err := w.app.parseMessage(d)
	r.worker, r.Hostname = w, w.node
	if err != nil {
		c.refuse(ctx, r, err)
		return
	}
	w.log.taskf(Info, "Task %s[%s] received", r.Name, r.ID)
	// As in Celery, revoked stamps are looked for when the task is to start.
	if (!r.Expires.IsZero() || w.state.revoked.contains(r.ID)) && w.discard(ctx, r) {
		return
	}
	w.taskEvent(r, "task-received",
		field{"uuid", r.ID}, field{"name", r.Name}, field{"args", r.argsRepr()}, field{"kwargs", r.kwargsRepr()},
		field{"root_id", orNil(r.RootID)}, field{"parent_id", orNil(r.ParentID)}, field{"retries", r.Retries},
		field{"eta", isoOrNil(r.ETA)}, field{"expires", isoOrNil(r.Expires)})
	if r.ETA.After(w.app.clock.Now()) {
		c.countETA(1)
		w.sched.add(park(r))
		return
	}
	c.admit(ctx, r)
}

// due takes a task from the scheduler.
func (c *receiver) due(p *parked) {
	c.countETA(-1)
	if p.delivery.Settled() {
		return // a peer has taken it over
	}
	r, err := p.unpark(c.worker.app)
	r.worker, r.Hostname = c.worker, c.worker.node
	if err != nil { // its task is gone or its content not accepted any more
		c.refuse(context.Background(), r, err)
		return
	}
	c.admit(context.Background(), r)
}

// admit applies the rate limit and gives the task to the pool.
func (c *receiver) admit(ctx context.Context, r *Request) {
	w := c.worker
	w.state.hold(r, received)
	rate := 0.0
	if !w.app.conf.WorkerDisableRateLimits {
		rate, _ = parseRate(r.task.rate()) // checked when it was set
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping {
		c.putBack(ctx, r)
		return
	}
	if rate <= 0 {
		c.start(r)
		return
	}
	b := c.buckets[r.Type]
	if b == nil {
		b = newTokenBucket(rate, w.app.clock.Now())
		c.buckets[r.Type] = b
	}
	if len(b.queue) == 0 && b.take(w.app.clock.Now()) {
		c.start(r)
		return
	}
	b.queue = append(b.queue, r)
	c.arm(b)
}

// start gives a task to the pool.
func (c *receiver) start(r *Request) {
	r.setPhase(reserved)
	c.worker.pool.submit(r)
}

// putBack returns a message that came while the worker was stopping.
func (c *receiver) putBack(ctx context.Context, r *Request) {
	c.worker.state.drop(r)
	if r.acknowledged.Swap(true) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	if err := c.consumer.Release(ctx, r.delivery); err != nil {
		c.worker.log.warnf("Cannot restore a message, its lease will: %v", err)
	}
}

// arm wakes the bucket up when its next token is due. c.mu is held.
func (c *receiver) arm(b *tokenBucket) {
	if b.timed || len(b.queue) == 0 || c.stopping {
		return
	}
	b.timed = true
	c.worker.app.clock.AfterFunc(b.wait(), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		b.timed = false
		if c.stopping {
			return
		}
		for len(b.queue) > 0 && b.take(c.worker.app.clock.Now()) {
			c.start(b.queue[0])
			b.queue = b.queue[1:]
		}
		c.arm(b)
	})
}

// resetRates begins anew for what comes from now on, of every type, as Celery does when one limit changes. What waits
// already stays in its old bucket and keeps its turn there, under the old limit.
func (c *receiver) resetRates() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retired = slices.DeleteFunc(c.retired, func(b *tokenBucket) bool { return len(b.queue) == 0 })
	for _, b := range c.buckets {
		if len(b.queue) > 0 {
			c.retired = append(c.retired, b)
		}
	}
	clear(c.buckets)
}

// stop refuses further messages and returns those that wait for their rate limit.
func (c *receiver) stop() []*Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopping = true
	var out []*Request
	for _, b := range slices.AppendSeq(c.retired, maps.Values(c.buckets)) {
		out = append(out, b.queue...)
		b.queue = nil
	}
	return out
}

// countETA raises the prefetch limit by the tasks that only wait for their time.
func (c *receiver) countETA(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.eta += n
	c.apply()
}

// setBase changes the prefetch limit; 0 means none.
func (c *receiver) setBase(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base = n
	c.apply()
}

func (c *receiver) apply() {
	if c.consumer != nil {
		c.consumer.SetPrefetch(c.limit())
	}
}

// limit is how many messages may be held. c.mu is held.
func (c *receiver) limit() int {
	if c.base == 0 {
		return 0
	}
	n := c.base + c.eta
	if most := c.worker.app.conf.WorkerETATaskLimit; most > 0 { // of all messages, as in Celery
		n = max(c.base, min(n, most))
	}
	return n
}

func (c *receiver) prefetch() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limit()
}

// refuse disposes of a message that is no task that runs here: logged in full as by Celery, which then drops it. Here it is
// kept among the dead letters.
func (c *receiver) refuse(ctx context.Context, r *Request, err error) {
	w, m := c.worker, r.delivery.Message
	body := dumpBody(m)
	var bad *invalidTask
	switch {
	case errors.Is(err, errUnknownTask):
		w.log.errorf("Received unregistered task of type %s.\nThe message has been ignored and discarded.\n\n"+
			"Did you remember to register this task with the worker?\nOr maybe the queue is shared with workers that have other tasks?\n\n"+
			"The full contents of the message body was:\n%s\n\nThe full contents of the message headers:\n%s\n\n"+
			"The delivery info for this task is:\n%s\nKeyError: %s",
			pyrepr.Str(r.Type), body, pyrepr.Repr(m.Headers), deliveryRepr(m), pyrepr.Str(r.Type))
		r.bury("unregistered task of type " + pyrepr.Str(r.Type))
		w.notRegistered(ctx, r)
	case errors.As(err, &bad):
		w.log.errorf("Received invalid task message: %s\nThe message has been ignored and discarded.\n\n"+
			"The message should follow the task message protocol:\n"+
			"https://docs.celeryq.dev/en/latest/internals/protocol.html\n\n"+
			"The full contents of the message body was:\n%s\n", bad.text, body)
		r.bury("invalid task message: " + bad.text)
	case errors.Is(err, errUnknownMessage):
		w.log.warnf("Received and deleted unknown message.  Wrong destination?!?\n\n"+
			"The full contents of the message body was: body: %s\n{content_type:%s content_encoding:%s\n  delivery_info:%s headers=%s}\n",
			body, pyrepr.Str(m.ContentType), pyrepr.Str(m.ContentEncoding), deliveryRepr(m), pyrepr.Repr(m.Headers))
		r.bury("unknown message")
	default:
		exc := decodeException(m, err)
		w.log.critf("Can't decode message body: %s [type:%s encoding:%s headers:%s]\n\nbody: %s\n",
			exc, pyrepr.Str(m.ContentType), pyrepr.Str(m.ContentEncoding), pyrepr.Safe(m.Headers, 0), body)
		r.bury("can't decode the body: " + exc)
	}
	w.log.infof("The message is kept among the dead letters.")
}

// decodeException shows why a body can't be decoded, under the exception that Celery's worker has for it.
func decodeException(m *kombu.Message, err error) string {
	text := err.Error()
	for _, known := range []error{errDecodeBody, kombu.ErrDecode} { // what the exception's name says
		text = strings.TrimPrefix(text, known.Error()+": ")
	}
	switch {
	case errors.Is(err, kombu.ErrContentDisallowed):
		return pyrepr.Exception("ContentDisallowed", []any{text})
	case errors.Is(err, kombu.ErrSerializer):
		return pyrepr.Exception("KeyError", []any{m.Headers["compression"]})
	}
	return pyrepr.Exception("DecodeError", []any{text})
}

// dumpBody prints a body for the log, shortened.
func dumpBody(m *kombu.Message) string {
	body := m.Body
	if len(body) > 1024 {
		return fmt.Sprintf("%s... (%db)", pyrepr.Bytes(body[:1024]), len(body))
	}
	return fmt.Sprintf("%s (%db)", pyrepr.Bytes(body), len(body))
}

func deliveryRepr(m *kombu.Message) string {
	d := m.Properties.DeliveryInfo
	return "{'exchange': " + pyrepr.Str(d.Exchange) + ", 'routing_key': " + pyrepr.Str(d.RoutingKey) + "}"
}

// discard drops a revoked or expired task, with its event and its state.
func (w *Worker) discard(ctx context.Context, r *Request) bool {
	expired := !r.Expires.IsZero() && w.app.clock.Now().After(r.Expires)
	if expired {
		w.state.revoked.add(r.ID)
	}
	suffix := ""
	revoked := expired || w.state.revoked.contains(r.ID)
	if !revoked {
		if header, value, ok := w.state.stampRevoked(r); ok {
			suffix = " (revoked by header: {" + pyrepr.Str(header) + ": " + pyrepr.Repr(value) + "})"
			revoked = true
		}
	}
	if !revoked {
		return false
	}
	w.log.infof("Discarding revoked task: %s[%s]%s", r.Name, r.ID, suffix)
	reason := "revoked"
	if expired {
		reason = "expired"
	}
	w.announceRevoked(ctx, r, reason, false, nil, expired)
	return true
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func isoOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return isoformat(t)
}
