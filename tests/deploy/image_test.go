package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestImage builds the image's last stage from a binary of this tree, where buildah is installed, and runs it: the
// first stage, the same `go build`, needs a registry for its base image.
func TestImage(t *testing.T) {
	buildah, err := exec.LookPath("buildah")
	if err != nil {
		t.Logf("no engine to build the image with: %v", err)
		return
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	stage, state := t.TempDir(), t.TempDir()
	for _, dir := range []string{"etc/ssl/certs", "usr/share/zoneinfo/Etc"} {
		if err := os.MkdirAll(filepath.Join(stage, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"etc/ssl/certs/ca-certificates.crt", "usr/share/zoneinfo/Etc/UTC"} {
		if err := os.WriteFile(filepath.Join(stage, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "BUILDAH_ISOLATION=chroot", "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("go", "build", "-trimpath", "-ldflags", "-s -w -X healpipe/cli.version=v0-image", "-o", filepath.Join(stage, "healpipe"), ".")
	engine := func(args ...string) string {
		return run(buildah, append([]string{"--storage-driver", "vfs", "--root", filepath.Join(state, "root"), "--runroot", filepath.Join(state, "run")}, args...)...)
	}
	if out, err := exec.Command(buildah, "--storage-driver", "vfs", "--root", filepath.Join(state, "root"), "--runroot", filepath.Join(state, "run"), "images").CombinedOutput(); err != nil {
		t.Logf("buildah may not work here: %v: %s", err, out)
		return
	}
	engine("bud", "--build-context", "build="+stage, "-f", "deploy/Dockerfile", "-t", "healpipe-test", ".")
	got := engine("inspect", "--type", "image", "--format", "{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.StopSignal}} {{.OCIv1.Config.WorkingDir}}", "healpipe-test")
	if want := "65532:65532 [/usr/local/bin/healpipe] SIGTERM /site"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	container := engine("from", "--pull-never", "healpipe-test")
	if got := engine("run", container, "--", "/usr/local/bin/healpipe", "version"); !strings.HasPrefix(got, "healpipe v0-image ") {
		t.Errorf("%s", got)
	}
	engine("rm", container)
}
