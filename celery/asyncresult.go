package celery

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// AsyncResult is the result of a task that has been sent, or of a group of them, as Python's AsyncResult and
// GroupResult. It waits by subscription, never by polling.
type AsyncResult struct {
	ID      string
	Parent  *AsyncResult   // the step before, in a chain
	Results []*AsyncResult // the members, if it is a group's
	Ignored bool           // the task was told to store no result

	group   bool
	ordered bool
	app     *App
	eager   *eagerOutcome // of a call that ran in the caller
}

// AsyncResult returns the result of the task with that id.
func (a *App) AsyncResult(id string) *AsyncResult { return &AsyncResult{ID: id, app: a} }

func (a *App) groupResult(id string) *AsyncResult { return &AsyncResult{ID: id, app: a, group: true} }

// IsGroup reports whether the result is that of a group.
func (r *AsyncResult) IsGroup() bool { return r.group }

// resultTuple is a result as it is stored: [[id, parent], children].
func (r *AsyncResult) resultTuple() any {
	var parent, children any
	if r.Parent != nil {
		parent = r.Parent.resultTuple()
	}
	if r.group {
		list := make([]any, len(r.Results))
		for i, c := range r.Results {
			list[i] = c.resultTuple()
		}
		children = list
	}
	return []any{[]any{r.ID, parent}, children}
}

// resultFromTuple undoes resultTuple.
func (a *App) resultFromTuple(v any, depth int) (*AsyncResult, error) {
	pair, ok := v.([]any)
	if !ok || len(pair) != 2 || depth > 200 {
		return nil, errors.New("celery: not a stored result")
	}
	head, ok := pair[0].([]any)
	if !ok {
		if id, isID := pair[0].(string); isID {
			head = []any{id, nil}
		} else {
			return nil, errors.New("celery: not a stored result")
		}
	}
	r := &AsyncResult{app: a}
	if len(head) > 0 {
		r.ID, _ = head[0].(string)
	}
	if len(head) > 1 && head[1] != nil {
		p, err := a.resultFromTuple(head[1], depth+1)
		if err != nil {
			return nil, err
		}
		r.Parent = p
	}
	if list, ok := pair[1].([]any); ok {
		r.group = true
		for _, e := range list {
			c, err := a.resultFromTuple(e, depth+1)
			if err != nil {
				return nil, err
			}
			r.Results = append(r.Results, c)
		}
	}
	return r, nil
}

// Get waits until the task is over and returns its result, or the exception it failed with as *Error; where an earlier
// step of its chain, or a part of its chord, has failed, that one's exception. Of a group it returns the list of its
// members' results, or the first failure among them.
func (r *AsyncResult) Get(ctx context.Context) (any, error) {
	if r.group {
		return r.Join(ctx)
	}
	return r.Follow(ctx, nil)
}

// InOrder returns the same result with a Get that returns dictionaries as kombu.Objects, in the order in which the worker
// wrote them. It is for JSON in Redis.
func (r *AsyncResult) InOrder() *AsyncResult {
	c := *r
	c.ordered = true
	return &c
}

// firstFailure returns the exception of the earliest step before r that has failed, or else err.
func (r *AsyncResult) firstFailure(ctx context.Context, err error) error {
	for p := r.Parent; p != nil; p = p.Parent {
		for _, m := range p.members() {
			if meta, infoErr := m.Info(ctx); infoErr == nil && fields(meta).str("status") == StateFailure {
				_, err = outcomeOf(meta)
				break
			}
		}
	}
	return err
}

// members are the tasks of a group, or the one task.
func (r *AsyncResult) members() []*AsyncResult {
	if r.group {
		return r.Results
	}
	return []*AsyncResult{r}
}

// Follow is Get that hands over what is stored of the task whenever it changes, custom states and the final one among
// them, as get(on_message=...). Of states that follow each other faster than seen takes them some may be left out. A
// group has no states of its own.
func (r *AsyncResult) Follow(ctx context.Context, seen func(meta map[string]any)) (any, error) {
	if r.group {
		return r.Join(ctx)
	}
	if r.eager != nil {
		if seen != nil {
			seen(r.eager.meta(r.ID))
		}
		return r.eager.value, r.eager.err
	}
	meta, err := r.wait(ctx, seen)
	if err != nil {
		return nil, err
	}
	v, err := outcomeOf(meta)
	if err != nil {
		return nil, r.firstFailure(ctx, err)
	}
	if !r.ordered {
		return v, nil
	}
	b, err := r.app.backend(ctx)
	if rb, ok := b.(*redisBackend); ok {
		return rb.inOrder(ctx, r.ID, v)
	}
	return v, err
}

// Into is Get that converts the result into *dst.
func (r *AsyncResult) Into(ctx context.Context, dst any) error {
	v, err := r.Get(ctx)
	if err != nil {
		return err
	}
	p := reflect.ValueOf(dst)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("celery: Into needs a pointer, not %T", dst)
	}
	if err := convert(v, p.Elem()); err != nil {
		return fmt.Errorf("celery: result of task %s %w", r.ID, err)
	}
	return nil
}

// outcomeOf takes result or exception out of a final state.
func outcomeOf(meta map[string]any) (any, error) {
	f := fields(meta)
	if f.str("status") == StateSuccess {
		return meta["result"], nil
	}
	return nil, excFromObject(meta["result"], f.str("traceback"))
}

// wait waits for a final state; earlier tasks of its chain that fail end the wait.
func (r *AsyncResult) wait(ctx context.Context, seen func(map[string]any)) (map[string]any, error) {
	b, err := r.app.backend(ctx)
	if err != nil {
		return nil, err
	}
	meta, err := b.wait(ctx, r.ID, seen)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("%w: task %s: %w", ErrTimeout, r.ID, err)
	}
	return meta, err
}

// Join waits for all members of a group, in order.
func (r *AsyncResult) Join(ctx context.Context) ([]any, error) {
	out := make([]any, 0, len(r.Results))
	for _, m := range r.Results {
		v, err := m.Get(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Each calls f with every member of a group as it ends, whatever the order.
func (r *AsyncResult) Each(ctx context.Context, f func(member *AsyncResult, value any, err error)) error {
	type ended struct {
		m   *AsyncResult
		v   any
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ch := make(chan ended, len(r.Results))
	for _, m := range r.Results {
		go func() {
			v, err := m.Get(ctx)
			ch <- ended{m, v, err}
		}()
	}
	for range r.Results {
		e := <-ch
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f(e.m, e.v, e.err)
	}
	return nil
}

// Info returns what is stored of the task; nil if nothing is.
func (r *AsyncResult) Info(ctx context.Context) (map[string]any, error) {
	if r.eager != nil {
		return r.eager.meta(r.ID), nil
	}
	b, err := r.app.backend(ctx)
	if err != nil {
		return nil, err
	}
	return b.get(ctx, r.ID)
}

// State returns the task's state; PENDING if nothing is known of it.
func (r *AsyncResult) State(ctx context.Context) (string, error) {
	meta, err := r.Info(ctx)
	if err != nil {
		return "", err
	}
	return orDefault(fields(meta).str("status"), StatePending), nil
}

// Ready reports whether the task, or every member of the group, is over.
func (r *AsyncResult) Ready(ctx context.Context) (bool, error) {
	if r.group {
		for _, m := range r.Results {
			if ready, err := m.Ready(ctx); !ready || err != nil {
				return false, err
			}
		}
		return true, nil
	}
	s, err := r.State(ctx)
	return ReadyState(s), err
}

// Successful reports whether the task, or every member, succeeded.
func (r *AsyncResult) Successful(ctx context.Context) (bool, error) {
	if r.group {
		for _, m := range r.Results {
			if good, err := m.Successful(ctx); !good || err != nil {
				return false, err
			}
		}
		return true, nil
	}
	s, err := r.State(ctx)
	return s == StateSuccess, err
}

// Children returns what the task has sent.
func (r *AsyncResult) Children(ctx context.Context) ([]*AsyncResult, error) {
	if r.group {
		return r.Results, nil
	}
	meta, err := r.Info(ctx)
	if err != nil {
		return nil, err
	}
	var out []*AsyncResult
	for _, e := range fields(meta).list("children") {
		c, err := r.app.resultFromTuple(e, 0)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// Forget deletes what is stored of the task and of those before it in its chain, or of the group and its members.
func (r *AsyncResult) Forget(ctx context.Context) error {
	if r.eager != nil {
		return nil
	}
	b, err := r.app.backend(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range r.Results {
		errs = append(errs, m.Forget(ctx))
	}
	if r.Parent != nil && !r.group {
		errs = append(errs, r.Parent.Forget(ctx))
	}
	if r.ID == "" { // a ResultSet
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, b.forget(ctx, r))...)
}

// Revoke tells workers not to run the task, or the members; with terminate also to give up running ones.
func (r *AsyncResult) Revoke(ctx context.Context, terminate bool) error {
	if r.eager != nil { // it is over; Celery replaces its outcome
		*r.eager = eagerOutcome{state: StateRevoked, name: r.eager.name, err: errRevoked("revoked")}
		return nil
	}
	ids := []string{r.ID}
	if r.group {
		ids = nil
		for _, m := range r.Results {
			ids = append(ids, m.ID)
		}
	}
	_, err := r.app.Control().Revoke(ctx, ids, terminate, "", BroadcastOptions{})
	return err
}

// Save stores a group's ids so that RestoreGroup finds them.
func (r *AsyncResult) Save(ctx context.Context) error {
	b, err := r.app.backend(ctx)
	if err != nil {
		return err
	}
	rb, ok := b.(*redisBackend)
	if !ok || !r.group || r.ID == "" {
		return fmt.Errorf("%w: only groups can be saved, and only in Redis", ErrNoBackend)
	}
	return rb.saveGroup(ctx, r)
}

// RestoreGroup returns a group that was saved; nil if there is none.
func (a *App) RestoreGroup(ctx context.Context, id string) (*AsyncResult, error) {
	b, err := a.backend(ctx)
	if err != nil {
		return nil, err
	}
	rb, ok := b.(*redisBackend)
	if !ok {
		return nil, fmt.Errorf("%w: groups are saved in Redis only", ErrNoBackend)
	}
	return rb.restoreGroup(ctx, id)
}

// backend returns the client's result backend, opening it on first use.
func (a *App) backend(ctx context.Context) (backend, error) {
	conn, err := a.connection(ctx)
	if err != nil {
		return nil, err
	}
	a.connMu.Lock()
	defer a.connMu.Unlock()
	if a.back == nil {
		b, err := a.newBackend(ctx, conn, nil)
		if err != nil {
			return nil, err
		}
		a.back = b
	}
	return a.back, nil
}
