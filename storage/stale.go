package storage

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	tempSuffix = ".tmp"
	lockSuffix = ".lock"
	// staleAge is how long a temporary file must have been left alone before it can count as left behind:
	// long enough that a writer has certainly locked the file that it has just created.
	staleAge = time.Minute
)

// sweep removes what killed processes left in a folder: hidden files that nobody has locked. It runs
// before this Local's first write into the folder; failures do not matter, the next run tries again.
func (l *Local) sweep(dir string) {
	if _, known := l.swept.LoadOrStore(dir, true); known {
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		name := e.Name()
		if !hidden(name) || !strings.HasSuffix(name, tempSuffix) && !strings.HasSuffix(name, lockSuffix) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > staleAge {
			removeUnlocked(filepath.Join(dir, name))
		}
	}
}

// removeUnlocked removes a temporary or lock file unless a living process holds it.
func removeUnlocked(name string) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if got, err := tryFlock(f); err != nil || !got {
		return
	}
	if same, err := stillNamed(f, name); err == nil && same {
		_ = os.Remove(name)
	}
}
