package zarr

import (
	"context"
	"runtime"
)

// Budget bounds how much encoding and decoding runs at the same time, across all calls and arrays that share
// it. NewBudget makes one; so does semaphore.NewWeighted of golang.org/x/sync.
type Budget interface {
	Acquire(ctx context.Context, n int64) error
	Release(n int64)
}

// NewBudget returns a Budget of n simultaneous units of work.
func NewBudget(n int) Budget { return make(slots, max(n, 1)) }

type slots chan struct{}

func (s slots) Acquire(ctx context.Context, n int64) error {
	for i := int64(0); i < n; i++ {
		select {
		case s <- struct{}{}:
		case <-ctx.Done():
			s.Release(i)
			return context.Cause(ctx)
		}
	}
	return nil
}

func (s slots) Release(n int64) {
	for ; n > 0; n-- {
		<-s
	}
}

// Options bound the work of the arrays of a hierarchy. The zero value works.
type Options struct {
	// Workers is how many inner chunks (or chunks) one call works on at the same time, each with its own
	// buffers. Zero means GOMAXPROCS.
	Workers int
	// Budget is shared between calls: a worker takes one unit for each encoding or decoding of a chunk, and
	// none while it waits for the store or for a Source. Nil means no bound beyond Workers.
	Budget Budget
}

func (o Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// work runs f under the budget.
func (o Options) work(ctx context.Context, f func() error) error {
	if o.Budget != nil {
		if err := o.Budget.Acquire(ctx, 1); err != nil {
			return err
		}
		defer o.Budget.Release(1)
	}
	return f()
}
