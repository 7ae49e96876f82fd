// Package testenv gives tests the originals that they compare with: the pinned Python environment, a
// redis-server of their own, the generator of files in the archive's layout. A missing original fails
// the test with the command that installs it; it never skips.
package testenv

import (
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
