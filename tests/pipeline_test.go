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

// archive makes a small data set in the archive's layout with netCDF4-python, once for all tests: the
// 0.25 degree grid where CDO's answers are at hand, 1 degree elsewhere to save time.
var archive = sync.OnceValues(func() (map[string]string, error) {
	dir := filepath.Join(filepath.Dir(binary), "archive")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, f := range []struct{ folder, name, reference string }{
		{"ERA5_sfc", "e5.oper.an.sfc.128_167_2t.ll025sc.2000010100_2000010100.nc", "2t_1h_025deg.nc"},
		{"ERA5_sfc", "e5.oper.an.sfc.128_034_sstk.ll025sc.2000010100_2000010100.nc", "sstk_1h_025deg_masked.nc"},
		{"ERA5_sfc", "e5.oper.an.sfc.128_031_ci.ll025sc.2000010100_2000010101.nc", "ci_2h_1deg_masked.nc"},
		{"ERA5_1h_acc_precip", "e5.accumulated_tp_1h.200001.nc", "tp_2h_1deg.nc"},
	} {
		files[filepath.Join(f.folder, f.name)] = testenv.Path("tests", "testdata", "cdo", f.reference)
	}
	return files, nil
})

// generated adds files that make_era5.py writes: whole-level pressure files and some that follow in time.
func generated(t *testing.T, s *site) {
	t.Helper()
	for _, f := range []struct {
		kind, name, path string
		args             []string
	}{
		{"pl", "u", "ERA5_pl/e5.oper.an.pl.128_131_u.ll025uv.2000010100_2000010102.nc", []string{"--hours", "3", "--grid", "181x360"}},
		{"pl", "t", "ERA5_pl/e5.oper.an.pl.128_130_t.ll025sc.2000010122_2000010201.nc", []string{"--hours", "4", "--grid", "181x360", "--start", "2000010122"}},
		{"sfc", "msl", "ERA5_sfc/e5.oper.an.sfc.128_151_msl.ll025sc.2000010100_2000010205.nc", []string{"--hours", "30", "--grid", "181x360"}},
		{"sfc", "10u", "ERA5_sfc/e5.oper.an.sfc.128_165_10u.ll025sc.2000010100_2000010101.nc", []string{"--hours", "2"}},
	} {
		testenv.ERA5(t, f.kind, f.name, s.path(f.path), f.args...)
	}
}

// fill puts the input files into the site's folders.
func (s *site) fill() {
	s.t.Helper()
	files, err := archive()
	if err != nil {
		s.t.Fatal(err)
	}
	for to, from := range files {
		data, err := os.ReadFile(from)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(s.path(to), data, 0o666); err != nil {
			s.t.Fatal(err)
		}
	}
	generated(s.t, s)
}

// regridded returns the paths of all output files.
func (s *site) regridded() []string {
	s.t.Helper()
	files, err := filepath.Glob(s.path("ERA5_HPX6", "*.nc"))
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

// TestWorkflow follows the workflow's README with the Python scripts; only `celery -A tasks worker` is the Go
// binary under that name.
func TestWorkflow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	link := s.path("celery")
	if err := os.Symlink(binary, link); err != nil {
		t.Fatal(err)
	}

	s.python("create_index.py", "index.csv")
	index, err := os.ReadFile(s.path("index.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(index), "\n"); n != 9 {
		t.Fatalf("index.csv has %d lines, want a header and 8 files:\n%s", n, index)
	}
	s.python("enqueue_regrid_jobs.py")
	if n := s.redisInt(`r.llen("celery")`); n != 8 {
		t.Fatalf("enqueue_regrid_jobs.py sent %d messages, want 8", n)
	}

	worker := s.start(s.command(link, "-A", "tasks", "worker", "-c", "2", "--loglevel=info"))
	worker.await("ready.")
	testenv.WaitFor(t, 5*time.Minute, "all files to be regridded", func() bool { return len(s.regridded()) == 8 && s.drained() })
	s.compareWithCDO()

	s.python("-c", "import tasks, config\ntasks.update_index(config.OUTPUT_ROOT, config.OUTPUT_PROFILE)\ntasks.initialize_zarr()")
	s.python("enqueue_curate.py")
	testenv.WaitFor(t, 5*time.Minute, "all files to be in the store", func() bool { return strings.Count(worker.output(), "tasks.process[") >= 16 && s.drained() })
	worker.stop()
	if strings.Contains(worker.output(), "ERROR") {
		t.Error("the worker logged errors")
	}

	r := s.checkStore(s.regridded()...)
	want := 49152 * (1 + 1 + 2 + 2 + 30 + 2 + 37*(3+4))
	if r.Values != want || r.Missing == 0 || len(r.Levels) != 37 {
		t.Errorf("the store's check read %+v, want %d values", r, want)
	}

	// What is done is not sent again.
	s.python("enqueue_regrid_jobs.py")
	s.python("enqueue_curate.py")
	if n := s.redisInt(`r.llen("celery")`); n != 0 {
		t.Errorf("%d messages were sent for finished work", n)
	}
	if left := s.leftovers(); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// compareWithCDO compares what the worker wrote with CDO's answers to the same files.
func (s *site) compareWithCDO() {
	s.t.Helper()
	files, err := archive()
	if err != nil {
		s.t.Fatal(err)
	}
	for to, from := range files {
		ours := s.path("ERA5_HPX6", filepath.Base(to))
		theirs := strings.TrimSuffix(from, ".nc") + ".hp64.nc"
		out := testenv.RunPython(s.t, compareScript, ours, theirs)
		if strings.TrimSpace(out) != "ok" {
			s.t.Errorf("%s differs from CDO's: %s", filepath.Base(to), out)
		}
	}
}

const compareScript = `
import sys, netCDF4, numpy as np
a, b = (netCDF4.Dataset(p) for p in sys.argv[1:])
for d in (a, b): d.set_auto_mask(False)
va, vb = ([v for v in d.variables.values() if "grid_mapping" in v.ncattrs()] for d in (a, b))
assert [v.name for v in va] == [v.name for v in vb] and va, "variables"
for v, w in zip(va, vb):
    x, y, fill = v[:], w[:], np.float32(9.999e20)
    assert x.shape == y.shape and x.dtype == y.dtype, "shape or type"
    assert ((x == fill) == (y == fill)).all(), "missing cells"
    ulp = np.abs(x.view("i4").astype("i8") - y.view("i4").astype("i8"))[y != fill]
    assert (ulp == 0).mean() >= 0.999 and ulp.max() <= 1, f"{(ulp != 0).mean():.2%} differ, {ulp.max()} ulp at most"
print("ok")
`

// leftovers lists hidden and temporary names below the site's outputs.
func (s *site) leftovers() []string {
	var left []string
	for _, root := range []string{"ERA5_HPX6", "output.zarr"} {
		_ = filepath.Walk(s.path(root), func(p string, _ os.FileInfo, err error) error {
			if err == nil && strings.HasPrefix(filepath.Base(p), ".") {
				left = append(left, p)
			}
			return nil
		})
	}
	return left
}

// TestMessages sends what producers can put into a message: all of it must run.
func TestMessages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 6 {
		testenv.ERA5(t, "sfc", "2t", s.path("ERA5_sfc", fmt.Sprintf("f%d.nc", i)), "--hours", "1", "--grid", "91x180")
	}
	s.python("-c", `
import datetime, config
from celery import Celery
app = Celery("tasks", broker=config.CELERY_BROKER)
f = "ERA5_sfc/f%d.nc"
app.send_task("tasks.regrid_file", [f % 0], task_id="my-own-id")
app.send_task("tasks.regrid_file", kwargs={"file_path": f % 1})
app.send_task("tasks.regrid_file", [f % 2], countdown=-60)
app.send_task("tasks.regrid_file", [f % 3], retries=2, priority=3, headers={"site": "x"})
app.send_task("tasks.regrid_file", [f % 4], eta=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1), expires=600)
app.conf.task_protocol = 1
app.send_task("tasks.regrid_file", [f % 5], task_id="protocol-1")
`)
	worker := s.worker("-c", "2")
	testenv.WaitFor(t, time.Minute, "six regridded files", func() bool { return len(s.regridded()) == 6 && s.drained() })
	for _, want := range []string{"Task tasks.regrid_file[my-own-id] succeeded", "Task tasks.regrid_file[protocol-1] succeeded", "'ERA5_HPX6/f0.nc'"} {
		worker.await(want)
	}
	worker.stop()
}

// TestMixedFleet lets a Python worker, with xarray and zarr-python, take `process` messages from the same
// queue as the Go worker, into one store. The files cover whole chunks, as the archive's do: zarr-python
// takes no lock, so what it writes into a chunk at the same time as anyone else is lost in its own fleet too.
func TestMixedFleet(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const files = 16
	for _, name := range s.days(files, 1) {
		s.healpipe("regrid", "ERA5_sfc/"+name, "-o", "ERA5_HPX6/")
	}
	s.healpipe("index", "update")
	s.healpipe("init")
	reference, err := os.ReadFile(testenv.Path("tests", "python", "reference_tasks.py"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("reference_tasks.py", string(reference))
	peer := s.command(testenv.Python(t), "-m", "celery", "-A", "reference_tasks", "worker", "-P", "solo", "-l", "info", "-n", "python@%h")
	peer.Env = append(peer.Env, "BROKER="+s.redis.URL(0), "STORE=output.zarr")
	python := s.start(peer)
	python.await("ready.")
	worker := s.worker("-c", "1", "-n", "go@%h", "--prefetch-multiplier=1")

	s.python("-c", fmt.Sprintf(`
import glob, config
from celery import Celery
app = Celery("tasks", broker=config.CELERY_BROKER)
files = sorted(glob.glob("ERA5_HPX6/*.nc"))
assert len(files) == %d
for f in files: app.send_task("tasks.process", [f])
`, files))
	testenv.WaitFor(t, 2*time.Minute, "the queue to drain", s.drained)
	done := func(p *process) int { return strings.Count(p.output(), "succeeded in") }
	testenv.WaitFor(t, time.Minute, "every file to be processed", func() bool { return done(python)+done(worker) == files })
	if done(python) == 0 || done(worker) == 0 {
		t.Errorf("the Python worker took %d messages, the Go worker %d", done(python), done(worker))
	}
	worker.stop()
	python.stop()
	s.checkStore(s.regridded()...)
}

// TestBadInput sends tasks that must fail: one clear line each, nothing written, and the worker goes on.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	good := testenv.ERA5(t, "sfc", "2t", s.path("ERA5_sfc", "good.nc"), "--hours", "1", "--grid", "91x180")
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	s.write("ERA5_sfc/truncated.nc", string(whole[:len(whole)/2]))
	s.write("ERA5_sfc/text.nc", "this is not netCDF\n")
	s.write("ERA5_sfc/empty.nc", "")
	s.python("-c", `
import netCDF4, numpy as np, shutil
with netCDF4.Dataset("ERA5_sfc/nogrid.nc", "w") as d:
    d.createDimension("x", 5)
    d.createVariable("v", "f4", ("x",))[:] = 1
`)
	s.healpipe("regrid", "ERA5_sfc/good.nc", "-o", "good.nc")
	s.healpipe("index", "update")
	s.healpipe("init")
	s.python("-c", `
import shutil, netCDF4
def edit(name, f):
    shutil.copy("good.nc", name)
    with netCDF4.Dataset(name, "a") as d: f(d)
def outside(d): d["time"].units = "hours since 2099-12-31"; d["time"][:] = 1000
edit("noshort.nc", lambda d: d["VAR_2T"].delncattr("short_name"))
edit("outside.nc", outside)
edit("unknown.nc", lambda d: d["VAR_2T"].setncattr("short_name", "zz"))
data = open("good.nc", "rb").read()
open("cut.nc", "wb").write(data[:len(data) - 5000])
`)
	if err := os.MkdirAll(s.path("ERA5_HPX6", "blocked.nc"), 0o777); err != nil { // a folder where the output should go
		t.Fatal(err)
	}
	s.write("ERA5_sfc/blocked.nc", string(whole))
	bad := map[string][]string{
		"tasks.regrid_file": {"ERA5_sfc/missing.nc", "ERA5_sfc/truncated.nc", "ERA5_sfc/text.nc", "ERA5_sfc/empty.nc", "ERA5_sfc/nogrid.nc", "ERA5_sfc/blocked.nc"},
		"tasks.process":     {"gone.nc", "noshort.nc", "outside.nc", "unknown.nc", "cut.nc", "ERA5_sfc/text.nc"},
	}
	n := 0
	for task, files := range bad {
		for _, f := range files {
			s.python("-c", "import sys, config\nfrom celery import Celery\nCelery('t', broker=config.CELERY_BROKER).send_task(sys.argv[1], [sys.argv[2]])", task, f)
			n++
		}
	}
	s.python("-c", "import config\nfrom celery import Celery\nCelery('t', broker=config.CELERY_BROKER).send_task('tasks.regrid_file', ['ERA5_sfc/good.nc'], task_id='last')")
	worker := s.worker("-c", "1")
	worker.await("Task tasks.regrid_file[last] succeeded")
	testenv.WaitFor(t, time.Minute, "the queue to drain", s.drained)
	worker.stop()
	var lines []string
	for line := range strings.Lines(worker.output()) {
		if strings.Contains(line, "raised unexpected") {
			lines = append(lines, line)
		}
	}
	if len(lines) != n {
		t.Errorf("%d error lines for %d bad inputs:\n%s", len(lines), n, strings.Join(lines, ""))
	}
	for _, files := range bad {
		for _, f := range files {
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, f) }) {
				t.Errorf("no error line names %s:\n%s", f, strings.Join(lines, ""))
			}
		}
	}
	names, err := os.ReadDir(s.path("ERA5_HPX6"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range names {
		if n := e.Name(); n != "good.nc" && n != "blocked.nc" && n != "index.csv" {
			t.Errorf("a failed task left %s", n)
		}
	}
}

// TestFullDisk gives the worker, in a mount namespace of its own, an output folder with room for nothing.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	testenv.ERA5(t, "sfc", "2t", s.path("ERA5_sfc", "good.nc"), "--hours", "1", "--grid", "91x180")
	s.python("-c", `
import config
from celery import Celery
app = Celery("t", broker=config.CELERY_BROKER)
app.send_task("tasks.regrid_file", ["ERA5_sfc/good.nc"], task_id="full")
app.send_task("tasks.regrid_file", ["ERA5_sfc/none.nc"], task_id="next")
`)
	script := `mount -t tmpfs -o size=32k none ERA5_HPX6 && exec "$0" -A tasks worker -c 1 -l info`
	worker := s.start(s.command("unshare", "--map-root-user", "--mount", "sh", "-c", script, binary))
	worker.await("[next] raised")
	testenv.WaitFor(t, time.Minute, "the queue to drain", s.drained)
	for line := range strings.Lines(worker.output()) {
		if strings.Contains(line, "[full] raised unexpected") {
			if !strings.Contains(line, "good.nc") || !strings.Contains(line, "no space left") {
				t.Errorf("the error names neither the file nor the full disk: %s", line)
			}
			return
		}
	}
	t.Errorf("the full disk was not reported:\n%s", worker.output())
}

// TestSampleConfig follows the README with the sample config.py as it is but for its paths and broker.
func TestSampleConfig(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sample, err := os.ReadFile(testenv.Path("scripts", "config.py"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("config.py", strings.NewReplacer("path/to/", "", "redis://localhost:6379/0", s.redis.URL(0)).Replace(string(sample)))
	s.python("-c", "import tasks, config; tasks.update_index(config.OUTPUT_ROOT, config.OUTPUT_PROFILE); tasks.initialize_zarr()")
	if _, err := os.Stat(s.path("output.zarr", "zarr.json")); err != nil {
		t.Error(err)
	}
	if out := s.healpipe("doctor"); !strings.Contains(out, s.redis.URL(0)) {
		t.Errorf("doctor does not show the sample's broker:\n%s", out)
	}
}
