package config

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// SystemProbe returns a Probe of this machine: disks, limits, permissions, variables. Broker, List and
// Write are the caller's to add.
func SystemProbe() Probe {
	return Probe{
		DiskFree:  diskFree,
		OpenFiles: openFiles,
		Mode:      fileMode,
		Environ:   os.Environ(),
		TempDir:   os.TempDir(),
	}
}

// diskFree asks the file system of a folder, or of the nearest folder above that exists.
func diskFree(dir string) (int64, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return 0, err
	}
	for {
		var s unix.Statfs_t
		err := unix.Statfs(dir, &s)
		if err == nil {
			free := uint64(s.Bavail) * uint64(s.Bsize) // of other widths on other systems
			return int64(min(free, math.MaxInt64)), nil
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return 0, fmt.Errorf("statfs %s: %w", dir, err)
		}
		dir = parent
	}
}

func openFiles() (int64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	return int64(min(uint64(limit.Cur), math.MaxInt64)), nil
}

func fileMode(name string) (uint32, bool) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, false
	}
	return uint32(info.Mode().Perm()), true
}
