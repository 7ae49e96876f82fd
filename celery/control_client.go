package celery

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"healpipe/celery/kombu"
)

// Control sends remote control commands to workers, as Python's app.control.
type Control struct {
	app  *App
	conn *kombu.Connection // nil: the app's
}

// Control returns the app's remote control.
func (a *App) Control() *Control { return &Control{app: a} }

// BroadcastOptions say which workers a command is for and how replies are waited for.
type BroadcastOptions struct {
	Destination []string      // node names; nil: all
	Pattern     string        // instead: nodes whose name matches,
	Matcher     string        // by "glob" or "pcre"
	Reply       bool          // gather replies
	Timeout     time.Duration // for replies; 1 s
	Limit       int           // stop after so many replies; the number of destinations
	KeepOrder   bool          // dictionaries in replies are kombu.Objects, in the order of their sender
}

// request is one command on its way.
type request struct {
	method           string
	args             map[string]any
	destination      []string
	pattern, matcher string
	ticket           string // set: replies are wanted
	expires          time.Duration
	ordered          bool // the reply's dictionaries keep their order
}

// Broadcast sends a command to all or some workers. With Reply it returns each node's answer; an answer
// {"error": text} is not a Go error.
func (c *Control) Broadcast(ctx context.Context, method string, args map[string]any, o BroadcastOptions) (map[string]any, error) {
	req := request{method: method, args: orEmptyMap(args), destination: o.Destination, pattern: o.Pattern, matcher: o.Matcher, ordered: o.KeepOrder}
	if !o.Reply {
		conn, err := c.connection(ctx)
		if err != nil {
			return nil, err
		}
		_, err = c.send(ctx, conn, req, "")
		return nil, err
	}
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = time.Second
	}
	req.ticket, req.expires = uuid.NewString(), timeout
	limit := o.Limit
	if limit == 0 {
		limit = len(o.Destination)
	}
	out := map[string]any{}
	wctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := c.collect(wctx, req, func(receivers int) bool {
		if receivers > 0 && (limit == 0 || receivers < limit) && o.Pattern == "" {
			limit = receivers // nobody else has heard the question
		}
		return receivers > 0
	}, func(node string, reply any) bool {
		out[node] = reply
		return limit == 0 || len(out) < limit
	})
	if err != nil && wctx.Err() != nil && ctx.Err() == nil {
		err = nil // the time for replies is over
	}
	return out, err
}

func (c *Control) connection(ctx context.Context) (*kombu.Connection, error) {
	if c.conn != nil {
		return c.conn, nil
	}
	return c.app.connection(ctx)
}

// send publishes a command and returns how many workers were listening.
func (c *Control) send(ctx context.Context, conn *kombu.Connection, req request, oid string) (int, error) {
	a := c.app
	body := map[string]any{"method": req.method, "arguments": req.args, "destination": nil, "pattern": orNil(req.pattern), "matcher": orNil(req.matcher)}
	if req.destination != nil {
		dest := make([]any, len(req.destination))
		for i, d := range req.destination {
			dest[i] = d
		}
		body["destination"] = dest
	}
	if req.ticket != "" {
		q := a.replyQueue(oid)
		body["ticket"] = req.ticket
		body["reply_to"] = map[string]any{"exchange": q.Exchange.Name, "routing_key": oid}
	}
	var expires any = 0
	if req.expires > 0 {
		expires = epoch(a.clock.Now().Add(req.expires))
	}
	m := &kombu.Message{Headers: map[string]any{"clock": a.lclock.forward(), "expires": expires}, Properties: kombu.Properties{DeliveryMode: 1}}
	if err := m.Encode(body, a.conf.TaskSerializer, ""); err != nil {
		return 0, err
	}
	ex := kombu.Exchange{Name: a.conf.ControlExchange + ".pidbox", Type: kombu.Fanout}
	return conn.PublishCount(ctx, ex, "", m)
}

// collect sends a command and hands each reply to each, until sent or each returns false or the context ends. Replies
// come to a queue of this call alone.
func (c *Control) collect(ctx context.Context, req request, sent func(receivers int) bool, each func(node string, reply any) bool) error {
	conn, err := c.connection(ctx)
	if err != nil {
		return err
	}
	oid := uuid.NewString()
	q := c.app.replyQueue(oid)
	consumer, err := conn.Consume(ctx, kombu.ConsumerOptions{Queues: []Queue{q}})
	if err != nil {
		return err
	}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), replyTimeout)
		defer cancel()
		_ = consumer.Close(clean)
		_ = conn.DeleteQueue(clean, q) // it would expire by itself
	}()
	n, err := c.send(ctx, conn, req, oid)
	if err != nil || !sent(n) {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case d, ok := <-consumer.Deliveries():
			if !ok {
				return kombu.ErrClosed
			}
			d.Ack()
			decode := d.Message.Decode
			if req.ordered {
				decode = d.Message.DecodeOrdered
			}
			body, err := decode(c.app.accept)
			if err != nil {
				return err
			}
			clock, _ := toInt(d.Message.Headers["clock"])
			c.app.lclock.adjust(clock)
			reply, ok := asMap(body)
			if !ok || d.Message.Headers["ticket"] != req.ticket {
				continue
			}
			for node, v := range reply {
				if !each(node, v) {
					return nil
				}
			}
		}
	}
}

// Revoke tells workers not to run tasks. With terminate a running one is given up; signal is for Python's workers.
func (c *Control) Revoke(ctx context.Context, ids []string, terminate bool, signal string, o BroadcastOptions) (map[string]any, error) {
	return c.Broadcast(ctx, "revoke", map[string]any{"task_id": stringList(ids), "terminate": terminate, "signal": orDefault(signal, "SIGTERM")}, o)
}

// RevokeByStampedHeaders revokes the tasks that carry one of the stamps.
func (c *Control) RevokeByStampedHeaders(ctx context.Context, headers map[string]any, terminate bool, signal string, o BroadcastOptions) (map[string]any, error) {
	return c.Broadcast(ctx, "revoke_by_stamped_headers", map[string]any{"headers": headers, "terminate": terminate, "signal": orDefault(signal, "SIGTERM")}, o)
}

// Terminate is Revoke with terminate.
func (c *Control) Terminate(ctx context.Context, ids []string, signal string, o BroadcastOptions) (map[string]any, error) {
	return c.Revoke(ctx, ids, true, signal, o)
}

// Ping asks workers for a sign of life.
func (c *Control) Ping(ctx context.Context, o BroadcastOptions) (map[string]any, error) {
	o.Reply = true
	return c.Broadcast(ctx, "ping", nil, o)
}

// RateLimit sets a task's rate limit ("10/s").
func (c *Control) RateLimit(ctx context.Context, task, rate string, o BroadcastOptions) (map[string]any, error) {
	return c.Broadcast(ctx, "rate_limit", map[string]any{"task_name": task, "rate_limit": rate}, o)
}

// TimeLimit sets a task's time limits; 0 is none.
func (c *Control) TimeLimit(ctx context.Context, task string, soft, hard time.Duration, o BroadcastOptions) (map[string]any, error) {
	return c.Broadcast(ctx, "time_limit", map[string]any{"task_name": task, "soft": limitValue(soft), "hard": limitValue(hard)}, o)
}

func limitValue(d time.Duration) any {
	if d <= 0 {
		return nil
	}
	return wholeSeconds(d)
}

// AddConsumer makes workers consume from another queue.
func (c *Control) AddConsumer(ctx context.Context, q Queue, o BroadcastOptions) (map[string]any, error) {
	args := map[string]any{"queue": q.Name, "exchange": orNil(q.Exchange.Name), "exchange_type": orDefault(string(q.Exchange.Type), "direct"), "routing_key": orNil(q.RoutingKey)}
	return c.Broadcast(ctx, "add_consumer", args, o)
}

// CancelConsumer makes workers stop consuming from a queue.
func (c *Control) CancelConsumer(ctx context.Context, queue string, o BroadcastOptions) (map[string]any, error) {
	return c.Broadcast(ctx, "cancel_consumer", map[string]any{"queue": queue}, o)
}

// PoolGrow and PoolShrink change the number of slots.
func (c *Control) PoolGrow(ctx context.Context, n int, o BroadcastOptions) (map[string]any, error) {
	return c.Broadcast(ctx, "pool_grow", map[string]any{"n": n}, o)
}

// PoolShrink takes slots away.
func (c *Control) PoolShrink(ctx context.Context, n int, o BroadcastOptions) (map[string]any, error) {
	return c.Broadcast(ctx, "pool_shrink", map[string]any{"n": n}, o)
}

// Autoscale changes the limits of autoscaling workers.
func (c *Control) Autoscale(ctx context.Context, max, min int, o BroadcastOptions) (map[string]any, error) {
	return c.Broadcast(ctx, "autoscale", map[string]any{"max": max, "min": min}, o)
}

// EnableEvents and DisableEvents switch task events.
func (c *Control) EnableEvents(ctx context.Context, o BroadcastOptions) (map[string]any, error) {
	return c.Broadcast(ctx, "enable_events", nil, o)
}

// DisableEvents stops task events.
func (c *Control) DisableEvents(ctx context.Context, o BroadcastOptions) (map[string]any, error) {
	return c.Broadcast(ctx, "disable_events", nil, o)
}

// Heartbeat makes workers send a heartbeat now.
func (c *Control) Heartbeat(ctx context.Context, o BroadcastOptions) (map[string]any, error) {
	return c.Broadcast(ctx, "heartbeat", nil, o)
}

// Shutdown starts a warm shutdown. There is no reply.
func (c *Control) Shutdown(ctx context.Context, o BroadcastOptions) error {
	o.Reply = false
	_, err := c.Broadcast(ctx, "shutdown", nil, o)
	return err
}

// Election lets the workers choose one of them to publish a task.
func (c *Control) Election(ctx context.Context, id, topic string, action any) error {
	_, err := c.Broadcast(ctx, "election", map[string]any{"id": id, "topic": topic, "action": plain(action)}, BroadcastOptions{})
	return err
}

// Purge deletes the messages that wait in the queues, or, if none is named, in those that workers consume by default, and
// returns their number.
func (c *Control) Purge(ctx context.Context, queues ...string) (int, error) {
	if len(queues) == 0 {
		for _, q := range c.app.Queues() {
			queues = append(queues, q.Name)
		}
	}
	conn, err := c.connection(ctx)
	if err != nil {
		return 0, err
	}
	total := 0
	var errs []error
	for _, q := range queues {
		n, err := conn.Purge(ctx, q)
		total += n
		errs = append(errs, err)
	}
	return total, errors.Join(errs...)
}

// Inspect asks workers about themselves, as app.control.inspect.
type Inspect struct {
	c *Control
	o BroadcastOptions
}

// Inspect returns an inspector of all or some workers.
func (c *Control) Inspect(o BroadcastOptions) *Inspect {
	o.Reply = true
	return &Inspect{c, o}
}

// Call runs any inspect command and returns each node's answer.
func (i *Inspect) Call(ctx context.Context, method string, args map[string]any) (map[string]any, error) {
	return i.c.Broadcast(ctx, method, args, i.o)
}

// Active lists the running tasks.
func (i *Inspect) Active(ctx context.Context) (map[string]any, error) {
	return i.Call(ctx, "active", map[string]any{"safe": nil})
}

// Reserved lists the tasks that wait for a slot.
func (i *Inspect) Reserved(ctx context.Context) (map[string]any, error) {
	return i.Call(ctx, "reserved", nil)
}

// Scheduled lists the tasks that wait for their time.
func (i *Inspect) Scheduled(ctx context.Context) (map[string]any, error) {
	return i.Call(ctx, "scheduled", nil)
}

// Revoked lists the revoked ids.
func (i *Inspect) Revoked(ctx context.Context) (map[string]any, error) {
	return i.Call(ctx, "revoked", nil)
}

// Registered lists the tasks that workers know, with the given attributes.
func (i *Inspect) Registered(ctx context.Context, attrs ...string) (map[string]any, error) {
	return i.Call(ctx, "registered", map[string]any{"taskinfoitems": stringList(attrs)})
}

// Stats returns the workers' figures.
func (i *Inspect) Stats(ctx context.Context) (map[string]any, error) {
	return i.Call(ctx, "stats", nil)
}

// ActiveQueues lists the queues that workers consume.
func (i *Inspect) ActiveQueues(ctx context.Context) (map[string]any, error) {
	return i.Call(ctx, "active_queues", nil)
}

// Conf returns the workers' settings; withDefaults includes those that were not changed.
func (i *Inspect) Conf(ctx context.Context, withDefaults bool) (map[string]any, error) {
	return i.Call(ctx, "conf", map[string]any{"with_defaults": withDefaults})
}

// QueryTask tells where tasks stand, by id.
func (i *Inspect) QueryTask(ctx context.Context, ids ...string) (map[string]any, error) {
	return i.Call(ctx, "query_task", map[string]any{"ids": stringList(ids)})
}

// Clock returns the workers' logical clocks.
func (i *Inspect) Clock(ctx context.Context) (map[string]any, error) {
	return i.Call(ctx, "clock", nil)
}

// Report returns the workers' software reports.
func (i *Inspect) Report(ctx context.Context) (map[string]any, error) {
	return i.Call(ctx, "report", nil)
}

func stringList(l []string) []any {
	out := make([]any, len(l))
	for i, s := range l {
		out[i] = s
	}
	return out
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
