package celery

import (
	"context"
	"errors"
)

// registerBuiltins registers the tasks of Celery's own that canvases of Python producers send.
func (a *App) registerBuiltins() {
	params := func(names ...string) TaskOptions { return TaskOptions{Params: names} }
	a.MustRegister("celery.accumulate", accumulate, params("*args", "index=None"))
	a.MustRegister("celery.map", a.mapTask, params("task", "it"))
	a.MustRegister("celery.starmap", a.starmapTask, params("task", "it"))
	a.MustRegister("celery.chunks", a.chunksTask, params("task", "it", "n"))
	a.MustRegister("celery.group", a.groupTask, params("tasks", "result", "group_id", "partial_args", "add_to_parent=True"))
	a.MustRegister("celery.backend_cleanup", func() {}, TaskOptions{}) // Redis expires results by itself
}

// accumulate returns its arguments, or one of them: the body of a chord that stands for a replaced group.
func accumulate(args []any, index *int) (any, error) {
	if index == nil {
		return args, nil
	}
	if *index < 0 || *index >= len(args) {
		return nil, Errorf("IndexError", "tuple index out of range")
	}
	return args[*index], nil
}

// mapTask calls a registered task with each item, here and now.
func (a *App) mapTask(ctx context.Context, task any, it []any) ([]any, error) {
	return a.callEach(ctx, task, it, func(item any) ([]any, error) { return []any{item}, nil })
}

// starmapTask is mapTask with items that are lists of arguments.
func (a *App) starmapTask(ctx context.Context, task any, it []any) ([]any, error) {
	return a.callEach(ctx, task, it, func(item any) ([]any, error) {
		args, ok := item.([]any)
		if !ok {
			return nil, Errorf("TypeError", "argument after * must be an iterable, not %s", pyType(item))
		}
		return args, nil
	})
}

func (a *App) callEach(ctx context.Context, task any, it []any, args func(any) ([]any, error)) ([]any, error) {
	sig, err := a.toSignature(task)
	if err != nil {
		return nil, err
	}
	t := a.Task(sig.Task)
	if t == nil {
		return nil, errNotRegistered(sig.Task)
	}
	out := make([]any, 0, len(it))
	for _, item := range it {
		in, err := args(item)
		if err != nil {
			return nil, err
		}
		vals, err := t.fn.bind(in, nil)
		if err != nil {
			return nil, err
		}
		v, err := t.fn.call(ctx, vals)
		if err != nil {
			return nil, err
		}
		if v, err = resultValue(v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// chunksTask sends the chunks and returns their group.
func (a *App) chunksTask(ctx context.Context, task any, it []any, n int) (any, error) {
	sig, err := a.toSignature(task)
	if err != nil {
		return nil, err
	}
	return Chunks(sig, it, n).ApplyAsync(ctx, nil, nil, Options{})
}

// groupTask is how old producers sent groups.
func (a *App) groupTask(ctx context.Context, tasks []any, result any, groupID string, partial []any, addToParent bool) (any, error) {
	r := CurrentRequest(ctx)
	if r == nil {
		return nil, errors.New("celery: celery.group runs in a worker only")
	}
	res, err := a.resultFromTuple(result, 0)
	if err != nil {
		return nil, err
	}
	_, err = a.send(ctx, func(snd *sender) (*AsyncResult, error) {
		for _, v := range tasks {
			sig, err := a.toSignature(v)
			if err != nil {
				return nil, err
			}
			if _, err := snd.apply(sig, partial, nil, map[string]any{"group_id": groupID, "add_to_parent": false}); err != nil {
				return nil, err
			}
		}
		if addToParent {
			snd.trail = append(snd.trail, res)
		}
		return res, nil
	})
	return res, err
}
