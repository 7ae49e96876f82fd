package storage

import (
	"context"
	"sync"
)

// lockTable keeps the goroutines of one process apart, by name; the zero value is ready. On local disks it
// goes with flock, which would not do so on NFS, where all files of a process share its locks.
type lockTable struct {
	mu   sync.Mutex
	held map[string]*tableEntry
}

type tableEntry struct {
	turn  chan struct{} // holds one token while nobody has the lock
	users int
}

func (t *lockTable) acquire(ctx context.Context, name string) error {
	t.mu.Lock()
	e := t.held[name]
	if e == nil {
		if t.held == nil {
			t.held = map[string]*tableEntry{}
		}
		e = &tableEntry{turn: make(chan struct{}, 1)}
		e.turn <- struct{}{}
		t.held[name] = e
	}
	e.users++
	t.mu.Unlock()
	select {
	case <-e.turn:
		return nil
	case <-ctx.Done():
		t.leave(name, e)
		return ctx.Err()
	}
}

func (t *lockTable) release(name string) {
	t.mu.Lock()
	e := t.held[name]
	t.mu.Unlock()
	e.turn <- struct{}{}
	t.leave(name, e)
}

func (t *lockTable) leave(name string, e *tableEntry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.users--; e.users == 0 {
		delete(t.held, name)
	}
}
