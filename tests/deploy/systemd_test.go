package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// TestSystemd has systemd itself look at the unit, where it is installed: its syntax, and how far it is shut in.
func TestSystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Logf("no systemd on this machine: %v", err)
		return
	}
	// The program must be there.
	unit := bytes.ReplaceAll(file(t, "healpipe-worker.service"), []byte("/usr/local/bin/healpipe "), []byte(os.Args[0]+" "))
	name := filepath.Join(t.TempDir(), "healpipe-worker.service")
	if err := os.WriteFile(name, unit, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", name).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("healpipe-worker")) {
		t.Errorf("%v: %s", err, out)
	}
	out, err = exec.Command(analyze, "security", "--offline=true", "--no-pager", name).CombinedOutput()
	if err != nil {
		t.Logf("this systemd does not judge units: %v: %s", err, out)
		return
	}
	m := regexp.MustCompile(`exposure level for healpipe-worker.service: ([\d.]+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("%s", out)
	}
	if level, err := strconv.ParseFloat(string(m[1]), 64); err != nil || level > 2 {
		t.Errorf("exposure level %s of 10, at most 2 is wanted", m[1])
	}
}
