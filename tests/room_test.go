package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// outcome waits until a task has ended and returns its exception's class and message; "" for success.
func (s *site) outcome(log func() string, id string) string {
	s.t.Helper()
	line := ""
	testenv.WaitFor(s.t, 2*time.Minute, "the end of "+id, func() bool {
		for l := range strings.SplitSeq(log(), "\n") {
			if strings.Contains(l, "["+id+"] succeeded") || strings.Contains(l, "["+id+"] raised") {
				line = l
				return true
			}
		}
		return false
	})
	_, failure, _ := strings.Cut(line, "raised unexpected: ")
	return failure
}

// wideFile is a day at the archive's own resolution, made once for all tests.
var wideFile struct {
	sync.Mutex
	path string
}

// wide puts that file into ERA5_sfc under these names. A task that regrids it needs about 48 MiB.
func (s *site) wide(names ...string) {
	s.t.Helper()
	wideFile.Lock()
	defer wideFile.Unlock()
	if wideFile.path == "" {
		wideFile.path = testenv.ERA5(s.t, "sfc", "2t", filepath.Join(filepath.Dir(binary), "wide.nc"), "--hours", "24", "--grid", "721x1440")
	}
	for _, n := range names {
		if err := os.Link(wideFile.path, s.path("ERA5_sfc", n)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestRoomMemory gives a worker less memory than one of its files needs: that one fails, with a message that says what
// to do, and the others are done.
func TestRoomMemory(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	names := s.days(1, 2)
	s.wide("wide.nc")
	s.env = append(s.env, "GOMEMLIMIT=56MiB")
	worker := s.worker("-c", "2")
	s.send("tasks.regrid_file", "ERA5_sfc", append(names, "wide.nc"))
	for _, n := range names {
		if failure := s.outcome(worker.output, n); failure != "" {
			t.Errorf("%s: %s", n, failure)
		}
	}
	failure := s.outcome(worker.output, "wide.nc")
	for _, want := range []string{"MemoryError('the job cannot fit: regridding ERA5_sfc/wide.nc needs about ", " MiB of memory, and the tasks may have 24 MiB (GOMEMLIMIT: 56 MiB): raise that limit"} {
		if !strings.Contains(failure, want) {
			t.Errorf("%q lacks %q", failure, want)
		}
	}
	if _, err := os.Stat(s.path("ERA5_HPX6", "wide.nc")); err == nil {
		t.Error("a result was written")
	}
	testenv.WaitFor(t, time.Minute, "the queue to drain", s.drained) // what cannot fit does not come back
}

// TestRoomCgroup runs four tasks, each of which takes most of the container's memory, in a container that the kernel
// would kill them in if they ran at the same time.
func TestRoomCgroup(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	names := []string{"wide0.nc", "wide1.nc", "wide2.nc", "wide3.nc"}
	s.wide(names...)
	const limit = 96 << 20
	args := []string{"-A", "tasks", "worker", "-c", "4", "--loglevel=info"}
	cmd := s.command(binary, args...)
	if procs := cgroup(t, "memory", map[string]string{"memory.limit_in_bytes": fmt.Sprint(limit)}, map[string]string{"memory.max": fmt.Sprint(limit)}); procs != "" {
		cmd = s.command("sh", append([]string{"-c", `echo $$ >"$0" && exec "$@"`, procs, binary}, args...)...)
	} else {
		cmd.Env = append(cmd.Env, fmt.Sprint("GOMEMLIMIT=", limit*9/10))
	}
	worker := s.start(cmd)
	worker.await("ready.")
	s.send("tasks.regrid_file", "ERA5_sfc", names)
	for _, n := range names {
		if failure := s.outcome(worker.output, n); failure != "" {
			t.Errorf("%s: %s", n, failure)
		}
	}
	if !strings.Contains(worker.output(), "waits for memory") {
		t.Error("no task has waited for another")
	}
	worker.stop()
}

// cgroup makes a control group with limits, as versions 1 and 2 have them, and returns the file that takes its processes;
// "" where this machine does not let it.
func cgroup(t *testing.T, controller string, v1, v2 map[string]string) (procs string) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Logf("no control groups on this machine: %v", err)
		return ""
	}
next:
	for line := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
		part := strings.SplitN(line, ":", 3)
		if len(part) != 3 {
			continue
		}
		root, limits := filepath.Join("/sys/fs/cgroup", part[1]), v1
		switch {
		case part[1] == "":
			limits = v2
		case !slices.Contains(strings.Split(part[1], ","), controller):
			continue
		}
		dir := filepath.Join(root, part[2], filepath.Base(t.TempDir())+fmt.Sprint("-", controller, "-healpipe-", os.Getpid()))
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Logf("no control group for this test: %v", err)
			continue
		}
		t.Cleanup(func() {
			testenv.WaitFor(t, time.Minute, "the control group to empty", func() bool { return os.Remove(dir) == nil })
		})
		for file, limit := range limits {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(limit), 0o666); err != nil {
				t.Logf("no limit for this test: %v", err)
				continue next
			}
		}
		return filepath.Join(dir, "cgroup.procs")
	}
	t.Log("no control group may be made on this machine")
	return ""
}

// TestRoomProcessors starts a worker in a container that has half a processor: it runs one task at a time. Where no
// control group may be made, GOMAXPROCS says the same; the reading of the limit itself is a test of cli.
func TestRoomProcessors(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	args := []string{"-A", "tasks", "worker", "--loglevel=info"}
	cmd := s.command(binary, args...)
	if procs := cgroup(t, "cpu", map[string]string{"cpu.cfs_quota_us": "50000"}, map[string]string{"cpu.max": "50000 100000"}); procs != "" {
		cmd = s.command("sh", append([]string{"-c", `echo $$ >"$0" && exec "$@"`, procs, binary}, args...)...)
	} else {
		cmd.Env = append(cmd.Env, "GOMAXPROCS=1")
	}
	worker := s.start(cmd)
	worker.await("ready.")
	if want := "concurrency: 1 ("; !strings.Contains(worker.output(), want) {
		t.Errorf("%q is missing in\n%s", want, worker.output())
	}
	worker.stop()
}

// TestRoomDisk has an output folder that a regridded file does not fit into.
func TestRoomDisk(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	names := s.days(1, 1)
	// In a mount namespace of its own.
	script := `mount -t tmpfs -o size=1m none ERA5_HPX6 && exec "$0" -A tasks worker -c 1 -l info`
	worker := s.start(s.command("unshare", "--map-root-user", "--mount", "sh", "-c", script, binary))
	worker.await("ready.")
	s.send("tasks.regrid_file", "ERA5_sfc", names)
	failure := s.outcome(worker.output, names[0])
	if want := "OSError('the job cannot fit: no space left in ERA5_HPX6: regridding ERA5_sfc/" + names[0] + " needs 4.7 MB, and 1.0 MB are free: free some, or write elsewhere (OUTPUT_BUCKET)')"; failure != want {
		t.Errorf("%s\nwant %s", failure, want)
	}
}

// TestRoomDiskOfStore has disks too small for a store, for an index, and for one more file: the worker and the commands
// say so before they begin.
func TestRoomDiskOfStore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	names := s.days(1, 1)
	s.run(binary, "regrid", "ERA5_sfc/"+names[0], "-o", "ERA5_HPX6/")
	file := "ERA5_HPX6/" + names[0]
	script := `mkdir output.zarr full small && mount -t tmpfs -o size=400k none output.zarr && mount -t tmpfs -o nr_inodes=1 none full && mount -t tmpfs -o size=400k none small &&
exec 2>&1; "$0" init; "$0" curate "$1"; "$0" regrid --into-store "ERA5_sfc/$2"; "$0" index create small/index.csv; "$0" regrid "ERA5_sfc/$2" -o full/; "$0" index create full/index.csv
exec "$0" -A tasks worker -c 1 -l info`
	worker := s.start(s.command("unshare", "--map-root-user", "--mount", "sh", "-c", script, binary, file, names[0]))
	worker.await("ready.")
	const inStore = " needs 0.5 MB, and 0.4 MB are free: free some, or write elsewhere (ZARR_PATH)"
	for _, want := range []string{
		"the job cannot fit: no space left in output.zarr: making the store's arrays needs 1.0 MB, and 0.4 MB are free: free some, or write elsewhere (ZARR_PATH)\n",
		"the job cannot fit: no space left in output.zarr: writing " + file + " into the store" + inStore + "\n",
		"the job cannot fit: no space left in output.zarr: regridding ERA5_sfc/" + names[0] + " into the store" + inStore + "\n",
		"the job cannot fit: no space left in small: writing small/index.csv needs 1.0 MB, and 0.4 MB are free: free some, or write elsewhere (OUT.csv)\n",
		"the job cannot fit: no file can be added in full, where regridding ERA5_sfc/" + names[0] + " has to: its file system has no inodes left: remove files, or write elsewhere (-o)\n",
		"the job cannot fit: no file can be added in full, where writing full/index.csv has to: its file system has no inodes left: remove files, or write elsewhere (OUT.csv)\n",
	} {
		if !strings.Contains(worker.output(), want) {
			t.Errorf("missing: %s", want)
		}
	}
	s.send("tasks.process", "ERA5_HPX6", names)
	s.send("tasks.regrid_into_store", "ERA5_sfc", names)
	testenv.WaitFor(t, 2*time.Minute, "both tasks to be refused", func() bool { return strings.Count(worker.output(), "raised unexpected: OSError(") == 2 })
	for _, what := range []string{"writing " + file, "regridding ERA5_sfc/" + names[0]} {
		if want := `OSError("the job cannot fit: no space left in output.zarr: ` + what + " into the store" + inStore; !strings.Contains(strings.ReplaceAll(worker.output(), "OSError('", `OSError("`), want) {
			t.Errorf("missing: %s", want)
		}
	}
}

// TestRoomOpenFiles starts a worker that may open fewer files than its tasks need.
func TestRoomOpenFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	out, err := s.command("sh", "-c", `ulimit -n 100; exec "$0" -A tasks worker -c 8`, binary).CombinedOutput()
	if want := "healpipe: 8 tasks at a time may open 160 files, and the limit is 100: raise the limit: ulimit -n 65536, or LimitNOFILE= in the unit; or start fewer tasks at a time: -c 4\n"; err == nil || string(out) != want {
		t.Errorf("%v: %s", err, out)
	}
	// A soft limit is raised.
	s.start(s.command("sh", "-c", `ulimit -Sn 100; exec "$0" -A tasks worker -c 8 --loglevel=info`, binary)).await("ready.")
}
