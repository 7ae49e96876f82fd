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
		FilesFree: filesFree,
		OpenFiles: openFiles,
		Mode:      fileMode,
		Environ:   os.Environ(),
		TempDir:   os.TempDir(),
	}
}

func diskFree(dir string) (int64, error) {
	s, err := fileSystem(dir)
	free := uint64(s.Bavail) * uint64(s.Bsize) // of other widths on other systems
	return int64(min(free, math.MaxInt64)), err
}

func filesFree(dir string) (int64, error) {
	s, err := fileSystem(dir)
	if err != nil || s.Files == 0 { // not counted
		return math.MaxInt64, err
	}
	return int64(min(uint64(s.Ffree), math.MaxInt64)), nil
}

// fileSystem asks the file system of a folder, or of the nearest folder above that exists.
func fileSystem(dir string) (s unix.Statfs_t, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return s, err
	}
	for {
		err := unix.Statfs(dir, &s)
		if err == nil {
			return s, nil
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return s, fmt.Errorf("statfs %s: %w", dir, err)
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
