package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// binary is the program under test, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "healpipe-tests-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "healpipe")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = testenv.Root()
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building healpipe: %v\n%s", err, out)
		os.Exit(1)
	}
	if signal.Ignored(os.Interrupt) { // as in the background of a shell; the programs started here are to heed it
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// site is a folder as a user of the workflow has it: the scripts, a config.py, input files, and a broker.
type site struct {
	t     *testing.T
	dir   string
	redis *testenv.Redis
	env   []string // added to the environment of all programs
}

// newSite makes a site whose config.py is written as users write it, with paths relative to the folder.
// redisArgs are further options of the broker.
func newSite(t *testing.T, redisArgs ...string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), redis: testenv.StartRedis(t, redisArgs...)}
	for _, name := range []string{"tasks.py", "create_index.py", "enqueue_regrid_jobs.py", "enqueue_curate.py", "monitor.py", "purge_tasks.py"} {
		text, err := os.ReadFile(testenv.Path("scripts", name))
		if err != nil {
			t.Fatal(err)
		}
		s.write(name, string(text))
	}
	s.write("config.py", fmt.Sprintf(`import os
import pandas as pd

TIME_CHUNK = 24
TIME_RANGE = pd.date_range("1940", "2100", freq="1h")
START_TIME = pd.Timestamp("1900-01-01")
TIME_UNITS = "minutes since 1900-1-1 0:0:0"
LEVELS = 37
OUTPUT_LEVEL = 6
ERA5_ROOTS = ["ERA5_sfc", "ERA5_pl", "ERA5_1h_acc_precip"]
ERA5_PROFILE = ""
OUTPUT_BUCKET = "ERA5_HPX6"
OUTPUT_PROFILE = ""
OUTPUT_ROOT = OUTPUT_BUCKET
ZARR_PATH = "output.zarr"
ZARR_PROFILE = ""
CELERY_BROKER = os.environ.get("TEST_BROKER", %q)
`, s.redis.URL(0)))
	for _, d := range []string{"ERA5_sfc", "ERA5_pl", "ERA5_1h_acc_precip", "ERA5_HPX6"} {
		if err := os.MkdirAll(s.path(d), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// dayName is the archive's name of a file of one day, counted from 2000-01-01.
func dayName(prefix string, day int) string {
	start := time.Date(2000, 1, 1+day, 0, 0, 0, 0, time.UTC)
	return fmt.Sprintf("%s.%s_%s.nc", prefix, start.Format("2006010215"), start.Add(23*time.Hour).Format("2006010215"))
}

// dayFiles holds the files of dayFile, which are made once for all tests.
var dayFiles struct {
	sync.Mutex
	made map[string]string
}

// dayFile returns a coarse input file with the 24 hours of one day. It is not to be changed.
func dayFile(t *testing.T, kind, name string, day int) string {
	t.Helper()
	dayFiles.Lock()
	defer dayFiles.Unlock()
	key := fmt.Sprintf("%s.%s.%d.nc", kind, name, day)
	if file, ok := dayFiles.made[key]; ok {
		return file
	}
	start := time.Date(2000, 1, 1+day, 0, 0, 0, 0, time.UTC).Format("2006010215")
	file := testenv.ERA5(t, kind, name, filepath.Join(filepath.Dir(binary), key), "--hours", "24", "--grid", "91x180", "--start", start, "--seed", fmt.Sprint(day))
	if dayFiles.made == nil {
		dayFiles.made = map[string]string{}
	}
	dayFiles.made[key] = file
	return file
}

func (s *site) path(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o666); err != nil {
		s.t.Fatal(err)
	}
}

// command prepares a program in the site's folder with the binary on PATH.
func (s *site) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"), "HEALPIPE_BIN="+binary)
	cmd.Env = append(cmd.Env, s.env...)
	return cmd
}

// run runs a program to its end and returns what it prints on both outputs; a failure ends the test.
func (s *site) run(name string, args ...string) string {
	s.t.Helper()
	out, err := s.command(name, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (s *site) python(args ...string) string {
	s.t.Helper()
	return s.run(testenv.Python(s.t), args...)
}

func (s *site) healpipe(args ...string) string {
	s.t.Helper()
	return s.run(binary, args...)
}

// fails runs healpipe, expects a failure and returns what it prints.
func (s *site) fails(args ...string) string {
	s.t.Helper()
	out, err := s.command(binary, args...).CombinedOutput()
	if err == nil {
		s.t.Fatalf("healpipe %s succeeded:\n%s", strings.Join(args, " "), out)
	}
	return string(out)
}

// process is a running program and what it has printed so far.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	mu   sync.Mutex
	out  bytes.Buffer
	done chan error
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// start starts a program; it is killed at the test's end, and its output shown if the test failed.
func (s *site) start(cmd *exec.Cmd) *process {
	s.t.Helper()
	p := &process{t: s.t, cmd: cmd, done: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { p.done <- cmd.Wait() }()
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.done
		if s.t.Failed() {
			s.t.Logf("%s printed:\n%s", strings.Join(cmd.Args, " "), p.output())
		}
	})
	return p
}

// worker starts the Go worker as the workflow's README does and waits until it is ready.
func (s *site) worker(args ...string) *process {
	s.t.Helper()
	p := s.start(s.command(binary, append([]string{"-A", "tasks", "worker", "--loglevel=info"}, args...)...))
	p.await("ready.")
	return p
}

// await waits until the program has printed text.
func (p *process) await(text string) {
	p.t.Helper()
	testenv.WaitFor(p.t, 2*time.Minute, "the output "+text, func() bool { return strings.Contains(p.output(), text) })
}

// stop asks the program to end and waits for it; the exit status must be zero.
func (p *process) stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	select {
	case err := <-p.done:
		p.done <- err
		if err != nil {
			p.t.Fatalf("%s: %v\n%s", p.cmd.Args, err, p.output())
		}
	case <-ctx.Done():
		p.t.Fatalf("%s did not stop\n%s", p.cmd.Args, p.output())
	}
}

// interrupt sends SIGINT until the program ends; the exit status must be zero. Python drops one that comes while it
// runs a finalizer.
func (p *process) interrupt() {
	p.t.Helper()
	for range 15 {
		if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
			p.t.Fatal(err)
		}
		select {
		case err := <-p.done:
			p.done <- err
			if err != nil {
				p.t.Errorf("%v: %v", p.cmd.Args, err)
			}
			return
		case <-time.After(20 * time.Second):
		}
	}
	p.t.Fatalf("%s does not end at SIGINT\n%s", p.cmd.Args, p.output())
}

// redisInt asks redis-cli-like for an integer, such as LLEN celery.
func (s *site) redisInt(script string) int {
	s.t.Helper()
	var n int
	out := testenv.RunPython(s.t, "import redis,sys\nr=redis.Redis.from_url(sys.argv[1])\nprint(int(eval(sys.argv[2])))", s.redis.URL(0), script)
	if _, err := fmt.Sscan(out, &n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// drained says whether neither the queue nor the unacknowledged hash holds a message.
func (s *site) drained() bool { return s.redisInt(`r.llen("celery")+r.hlen("unacked")`) == 0 }

// storeReport is what check_store.py prints.
type storeReport struct {
	Values, Missing, Different, Files int
	Arrays                            []string
	Levels                            []float64
}

// checkStore compares the store with regridded files through xarray.
func (s *site) checkStore(files ...string) storeReport {
	s.t.Helper()
	out := s.python(append([]string{testenv.Path("tests", "python", "check_store.py"), s.path("output.zarr")}, files...)...)
	var r storeReport
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil {
		s.t.Fatalf("%v in %s", err, out)
	}
	if r.Different != 0 || r.Files == 0 {
		s.t.Errorf("the store differs from the regridded files: %+v", r)
	}
	return r
}
