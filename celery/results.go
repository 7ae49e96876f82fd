package celery

import (
	"context"
	"fmt"
	"strings"
	"time"

	"healpipe/celery/internal/pyrepr"
	"healpipe/celery/kombu"
)

// backend keeps results. The worker writes through it, clients read.
type backend interface {
	uri() string      // for the banner, without a password
	persistent() bool // results can be read again later
	put(ctx context.Context, m resultMeta) error
	get(ctx context.Context, id string) (meta map[string]any, err error)
	// wait waits for a final state and tells of all states that it sees.
	wait(ctx context.Context, id string, seen func(meta map[string]any)) (meta map[string]any, err error)
	forget(ctx context.Context, r *AsyncResult) error
	close() error
}

// resultMeta is one state of a task on its way to the backend.
type resultMeta struct {
	id    string
	state string
	body  map[string]any
	req   *Request // nil for states that no message stands behind
}

// outcome is a state that a task has reached.
type outcome struct {
	state     string
	result    any
	err       error          // instead of result: the exception
	traceback string         // "" is null
	errors    bool           // a failure: stored even for an ignored task if its options say so
	sent      []*AsyncResult // children that are about to be sent
}

// store writes a state of a request unless its results are ignored. Errors are logged: the task has run.
func (w *Worker) store(ctx context.Context, r *Request, o outcome) {
	if r.ignore && !(o.errors && r.storeErrors) {
		return
	}
	if err := w.put(ctx, r, o); err != nil {
		w.log.errorf("Cannot store the state %s of task %s[%s]: %v", o.state, r.Name, r.ID, err)
	}
}

func (w *Worker) put(ctx context.Context, r *Request, o outcome) error {
	return w.back.put(ctx, resultMeta{id: r.ID, state: o.state, body: w.app.metaBody(r, o), req: r})
}

// storeSuccess stores a result; only what has no encoding is an error of the task.
func (w *Worker) storeSuccess(ctx context.Context, r *Request, value any) error {
	if !r.ignore {
		if err := w.put(ctx, r, outcome{state: StateSuccess, result: value}); err != nil {
			return err
		}
	}
	w.chordPart(ctx, r, StateSuccess, value)
	return nil
}

// storeFailure stores an exception and passes it on to whoever waits for this task.
func (w *Worker) storeFailure(ctx context.Context, r *Request, err error, tb string) {
	w.store(ctx, r, outcome{state: StateFailure, err: err, traceback: tb, errors: true})
	w.followFailure(ctx, r, err, tb)
}

// storeRevoked stores REVOKED; the chord learns of it, the errbacks do not.
func (w *Worker) storeRevoked(ctx context.Context, r *Request, reason string) {
	err := errRevoked(reason)
	w.store(ctx, r, outcome{state: StateRevoked, err: err, errors: true})
	w.chordPart(ctx, r, StateRevoked, excObject(err))
}

// metaBody is what is stored for a state, by Celery's keys.
func (a *App) metaBody(r *Request, o outcome) map[string]any {
	result := o.result
	if o.err != nil {
		result = excObject(o.err)
	}
	body := map[string]any{"status": o.state, "result": result, "traceback": orNil(o.traceback), "children": []any{},
		"date_done": nil, "task_id": r.ID}
	if ReadyState(o.state) {
		body["date_done"] = isoformat(a.clock.Now().In(a.conf.Timezone))
	}
	r.mu.Lock()
	if len(r.children) > 0 {
		body["children"] = append([]any(nil), r.children...)
	}
	r.mu.Unlock()
	for _, res := range o.sent {
		body["children"] = append(body["children"].([]any), res.resultTuple())
	}
	if r.Group != "" {
		body["group_id"] = r.Group
	}
	if r.ParentID != "" {
		body["parent_id"] = r.ParentID
	}
	if a.conf.ResultExtended && r.delivery != nil {
		body["name"], body["args"], body["kwargs"] = r.Type, orEmpty(r.Args), orEmptyMap(r.Kwargs)
		body["worker"], body["retries"] = r.Hostname, r.Retries
		body["queue"] = r.delivery.Message.Properties.DeliveryInfo.RoutingKey
		if len(r.Stamps) > 0 {
			names := make([]any, 0, len(r.Stamps))
			for name, v := range r.Stamps {
				names = append(names, name)
				body[name] = v
			}
			body["stamped_headers"] = names
		}
	}
	return body
}

func orEmpty(l []any) []any {
	if l == nil {
		return []any{}
	}
	return l
}

func orEmptyMap(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// excObject is an exception as results carry it. Arguments without a JSON form are stored as their text.
func excObject(err error) map[string]any {
	module, class, args := exception(err)
	msg := make([]any, len(args))
	for i, a := range args {
		if _, err := kombu.EncodeJSON(a); err != nil {
			a = pyrepr.Repr(a)
		}
		msg[i] = a
	}
	return map[string]any{"exc_type": class, "exc_message": msg, "exc_module": module}
}

// excFromObject makes an error of a stored exception.
func excFromObject(v any, traceback string) *Error {
	m, ok := asMap(v)
	if !ok {
		return &Error{Class: "Exception", Module: "builtins", Args: []any{pyrepr.Repr(v)}, Traceback: traceback}
	}
	f := fields(m)
	e := &Error{Class: f.str("exc_type"), Module: f.str("exc_module"), Traceback: traceback}
	switch msg := m["exc_message"].(type) {
	case []any:
		e.Args = msg
	case nil:
	default:
		e.Args = []any{msg}
	}
	if e.Class == "TaskRevokedError" {
		e.Cause = ErrRevoked
	}
	if e.Class == "NotRegistered" {
		e.Cause = ErrNotRegistered
	}
	return e
}

// newBackend opens the configured result backend. conn is the broker connection, for rpc://.
func (a *App) newBackend(ctx context.Context, conn *kombu.Connection, log *logger) (backend, error) {
	url := a.conf.ResultBackend
	if err := checkBackend(url); err != nil {
		return nil, err
	}
	switch scheme, _, _ := strings.Cut(url, "://"); scheme {
	case "", "disabled":
		return disabledBackend{}, nil
	case "rpc":
		return newRPCBackend(a, conn), nil
	}
	return a.newRedisBackend(ctx, url, log)
}

// checkBackend refuses result backends that there are none of here.
func checkBackend(url string) error {
	scheme, _, _ := strings.Cut(url, "://")
	switch scheme {
	case "", "disabled", "rpc", "redis", "rediss", "redis+socket", "socket", "sentinel":
		return nil
	}
	return fmt.Errorf("celery: result backend %s:// is not one of redis, rediss, redis+socket, sentinel, rpc", scheme)
}

// disabledBackend is the backend of an app without one.
type disabledBackend struct{}

func (disabledBackend) uri() string                           { return "disabled://" }
func (disabledBackend) persistent() bool                      { return false }
func (disabledBackend) put(context.Context, resultMeta) error { return nil }
func (disabledBackend) close() error                          { return nil }
func (disabledBackend) get(context.Context, string) (map[string]any, error) {
	return nil, ErrNoBackend
}
func (disabledBackend) wait(context.Context, string, func(map[string]any)) (map[string]any, error) {
	return nil, ErrNoBackend
}
func (disabledBackend) forget(context.Context, *AsyncResult) error { return nil }

// expiry returns how long a state is kept; 0 is for ever.
func (c *Config) expiry(state string) time.Duration {
	d := c.ResultExpires
	if state == StateFailure && c.ResultFailureExpires != 0 {
		d = c.ResultFailureExpires
	}
	return max(0, d)
}
