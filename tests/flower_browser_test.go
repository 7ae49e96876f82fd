package tests

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"healpipe/internal/testenv"
)

// TestFlowerInBrowser clicks through Flower in headless Chromium, with a Python worker and with a Go worker that are
// given the same tasks: every tab of the worker's page, the lists, a task's page of each kind, every button. The
// rendered rows must be the same but for those in flowerDiffers. FLOWER_SCREENSHOTS names a folder for pictures.
func TestFlowerInBrowser(t *testing.T) {
	t.Parallel()
	workers := map[string]func(*testing.T, *site, string){"python": pythonFlowerWorker, "go": goFlowerWorker}
	var mu sync.Mutex
	seen := map[string]map[string]any{}
	both := t.Run("look", func(t *testing.T) {
		for name, start := range workers {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				v := browseFlower(t, name, start)
				mu.Lock()
				defer mu.Unlock()
				seen[name] = v
			})
		}
	})
	if !both {
		return
	}
	keys := map[string]bool{}
	for _, v := range seen {
		for key := range v {
			keys[key] = true
		}
	}
	found := map[string]bool{}
	for key := range keys {
		want, inPython := seen["python"][key]
		got, inGo := seen["go"][key]
		diff := cmp.Diff(want, got)
		i := slices.IndexFunc(flowerDiffers, func(d flowerDifference) bool { return regexp.MustCompile("^(?:" + d.row + ")$").MatchString(key) })
		switch {
		case diff == "" && inPython == inGo:
		case i < 0:
			t.Errorf("%s (-python +go):\n%s", key, diff)
		default:
			found[flowerDiffers[i].row] = true
		}
	}
	for _, d := range flowerDiffers {
		if !found[d.row] {
			t.Errorf("Flower no longer shows this otherwise: %s", d.row)
		}
	}
}

// browseFlower runs browse_flower.py with a worker and returns what it saw.
func browseFlower(t *testing.T, name string, start func(*testing.T, *site, string)) map[string]any {
	s := &site{t: t, dir: t.TempDir(), redis: flowerRedis(t)}
	chromium, driver := tool(t, "chromium", "google-chrome"), tool(t, "chromedriver")
	const node = "worker@host"
	url := s.flower()
	start(t, s, node)
	args := []string{testenv.Path("tests", "python", "browse_flower.py"), url, s.flowerURL(0), node, s.dir}
	if dir := os.Getenv("FLOWER_SCREENSHOTS"); dir != "" {
		args = append(args, filepath.Join(dir, name))
	}
	cmd := s.command(testenv.Python(t), args...)
	cmd.Env = append(cmd.Env, "CHROMIUM="+chromium, "CHROMEDRIVER="+driver)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("browse_flower.py: %v\n%s", err, stderr.String())
	}
	var v map[string]any
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return v
}

// tool returns the path of a program that scripts/install-test-tools.sh installs, under the first name it has.
func tool(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("no %s for the tests: run `make env`", names[0])
	return ""
}

// flowerDifference is a row that Flower may show otherwise for a Go worker, and why.
type flowerDifference struct{ row, why string }

var flowerDiffers = []flowerDifference{
	{"worker / pool / Worker pool options / (Implementation|Processes|Writes)", "goroutines are no processes that are written to"},
	{"worker / config / Configuration options / include", "Python's modules; a Go program has none to import"},
	{"concurrency after growing", "Celery goes on showing what the pool was started with"},
}
