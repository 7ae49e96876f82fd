package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Local is a Storage in a folder. The folder is made by the first write.
type Local struct {
	// NoSync leaves out the syncs to the disk: faster, and what was written in the last seconds before a
	// power failure may be lost or empty. Set it before the first use.
	NoSync bool

	monitor *Monitor // nil: nobody counts

	root  string
	locks *lockTable
	swept *sync.Map // folder -> true: looked through for files left behind
	later *later    // of a view that Together made; nil: every change is made and synced at once
}

var (
	_ Storage = (*Local)(nil)
	_ Editor  = (*Local)(nil)
)

// NewLocal returns the Storage of a folder; "" is the working directory.
func NewLocal(root string) *Local {
	return &Local{root: root, locks: new(lockTable), swept: new(sync.Map)}
}

// String returns the folder as it was given.
func (l *Local) String() string { return l.root }

// path is the file of a key, for the system and for messages.
func (l *Local) path(key string) string {
	root := l.root
	if root == "" {
		root = "."
	}
	return filepath.Join(root, filepath.FromSlash(key))
}

// begin checks what every operation on one object checks first and returns the object's file.
func (l *Local) begin(ctx context.Context, op, key string) (string, error) {
	path := l.path(key)
	if err := checkKey(key); err != nil {
		return "", wrap(op, Join(l.root, key), err)
	}
	if l.later != nil {
		if err := l.later.wait(ctx, path); err != nil {
			return "", wrap(op, path, err)
		}
	}
	return path, wrap(op, path, ctx.Err())
}

// localInfo describes a file; its ETag changes with every rename over the name and with changes in place.
func localInfo(key string, fi fs.FileInfo) Info {
	var inode uint64
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		inode = uint64(st.Ino)
	}
	mtime := fi.ModTime()
	return Info{Key: key, Size: fi.Size(), ModTime: mtime, ETag: fmt.Sprintf("%x-%x-%x", mtime.UnixNano(), fi.Size(), inode)}
}

// statFile describes a regular file; a folder of that name is no object.
func statFile(path, key string) (Info, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return Info{}, missing(err)
	}
	if !fi.Mode().IsRegular() {
		return Info{}, notRegular(fi)
	}
	return localInfo(key, fi), nil
}

// notRegular is the error for what is no file: missing, as an object, if it is a folder.
func notRegular(fi fs.FileInfo) error {
	if fi.IsDir() {
		return fmt.Errorf("%w: it is a folder", fs.ErrNotExist)
	}
	return fmt.Errorf("not a regular file (%v)", fi.Mode().Type())
}

// missing counts a file where a folder should be as a missing object.
func missing(err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		return fs.ErrNotExist
	}
	return err
}

// Stat implements Storage.
func (l *Local) Stat(ctx context.Context, key string) (Info, error) {
	path, err := l.begin(ctx, "stat", key)
	if err != nil {
		return Info{}, err
	}
	info, err := statFile(path, key)
	return info, wrap("stat", path, err)
}

// Open implements Storage. The Reader keeps reading the old version when the file is replaced by a
// rename, and fails with ErrChanged when it is changed in place.
func (l *Local) Open(ctx context.Context, key string) (Reader, error) {
	path, err := l.begin(ctx, "open", key)
	if err != nil {
		return nil, err
	}
	r, err := l.open(ctx, path, key)
	if err != nil {
		return nil, wrap("open", path, err)
	}
	return r, nil
}

func (l *Local) open(ctx context.Context, path, key string) (*localReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, missing(err)
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = notRegular(fi)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &localReader{ctx: ctx, f: f, path: path, info: localInfo(key, fi), monitor: l.monitor}, nil
}

// Get implements Storage.
func (l *Local) Get(ctx context.Context, key string) ([]byte, Info, error) {
	return l.get(ctx, key, func(size int64) (int64, int64) { return 0, size })
}

// GetRange implements Storage.
func (l *Local) GetRange(ctx context.Context, key string, off, n int64) ([]byte, Info, error) {
	return l.get(ctx, key, func(size int64) (int64, int64) { return cutRange(off, n, size) })
}

func (l *Local) get(ctx context.Context, key string, cut func(size int64) (off, n int64)) ([]byte, Info, error) {
	path, err := l.begin(ctx, "read", key)
	if err != nil {
		return nil, Info{}, err
	}
	r, err := l.open(ctx, path, key)
	if err != nil {
		return nil, Info{}, wrap("read", path, err)
	}
	defer r.Close()
	off, n := cut(r.info.Size)
	data := make([]byte, n)
	if got, err := r.ReadAt(data, off); got < len(data) {
		return nil, Info{}, wrap("read", path, err)
	}
	return data, r.info, nil
}

type localReader struct {
	ctx  context.Context
	f    *os.File
	path string
	info Info

	monitor *Monitor
}

func (r *localReader) Info() Info   { return r.info }
func (r *localReader) Close() error { return r.f.Close() }

func (r *localReader) ReadAt(p []byte, off int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, wrap("read", r.path, err)
	}
	n, err := r.f.ReadAt(p, off)
	r.monitor.localRead(n)
	if err != nil && err != io.EOF {
		return n, wrap("read", r.path, err)
	}
	fi, statErr := r.f.Stat()
	if statErr != nil {
		return 0, wrap("read", r.path, statErr)
	}
	if fi.Size() != r.info.Size || !fi.ModTime().Equal(r.info.ModTime) {
		return 0, wrap("read", r.path, ErrChanged)
	}
	return n, err
}

// Delete implements Storage. Folders that become empty stay.
func (l *Local) Delete(ctx context.Context, key string) error {
	path, err := l.begin(ctx, "delete", key)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); errors.Is(missing(err), fs.ErrNotExist) {
		return nil
	}
	unlock, err := l.lockPath(ctx, path)
	if err != nil {
		return wrap("delete", path, err)
	}
	defer unlock()
	return wrap("delete", path, l.remove(path))
}

// remove takes a file away durably; the caller has its lock.
func (l *Local) remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return l.syncDir(filepath.Dir(path))
}

// makeDir makes a folder and its parents, durably, and clears it of what killed processes left there.
func (l *Local) makeDir(dir string) error {
	fi, err := os.Stat(dir)
	if err == nil && !fi.IsDir() {
		return fmt.Errorf("%s is not a folder", dir)
	}
	if err == nil {
		l.sweep(dir)
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := l.makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	return l.syncDir(filepath.Dir(dir))
}

// syncDir makes the names in a folder durable. Some file systems cannot sync folders; they do not need it.
func (l *Local) syncDir(dir string) error {
	switch {
	case l.NoSync:
		return nil
	case l.later != nil:
		l.later.changed(dir)
		return nil
	}
	return syncFolder(dir)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
