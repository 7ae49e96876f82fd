package celery

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"healpipe/celery/internal/pyrepr"
	"healpipe/celery/kombu"
)

// consumed are the options that become headers or embed of the message or say where it goes; all others become
// properties, as in Celery.
var consumed = []string{"task_id", "queue", "exchange", "exchange_type", "routing_key", "serializer", "compression", "shadow", "group_id",
	"group_index", "root_id", "parent_id", "reply_to", "countdown", "eta", "expires", "priority", "retries", "time_limit",
	"soft_time_limit", "ignore_result", "link", "link_error", "chain", "chord", "headers", "stamped_headers", "add_to_parent",
	"replaced_task_nesting", "origin", "argsrepr", "kwargsrepr", "expiration", "delivery_mode", "retry", "retry_policy", "route_name", "producer", "connection", "redelivered"}

// task lays out one task message.
func (snd *sender) task(name string, args []any, kwargs, options map[string]any) (*AsyncResult, error) {
	a := snd.app
	t := a.Task(name)
	o := snd.taskDefaults(t, options)
	f := fields(o)
	route := a.route(orDefault(f.str("route_name"), name), args, kwargs, o)
	id := f.str("task_id")
	if id == "" {
		id = uuid.NewString()
	}
	rootID, parentID := f.str("root_id"), f.str("parent_id")
	if p := snd.parent; p != nil {
		if rootID == "" {
			rootID = p.root()
		}
		if parentID == "" {
			parentID = p.ID
		}
		if a.conf.TaskInheritPrio && o["priority"] == nil {
			o["priority"] = p.delivery.Message.Properties.Priority
		}
	}
	if rootID == "" {
		rootID = id
	}
	m := &kombu.Message{Properties: kombu.Properties{CorrelationID: id, ReplyTo: orDefault(f.str("reply_to"), a.oid)}}
	now := a.clock.Now().In(a.conf.Timezone)
	head, err := snd.headers(name, id, rootID, parentID, now, args, kwargs, o)
	if err != nil {
		return nil, err
	}
	if m.Properties.Expiration, err = expiration(o["expires"], now); err != nil {
		return nil, fmt.Errorf("celery: expires of task %s: %w", name, err)
	}
	queue := f.str("queue")
	exchange, rk, typ := f.str("exchange"), f.str("routing_key"), f.str("exchange_type")
	if queue == "" && exchange == "" {
		queue, exchange = route.Queue, route.Exchange
	}
	prio := o["priority"]
	if prio == nil && route.Priority != nil {
		prio = *route.Priority
	}
	if p, ok := toInt(prio); ok {
		m.Properties.Priority = int(p)
	} else {
		m.Properties.Priority = a.conf.DefaultPriority
	}
	if mode, ok := toInt(o["delivery_mode"]); ok {
		m.Properties.DeliveryMode = int(mode)
	} else {
		m.Properties.DeliveryMode = a.conf.DefaultDeliveryMode
	}
	if queue == "" && exchange == "" {
		queue = a.conf.DefaultQueue
	}
	if queue != "" && a.undeclared(queue) {
		return nil, fmt.Errorf("celery: queue %q is missing from task_queues", queue)
	}
	dest := a.destinationFor(queue, exchange, orDefault(typ, route.ExchangeType), orDefault(rk, route.RoutingKey))
	m.Headers = head
	if user, ok := asMap(o["headers"]); ok {
		maps.Copy(head, user)
	}
	m.Properties.Extra = extras(o)
	serializer := orDefault(f.str("serializer"), a.conf.TaskSerializer)
	compression := orDefault(f.str("compression"), a.conf.TaskCompression)
	if err := m.Encode(snd.body(args, kwargs, o, head), serializer, compression); err != nil {
		return nil, fmt.Errorf("celery: the message of task %s: %w", name, err)
	}
	snd.out = append(snd.out, kombu.Publication{Exchange: dest.exchange, RoutingKey: dest.routingKey, Message: m})
	if a.conf.TaskSendSentEvent {
		snd.sent = append(snd.sent, []field{{"uuid", id}, {"root_id", rootID}, {"parent_id", orNil(parentID)}, {"name", name},
			{"args", head["argsrepr"]}, {"kwargs", head["kwargsrepr"]}, {"retries", head["retries"]}, {"eta", head["eta"]}, {"expires", head["expires"]},
			{"queue", orDefault(queue, dest.routingKey)}, {"exchange", dest.exchange.Name}, {"routing_key", dest.routingKey}})
	}
	res := a.AsyncResult(id)
	res.Ignored, _ = o["ignore_result"].(bool)
	if add, is := o["add_to_parent"].(bool); !is || add {
		snd.trail = append(snd.trail, res)
	}
	return res, nil
}

// taskDefaults adds the options of the task's registration.
func (snd *sender) taskDefaults(t *Task, options map[string]any) map[string]any {
	o := cloneMap(options)
	if t == nil {
		return o
	}
	def := func(key string, v any, set bool) {
		if _, has := o[key]; !has && set {
			o[key] = v
		}
	}
	if o["queue"] == nil && o["exchange"] == nil {
		def("queue", t.opts.Queue, t.opts.Queue != "")
		def("exchange", t.opts.Exchange, t.opts.Exchange != "")
		def("routing_key", t.opts.RoutingKey, t.opts.RoutingKey != "")
	}
	def("serializer", t.opts.Serializer, t.opts.Serializer != "")
	def("compression", t.opts.Compression, t.opts.Compression != "")
	def("expires", wholeSeconds(t.opts.Expires), t.opts.Expires > 0)
	if t.opts.Priority != nil {
		def("priority", *t.opts.Priority, true)
	}
	def("ignore_result", t.ignoreResult, !snd.byName)
	def("time_limit", wholeSeconds(t.opts.TimeLimit), t.opts.TimeLimit > 0)
	def("soft_time_limit", wholeSeconds(t.opts.SoftTimeLimit), t.opts.SoftTimeLimit > 0)
	return o
}

// headers are the headers of protocol 2.
func (snd *sender) headers(name, id, rootID, parentID string, now time.Time, args []any, kwargs, o map[string]any) (map[string]any, error) {
	a, f := snd.app, fields(o)
	eta, err := when(o["eta"], now)
	if err != nil {
		return nil, fmt.Errorf("celery: eta of task %s: %w", name, err)
	}
	if c, ok := toFloat(o["countdown"]); ok && c != 0 {
		eta = isoformat(now.Add(time.Duration(c * float64(time.Second))))
	}
	expires, err := when(o["expires"], now)
	if err != nil {
		return nil, fmt.Errorf("celery: expires of task %s: %w", name, err)
	}
	argsRepr, kwargsRepr := f.str("argsrepr"), f.str("kwargsrepr")
	if argsRepr == "" {
		argsRepr = pyrepr.Safe(pyrepr.Tuple(args), pyrepr.MaxLen)
	}
	if kwargsRepr == "" {
		kwargsRepr = pyrepr.Safe(orEmptyMap(kwargs), pyrepr.MaxLen)
	}
	stamps := map[string]any{}
	for _, n := range f.list("stamped_headers") {
		if s, ok := n.(string); ok {
			stamps[s] = o[s]
		}
	}
	return map[string]any{
		"lang": "py", "task": name, "id": id, "shadow": orNil(f.str("shadow")), "eta": eta, "expires": expires,
		"group": orNil(f.str("group_id")), "group_index": o["group_index"], "retries": f.int("retries"),
		"timelimit": []any{o["time_limit"], o["soft_time_limit"]}, "root_id": rootID, "parent_id": orNil(parentID),
		"argsrepr": argsRepr, "kwargsrepr": kwargsRepr,
		"origin": orDefault(f.str("origin"), a.origin), "ignore_result": o["ignore_result"],
		"replaced_task_nesting": f.int("replaced_task_nesting"), "stamped_headers": o["stamped_headers"], "stamps": stamps,
	}, nil
}

// when words a point in time for a header: seconds count from now, text is kept as it is.
func when(v any, now time.Time) (any, error) {
	switch x := v.(type) {
	case nil, string:
		return x, nil
	case time.Time:
		return isoformat(x), nil
	case kombu.DateTime:
		if x.Naive {
			return isoformat(time.Date(x.Year(), x.Month(), x.Day(), x.Hour(), x.Minute(), x.Second(), x.Nanosecond(), now.Location())), nil
		}
		return isoformat(x.Time), nil
	}
	if s, ok := toFloat(v); ok {
		return isoformat(now.Add(time.Duration(s * float64(time.Second)))), nil
	}
	return nil, fmt.Errorf("%s is not a date", pyType(v))
}

// expiration is expires as the property of that name: milliseconds from now, for brokers that drop messages by
// themselves. Redis does not; the worker goes by the header.
func expiration(v any, now time.Time) (string, error) {
	left, ok := toFloat(v)
	if !ok {
		at, err := dateField(v, now.Location())
		if err != nil || at.IsZero() {
			return "", err
		}
		left = at.Sub(now).Seconds()
	}
	return strconv.FormatInt(int64(max(0, left)*1000), 10), nil
}

// body is what a message of the configured protocol carries. Protocol 1 has everything in it, and no headers.
func (snd *sender) body(args []any, kwargs, o, head map[string]any) any {
	a := plain(orEmpty(args))
	kw := plain(orEmptyMap(kwargs))
	list := func(key string) any {
		if l := maybeSigs(o[key]); len(l) > 0 {
			return plain(l)
		}
		return nil
	}
	chain := o["chain"]
	if l, ok := chain.([]any); ok {
		if l == nil {
			l = []any{}
		}
		chain = plain(l)
	}
	if snd.app.conf.TaskProtocol == 1 {
		body := map[string]any{"task": head["task"], "id": head["id"], "args": a, "kwargs": kw, "group": head["group"],
			"group_index": head["group_index"], "retries": head["retries"], "eta": head["eta"], "expires": head["expires"],
			"utc": !snd.app.conf.DisableUTC, "callbacks": list("link"), "errbacks": list("link_error"), "timelimit": head["timelimit"],
			"taskset": head["group"], "chord": plain(o["chord"])}
		clear(head)
		return body
	}
	return []any{a, kw, map[string]any{"callbacks": list("link"), "errbacks": list("link_error"), "chain": chain, "chord": plain(o["chord"])}}
}

// extras are the options that Celery leaves among the properties.
func extras(o map[string]any) map[string]any {
	var out map[string]any
	skip := map[string]bool{}
	for _, k := range consumed {
		skip[k] = true
	}
	for _, n := range fields(o).list("stamped_headers") {
		if s, ok := n.(string); ok {
			skip[s] = true
		}
	}
	for k, v := range o {
		if !skip[k] && v != nil {
			if out == nil {
				out = map[string]any{}
			}
			out[k] = plain(v)
		}
	}
	return out
}

// publishSent sends the task-sent event of a client.
func (a *App) publishSent(ctx context.Context, conn *kombu.Connection, fs []field) error {
	d := newDispatcher(conn, a, a.origin, nil, true)
	return d.publish(ctx, strings.ReplaceAll("task-sent", "-", "."), d.encode(nil, "task-sent", fs))
}
