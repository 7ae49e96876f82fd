package storage

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// Together runs fn with a view of st in which changes to a local folder may be made and become durable behind fn's
// back, many at the same time. All are, when Together returns, with or without an error of fn. The first that fails
// makes further ones fail, and is returned unless fn returns an error. The view ends with fn.
//
// Each object is replaced whole as ever, though not in the order of the calls, and a power failure before the end of
// Together can bring its old version back. What was put is there for the view's own operations, which wait for it.
// Writing many objects, such as the chunks of a Zarr array, takes less time so: nobody waits for the disk meanwhile,
// and each folder is synced once. Other storages are passed on as they are.
func Together(ctx context.Context, st Storage, fn func(st Storage) error) error {
	l, ok := st.(*Local)
	if !ok || l.NoSync {
		return fn(st)
	}
	view := l.together(ctx)
	err := fn(view)
	if failed := view.later.finish(); err == nil {
		err = failed
	}
	return err
}

func (l *Local) together(ctx context.Context) *Local {
	view := *l
	view.later = &later{
		ctx: ctx, sync: syncFolder, slots: make(chan struct{}, mostPending),
		dirs: map[string]bool{}, puts: map[string]chan struct{}{},
	}
	return &view
}

// mostPending bounds the files that wait for the disk at the same time, each with a file descriptor.
const mostPending = 16

// later is what a view of a folder still has to do.
type later struct {
	ctx   context.Context // of Together: what is published outlives the calls that put it
	sync  func(dir string) error
	slots chan struct{}

	mu   sync.Mutex
	dirs map[string]bool          // those with changed names
	puts map[string]chan struct{} // being published, by path; closed afterwards
	err  error                    // the first
}

// changed notes a folder whose names changed.
func (l *later) changed(dir string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirs[dir] = true
}

// publish runs commit in the background, when a slot is free and what was put there before is published. After an
// error it returns that one, and does not run commit.
func (l *later) publish(path string, commit func() error) error {
	l.slots <- struct{}{}
	done := make(chan struct{})
	l.mu.Lock()
	for before := l.puts[path]; before != nil; before = l.puts[path] {
		l.mu.Unlock()
		<-before
		l.mu.Lock()
	}
	if err := l.err; err != nil {
		l.mu.Unlock()
		<-l.slots
		return err
	}
	l.puts[path] = done
	l.mu.Unlock()
	go func() {
		err := commit()
		l.mu.Lock()
		delete(l.puts, path)
		l.failed(err)
		l.mu.Unlock()
		close(done)
		<-l.slots
	}()
	return nil
}

// failed keeps the first error; the caller has mu.
func (l *later) failed(err error) {
	if l.err == nil {
		l.err = err
	}
}

// wait returns when nobody is publishing path.
func (l *later) wait(ctx context.Context, path string) error {
	for {
		l.mu.Lock()
		done := l.puts[path]
		l.mu.Unlock()
		if done == nil {
			return nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settle waits for all that is being published.
func (l *later) settle(ctx context.Context) error {
	l.mu.Lock()
	paths := slices.Collect(maps.Keys(l.puts))
	l.mu.Unlock()
	for _, path := range paths {
		if err := l.wait(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

// finish waits for what is being published and makes all names durable, some folders at the same time: a file system
// with a journal writes it once for them.
func (l *later) finish() error {
	for range cap(l.slots) {
		l.slots <- struct{}{}
	}
	var wg sync.WaitGroup
	for dir := range l.dirs {
		<-l.slots
		wg.Go(func() {
			err := wrap("write", dir, l.sync(dir))
			l.mu.Lock()
			l.failed(err)
			l.mu.Unlock()
			l.slots <- struct{}{}
		})
	}
	wg.Wait()
	return l.err
}
