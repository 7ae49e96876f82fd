package celery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"healpipe/celery/internal/pyrepr"
)

// RetryOptions say how a task is to run again.
type RetryOptions struct {
	Err        error         // why; reported when there are no retries left
	Countdown  time.Duration // the delay; the task's default retry delay
	Now        bool          // no delay
	ETA        time.Time     // instead of a delay
	MaxRetries *int          // instead of the task's; negative: no limit
	Args       []any         // instead of the arguments
	Kwargs     map[string]any
	Options    Options // further options of the new message
}

// Retry sends the task's message again, to run later, and returns what the task must return in turn: a *Retry, or, with
// no retries left, the error itself.
//
//	if err := fetch(); err != nil {
//		return celery.CurrentRequest(ctx).Retry(ctx, celery.RetryOptions{Err: err, Countdown: time.Minute})
//	}
func (r *Request) Retry(ctx context.Context, o RetryOptions) error {
	limit, limited := r.task.maxRetries()
	if o.MaxRetries != nil {
		limit, limited = *o.MaxRetries, *o.MaxRetries >= 0
	}
	args, kwargs := r.newArguments(o.Args, o.Kwargs)
	if limited && r.Retries+1 > limit {
		if o.Err != nil {
			return o.Err
		}
		text := fmt.Sprintf("Can't retry %s[%s] args:%s kwargs:%s", r.task.Name, r.ID, pyrepr.Repr(pyrepr.Tuple(args)), pyrepr.Repr(orEmptyMap(kwargs)))
		return &Error{Class: "MaxRetriesExceededError", Module: "celery.exceptions", Args: []any{text}}
	}
	if _, err := r.task.fn.bind(args, kwargs); err != nil { // refused before it is sent, as Celery does
		return &Reject{Reason: excRepr(err)}
	}
	retry := &Retry{Err: o.Err, At: o.ETA}
	if r.eager {
		retry.again = &eagerAgain{args, kwargs}
		return retry
	}
	opts := r.executionOptions()
	for k, v := range o.Options.toMap() {
		opts[k] = v
	}
	delete(opts, "eta")
	delete(opts, "countdown")
	switch {
	case !o.ETA.IsZero():
		opts["eta"] = isoformat(o.ETA)
	default:
		retry.When = o.Countdown
		if o.Countdown == 0 && !o.Now {
			retry.When = r.task.retryDelay()
		}
		opts["countdown"] = retry.When.Seconds()
	}
	opts["retries"] = r.Retries + 1
	ctx = requestContext(ctx, r)
	snd := &sender{app: r.worker.app, parent: CurrentRequest(ctx)}
	_, err := snd.task(r.Type, args, kwargs, opts)
	if err == nil {
		r.worker.announceRetry(r, retry, snd.trail)
		err = snd.flush(ctx)
	}
	if err != nil {
		return &Reject{Reason: excRepr(err)}
	}
	return retry
}

// newArguments are the arguments of a retry. Where only the positional or only the keyword ones are given anew, what
// they name takes the place of what the request had under the same parameter, in either form.
func (r *Request) newArguments(args []any, kwargs map[string]any) ([]any, map[string]any) {
	own := r.task.fn.params[:r.task.fn.nPos]
	switch {
	case args != nil && kwargs != nil:
		return args, kwargs
	case args != nil:
		kwargs = cloneMap(r.Kwargs)
		for _, p := range own[:min(len(own), len(args))] {
			delete(kwargs, p.name)
		}
		return args, kwargs
	case kwargs != nil:
		args, kwargs = slices.Clone(r.Args), cloneMap(kwargs)
		for i, p := range own[:min(len(own), len(args))] {
			if v, ok := kwargs[p.name]; ok {
				args[i] = v
				delete(kwargs, p.name)
			}
		}
		return args, kwargs
	}
	return r.Args, r.Kwargs
}

// executionOptions are the options under which the task runs, for a message that repeats it.
func (r *Request) executionOptions() map[string]any {
	o := map[string]any{"task_id": r.ID, "retries": r.Retries, "replaced_task_nesting": r.nesting}
	setIf(o, "root_id", r.RootID)
	setIf(o, "parent_id", r.ParentID)
	setIf(o, "group_id", r.Group)
	setIf(o, "reply_to", r.ReplyTo)
	setIf(o, "origin", r.Origin)
	if r.Name != r.Type {
		o["shadow"] = r.Name
	}
	if r.GroupIndex != nil {
		o["group_index"] = *r.GroupIndex
	}
	if r.chord != nil {
		o["chord"] = r.chord
	}
	if r.chain != nil {
		o["chain"] = r.chain
	}
	if len(r.callbacks) > 0 {
		o["link"] = r.callbacks
	}
	if len(r.errbacks) > 0 {
		o["link_error"] = r.errbacks
	}
	if !r.Expires.IsZero() {
		o["expires"] = isoformat(r.Expires)
	}
	if r.hard > 0 {
		o["time_limit"] = wholeSeconds(r.hard)
	}
	if r.soft > 0 {
		o["soft_time_limit"] = wholeSeconds(r.soft)
	}
	o["ignore_result"] = r.ignore
	if user := r.userHeaders(); len(user) > 0 {
		o["headers"] = user
	}
	if len(r.Stamps) > 0 {
		var names []any
		for n, v := range r.Stamps {
			names = append(names, n)
			o[n] = v
		}
		o["stamped_headers"] = names
	}
	p := &r.delivery.Message.Properties
	o["priority"] = p.Priority
	if p.DeliveryInfo.Exchange == "" && p.DeliveryInfo.RoutingKey != "" {
		o["queue"] = p.DeliveryInfo.RoutingKey
	} else {
		o["exchange"], o["routing_key"] = p.DeliveryInfo.Exchange, p.DeliveryInfo.RoutingKey
	}
	return o
}

// ownHeaders are the headers of protocol 2; all others are the application's.
var ownHeaders = map[string]bool{"lang": true, "task": true, "id": true, "shadow": true, "eta": true, "expires": true, "group": true,
	"group_index": true, "retries": true, "timelimit": true, "root_id": true, "parent_id": true, "argsrepr": true, "kwargsrepr": true,
	"origin": true, "ignore_result": true, "replaced_task_nesting": true, "stamped_headers": true, "stamps": true,
	"compression": true, "redelivered": true}

// userHeaders are the application's own headers, which survive a retry.
func (r *Request) userHeaders() map[string]any {
	var out map[string]any
	for k, v := range r.Headers {
		if !ownHeaders[k] {
			if out == nil {
				out = map[string]any{}
			}
			out[k] = v
		}
	}
	return out
}

// promptRetry is the delay below which a retry may begin before this worker's buffered events are out.
const promptRetry = time.Second

// announceRetry stores the state of a task that will run again and sends its event, before the message goes out: another
// worker may receive it, begin and end at once, and what clients and monitors see last must be that end. Celery does both
// afterwards, so that a prompt retry may stay RETRY for good.
func (w *Worker) announceRetry(r *Request, retry *Retry, sent []*AsyncResult) {
	tb := r.traceback(retry)
	w.store(w.io, r, outcome{state: StateRetry, err: retry.Err, traceback: tb, errors: true, sent: sent})
	exception := "None" // as a worker that forks shows it; one of threads shows the Retry
	if retry.Err != nil {
		exception = excRepr(retry.Err)
	}
	w.taskEvent(r, "task-retried", field{"uuid", r.ID}, field{"exception", exception}, field{"traceback", tb})
	retry.announced = true
	if retry.When < promptRetry && w.events.tasks.Load() {
		w.events.flush(w.io)
	}
}

// retried ends the run of a task that will run again.
func (w *Worker) retried(r *Request, retry *Retry) {
	if !retry.announced { // a *Retry of the task's own making
		w.announceRetry(r, retry, nil)
	}
	if hook := r.task.opts.OnRetry; hook != nil {
		w.hook(r, "on_retry", func() error { return hook(r, retry.Err) })
	}
	w.log.infof("Task %s[%s] retry: %s", r.Name, r.ID, retry.Error())
	if r.task.acksLate {
		r.ack()
	}
}

// autoretry retries a task whose error is one of TaskOptions.AutoretryFor.
func (w *Worker) autoretry(ctx context.Context, r *Request, err error) (error, bool) {
	opts := &r.task.opts
	if len(opts.AutoretryFor) == 0 || errors.Is(err, Ignore) {
		return err, false
	}
	var retry *Retry
	var reject *Reject
	if errors.As(err, &retry) || errors.As(err, &reject) || matches(err, opts.DontAutoretryFor) || !matches(err, opts.AutoretryFor) {
		return err, false
	}
	o := RetryOptions{Err: err}
	if opts.RetryBackoff > 0 {
		o.Countdown = backoff(opts.RetryBackoff, r.Retries, opts.RetryBackoffMax, !opts.RetryJitterOff)
		o.Now = true
	}
	return r.Retry(ctx, o), true
}

// backoff is Celery's exponential delay in whole seconds: factor times two to the retries, at most max, and with jitter
// a random part of that.
func backoff(factor time.Duration, retries int, limit time.Duration, jitter bool) time.Duration {
	if limit <= 0 {
		limit = 600 * time.Second
	}
	delay := limit
	if retries < 40 {
		if d := max(time.Second, factor) << retries; d > 0 && d>>retries == max(time.Second, factor) {
			delay = min(limit, d)
		}
	}
	delay = delay.Truncate(time.Second)
	if jitter {
		delay = time.Duration(rand.Int64N(int64(delay/time.Second)+1)) * time.Second
	}
	return delay
}

// UpdateState stores a state of the task's own, such as "PROGRESS", with any value.
func (r *Request) UpdateState(ctx context.Context, state string, meta any) error {
	value, err := resultValue(meta)
	if err != nil {
		return err
	}
	return r.worker.put(ctx, r, outcome{state: state, result: value})
}

// SendEvent sends an event of the task's own: "task-progress" makes monitors show the state PROGRESS.
func (r *Request) SendEvent(typ string, fieldValues map[string]any) {
	fs := []field{{"uuid", r.ID}}
	for k, v := range fieldValues {
		quoted := appendJSON(nil, k)
		fs = append(fs, field{string(quoted[1 : len(quoted)-1]), v})
	}
	r.worker.taskEvent(r, typ, fs...)
}
