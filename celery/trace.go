package celery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"healpipe/celery/internal/pyrepr"
	"healpipe/celery/kombu"
)

// Task states, as results and monitors name them.
const (
	StatePending  = "PENDING"
	StateReceived = "RECEIVED"
	StateStarted  = "STARTED"
	StateSuccess  = "SUCCESS"
	StateFailure  = "FAILURE"
	StateRetry    = "RETRY"
	StateRevoked  = "REVOKED"
	StateRejected = "REJECTED"
	StateIgnored  = "IGNORED"
)

// ReadyState reports whether a task in that state is over.
func ReadyState(s string) bool { return s == StateSuccess || s == StateFailure || s == StateRevoked }

// errShutdown is the cause of a task's context being cancelled by a cold shutdown.
var errShutdown = errors.New("celery: the worker is shutting down")

// run runs one request in a slot of the pool. It returns false if a limit or a revoke has taken the slot away.
func (w *Worker) run(r *Request) bool {
	ctx := w.io
	if w.discard(ctx, r) {
		return true
	}
	if w.alreadyDone(ctx, r) {
		r.ack()
		w.state.drop(r)
		return true
	}
	started := w.app.clock.Now()
	tctx, cancel := context.WithCancelCause(context.WithValue(w.tasks, requestKey{}, r))
	defer cancel(nil)
	r.mu.Lock()
	r.phase, r.started, r.cancel = active, started, cancel
	pending := r.terminate
	r.mu.Unlock()
	w.state.countActive(1)
	w.state.processed.Add(1)
	r.task.total.Add(1)
	if !r.task.acksLate {
		r.ack()
	}
	w.taskEvent(r, "task-started", field{"uuid", r.ID})
	if w.log.enabled(Debug) {
		w.log.debugf("Task accepted: %s[%s] pid:%d", r.Name, r.ID, os.Getpid())
	}
	if pending != nil && r.settled.CompareAndSwap(false, true) {
		w.announceRevoked(ctx, r, "terminated", true, *pending, false)
		w.done(r)
		return true
	}
	if r.task.trackStarted && !r.ignore {
		w.store(ctx, r, outcome{state: StateStarted, result: map[string]any{"pid": os.Getpid(), "hostname": w.node}})
	}
	stop := w.armLimits(r, cancel)
	result, err, tb := w.invoke(tctx, r)
	stop()
	if !r.settled.CompareAndSwap(false, true) {
		return false
	}
	runtime := w.app.clock.Now().Sub(started)
	if err == nil {
		w.succeed(ctx, r, result, runtime)
	} else {
		w.raised(tctx, ctx, r, err, tb)
	}
	w.done(r)
	return true
}

// done takes a request off the books.
func (w *Worker) done(r *Request) {
	r.mu.Lock()
	wasActive := r.phase == active
	r.phase = done
	r.mu.Unlock()
	w.state.drop(r)
	if wasActive {
		w.state.countActive(-1)
	}
}

// invoke calls the task's function; a panic in it becomes an error with a traceback.
func (w *Worker) invoke(ctx context.Context, r *Request) (result any, err error, traceback string) {
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(error)
			if !ok {
				e = &Error{Class: "RuntimeError", Module: "builtins", Args: []any{fmt.Sprint("panic: ", p)}}
			} else if _, py := p.(PythonError); !py {
				e = &Error{Class: "RuntimeError", Module: "builtins", Args: []any{"panic: " + e.Error()}, Cause: e}
			}
			result, err, traceback = nil, e, panicTraceback(e)
		}
	}()
	if hook := r.task.opts.BeforeStart; hook != nil {
		if err := hook(r); err != nil {
			return nil, err, ""
		}
	}
	vals, err := r.task.fn.bind(r.Args, r.Kwargs)
	if err != nil {
		return nil, err, ""
	}
	result, err = r.task.fn.call(ctx, vals)
	return result, err, ""
}

// succeed does what follows a successful run, in Celery's order: callbacks, chain, result, chord, acknowledgement,
// event, log.
func (w *Worker) succeed(ctx context.Context, r *Request, result any, took time.Duration) {
	value, err := resultValue(result)
	if err == nil {
		if err = w.follow(ctx, r, value); err == nil {
			err = w.storeSuccess(ctx, r, value)
		}
	}
	if err != nil {
		w.fail(ctx, r, err, "")
		w.settleFailure(r)
		return
	}
	repr := pyrepr.Safe(value, r.task.reprMax())
	if w.app.conf.WorkerDeduplicate {
		w.state.successful.add(r.ID)
	}
	if hook := r.task.opts.OnSuccess; hook != nil {
		w.hook(r, "on_success", func() error { return hook(r, result) })
	}
	if w.log.enabled(Info) {
		w.log.entry(Info, "Task "+r.Name+"["+r.ID+"] succeeded in "+pyrepr.Float(took.Seconds())+"s: "+repr)
	}
	w.afterReturn(r, StateSuccess, result, nil)
	if r.task.acksLate {
		r.ack()
	}
	w.taskEvent(r, "task-succeeded", field{"uuid", r.ID}, field{"result", repr}, field{"runtime", took.Seconds()})
}

func (t *Task) reprMax() int {
	if t.opts.ResultReprMax > 0 {
		return t.opts.ResultReprMax
	}
	return pyrepr.MaxLen
}

// raised sorts what a task returned as an error: a request to run again, to be forgotten, to be given back, or a failure.
func (w *Worker) raised(tctx, ctx context.Context, r *Request, err error, tb string) {
	var retry *Retry
	var reject *Reject
	switch cause := context.Cause(tctx); {
	case cause == ErrSoftTimeLimit && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		err = ErrSoftTimeLimit
	}
	if err2, ok := w.autoretry(ctx, r, err); ok {
		err = err2
	}
	switch {
	case errors.As(err, &retry):
		w.retried(r, retry)
	case errors.Is(err, Ignore):
		w.log.taskf(Info, "Task %s[%s] ignored", r.Name, r.ID)
		if r.task.acksLate {
			r.ack()
		}
	case errors.As(err, &reject):
		w.rejected(ctx, r, reject)
	default:
		w.fail(ctx, r, err, tb)
		w.settleFailure(r)
	}
}

// fail records a failure: state, chord, chain and errbacks, then the log and the event.
func (w *Worker) fail(ctx context.Context, r *Request, err error, tb string) {
	if tb == "" {
		tb = r.traceback(err)
	}
	w.failed(ctx, r, err, tb, tb)
}

// failed is fail for a failure that is stored with a traceback of its own.
func (w *Worker) failed(ctx context.Context, r *Request, err error, stored, tb string) {
	w.storeFailure(ctx, r, err, stored)
	if hook := r.task.opts.OnFailure; hook != nil {
		w.hook(r, "on_failure", func() error { return hook(r, err) })
	}
	repr := excRepr(err)
	if r.task.expects(err) {
		w.log.infof("Task %s[%s] raised expected: %s", r.Name, r.ID, repr)
	} else {
		w.log.errorf("Task %s[%s] raised unexpected: %s\n%s", r.Name, r.ID, repr, strings.TrimSuffix(tb, "\n"))
	}
	w.afterReturn(r, StateFailure, nil, err)
	w.taskEvent(r, "task-failed", field{"uuid", r.ID}, field{"exception", repr}, field{"traceback", tb})
}

// expects reports whether the task announced this error in Throws.
func (t *Task) expects(err error) bool { return matches(err, t.opts.Throws) }

// matches reports whether an error is one of a list; AnyError stands for all.
func matches(err error, list []error) bool {
	for _, e := range list {
		if e == AnyError || errors.Is(err, e) {
			return true
		}
		var want *Error
		if errors.As(e, &want) && want.Args == nil {
			if module, class, _ := exception(err); class == want.Class && module == want.Module {
				return true
			}
		}
	}
	return false
}

// settleFailure acknowledges or rejects the message of a failed task that is acknowledged late.
func (w *Worker) settleFailure(r *Request) {
	if !r.task.acksLate {
		return
	}
	if r.task.acksOnFailure {
		r.ack()
		return
	}
	w.rejectLate(r, false)
}

// rejected handles a task that gave its message back or threw it away.
func (w *Worker) rejected(ctx context.Context, r *Request, reject *Reject) {
	w.log.warnf("Task %s[%s] %s", r.Name, r.ID, reject.Error())
	if reject.Requeue {
		w.rejectLate(r, true)
		return
	}
	tb := r.traceback(reject)
	w.storeFailure(ctx, r, reject, "")
	w.taskEvent(r, "task-failed", field{"uuid", r.ID}, field{"exception", excRepr(reject)}, field{"traceback", tb})
	w.rejectLate(r, false)
}

// rejectLate rejects the message of a task that is acknowledged late, with its event.
func (w *Worker) rejectLate(r *Request, requeue bool) {
	if !r.task.acksLate || r.acknowledged.Load() {
		return
	}
	r.reject(requeue)
	w.taskEvent(r, "task-rejected", field{"uuid", r.ID}, field{"requeue", requeue})
}

// announceRevoked ends a task that was revoked, expired or terminated.
func (w *Worker) announceRevoked(ctx context.Context, r *Request, reason string, terminated bool, signum any, expired bool) {
	w.taskEvent(r, "task-revoked", field{"uuid", r.ID}, field{"terminated", terminated}, field{"signum", signum}, field{"expired", expired})
	w.storeRevoked(ctx, r, reason)
	r.ack()
	w.done(r)
}

// notRegistered tells waiting clients and monitors that nobody here knows the task.
func (w *Worker) notRegistered(ctx context.Context, r *Request) {
	if r.ID == "" {
		return
	}
	err := errNotRegistered(r.Type)
	body := w.app.metaBody(&Request{ID: r.ID, RootID: r.RootID}, outcome{state: StateFailure, err: err})
	if w.conf.ResultExtended {
		for _, k := range []string{"name", "args", "kwargs", "worker", "retries", "queue"} {
			body[k] = nil // as Celery, which knows no more of a task that it cannot run
		}
	}
	if perr := w.back.put(ctx, resultMeta{id: r.ID, state: StateFailure, body: body, req: r}); perr != nil {
		w.log.errorf("Cannot store the failure of unknown task %s[%s]: %v", r.Name, r.ID, perr)
	}
	w.events.task("task-failed", field{"uuid", r.ID}, field{"exception", excRepr(err)})
}

// taskEvent sends an event of a task unless it wants none.
func (w *Worker) taskEvent(r *Request, typ string, fields ...field) {
	if r.task.sendEvents && !r.eager {
		w.events.task(typ, fields...)
	}
}

// hook runs one of the task's handlers; its error or panic is logged and changes nothing.
func (w *Worker) hook(r *Request, name string, f func() error) {
	defer func() {
		if p := recover(); p != nil {
			w.log.errorf("Task %s[%s] %s handler raised: panic: %v", r.Name, r.ID, name, p)
		}
	}()
	if err := f(); err != nil {
		w.log.errorf("Task %s[%s] %s handler raised: %s", r.Name, r.ID, name, excRepr(err))
	}
}

func (w *Worker) afterReturn(r *Request, state string, result any, err error) {
	if hook := r.task.opts.AfterReturn; hook != nil {
		w.hook(r, "after_return", func() error { return hook(r, state, result, err) })
	}
}

// resultValue turns what a task returned into what is stored: message values as they are, other types by way of their
// JSON form.
func resultValue(v any) (any, error) {
	v = plain(v)
	switch v.(type) {
	case nil, bool, int, int64, float64, string, []byte, []any, map[string]any, time.Time:
		return v, nil
	}
	if c, ok := v.(resultTupler); ok {
		return c.resultTuple(), nil
	}
	raw, err := kombu.EncodeJSON(v)
	if err != nil {
		return nil, &Error{Class: "EncodeError", Module: "kombu.exceptions", Args: []any{err.Error()}, Cause: err}
	}
	out, err := kombu.DecodeJSON(raw)
	if err != nil {
		return nil, &Error{Class: "EncodeError", Module: "kombu.exceptions", Args: []any{err.Error()}, Cause: err}
	}
	return out, nil
}

// traceback words an error as Python would print it, naming the function of the task.
func (r *Request) traceback(err error) string {
	var b strings.Builder
	b.WriteString("Traceback (most recent call last):\n")
	if f := runtime.FuncForPC(r.task.fn.fn.Pointer()); f != nil {
		file, line := f.FileLine(f.Entry())
		fmt.Fprintf(&b, "  File %q, line %d, in %s\n", file, line, f.Name())
	}
	b.WriteString(lastLine(err))
	return b.String()
}

// lastLine is the line that ends a traceback.
func lastLine(err error) string {
	module, class, args := exception(err)
	text := excStr(args)
	switch {
	case class == "KeyError" && len(args) == 1:
		text = pyrepr.Repr(args[0]) // so that an empty key shows
	case class == "SoftTimeLimitExceeded":
		text = pyrepr.Exception(class, args) // billiard's str() of it
	}
	if module != "builtins" && module != "" {
		class = module + "." + class
	}
	if text != "" {
		return class + ": " + text + "\n"
	}
	return class + "\n"
}

// panicTraceback lists the frames from the task's function to the panic.
func panicTraceback(err error) string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var lines []string
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "reflect.") || strings.HasSuffix(f.Function, "celery.(*function).call") {
			break
		}
		if !strings.HasPrefix(f.Function, "runtime.") {
			lines = append(lines, fmt.Sprintf("  File %q, line %d, in %s\n", f.File, f.Line, f.Function))
		}
		if !more {
			break
		}
	}
	var b strings.Builder
	b.WriteString("Traceback (most recent call last):\n")
	for i := len(lines) - 1; i >= 0; i-- {
		b.WriteString(lines[i])
	}
	b.WriteString(lastLine(err))
	return b.String()
}
