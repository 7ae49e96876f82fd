package celery

import "context"

// resultTupler is a result that stands for other tasks: it is stored as Celery's result tuple.
type resultTupler interface{ resultTuple() any }

func (w *Worker) follow(ctx context.Context, r *Request, value any) error { return nil }

func (w *Worker) followFailure(ctx context.Context, r *Request, err error, tb string) {}

func (w *Worker) chordPart(ctx context.Context, r *Request, state string, value any) {}

func (w *Worker) retried(ctx context.Context, r *Request, retry *Retry) {}

func (w *Worker) autoretry(ctx context.Context, r *Request, err error) (error, bool) {
	return err, false
}

func (w *Worker) alreadyDone(ctx context.Context, r *Request) bool { return false }

func (w *Worker) callElected(ctx context.Context, action any) error { return nil }

func (a *App) registerBuiltins() {}
