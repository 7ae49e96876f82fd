package storage

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory is a Storage in this process's memory, for tests and small intermediate results.
type Memory struct {
	mu      sync.RWMutex
	objects map[string]*memObject // an entry's bytes are never changed, only replaced
	version int64
}

type memObject struct {
	data []byte
	info Info
}

var (
	_ Storage     = (*Memory)(nil)
	_ conditional = (*Memory)(nil)
)

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{objects: map[string]*memObject{}} }

// String implements Storage.
func (m *Memory) String() string { return "memory:" }

func (m *Memory) lookup(ctx context.Context, op, key string) (*memObject, error) {
	if err := ctx.Err(); err != nil {
		return nil, wrap(op, Join(m.String(), key), err)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if o, ok := m.objects[key]; ok {
		return o, nil
	}
	return nil, wrap(op, Join(m.String(), key), fs.ErrNotExist)
}

// Stat implements Storage.
func (m *Memory) Stat(ctx context.Context, key string) (Info, error) {
	o, err := m.lookup(ctx, "stat", key)
	if err != nil {
		return Info{}, err
	}
	return o.info, nil
}

// Open implements Storage; the Reader keeps the version that it opened.
func (m *Memory) Open(ctx context.Context, key string) (Reader, error) {
	o, err := m.lookup(ctx, "open", key)
	if err != nil {
		return nil, err
	}
	return memReader{bytes.NewReader(o.data), o.info}, nil
}

// Get implements Storage.
func (m *Memory) Get(ctx context.Context, key string) ([]byte, Info, error) {
	o, err := m.lookup(ctx, "read", key)
	if err != nil {
		return nil, Info{}, err
	}
	return bytes.Clone(o.data), o.info, nil
}

// GetRange implements Storage.
func (m *Memory) GetRange(ctx context.Context, key string, off, n int64) ([]byte, Info, error) {
	o, err := m.lookup(ctx, "read", key)
	if err != nil {
		return nil, Info{}, err
	}
	off, n = cutRange(off, n, o.info.Size)
	return bytes.Clone(o.data[off : off+n]), o.info, nil
}

// Put implements Storage.
func (m *Memory) Put(ctx context.Context, key string, data []byte, c Condition) (Info, error) {
	path := Join(m.String(), key)
	if err := ctx.Err(); err != nil {
		return Info{}, wrap("write", path, err)
	}
	if err := checkKey(key); err != nil {
		return Info{}, wrap("write", path, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.holds(key, c) {
		return Info{}, wrap("write", path, ErrPrecondition)
	}
	m.version++
	info := Info{Key: key, Size: int64(len(data)), ETag: fmt.Sprintf("%d", m.version), ModTime: time.Now()}
	m.objects[key] = &memObject{bytes.Clone(data), info}
	return info, nil
}

// holds says whether the condition is true now; the caller has the lock.
func (m *Memory) holds(key string, c Condition) bool {
	o, exists := m.objects[key]
	if c.IfAbsent && exists {
		return false
	}
	return c.IfMatch == "" || exists && o.info.ETag == c.IfMatch
}

// Create implements Storage.
func (m *Memory) Create(ctx context.Context, key string) (Writer, error) {
	return m.createIf(ctx, key, Condition{})
}

func (m *Memory) createIf(ctx context.Context, key string, c Condition) (Writer, error) {
	if err := checkKey(key); err != nil {
		return nil, wrap("create", Join(m.String(), key), err)
	}
	return &bufferedWriter{ctx: ctx, st: m, key: key, c: c}, nil
}

// Delete implements Storage.
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return wrap("delete", Join(m.String(), key), err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

func (m *Memory) deleteIf(_ context.Context, key, etag string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.holds(key, Condition{IfMatch: etag}) {
		return wrap("delete", Join(m.String(), key), ErrPrecondition)
	}
	delete(m.objects, key)
	return nil
}

// List implements Storage.
func (m *Memory) List(ctx context.Context, prefix string, fn func(Info) error) error {
	return m.list(ctx, fn, func(key string) bool { return strings.HasPrefix(key, prefix) })
}

// ListDir implements Storage.
func (m *Memory) ListDir(ctx context.Context, dir string, fn func(Info) error) error {
	prefix := dirPrefix(dir)
	return m.list(ctx, fn, func(key string) bool {
		rest, ok := strings.CutPrefix(key, prefix)
		return ok && !strings.Contains(rest, "/")
	})
}

func (m *Memory) list(ctx context.Context, fn func(Info) error, wanted func(string) bool) error {
	m.mu.RLock()
	var found []Info
	for key, o := range m.objects {
		if wanted(key) {
			found = append(found, o.info)
		}
	}
	m.mu.RUnlock()
	slices.SortFunc(found, func(a, b Info) int { return strings.Compare(a.Key, b.Key) })
	for _, info := range found {
		if err := ctx.Err(); err != nil {
			return wrap("list", m.String(), err)
		}
		if err := fn(info); err != nil {
			return err
		}
	}
	return nil
}

type memReader struct {
	*bytes.Reader
	info Info
}

func (r memReader) Info() Info   { return r.info }
func (r memReader) Close() error { return nil }
