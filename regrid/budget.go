package regrid

import (
	"context"
	"runtime"
	"sync"
)

// Budget bounds the number of goroutines that compute at the same time, over all files that are regridded
// with it: a worker that runs eight tasks on eight cores shares one Budget of eight among them, so that the
// tasks do not start eight goroutines each. Waiting for storage takes no place. A Budget is safe for
// concurrent use.
type Budget struct{ places chan struct{} }

// NewBudget returns a Budget of n places; n < 1 means one per usable core.
func NewBudget(n int) *Budget {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	return &Budget{make(chan struct{}, n)}
}

// Size returns the number of places.
func (b *Budget) Size() int { return cap(b.places) }

// do runs fn in a place.
func (b *Budget) do(ctx context.Context, fn func() error) error {
	select {
	case b.places <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-b.places }()
	return fn()
}

// wait runs fn, which waits for something, inside of do, whose place others may have meanwhile.
func (b *Budget) wait(fn func()) {
	<-b.places
	defer func() { b.places <- struct{}{} }()
	fn()
}

// each runs fn(0) to fn(n-1) on at most as many goroutines as the Budget has places and returns the first
// error; after one, what has not begun is left out. fn itself takes a place where it computes.
func (b *Budget) each(ctx context.Context, n int, fn func(i int) error) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		next  int
		first error
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil && ctx.Err() != nil {
			first = context.Cause(ctx)
		}
		if first != nil || next == n {
			return 0, false
		}
		next++
		return next - 1, true
	}
	run := func() {
		for {
			i, ok := take()
			if !ok {
				return
			}
			if err := fn(i); err != nil {
				mu.Lock()
				if first == nil {
					first = err
				}
				mu.Unlock()
				return
			}
		}
	}
	for range min(n, b.Size()) - 1 {
		wg.Go(run)
	}
	run()
	wg.Wait()
	return first
}
