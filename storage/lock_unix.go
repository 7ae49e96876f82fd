//go:build unix

package storage

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// errNoLocks says that the file system refuses flock.
var errNoLocks = errors.New("the file system has no file locks, which keep two writers apart: mount it with them (Lustre: -o flock; NFS: without nolock)")

// lockName is the lock file of a target, beside it: of fixed length, whatever the target's name.
func lockName(target string) string {
	h := fnv.New64a()
	h.Write([]byte(filepath.Base(target)))
	return filepath.Join(filepath.Dir(target), hiddenPrefix+hex.EncodeToString(h.Sum(nil))+lockSuffix)
}

// lockPath waits for the sole right to change target, among all processes, and returns the function that
// gives it back. The folder must exist.
func (l *Local) lockPath(ctx context.Context, target string) (unlock func(), err error) {
	name := lockName(target)
	if err := l.locks.acquire(ctx, name); err != nil {
		return nil, err
	}
	const firstWait, longestWait = 200 * time.Microsecond, 20 * time.Millisecond
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		f, err := tryLockFile(name)
		if err != nil {
			l.locks.release(name)
			return nil, err
		}
		if f != nil {
			return func() {
				_ = os.Remove(name) // before letting go: who waits then finds that its file is gone
				f.Close()
				l.locks.release(name)
			}, nil
		}
		select {
		case <-ctx.Done():
			l.locks.release(name)
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// tryLockFile returns the locked lock file, or nil where another process has it or has just removed it.
func tryLockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	got, err := tryFlock(f)
	if err == nil && got {
		var same bool
		if same, err = stillNamed(f, name); err == nil && same {
			return f, nil
		}
	}
	f.Close()
	return nil, err
}

// tryFlock locks an open file without waiting and says whether it could.
func tryFlock(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOLCK):
			return false, fmt.Errorf("%w (%w)", errNoLocks, err)
		default:
			return false, err
		}
	}
}

// stillNamed says whether name still is the open file f.
func stillNamed(f *os.File, name string) (bool, error) {
	mine, err := f.Stat()
	if err != nil {
		return false, err
	}
	now, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(mine, now), err
}
