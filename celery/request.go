package celery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"healpipe/celery/internal/pyrepr"
	"healpipe/celery/kombu"
)

// Request is one message asking for one run of a task, and, while the task runs, its handle on the worker: what Python
// calls self.request and self. CurrentRequest gives it to the task.
type Request struct {
	ID            string
	Name          string // shown in logs and monitors: the task's name or its "shadow"
	Type          string // the registered name
	RootID        string
	ParentID      string
	Group         string
	GroupIndex    *int64
	Retries       int
	ETA           time.Time // zero: none
	Expires       time.Time // zero: never
	ArgsRepr      string
	KwargsRepr    string
	Origin        string
	ReplyTo       string
	CorrelationID string
	Hostname      string // of the worker that runs it
	Args          []any
	Kwargs        map[string]any
	Headers       map[string]any // all headers of the message
	Stamps        map[string]any // stamped headers with their values

	task     *Task
	worker   *Worker
	delivery *kombu.Delivery

	hard, soft   time.Duration // of the message; 0: the task's
	ignore       bool
	storeErrors  bool
	nesting      int
	callbacks    []any
	errbacks     []any
	chain        []any
	chord        any
	acknowledged atomic.Bool
	eager        bool // runs in the caller, see eager.go

	// While it runs. mu guards what monitors and the control panel look at.
	mu         sync.Mutex
	phase      phase
	started    time.Time
	cancel     context.CancelCauseFunc
	terminate  *int // signal of a revoke that came before the start
	revokedNow bool
	children   []any       // result tuples of what the task has sent
	settled    atomic.Bool // the outcome has been decided, by the task or over its head
}

// phase is where a request stands in the worker.
type phase int

const (
	received  phase = iota // not yet handed to anything, or waiting for its rate limit: as in Celery, no list shows it
	scheduled              // waiting for its time
	reserved               // waiting for a slot
	active                 // running
	done
)

func (p phase) String() string {
	return [...]string{"ready", "scheduled", "reserved", "active", "ready"}[p]
}

// Errors that decide what becomes of a message that is no proper task.
var (
	errUnknownMessage = errors.New("unknown message")
	errUnknownTask    = errors.New("unknown task")
	errDecodeBody     = errors.New("decode error")
)

// invalidTask is a message that is a task but a malformed one.
type invalidTask struct{ text string }

func (e *invalidTask) Error() string { return e.text }

func (e *invalidTask) Is(target error) bool { return target == ErrInvalidMessage }

// fields are the task's fields of a message, wherever its protocol puts them.
type fields map[string]any

func (f fields) str(key string) string {
	s, _ := f[key].(string)
	return s
}

func (f fields) int(key string) int {
	i, _ := toInt(f[key])
	return int(i)
}

func (f fields) list(key string) []any {
	l, _ := f[key].([]any)
	return l
}

// parseMessage reads protocol 2 (headers.task, body [args, kwargs, embed]), protocol 1 (everything in the body) and the
// hybrid of both.
func (a *App) parseMessage(d *kombu.Delivery) (*Request, error) {
	m := d.Message
	head := fields(m.Headers)
	r := &Request{delivery: d, ReplyTo: m.Properties.ReplyTo, CorrelationID: m.Properties.CorrelationID, Headers: m.Headers}
	_, two := head["task"]
	if two {
		r.Type, r.ID = head.str("task"), head.str("id")
	}
	body, err := m.Decode(a.accept)
	switch {
	case errors.Is(err, kombu.ErrContentDisallowed):
		if !two {
			return r, fmt.Errorf("%w: %w", errDecodeBody, err)
		}
		return r, &invalidTask{err.Error()}
	case err != nil:
		return r, fmt.Errorf("%w: %w", errDecodeBody, err)
	}
	f := head
	obj, isObj := body.(map[string]any)
	_, hasArgs := obj["args"]
	switch {
	case two && isObj && hasArgs: // hybrid: protocol-1 fields under the headers
		f = make(fields, len(obj)+len(head))
		for k, v := range obj {
			f[k] = v
		}
		for k, v := range head {
			f[k] = v
		}
		err = r.setArgs(obj["args"], obj["kwargs"], obj)
	case two:
		parts, ok := body.([]any)
		if !ok || len(parts) != 3 {
			return r, &invalidTask{fmt.Sprintf("not enough values to unpack: the body is %s, not [args, kwargs, embed]", pyrepr.Safe(body, 120))}
		}
		embed, _ := parts[2].(map[string]any)
		err = r.setArgs(parts[0], parts[1], embed)
	default:
		if !isObj || obj["task"] == nil {
			return r, errUnknownMessage
		}
		f = obj
		r.Type, r.ID = f.str("task"), f.str("id")
		if g, ok := obj["taskset"]; ok {
			f["group"] = g
		}
		err = r.setArgs(obj["args"], obj["kwargs"], obj)
		if err == nil {
			r.ArgsRepr = pyrepr.Safe(r.Args, 0)
			r.KwargsRepr = pyrepr.Safe(r.Kwargs, 0)
		}
	}
	if err != nil {
		return r, err
	}
	return r, r.fill(a, f, m)
}

// setArgs takes the arguments and what is to follow the task.
func (r *Request) setArgs(args, kwargs any, embed map[string]any) error {
	switch v := args.(type) {
	case []any:
		r.Args = v
	case nil:
	default:
		return &invalidTask{"Task arguments must be a list, not " + pyType(args)}
	}
	switch v := kwargs.(type) {
	case map[string]any:
		r.Kwargs = v
	case nil:
	default:
		return &invalidTask{"Task keyword arguments must be a mapping"}
	}
	e := fields(embed)
	r.callbacks, r.errbacks, r.chain, r.chord = e.list("callbacks"), e.list("errbacks"), e.list("chain"), e["chord"]
	return nil
}

// fill reads the fields and resolves the task.
func (r *Request) fill(a *App, f fields, m *kombu.Message) error {
	if r.ID == "" {
		return &invalidTask{"the message has no task id"}
	}
	r.Name = r.Type
	if s := f.str("shadow"); s != "" {
		r.Name = s
	}
	r.RootID, r.ParentID, r.Group = f.str("root_id"), f.str("parent_id"), f.str("group")
	if i, ok := toInt(f["group_index"]); ok {
		r.GroupIndex = &i
	}
	r.Retries, r.Origin, r.nesting = f.int("retries"), f.str("origin"), f.int("replaced_task_nesting")
	if s := f.str("retries"); s != "" { // some producers write numbers as text
		r.Retries, _ = strconv.Atoi(s)
	}
	if s := f.str("argsrepr"); s != "" {
		r.ArgsRepr = s
	}
	if s := f.str("kwargsrepr"); s != "" {
		r.KwargsRepr = s
	}
	if l := f.list("timelimit"); len(l) == 2 {
		r.hard, r.soft = limit(l[0]), limit(l[1])
	}
	if err := r.times(a, f); err != nil {
		return err
	}
	if names := f.list("stamped_headers"); len(names) > 0 {
		stamps, _ := f["stamps"].(map[string]any)
		r.Stamps = make(map[string]any, len(names))
		for _, n := range names {
			if s, ok := n.(string); ok {
				r.Stamps[s] = stamps[s]
			}
		}
	}
	r.task = a.Task(r.Type)
	if r.task == nil {
		return errUnknownTask
	}
	r.ignore, r.storeErrors = r.task.ignoreResult, true
	if v := f["ignore_result"]; v != nil {
		r.ignore = truth(v)
	}
	r.storeErrors = !r.ignore || r.task.storeErrors
	return nil
}

// limit reads a time limit in seconds.
func limit(v any) time.Duration {
	s, ok := toFloat(v)
	if !ok || s <= 0 {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// times reads eta and expires: dates without an offset are in the app's zone, whatever protocol 1's utc says.
func (r *Request) times(a *App, f fields) error {
	loc := a.conf.Timezone
	var err error
	if r.ETA, err = dateField(f["eta"], loc); err != nil {
		return &invalidTask{fmt.Sprintf("invalid ETA value %s: %v", pyrepr.Repr(f["eta"]), err)}
	}
	if r.Expires, err = dateField(f["expires"], loc); err != nil {
		return &invalidTask{fmt.Sprintf("invalid expires value %s: %v", pyrepr.Repr(f["expires"]), err)}
	}
	return nil
}

func dateField(v any, loc *time.Location) (time.Time, error) {
	switch x := v.(type) {
	case nil:
		return time.Time{}, nil
	case string:
		if x == "" {
			return time.Time{}, nil
		}
		return parseISO(x, loc)
	case kombu.DateTime:
		if x.Naive {
			return time.Date(x.Year(), x.Month(), x.Day(), x.Hour(), x.Minute(), x.Second(), x.Nanosecond(), loc), nil
		}
		return x.Time, nil
	case time.Time:
		return x, nil
	}
	return time.Time{}, fmt.Errorf("%s is not a date", pyType(v))
}

func (r *Request) argsRepr() string {
	if r.ArgsRepr == "" {
		return pyrepr.Safe(pyrepr.Tuple(r.Args), pyrepr.MaxLen)
	}
	return r.ArgsRepr
}

func (r *Request) kwargsRepr() string {
	if r.KwargsRepr == "" {
		return pyrepr.Safe(r.Kwargs, pyrepr.MaxLen)
	}
	return r.KwargsRepr
}

// root is the id of the task that started it all.
func (r *Request) root() string {
	if r.RootID == "" {
		return r.ID
	}
	return r.RootID
}

func (r *Request) ack() {
	if r.delivery != nil && !r.acknowledged.Swap(true) {
		r.delivery.Ack()
	}
}

func (r *Request) reject(requeue bool) {
	if r.delivery != nil && !r.acknowledged.Swap(true) {
		r.delivery.Reject(requeue)
	}
}

// bury drops the message as reject does, and keeps it among the dead letters.
func (r *Request) bury(reason string) {
	if r.delivery != nil && !r.acknowledged.Swap(true) {
		r.delivery.Bury(reason)
	}
}

func (r *Request) setPhase(p phase) {
	r.mu.Lock()
	r.phase = p
	r.mu.Unlock()
}

func (r *Request) getPhase() phase {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.phase
}

// info is what inspect replies say of a request; safe has the arguments as text.
func (r *Request) info(safe bool) map[string]any {
	r.mu.Lock()
	started, ph := r.started, r.phase
	r.mu.Unlock()
	var args, kwargs any = r.Args, r.Kwargs
	if r.Args == nil {
		args = []any{}
	}
	if r.Kwargs == nil {
		kwargs = map[string]any{}
	}
	if safe {
		args, kwargs = r.argsRepr(), r.kwargsRepr()
	}
	info := map[string]any{
		"id": r.ID, "name": r.Name, "type": r.Type, "args": args, "kwargs": kwargs, "hostname": r.Hostname,
		"time_start": nil, "acknowledged": r.acknowledged.Load(), "worker_pid": nil, "delivery_info": r.deliveryInfo(),
	}
	if !started.IsZero() && ph == active {
		info["time_start"] = epoch(started)
		info["worker_pid"] = os.Getpid()
	}
	return info
}

func (r *Request) deliveryInfo() map[string]any {
	p := &r.delivery.Message.Properties
	return map[string]any{
		"exchange": p.DeliveryInfo.Exchange, "routing_key": p.DeliveryInfo.RoutingKey,
		"priority": p.Priority, "redelivered": p.DeliveryInfo.Redelivered,
	}
}

type requestKey struct{}

// CurrentRequest returns the request that a task runs for, from the context that the task was given; nil elsewhere.
func CurrentRequest(ctx context.Context) *Request {
	r, _ := ctx.Value(requestKey{}).(*Request)
	return r
}

// Logger returns a logger whose lines carry the task's name and id, as Celery's get_task_logger gives; outside a task
// it is slog's default.
func Logger(ctx context.Context) *slog.Logger {
	r := CurrentRequest(ctx)
	if r == nil || r.worker == nil || r.eager {
		return slog.Default()
	}
	return slog.New(&taskHandler{log: r.worker.log, name: r.Name, id: r.ID})
}

// Task returns the task that is running.
func (r *Request) Task() *Task { return r.task }

// Redelivered reports whether an earlier delivery of the message was given back.
func (r *Request) Redelivered() bool { return r.delivery != nil && r.delivery.Message.Redelivered() }
