// Package testenv gives tests the originals that they compare with: the pinned Python environment, a
// redis-server of their own, the generator of files in the archive's layout. A missing original fails
// the test with the command that installs it; it never skips.
package testenv

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Root returns the top folder of the checkout.
func Root() string {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		panic("testenv: no caller information")
	}
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Path joins names to the top folder of the checkout.
func Path(names ...string) string { return filepath.Join(append([]string{Root()}, names...)...) }

// Python returns the interpreter of the pinned environment that `make env` builds.
func Python(t testing.TB) string {
	t.Helper()
	p := Path(".venv", "bin", "python")
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("no Python environment for the tests: run `make env` (%v)", err)
	}
	return p
}

// RunPython runs a script's text with arguments and returns what it prints on standard output.
func RunPython(t testing.TB, script string, args ...string) string {
	t.Helper()
	cmd := exec.Command(Python(t), append([]string{"-c", script}, args...)...)
	cmd.Dir = t.TempDir()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, stderr.String())
	}
	return string(out)
}

// ERA5 writes a file in the archive's layout with tests/tools/make_era5.py (netCDF4-python, so libnetcdf's
// own bytes) and returns its path. kind is sfc, pl or tp; see the tool for the further arguments.
func ERA5(t testing.TB, kind, name, out string, args ...string) string {
	t.Helper()
	cmd := exec.Command(Python(t), append([]string{Path("tests", "tools", "make_era5.py"), kind, name, out}, args...)...)
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make_era5.py: %v\n%s", err, msg)
	}
	return out
}

// Redis is a redis-server that belongs to one test.
type Redis struct {
	Addr string // host:port on the loopback interface
	Dir  string
	cmd  *exec.Cmd
	args []string
	t    testing.TB

	started bool // once: the port is now part of the URL that others hold
}

// StartRedis starts a redis-server on a free loopback port and stops it when the test ends. args are
// further options, such as "--requirepass", "x".
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	r := &Redis{Addr: FreeAddr(t), Dir: t.TempDir(), args: args, t: t}
	r.Start()
	t.Cleanup(r.Kill)
	return r
}

// URL returns the broker URL of one of the server's databases.
func (r *Redis) URL(db int) string { return fmt.Sprintf("redis://%s/%d", r.Addr, db) }

// Start starts the server, again after Kill on the same port, and waits until it accepts connections.
func (r *Redis) Start() {
	r.t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		r.t.Fatalf("no redis-server for the tests: run `make env` (%v)", err)
	}
	for try := 0; ; try++ {
		log, ready := r.launch(bin)
		if ready {
			r.started = true
			return
		}
		// The port was free a moment ago and may be somebody's now; a restarted server needs its old one.
		if try == 20 {
			r.t.Fatalf("redis-server does not start:\n%s", log)
		}
		if r.started {
			time.Sleep(50 * time.Millisecond)
		} else {
			r.Addr = FreeAddr(r.t)
		}
	}
}

// launch starts the process and reads its log up to the line that says that it, and no other, has the port.
func (r *Redis) launch(bin string) (log string, ready bool) {
	r.t.Helper()
	host, port, err := net.SplitHostPort(r.Addr)
	if err != nil {
		r.t.Fatal(err)
	}
	args := append([]string{"--bind", host, "--port", port, "--dir", r.Dir, "--save", "", "--appendonly", "no"}, r.args...)
	cmd := exec.Command(bin, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		log += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "eady to accept connections") {
			go io.Copy(io.Discard, out)
			r.cmd = cmd
			return log, true
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return log, false
}

// Kill ends the server at once, as a crash would. Kill of a server that does not run does nothing.
func (r *Redis) Kill() {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		r.cmd = nil
	}
}

// FreeAddr returns a loopback address with a port that was free a moment ago.
func FreeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// WaitFor polls cond until it holds and fails the test when it does not within d.
func WaitFor(t testing.TB, d time.Duration, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(d)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for %s", d, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
