package tests

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"healpipe/internal/testenv"
)

// TestRelease makes the release for this platform and looks into it: the checksums, the archive, the program's version,
// and the SBOM against the modules that Go has recorded in the program.
func TestRelease(t *testing.T) {
	t.Parallel()
	dist := filepath.Join(t.TempDir(), "dist")
	platform := runtime.GOOS + "/" + runtime.GOARCH
	cmd := exec.Command("make", "release", "PLATFORMS="+platform, "DIST="+dist, "VERSION=v1.2.3-test", "COMMIT=0123456789abcdef", "DATE=@1700000000")
	cmd.Dir = testenv.Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	name := "healpipe-v1.2.3-test-" + strings.ReplaceAll(platform, "/", "-")
	sums, err := os.Open(filepath.Join(dist, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	defer sums.Close()
	listed := map[string]bool{}
	for lines := bufio.NewScanner(sums); lines.Scan(); {
		var want, file string
		if _, err := fmt.Sscan(lines.Text(), &want, &file); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dist, file))
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(text); hex.EncodeToString(got[:]) != want {
			t.Errorf("%s: the checksum is %x, listed is %s", file, got, want)
		}
		listed[file] = true
	}
	files, err := os.ReadDir(dist)
	if err != nil || len(files) != 3 || !listed[name+".tar.gz"] || !listed[name+".cdx.json"] {
		t.Fatalf("%v, listed are %v: %v", files, listed, err)
	}

	unpacked := unpack(t, filepath.Join(dist, name+".tar.gz"))
	for _, want := range []string{"healpipe", "healpipe.cdx.json", "LICENSE", "README.md", "CHANGELOG.md", "deploy/healpipe-worker.service", "docs/operations.md"} {
		if _, err := os.Stat(filepath.Join(unpacked, name, want)); err != nil {
			t.Errorf("in the archive: %v", err)
		}
	}
	program := filepath.Join(unpacked, name, "healpipe")
	out, err := exec.Command(program, "version").CombinedOutput()
	compiler := strings.TrimSuffix(runtime.Version(), "-X:simd") + "-X:simd" // the Makefile's EXPERIMENT
	if want := fmt.Sprintf("healpipe v1.2.3-test (commit 0123456789abcdef, %s, %s)\n", compiler, platform); err != nil || string(out) != want {
		t.Errorf("%v: %s, want %s", err, out, want)
	}
	checkSBOM(t, filepath.Join(dist, name+".cdx.json"), program)
}

// unpack reads a .tar.gz and returns the folder that it was written to. All times must be those that make was told.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != 1700000000 || h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s: time %v, owner %d:%d", h.Name, h.ModTime, h.Uid, h.Gid)
		}
		to := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(to, 0o777); err != nil {
				t.Fatal(err)
			}
			continue
		}
		text, err := io.ReadAll(r)
		if err == nil {
			err = os.WriteFile(to, text, h.FileInfo().Mode())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func checkSBOM(t *testing.T, path, program string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		BOMFormat, SpecVersion, SerialNumber string
		Metadata                             struct {
			Component struct {
				Name, Version string
				Hashes        []struct{ Alg, Content string }
			}
		}
		Components []struct {
			Type, Name, Version, PURL string
			Ref                       string `json:"bom-ref"`
			Properties                []struct{ Name, Value string }
		}
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(binary)
	c := doc.Metadata.Component
	if doc.BOMFormat != "CycloneDX" || doc.SpecVersion != "1.6" || len(doc.SerialNumber) != len("urn:uuid:")+36 || c.Name != "healpipe" || c.Version != "v1.2.3-test" ||
		len(c.Hashes) != 1 || c.Hashes[0].Alg != "SHA-256" || c.Hashes[0].Content != hex.EncodeToString(sum[:]) {
		t.Errorf("%.400s", text)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"std": strings.TrimSuffix(strings.TrimPrefix(info.GoVersion, "go"), "-X:simd")}
	sums := map[string]string{}
	for _, m := range info.Deps {
		want[m.Path], sums[m.Path] = m.Version, m.Sum
	}
	refs := map[string]bool{}
	for _, c := range doc.Components {
		if want[c.Name] != c.Version || c.Type != "library" || c.PURL != "pkg:golang/"+c.Name+"@"+c.Version || refs[c.Ref] {
			t.Errorf("%+v, the program has version %q", c, want[c.Name])
		}
		if s := sums[c.Name]; s != "" && (len(c.Properties) != 1 || c.Properties[0].Value != s) {
			t.Errorf("%s: %v, the program has %s", c.Name, c.Properties, s)
		}
		refs[c.Ref] = true
		delete(want, c.Name)
	}
	for name := range want {
		t.Errorf("the SBOM lacks %s", name)
	}
	if len(doc.Dependencies) != 1 || len(doc.Dependencies[0].DependsOn) != len(refs) || len(refs) < 10 {
		t.Errorf("%+v", doc.Dependencies)
	}
}
