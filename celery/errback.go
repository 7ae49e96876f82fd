package celery

import (
	"context"
	"runtime/debug"

	"healpipe/celery/internal/pyrepr"
)

// callErrbacks calls the error callbacks of a failed task. Celery knows two forms, told apart by how many positional
// arguments the callback has left. With more than one it runs here and now, as
//
//	func(ctx context.Context, request *celery.Request, err error, traceback string, stored ...any) error
//
// With one, or where it is not registered in this worker, it is sent as a task with the failed task's id in front of
// its arguments, as a child of the task that runs (current), which is not the failed one where that is a chord's body.
// What goes wrong in a callback is logged and changes nothing.
func (w *Worker) callErrbacks(ctx context.Context, current, r *Request, err error, tb string) {
	ctx = requestContext(ctx, current)
	var send []*Signature
	for _, e := range r.errbacks {
		sig, serr := w.app.toSignature(e)
		if serr != nil {
			w.log.errorf("Task %s[%s] has an errback that is no signature: %v", r.Name, r.ID, serr)
			continue
		}
		if t := w.app.Task(sig.Task); t != nil && sig.kind == simpleSig && t.fn.takesMore(sig, 1) {
			if cerr := w.callHere(ctx, t, sig, []any{r, err, tb}); cerr != nil {
				w.log.errorf("Errback %s raised an exception: %s", pyrepr.Repr(sig.Task), excRepr(cerr))
			}
			continue
		}
		send = append(send, sig.clone())
	}
	if len(send) == 0 {
		return
	}
	o := map[string]any{"parent_id": r.ID, "root_id": r.root()}
	_, serr := w.app.send(ctx, func(snd *sender) (*AsyncResult, error) {
		return snd.apply(Group(send...), []any{r.ID}, nil, o)
	})
	if serr != nil {
		w.log.errorf("Task %s[%s]: cannot call its errbacks: %v", r.Name, r.ID, serr)
	}
}

// takesMore reports whether more than n positional arguments are left to give to the function besides those that the
// signature holds.
func (f *function) takesMore(sig *Signature, n int) bool {
	if f.args >= 0 {
		return true
	}
	left := f.nPos
	if !sig.Immutable {
		left -= len(sig.Args)
		for _, p := range f.params[:f.nPos] {
			if _, given := sig.Kwargs[p.name]; given {
				left--
			}
		}
	}
	return left > n
}

// callHere runs a task's function in place, without a message.
func (w *Worker) callHere(ctx context.Context, t *Task, sig *Signature, partial []any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.log.errorf("%s", debug.Stack())
			err = Errorf("RuntimeError", "panic: %v", p)
		}
	}()
	args, kwargs, _ := sig.merge(partial, nil, nil)
	vals, err := t.fn.bind(args, kwargs)
	if err != nil {
		return err
	}
	_, err = t.fn.call(ctx, vals)
	return err
}
