// Package tests holds the end-to-end tests: real Redis, Python Celery, libnetcdf, zarr-python.
package tests

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"healpipe/internal/testenv"
)

// forbidden lists imports that would turn a dependency around (docs/architecture.md). A prefix that ends
// in a slash covers everything below it.
var forbidden = []struct{ from, to, why string }{
	{"healpipe/celery", "healpipe/regrid", "celery knows nothing of the pipeline"},
	{"healpipe/celery", "healpipe/curate", "celery knows nothing of the pipeline"},
	{"healpipe/celery", "healpipe/index", "celery knows nothing of the pipeline"},
	{"healpipe/celery", "healpipe/netcdf", "celery knows nothing of the pipeline"},
	{"healpipe/celery", "healpipe/zarr", "celery knows nothing of the pipeline"},
	{"healpipe/celery", "healpipe/storage", "celery knows nothing of the pipeline"},
	{"healpipe/celery", "healpipe/config", "celery knows nothing of the pipeline"},
	{"healpipe/celery", "healpipe/cli", "cli is above celery"},
	{"healpipe/regrid", "healpipe/celery", "a job knows nothing of celery"},
	{"healpipe/curate", "healpipe/celery", "a job knows nothing of celery"},
	{"healpipe/index", "healpipe/celery", "a job knows nothing of celery"},
	{"healpipe/netcdf", "healpipe/storage", "netcdf reads any io.ReaderAt"},
	{"healpipe/netcdf", "healpipe/zarr", "netcdf stands on its own"},
	{"healpipe/zarr", "healpipe/netcdf", "zarr stands on its own"},
	{"healpipe/zarr", "healpipe/storage", "zarr declares the store that it needs"},
	{"healpipe/storage", "healpipe/config", "storage is below config's users"},
	{"healpipe/internal", "healpipe/cli", "internal packages are at the bottom"},
}

// zarr/zarrstore is the bridge from zarr's store interface to storage, apart so that zarr needs neither.

// owners lists third-party modules that some package trees alone may import.
var owners = map[string][]string{
	"github.com/gomodule/redigo":     {"healpipe/celery/kombu", "healpipe/tests"},
	"github.com/minio/minio-go":      {"healpipe/storage"},
	"github.com/urfave/cli":          {"healpipe/cli"},
	"go.starlark.net":                {"healpipe/config"},
	"github.com/alicebob/miniredis":  {"healpipe/cli", "healpipe/celery/celerytest"},
	"github.com/klauspost/compress":  {"healpipe/"},
	"github.com/prometheus/client_g": {"healpipe/cli"},
}

func TestDependenciesPointOneWay(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = testenv.Root()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; packages++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, imp := range p.Imports {
			for _, f := range forbidden {
				if below(p.ImportPath, f.from) && below(imp, f.to) && p.ImportPath != "healpipe/zarr/zarrstore" {
					t.Errorf("%s imports %s: %s", p.ImportPath, imp, f.why)
				}
			}
			for module, of := range owners {
				owns := func(owner string) bool { return strings.HasPrefix(p.ImportPath, owner) }
				if strings.HasPrefix(imp, module) && !slices.ContainsFunc(of, owns) && !strings.HasPrefix(p.ImportPath, "healpipe/bench") {
					t.Errorf("%s imports %s, which only %v may", p.ImportPath, imp, of)
				}
			}
		}
	}
	if packages < 5 {
		t.Fatalf("only %d packages were looked at", packages)
	}
}

func below(path, tree string) bool { return path == tree || strings.HasPrefix(path, tree+"/") }
