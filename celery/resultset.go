package celery

import (
	"context"
	"errors"
	"fmt"
)

// ErrIncomplete is what Collect returns where a task is not over.
var ErrIncomplete = errors.New("celery: a task is not over")

// ResultSet puts results together, so that they can be joined, counted, forgotten and revoked as a group's; it has no id
// and cannot be saved.
func (a *App) ResultSet(results ...*AsyncResult) *AsyncResult {
	return &AsyncResult{Results: results, app: a, group: true}
}

// Result returns what there is without waiting: the result of a task that succeeded, the meta of a custom state, nil of a
// task that nothing is known of; a failure is an *Error. It is Python's AsyncResult.result. Of a group it is Join's, which waits.
func (r *AsyncResult) Result(ctx context.Context) (any, error) {
	if r.group {
		return r.Join(ctx)
	}
	meta, err := r.Info(ctx)
	if err != nil || meta == nil {
		return nil, err
	}
	switch state := fields(meta).str("status"); {
	case state == StateRetry:
		return nil, excFromObject(meta["result"], fields(meta).str("traceback"))
	case ReadyState(state):
		return outcomeOf(meta)
	}
	return meta["result"], nil
}

// Traceback returns the traceback that is stored of a task that failed.
func (r *AsyncResult) Traceback(ctx context.Context) (string, error) {
	meta, err := r.Info(ctx)
	return fields(meta).str("traceback"), err
}

// Failed reports whether the task, or a member of the group, failed.
func (r *AsyncResult) Failed(ctx context.Context) (bool, error) {
	if r.group {
		for _, m := range r.Results {
			if failed, err := m.Failed(ctx); failed || err != nil {
				return failed, err
			}
		}
		return false, nil
	}
	s, err := r.State(ctx)
	return s == StateFailure, err
}

// Exists reports whether anything is stored of the task: PENDING is also the state of one that has been forgotten, or of
// no task at all.
func (r *AsyncResult) Exists(ctx context.Context) (bool, error) {
	meta, err := r.Info(ctx)
	return meta != nil, err
}

// Waiting reports whether the task, or a member of the group, is not over.
func (r *AsyncResult) Waiting(ctx context.Context) (bool, error) {
	ready, err := r.Ready(ctx)
	return !ready && err == nil, err
}

// CompletedCount counts the members of the group that succeeded.
func (r *AsyncResult) CompletedCount(ctx context.Context) (int, error) {
	n := 0
	for _, m := range r.Results {
		good, err := m.Successful(ctx)
		if err != nil {
			return n, err
		}
		if good {
			n++
		}
	}
	return n, nil
}

// Collect calls f with the result and, level by level, with all that its tasks have sent (children) and their values, as
// Python's AsyncResult.collect. A failure ends it, and so does a task that is not over, with ErrIncomplete.
func (r *AsyncResult) Collect(ctx context.Context, f func(r *AsyncResult, value any)) error {
	queue := []*AsyncResult{r}
	for len(queue) > 0 {
		node := queue[0]
		queue = queue[1:]
		v, err := node.Get(ctx)
		if err != nil {
			return err
		}
		f(node, v)
		ready, err := node.Ready(ctx)
		if err != nil {
			return err
		}
		if !ready {
			return fmt.Errorf("%w: %s", ErrIncomplete, node.ID)
		}
		children, err := node.Children(ctx)
		if err != nil {
			return err
		}
		queue = append(queue, children...)
	}
	return nil
}
