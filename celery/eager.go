package celery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/google/uuid"

	"healpipe/celery/kombu"
)

// Eager calls run a task here and now instead of sending it, as Python's apply() and task_always_eager do: in the
// caller's goroutine, with its callbacks, retries (without their delay), hooks and canvas, without a broker. They leave
// out what needs a worker: acknowledgement, events, limits of time and rate, revokes.

// eagerOutcome is what an eager call came to.
type eagerOutcome struct {
	state, traceback, name string
	value                  any
	err                    error
}

func (o *eagerOutcome) meta(id string) map[string]any {
	m := map[string]any{"task_id": id, "status": o.state, "result": o.value, "traceback": orNil(o.traceback), "name": o.name}
	if o.err != nil {
		m["result"] = excObject(o.err)
	}
	return m
}

// eagerReplaced is what Replace returns in an eager call: what the signature that took the task's place came to.
type eagerReplaced struct {
	value any
	err   error
}

func (e *eagerReplaced) Error() string { return "celery: the task was replaced" }

// Apply runs the task here and now, as Python's task.apply(). The result is ready. The error is the task's own if
// Config.TaskEagerPropagates is set, and one of the call itself otherwise; Get of the result returns the task's.
func (t *Task) Apply(ctx context.Context, args []any, kwargs map[string]any, o Options) (*AsyncResult, error) {
	return t.app.applyTask(ctx, t.Name, args, kwargs, o.toMap())
}

// Apply runs the signature here and now: a chain's steps one after the other, a group's members likewise, a chord's body
// with the header's results.
func (s *Signature) Apply(ctx context.Context, args []any, kwargs map[string]any, o Options) (*AsyncResult, error) {
	if s.app == nil {
		return nil, errors.New("celery: the signature belongs to no app: make it by app.Signature or task.S")
	}
	return s.app.applySig(ctx, s.clone(), args, kwargs, o.toMap())
}

// applySig runs a signature, which it may change.
func (a *App) applySig(ctx context.Context, s *Signature, args []any, kwargs, options map[string]any) (*AsyncResult, error) {
	s.withApp(a)
	switch s.kind {
	case chainSig:
		return a.applyChain(ctx, s, args, kwargs, options)
	case groupSig:
		res := a.groupResult(orDefault(s.ID(), uuid.NewString()))
		for _, t := range flatten(s.tasks) {
			m, err := a.applySig(ctx, t, args, kwargs, withoutIDs(options))
			if err != nil {
				return nil, err
			}
			res.Results = append(res.Results, m)
		}
		return res, nil
	case chordSig:
		if s.body == nil {
			return nil, errors.New("celery: the chord has no body")
		}
		header, err := a.applySig(ctx, Group(s.tasks...), args, kwargs, map[string]any{})
		if err != nil {
			return nil, err
		}
		parts, err := header.Join(ctx)
		if err != nil {
			return header, err
		}
		res, err := a.applySig(ctx, s.body, []any{orEmpty(parts)}, nil, options)
		if res != nil && res.Parent == nil {
			res.Parent = header
		}
		return res, err
	case chunksSig:
		task, err := a.toSignature(s.Kwargs["task"])
		if err != nil {
			return nil, err
		}
		n, _ := toInt(s.Kwargs["n"])
		return a.applySig(ctx, Chunks(task, maybeList(s.Kwargs["it"]), int(n)), args, kwargs, options)
	}
	in, kw, o := s.merge(args, kwargs, options)
	return a.applyTask(ctx, s.Task, in, kw, o)
}

// withoutIDs are the options that the members of a group share.
func withoutIDs(o map[string]any) map[string]any {
	o = maps.Clone(o)
	for _, k := range []string{"task_id", "link", "link_error"} {
		delete(o, k)
	}
	return o
}

func (a *App) applyChain(ctx context.Context, s *Signature, args []any, kwargs, options map[string]any) (*AsyncResult, error) {
	if len(s.tasks) == 0 {
		return nil, errors.New("celery: the chain is empty")
	}
	var last *AsyncResult
	for i, t := range s.tasks {
		in, kw, o := args, kwargs, withoutIDs(options)
		if last != nil {
			v, err := last.Get(ctx)
			if err != nil { // the steps after a failure do not run; apply() raises it, as Python's
				return last, err
			}
			in, kw = []any{v}, nil
		}
		if i == len(s.tasks)-1 {
			o = cloneMap(options)
			for _, l := range maybeSigs(s.Options["link"]) {
				if sig, err := a.toSignature(l); err == nil {
					t.Link(sig)
				}
			}
		}
		res, err := a.applySig(ctx, t, in, kw, o)
		if err != nil {
			return res, err
		}
		if res.Parent == nil {
			res.Parent = last
		}
		last = res
	}
	return last, nil
}

// propagate is the error of a call whose task has failed.
func (a *App) propagate(err error) error {
	if a.conf.TaskEagerPropagates {
		return err
	}
	return nil
}

// eagerWorker stands in for the worker that an eager request has not.
func (a *App) eagerWorker(ctx context.Context) *Worker {
	return &Worker{app: a, conf: &a.conf, node: hostname(), io: ctx, back: disabledBackend{}, log: newLogger(io.Discard, Critical, false, a.clock.Now)}
}

// applyTask runs one task.
func (a *App) applyTask(ctx context.Context, name string, args []any, kwargs, o map[string]any) (*AsyncResult, error) {
	t := a.Task(name)
	if t == nil {
		return nil, errNotRegistered(name)
	}
	var err error
	if args, kwargs, err = travel(args, kwargs, orDefault(fields(o).str("serializer"), a.conf.TaskSerializer)); err != nil {
		return nil, fmt.Errorf("celery: the arguments of task %s: %w", name, err)
	}
	f := fields(o)
	r := &Request{ID: orDefault(f.str("task_id"), uuid.NewString()), Name: orDefault(f.str("shadow"), name), Type: name, Hostname: hostname(),
		Retries: f.int("retries"), Args: args, Kwargs: kwargs, task: t, eager: true, ignore: t.ignoreResult,
		callbacks: maybeSigs(o["link"]), errbacks: maybeSigs(o["link_error"])}
	r.Headers, _ = asMap(o["headers"])
	if b, ok := o["ignore_result"].(bool); ok {
		r.ignore = b
	}
	if names := f.list("stamped_headers"); len(names) > 0 {
		r.Stamps = map[string]any{}
		for _, n := range names {
			if s, ok := n.(string); ok {
				r.Stamps[s] = o[s]
			}
		}
	}
	r.RootID, r.delivery = r.ID, eagerDelivery(r.ID, o)
	if p := CurrentRequest(ctx); p != nil {
		r.ParentID, r.RootID = p.ID, p.root()
	}
	res := a.AsyncResult(r.ID)
	res.Ignored = r.ignore
	if res.eager, err = a.runEager(ctx, r); err != nil {
		return res, err
	}
	if p := CurrentRequest(ctx); p != nil {
		if add, is := o["add_to_parent"].(bool); !is || add {
			p.addTrail([]*AsyncResult{res})
		}
	}
	return res, a.storeEager(ctx, r, res.eager)
}

// travel gives arguments the form that they have after a journey in a message.
func travel(args []any, kwargs map[string]any, serializer string) ([]any, map[string]any, error) {
	m := &kombu.Message{}
	if err := m.Encode([]any{plain(orEmpty(args)), plain(orEmptyMap(kwargs))}, serializer, ""); err != nil {
		return nil, nil, err
	}
	v, err := m.Decode(kombu.Accept{m.ContentType: true})
	if err != nil {
		return nil, nil, err
	}
	pair := maybeList(v)
	if len(pair) != 2 {
		return nil, nil, errors.New("celery: the arguments did not survive their encoding")
	}
	kw, _ := pair[1].(map[string]any)
	return maybeList(pair[0]), kw, nil
}

// eagerDelivery is what the message of an eager request would be.
func eagerDelivery(id string, o map[string]any) *kombu.Delivery {
	f := fields(o)
	m := &kombu.Message{Properties: kombu.Properties{CorrelationID: id, Priority: f.int("priority")}}
	m.Properties.DeliveryInfo.Exchange, m.Properties.DeliveryInfo.RoutingKey = f.str("exchange"), f.str("routing_key")
	return &kombu.Delivery{Message: m}
}

// runEager runs a request until it asks for no further retry, and calls its hooks and callbacks.
func (a *App) runEager(ctx context.Context, r *Request) (*eagerOutcome, error) {
	w := a.eagerWorker(ctx)
	r.worker = w
	for {
		rctx := requestContext(ctx, r)
		value, err, tb := w.invoke(rctx, r)
		if again, ok := w.autoretry(rctx, r, err); ok {
			err = again
		}
		var retry *Retry
		var replaced *eagerReplaced
		var reject *Reject
		switch {
		case errors.As(err, &retry):
			if hook := r.task.opts.OnRetry; hook != nil {
				w.hook(r, "on_retry", func() error { return hook(r, retry) })
			}
			r.Retries++
			if retry.again != nil {
				r.Args, r.Kwargs = retry.again.args, retry.again.kwargs
			}
			continue
		case errors.As(err, &replaced):
			value, err = replaced.value, replaced.err
			r.callbacks, r.errbacks = nil, nil // the other task has called them
		case errors.Is(err, Ignore):
			return &eagerOutcome{state: StateIgnored, name: r.Type, err: err}, nil
		case errors.As(err, &reject):
			return &eagerOutcome{state: StateRejected, name: r.Type, err: err}, nil
		}
		if err == nil {
			var stored any
			if stored, err = resultValue(value); err == nil {
				stored, err = travelled(stored, a.conf.ResultSerializer)
			}
			if err == nil {
				return a.eagerSuccess(rctx, w, r, value, stored)
			}
		}
		return a.eagerFailure(rctx, w, r, err, tb)
	}
}

// travelled is a result as a backend would return it.
func travelled(v any, serializer string) (any, error) {
	args, _, err := travel([]any{v}, nil, serializer)
	if err != nil {
		return nil, &Error{Class: "EncodeError", Module: "kombu.exceptions", Args: []any{err.Error()}, Cause: err}
	}
	return args[0], nil
}

// eagerSuccess calls what follows a result, given as the task returned it and as it is stored.
func (a *App) eagerSuccess(ctx context.Context, w *Worker, r *Request, value, stored any) (*eagerOutcome, error) {
	for _, c := range r.callbacks {
		sig, err := a.toSignature(c)
		if err == nil {
			_, err = sig.ApplyAsync(ctx, []any{stored}, nil, Options{})
		}
		if err != nil {
			return a.eagerFailure(ctx, w, r, err, "")
		}
	}
	if hook := r.task.opts.OnSuccess; hook != nil {
		w.hook(r, "on_success", func() error { return hook(r, value) })
	}
	w.afterReturn(r, StateSuccess, value, nil)
	return &eagerOutcome{state: StateSuccess, name: r.Type, value: stored}, nil
}

func (a *App) eagerFailure(ctx context.Context, w *Worker, r *Request, err error, tb string) (*eagerOutcome, error) {
	if tb == "" {
		tb = r.traceback(err)
	}
	out := &eagerOutcome{state: StateFailure, name: r.Type, err: err, traceback: tb}
	for _, e := range r.errbacks {
		sig, serr := a.toSignature(e)
		if serr == nil {
			_, serr = sig.ApplyAsync(ctx, []any{r.ID}, nil, Options{})
		}
		if serr != nil {
			return out, serr
		}
	}
	if hook := r.task.opts.OnFailure; hook != nil {
		w.hook(r, "on_failure", func() error { return hook(r, err) })
	}
	w.afterReturn(r, StateFailure, nil, err)
	return out, a.propagate(err)
}

// storeEager stores the outcome of an eager call, if task_store_eager_result wants that.
func (a *App) storeEager(ctx context.Context, r *Request, out *eagerOutcome) error {
	if !a.conf.TaskStoreEagerResult || r.ignore || !slices.Contains([]string{StateSuccess, StateFailure}, out.state) {
		return nil
	}
	b, err := a.backend(ctx)
	if err != nil {
		return err
	}
	body := a.metaBody(r, outcome{state: out.state, result: out.value, err: out.err, traceback: out.traceback})
	return b.put(ctx, resultMeta{id: r.ID, state: out.state, body: body, req: r})
}
