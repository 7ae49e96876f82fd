package celery

import (
	"context"
	"errors"
	"slices"

	"healpipe/celery/kombu"
)

// resultTupler is a result that stands for other tasks: it is stored as Celery's result tuple.
type resultTupler interface{ resultTuple() any }

// follow sends what is to run after a task has succeeded: its callbacks, then the next step of its chain.
func (w *Worker) follow(ctx context.Context, r *Request, value any) error {
	if len(r.callbacks) == 0 && len(r.chain) == 0 {
		return nil
	}
	_, err := w.app.send(requestContext(ctx, r), func(snd *sender) (*AsyncResult, error) {
		if err := w.layCallbacks(snd, r, value); err != nil {
			return nil, err
		}
		n := len(r.chain)
		if n == 0 {
			return nil, nil
		}
		next, err := w.app.toSignature(r.chain[n-1])
		if err != nil {
			return nil, err
		}
		o := w.heritage(r)
		o["chain"] = slices.Clone(r.chain[:n-1])
		return snd.apply(next, []any{value}, nil, o)
	})
	return err
}

// layCallbacks lays out the callbacks: one by itself; of several the groups each by themselves and the rest as a group.
func (w *Worker) layCallbacks(snd *sender, r *Request, value any) error {
	var rest []*Signature
	for _, c := range r.callbacks {
		sig, err := w.app.toSignature(c)
		if err != nil {
			return err
		}
		if len(r.callbacks) > 1 && sig.kind != groupSig {
			rest = append(rest, sig)
			continue
		}
		if _, err := snd.apply(sig, []any{value}, nil, w.heritage(r)); err != nil {
			return err
		}
	}
	if len(rest) == 0 {
		return nil
	}
	_, err := snd.apply(Group(rest...), []any{value}, nil, w.heritage(r))
	return err
}

// heritage is what the tasks that follow a task inherit from it.
func (w *Worker) heritage(r *Request) map[string]any {
	o := map[string]any{"parent_id": r.ID, "root_id": r.root()}
	if w.conf.TaskInheritPrio {
		o["priority"] = r.delivery.Message.Properties.Priority
	}
	return o
}

// followFailure passes a failure on: to the chord, to the steps that will not run, to the errbacks.
func (w *Worker) followFailure(ctx context.Context, r *Request, err error, tb string) {
	w.chordPart(ctx, r, StateFailure, excObject(err))
	w.failChain(ctx, r, r.chain, err, tb)
	w.callErrbacks(ctx, r, r, err, tb)
}

// failChain stores a failure for the steps of a chain that will not run, and reports those that are parts of a chord.
func (w *Worker) failChain(ctx context.Context, r *Request, chain []any, err error, tb string) {
	todo := slices.Clone(chain)
	for len(todo) > 0 {
		step := todo[0]
		todo = todo[1:]
		sig, serr := w.app.toSignature(step)
		if serr != nil {
			continue
		}
		o := fields(sig.Options)
		id, waits := o.str("task_id"), sig.Options["chord"] != nil
		failed := false
		if waits && id != "" {
			meta, gerr := w.back.get(ctx, id)
			state := fields(meta).str("status")
			failed = gerr == nil && (state == StateFailure || state == StateRevoked)
		}
		if id != "" && (!r.ignore || r.storeErrors) {
			body := w.app.metaBody(&Request{ID: id, Group: o.str("group_id")}, outcome{state: StateFailure, err: err, traceback: tb})
			if w.conf.ResultExtended {
				m, _ := asMap(plain(step)) // with what a canvas holds, which is in kwargs
				kwargs, _ := asMap(m["kwargs"])
				body["name"], body["args"], body["kwargs"] = sig.Task, orEmpty(sig.Args), orEmptyMap(kwargs)
				body["worker"], body["retries"], body["queue"] = nil, 0, nil
			}
			if perr := w.back.put(ctx, resultMeta{id: id, state: StateFailure, body: body}); perr != nil {
				w.log.errorf("Cannot store the failure of task %s: %v", id, perr)
			}
		}
		if waits && !failed {
			p := part{id: id, group: o.str("group_id"), chord: sig.Options["chord"], state: StateFailure, value: excObject(err), root: r.root()}
			if i, ok := toInt(sig.Options["group_index"]); ok {
				p.index = &i
			}
			w.reportPart(ctx, r, p)
		}
		if sig.kind == chordSig && sig.body != nil {
			todo = append(todo, any(sig.body))
		}
	}
}

// alreadyDone drops a redelivered task that has succeeded before, if worker_deduplicate_successful_tasks is on.
// What should have followed it is sent if that did not happen.
func (w *Worker) alreadyDone(ctx context.Context, r *Request) bool {
	if !w.conf.WorkerDeduplicate || !r.task.acksLate || !w.back.persistent() || !r.Redelivered() {
		return false
	}
	if w.state.successful.contains(r.ID) {
		return true
	}
	meta, err := w.back.get(ctx, r.ID)
	if err != nil || fields(meta).str("status") != StateSuccess {
		return false
	}
	w.log.infof("Task %s[%s] Task already completed successfully.", r.Name, r.ID)
	if len(fields(meta).list("children")) == 0 {
		if err := w.follow(ctx, r, meta["result"]); err != nil {
			w.log.errorf("Failed to dispatch chain/callbacks for deduplicated task %s: %v", r.ID, err)
			r.reject(true)
		}
	}
	w.state.successful.add(r.ID)
	return true
}

// callElected publishes the task that this worker was elected to publish.
func (w *Worker) callElected(ctx context.Context, action any) error {
	sig, err := w.app.toSignature(action)
	if err != nil {
		return err
	}
	snd := &sender{app: w.app}
	if _, err := snd.apply(sig, nil, nil, map[string]any{}); err != nil {
		return err
	}
	if len(snd.before) > 0 {
		b, ok := w.back.(*redisBackend)
		if !ok {
			return errors.New("celery: chords need the Redis result backend")
		}
		for _, f := range snd.before {
			if err := f(ctx, b); err != nil {
				return err
			}
		}
	}
	return publishAll(ctx, w.conn, snd.out)
}

// Message returns the message that the request came in.
func (r *Request) Message() *kombu.Message { return r.delivery.Message }
