// Package scripts_test runs the Python side of the workflow. A shell script stands in for the program,
// where the test is what the scripts ask of it; the tests in tests/ run the whole.
package scripts_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

var scripts = []string{"tasks.py", "config.py", "create_index.py", "enqueue_regrid_jobs.py", "enqueue_curate.py", "monitor.py", "purge_tasks.py"}

// stand-in for healpipe: it writes down its arguments and settings and answers enqueue with two paths.
const program = `#!/bin/sh
echo "$*" >> "$LOG"
env | grep ^HEALPIPE_ | grep -v ^HEALPIPE_BIN | sort >> "$LOG"
case "$1" in
  enqueue) printf 'a/x.nc\nb/y, z.nc\n' ;;
  init) echo "store: no such folder" >&2; exit 3 ;;
esac
`

// workspace has copies of the scripts with this broker, and the stand-in beside them.
func workspace(t *testing.T, broker string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range scripts {
		text, err := os.ReadFile(testenv.Path("scripts", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), strings.ReplaceAll(string(text), "redis://localhost:6379/0", broker), 0o600)
	}
	write(t, filepath.Join(dir, "healpipe"), program, 0o700)
	return dir
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// python runs an interpreter in the workspace and returns its two outputs and exit code.
func python(t *testing.T, dir string, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(testenv.Python(t), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LOG="+filepath.Join(dir, "log"), "PYTHONDONTWRITEBYTECODE=1", "PATH=/usr/bin:/bin")
	cmd.Env = append(cmd.Env, env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), errs.String(), cmd.ProcessState.ExitCode()
}

func log(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readQueue prints the messages of the queue, oldest first, as [task, args].
const readQueue = `
import base64, json, redis, sys
r = redis.Redis.from_url(sys.argv[1])
out = []
for raw in reversed(r.lrange("celery", 0, -1)):
    m = json.loads(raw)
    assert m["content-type"] == "application/json" and m["properties"]["body_encoding"] == "base64", m
    out.append([m["headers"]["task"], json.loads(base64.b64decode(m["body"]))[0]])
print(json.dumps(out))
`

func queue(t *testing.T, url string) string {
	t.Helper()
	return strings.TrimSpace(testenv.RunPython(t, readQueue, url))
}

func TestEnqueueScriptsPublish(t *testing.T) {
	t.Parallel()
	redis := testenv.StartRedis(t)
	dir := workspace(t, redis.URL(0))
	for _, script := range []string{"enqueue_regrid_jobs.py", "enqueue_curate.py"} {
		if out, stderr, code := python(t, dir, nil, script); code != 0 || !strings.HasSuffix(out, "sending 2 tasks\n") {
			t.Fatalf("%s: %d %s%s", script, code, out, stderr)
		}
	}
	want := `[["tasks.regrid_file", ["a/x.nc"]], ["tasks.regrid_file", ["b/y, z.nc"]], ["tasks.process", ["a/x.nc"]], ["tasks.process", ["b/y, z.nc"]]]`
	if got := queue(t, redis.URL(0)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	calls := log(t, dir)
	for _, line := range []string{"enqueue regrid --dry-run", "enqueue curate --dry-run", "HEALPIPE_TIME_RANGE=1940-01-01 00:00:00/2100-01-01 00:00:00/3600s",
		`HEALPIPE_ERA5_ROOTS=["ERA5_sfc", "ERA5_pl", "ERA5_1h_acc_precip"]`, "HEALPIPE_OUTPUT_BUCKET=path/to/ERA5_HPX6", "HEALPIPE_START_TIME=1900-01-01 00:00:00"} {
		if !strings.Contains(calls, line+"\n") {
			t.Errorf("healpipe was not called with %q:\n%s", line, calls)
		}
	}
	if out, stderr, code := python(t, dir, nil, "purge_tasks.py"); code != 0 || out != "4 messages removed\n" {
		t.Errorf("purge: %d %s%s", code, out, stderr)
	}
}

// TestReadmeCalls runs what workflow-readme.md tells the user to type.
func TestReadmeCalls(t *testing.T) {
	t.Parallel()
	dir := workspace(t, "redis://127.0.0.1:1/0")
	if _, stderr, code := python(t, dir, nil, "create_index.py", "index.csv"); code != 0 {
		t.Fatalf("create_index: %d %s", code, stderr)
	}
	code := "import tasks, config\nconfig.OUTPUT_ROOT = 'other/root'\ntasks.update_index(config.OUTPUT_ROOT, config.OUTPUT_PROFILE)\n"
	if _, stderr, rc := python(t, dir, nil, "-c", code); rc != 0 {
		t.Fatalf("update_index: %d %s", rc, stderr)
	}
	calls := log(t, dir)
	if !strings.HasPrefix(calls, "index create index.csv\n") || !strings.Contains(calls, "index update\n") || !strings.Contains(calls, "HEALPIPE_OUTPUT_BUCKET=other/root\n") {
		t.Errorf("calls:\n%s", calls)
	}
	_, stderr, rc := python(t, dir, nil, "-c", "import tasks\ntasks.initialize_zarr()")
	if rc != 1 || !strings.Contains(stderr, "store: no such folder\n") || !strings.HasSuffix(stderr, "HealpipeError: `healpipe init` ended with exit code 3\n") {
		t.Errorf("initialize_zarr: %d %s", rc, stderr)
	}
	// The user's own variable is stronger than config.py.
	if _, stderr, rc := python(t, dir, []string{"HEALPIPE_ZARR_PATH=mine"}, "create_index.py", "x.csv"); rc != 0 || !strings.Contains(log(t, dir), "HEALPIPE_ZARR_PATH=mine\n") {
		t.Errorf("%d %s", rc, stderr)
	}
}

func TestNoProgram(t *testing.T) {
	t.Parallel()
	dir := workspace(t, "redis://127.0.0.1:1/0")
	if err := os.Remove(filepath.Join(dir, "healpipe")); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := python(t, dir, nil, "create_index.py", "index.csv")
	if code != 1 || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "create_index.py: the program healpipe was not found: build it") {
		t.Errorf("%d %s", code, stderr)
	}
	_, stderr, code = python(t, dir, []string{"HEALPIPE_BIN=/no/such"}, "enqueue_curate.py")
	if code != 1 || stderr != "enqueue_curate.py: HEALPIPE_BIN names no program that can be run: /no/such\n" {
		t.Errorf("%d %s", code, stderr)
	}
	if _, stderr, code = python(t, dir, nil, "create_index.py"); code != 1 || !strings.Contains(stderr, "create_index.py index.csv") {
		t.Errorf("%d %s", code, stderr)
	}
}

func TestPythonWorkerRefuses(t *testing.T) {
	t.Parallel()
	redis := testenv.StartRedis(t)
	dir := workspace(t, redis.URL(0))
	stdout, stderr, code := python(t, dir, nil, "-m", "celery", "-A", "tasks", "worker", "-c", "1")
	if code == 0 || !strings.Contains(stderr, "run by healpipe, not by a Python worker") || strings.Contains(stderr, "Traceback") {
		t.Errorf("%d\n%s\n%s", code, stdout, stderr)
	}
	if _, stderr, code = python(t, dir, nil, "-c", "import tasks; tasks.process('x')"); code == 0 || !strings.Contains(stderr, "tasks.process is not run by Python") {
		t.Errorf("%d %s", code, stderr)
	}
}

func TestMonitorCounts(t *testing.T) {
	t.Parallel()
	redis := testenv.StartRedis(t)
	dir := workspace(t, redis.URL(0))
	testenv.RunPython(t, `import redis, sys; redis.Redis.from_url(sys.argv[1]).rpush("celery", "a", "b", "c")`, redis.URL(0))
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, testenv.Python(t), "-c", "import tasks; tasks.monitor(0.05)")
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stop(); _ = cmd.Wait() }()
	seen := make(chan string, 1000)
	go func() {
		defer close(seen)
		buf := make([]byte, 4096)
		for {
			n, err := out.Read(buf)
			if n > 0 {
				seen <- string(buf[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	text := ""
	await := func(pattern string) {
		t.Helper()
		re := regexp.MustCompile(pattern)
		for !re.MatchString(text) {
			more, ok := <-seen
			if !ok {
				t.Fatalf("no %s in\n%s", pattern, text)
			}
			text += more
		}
	}
	await(`0/3 taken, 3 queued`)
	testenv.RunPython(t, `import redis, sys; redis.Redis.from_url(sys.argv[1]).rpop("celery", 2)`, redis.URL(0))
	await(`2/3 taken, 1 queued, [0-9.]+/s, [0-9]+ s left`)
}

// TestNames keeps the names that other people's scripts import.
func TestNames(t *testing.T) {
	t.Parallel()
	dir := workspace(t, "redis://127.0.0.1:1/0")
	out, stderr, code := python(t, dir, nil, "-c", `import json, tasks
print(json.dumps({"tasks": sorted(n for n in tasks.app.tasks if n.startswith("tasks.")), "late": [tasks.process.acks_late, tasks.regrid_file.acks_late],
  "n": len(tasks.sl_variables + tasks.pl_variables), "have": [callable(getattr(tasks, n)) for n in ("update_index", "initialize_zarr", "get_uncompleted_curation_tasks", "queue_size", "monitor")]}))`)
	if code != 0 {
		t.Fatal(stderr)
	}
	var got struct {
		Tasks      []string
		Late, Have []bool
		N          int
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got.Tasks, " ") != "tasks.process tasks.regrid_file" || got.N != 18 {
		t.Errorf("%s", out)
	}
	for _, ok := range append(got.Late, got.Have...) {
		if !ok {
			t.Errorf("%s", out)
		}
	}
}
