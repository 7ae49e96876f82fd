package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Put implements Storage.
func (l *Local) Put(ctx context.Context, key string, data []byte, c Condition) (Info, error) {
	w, err := l.create(ctx, "write", key)
	if err != nil {
		return Info{}, err
	}
	if _, err := w.Write(data); err != nil {
		w.Abort()
		return Info{}, err
	}
	if l.later == nil || c != (Condition{}) {
		return w.commit(c)
	}
	fi, err := w.f.Stat()
	if err != nil {
		w.Abort()
		return Info{}, wrap("write", w.path, err)
	}
	w.ctx = l.later.ctx
	err = l.later.publish(l.path(key), func() error {
		_, err := w.commit(c)
		return err
	})
	if err != nil {
		w.Abort()
		return Info{}, err
	}
	return localInfo(key, fi), nil
}

// Create implements Storage.
func (l *Local) Create(ctx context.Context, key string) (Writer, error) {
	w, err := l.create(ctx, "create", key)
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (l *Local) create(ctx context.Context, op, key string) (*localWriter, error) {
	path, err := l.beginWrite(ctx, op, key)
	if err != nil {
		return nil, err
	}
	f, err := createTemp(filepath.Dir(path))
	if err != nil {
		return nil, wrap(op, path, err)
	}
	return &localWriter{ctx: ctx, l: l, key: key, path: path, f: f}, nil
}

// beginWrite returns the file that a write of key changes, in a folder that exists. A name that is a symbolic
// link stands for the file that it points to: that one is replaced, and the link stays.
func (l *Local) beginWrite(ctx context.Context, op, key string) (string, error) {
	path, err := l.begin(ctx, op, key)
	if err != nil {
		return "", err
	}
	for range maxLinks {
		to, err := os.Readlink(path)
		if err != nil { // no link, or nothing there yet
			return path, wrap(op, path, l.makeDir(filepath.Dir(path)))
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return "", wrap(op, path, syscall.ELOOP)
}

// maxLinks is how many links in a row are followed, as Linux does.
const maxLinks = 40

// createTemp makes a locked file under a hidden name; the lock tells other processes that it is in use.
// It has the permissions of a file made in the ordinary way, unlike one of os.CreateTemp.
func createTemp(dir string) (*os.File, error) {
	for {
		name := filepath.Join(dir, fmt.Sprintf("%s%016x%s", hiddenPrefix, rand.Uint64(), tempSuffix))
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, err := tryFlock(f); err != nil {
			f.Close()
			_ = os.Remove(name)
			return nil, err
		}
		return f, nil
	}
}

// localWriter writes beside the target and renames over it.
type localWriter struct {
	ctx  context.Context
	l    *Local
	key  string
	path string
	// locked says that the caller holds the target's lock already.
	locked bool

	mu   sync.Mutex
	f    *os.File // nil when committed or aborted
	fail error    // the first failed write; what follows it must not be published
}

func (w *localWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil {
		return 0, wrap("write", w.path, fs.ErrClosed)
	}
	if w.fail == nil {
		w.fail = wrap("write", w.path, w.ctx.Err())
	}
	if w.fail != nil {
		return 0, w.fail
	}
	n, err := w.f.Write(p)
	w.l.monitor.localWritten(n)
	w.fail = wrap("write", w.path, err)
	return n, w.fail
}

// Commit implements Writer.
func (w *localWriter) Commit() (Info, error) { return w.commit(Condition{}) }

func (w *localWriter) commit(c Condition) (Info, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.abort()
	if w.f == nil {
		return Info{}, wrap("write", w.path, fs.ErrClosed)
	}
	if w.fail != nil {
		return Info{}, w.fail
	}
	if err := w.sync(); err != nil {
		return Info{}, wrap("write", w.path, err)
	}
	if !w.locked {
		unlock, err := w.l.lockPath(w.ctx, w.path)
		if err != nil {
			return Info{}, wrap("write", w.path, err)
		}
		defer unlock()
	}
	info, err := w.publish(c)
	return info, wrap("write", w.path, err)
}

// sync puts the bytes on the disk, before the lock is taken: it may take long.
func (w *localWriter) sync() error {
	if w.l.NoSync {
		return nil
	}
	return w.f.Sync()
}

// publish renames the temporary file over the target if the condition holds; the caller has the lock.
func (w *localWriter) publish(c Condition) (Info, error) {
	if err := w.ctx.Err(); err != nil {
		return Info{}, err
	}
	if err := checkCondition(w.path, c); err != nil {
		return Info{}, err
	}
	if err := replaceable(w.path); err != nil {
		return Info{}, err
	}
	fi, err := w.f.Stat()
	if err != nil {
		return Info{}, err
	}
	defer holdReplaced(w.path)()
	if err := os.Rename(w.f.Name(), w.path); err != nil {
		return Info{}, err
	}
	w.f.Close()
	w.f = nil
	return localInfo(w.key, fi), w.l.syncDir(filepath.Dir(w.path))
}

// releases bounds the replaced files whose bytes are being freed.
var releases = make(chan struct{}, 16)

// holdReplaced keeps the file that a rename is about to replace and returns what lets go of it. A file system frees
// the bytes of a file with its last user, which takes as long as a chunk's encoding: not while others wait for the lock.
func holdReplaced(path string) (release func()) {
	f, err := os.Open(path)
	if err != nil { // nothing there, or not to be read: the rename frees it
		return func() {}
	}
	return func() {
		select {
		case releases <- struct{}{}:
			go func() {
				f.Close()
				<-releases
			}()
		default:
			f.Close()
		}
	}
}

// replaceable refuses a target that is a device, a pipe or a socket: a rename would put a file in the place of
// /dev/null for the whole machine.
func replaceable(path string) error {
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().IsRegular() || fi.IsDir() { // a folder makes the rename itself fail
		return nil
	}
	return notRegular(fi)
}

// checkCondition compares the file as it is now with what a conditional write expects.
func checkCondition(path string, c Condition) error {
	if c == (Condition{}) {
		return nil
	}
	now, err := statFile(path, "")
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if c.IfAbsent && exists || c.IfMatch != "" && now.ETag != c.IfMatch {
		return ErrPrecondition
	}
	return nil
}

// Abort implements Writer.
func (w *localWriter) Abort() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abort()
	return nil
}

func (w *localWriter) abort() {
	if w.f != nil {
		_ = os.Remove(w.f.Name()) // before the lock goes with the file
		w.f.Close()
		w.f = nil
	}
}

// Edit implements Editor: fn runs under the key's lock.
func (l *Local) Edit(ctx context.Context, key string, fn EditFunc) error {
	path, err := l.beginWrite(ctx, "update", key)
	if err != nil {
		return err
	}
	unlock, err := l.lockPath(ctx, path)
	if err != nil {
		return wrap("update", path, err)
	}
	defer unlock()
	return l.edit(ctx, path, key, fn)
}

// edit is Edit for the holder of the key's lock.
func (l *Local) edit(ctx context.Context, path, key string, fn EditFunc) error {
	var old Reader
	r, err := l.open(ctx, path, key)
	switch {
	case err == nil:
		defer r.Close()
		old = r
	case !errors.Is(err, fs.ErrNotExist):
		return wrap("update", path, err)
	}
	w := &lazyWriter{create: func() (Writer, error) {
		w, err := l.create(ctx, "update", key)
		if err != nil {
			return nil, err
		}
		w.locked = true
		return w, nil
	}}
	defer w.abort()
	outcome, err := fn(old, w)
	switch {
	case err != nil:
		return err
	case outcome == Replace:
		return w.commit()
	case outcome == Remove && old != nil:
		return wrap("delete", path, l.remove(path))
	}
	return nil
}
