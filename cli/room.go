package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"golang.org/x/sync/semaphore"

	"healpipe/celery"
	"healpipe/config"
	"healpipe/regrid"
)

// errNoRoom is behind the errors of tasks that are refused because they can never fit here.
var errNoRoom = errors.New("the job cannot fit")

// programBytes is the memory of a worker without tasks, with its regridding operator.
const programBytes = 32 << 20

// room is what a worker's tasks have together. A task that fits into what is left starts; one that would fit into all
// of it waits until others have ended; one that never fits is refused. A nil *room has no limits.
type room struct {
	memory int64               // bytes for the tasks; 0: no limit is known
	limit  string              // where it comes from, for messages
	taken  *semaphore.Weighted // of memory

	diskFree, filesFree func(dir string) (int64, error)
	tempDir             string
}

// newRoom asks for the limits of this process.
func newRoom() *room {
	p := config.SystemProbe()
	r := &room{diskFree: p.DiskFree, filesFree: p.FilesFree, tempDir: p.TempDir}
	if limit, of := memoryOf(); limit > 0 {
		r.memory, r.limit = max(limit-programBytes, 1), fmt.Sprintf("%s: %d MiB", of, limit>>20)
		r.taken = semaphore.NewWeighted(r.memory)
	}
	return r
}

// memoryOf returns the memory that this process may take and whose word that is; 0 if nobody says.
func memoryOf() (bytes int64, of string) {
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 { // set by GOMEMLIMIT, or by Main for a container
		if os.Getenv("GOMEMLIMIT") != "" {
			return limit, "GOMEMLIMIT"
		}
		return limit, "90 % of the container's limit"
	}
	if total, err := memlimit.FromSystem(); err == nil && total > 0 && total < math.MaxInt64 {
		return int64(total), "this machine's memory"
	}
	return 0, ""
}

// regridMemory is what Regridder.Memory should be for this number of tasks at a time: what is decoded ahead takes at
// most half of a task's share.
func (r *room) regridMemory(tasks int) int64 {
	if r == nil || r.memory == 0 {
		return regrid.DefaultMemory
	}
	return max(1, min(regrid.DefaultMemory, r.memory/int64(max(tasks, 1))/2))
}

// admit takes the memory that a task needs, waiting for its turn, and returns the function that gives it back. what
// names the task's work and out is where its result goes.
func (r *room) admit(ctx context.Context, what string, out place, n need, waits func()) (release func(), err error) {
	if r == nil {
		return func() {}, nil
	}
	if r.taken != nil && n.memory > r.memory {
		return nil, celery.Errorf("MemoryError", "%w: %s needs about %d MiB of memory, and the tasks may have %d MiB (%s): raise that limit, or run it where there is more",
			errNoRoom, what, n.memory>>20, r.memory>>20, r.limit)
	}
	if err := r.disks(what, out, n); err != nil {
		return nil, err
	}
	if r.taken == nil || n.memory == 0 {
		return func() {}, nil
	}
	if !r.taken.TryAcquire(n.memory) {
		waits()
		if err := r.taken.Acquire(ctx, n.memory); err != nil {
			return nil, context.Cause(ctx)
		}
	}
	return func() { r.taken.Release(n.memory) }, nil
}

// place is a folder and how to name another one; dir is "" if it is not local.
type place struct{ dir, remedy string }

// disks refuses what does not fit on the disks of its result and of its temporary files.
func (r *room) disks(what string, out place, n need) error {
	for _, p := range []struct {
		place
		need int64
	}{
		{out, n.output},
		{place{r.tempDir, "name another folder in TMPDIR"}, n.temp},
	} {
		if p.dir == "" || p.need == 0 {
			continue
		}
		if free, err := r.diskFree(p.dir); err == nil && free < p.need {
			return celery.Errorf("OSError", "%w: no space left in %s: %s needs %.1f MB, and %.1f MB are free: free some, or %s",
				errNoRoom, p.dir, what, float64(p.need)/1e6, float64(free)/1e6, p.remedy)
		}
		if files, err := r.filesFree(p.dir); err == nil && files == 0 {
			return celery.Errorf("OSError", "%w: no file can be added in %s, where %s has to: its file system has no inodes left: remove files, or %s",
				errNoRoom, p.dir, what, p.remedy)
		}
	}
	return nil
}

// filesOfTask is how many files a task may have open: input, output, temporary ones, locks, connections to a bucket.
const filesOfTask = 16

// filesOfProgram is what the worker itself has open.
const filesOfProgram = 32

// checkOpenFiles refuses a number of tasks that cannot all open their files. Go has raised the soft limit to the hard
// one by now.
func checkOpenFiles(limit int64, tasks int) error {
	need := int64(filesOfProgram + filesOfTask*tasks)
	if limit >= need {
		return nil
	}
	fit := max(0, (limit-filesOfProgram)/filesOfTask)
	remedy := "raise the limit: ulimit -n 65536, or LimitNOFILE= in the unit"
	if fit > 0 {
		remedy += fmt.Sprintf("; or start fewer tasks at a time: -c %d", fit)
	}
	return fmt.Errorf("%s at a time may open %d files, and the limit is %d: %s", plural(tasks, "task"), need, limit, remedy)
}
