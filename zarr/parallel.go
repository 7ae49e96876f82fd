package zarr

import (
	"context"
	"sync"
	"sync/atomic"
)

// parallel calls f for 0 to n-1 on up to workers goroutines. The first error cancels the others' context and
// is returned when all have ended.
func parallel(ctx context.Context, workers, n int, f func(ctx context.Context, i int) error) error {
	if workers = min(workers, n); workers <= 1 {
		for i := range n {
			if err := f(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= n {
					return
				}
				if err := f(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// inOrder calls produce for 0 to n-1 on up to workers goroutines, each with a scratch of its own, and hands
// the results to emit one at a time in ascending order. What produce returns may be scratch memory: the
// same goroutine emits it before it produces again. inOrder ends at the first error.
func inOrder[T any](ctx context.Context, workers, n int,
	produce func(ctx context.Context, i int, sc *scratch) (T, error), emit func(i int, v T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		mu            sync.Mutex
		turn          = sync.NewCond(&mu)
		next, emitted int
		failed        error
		wg            sync.WaitGroup
	)
	work := func() {
		sc := getScratch()
		defer sc.release()
		mu.Lock()
		defer mu.Unlock()
		for failed == nil && next < n {
			i := next
			next++
			mu.Unlock()
			sc.reset(0)
			v, err := produce(ctx, i, sc)
			mu.Lock()
			for err == nil && failed == nil && emitted != i {
				turn.Wait()
			}
			if err == nil && failed == nil {
				mu.Unlock()
				err = emit(i, v)
				mu.Lock()
				emitted++
			}
			if err != nil && failed == nil {
				failed = err
				cancel(err)
			}
			turn.Broadcast()
		}
	}
	for range max(min(workers, n), 1) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	return failed
}
