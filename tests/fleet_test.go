package tests

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"healpipe/internal/s3test"
	"healpipe/internal/testenv"
)

const rcloneProfile = `[%s]
type = s3
provider = Other
endpoint = %s
region = %s
access_key_id = %s
secret_access_key = %s

`

// onS3 moves the site's input, output and store into buckets, each with a profile of its own.
func (s *site) onS3() *s3test.Server {
	s.t.Helper()
	server := s3test.Start(s.t, "era5", "hpx", "stores")
	profiles := ""
	for _, name := range []string{"archive", "results", "cloud"} {
		profiles += fmt.Sprintf(rcloneProfile, name, server.Endpoint, s3test.Region, s3test.AccessKey, s3test.SecretKey)
	}
	s.write("rclone.conf", profiles)
	config, err := os.ReadFile(s.path("config.py"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("config.py", strings.NewReplacer(
		`["ERA5_sfc", "ERA5_pl", "ERA5_1h_acc_precip"]`, `["era5/e5.oper.an.sfc", "s3://era5/e5.oper.an.pl"]`,
		`ERA5_PROFILE = ""`, `ERA5_PROFILE = "archive"`,
		`"ERA5_HPX6"`, `"hpx/ERA5_HPX6"`, `OUTPUT_PROFILE = ""`, `OUTPUT_PROFILE = "results"`,
		`"output.zarr"`, `"stores/output.zarr"`, `ZARR_PROFILE = ""`, `ZARR_PROFILE = "cloud"`,
	).Replace(string(config)))
	s.env = append(s.env, "RCLONE_CONFIG="+s.path("rclone.conf"))
	return server
}

// s3Env is the environment of the Python programs that work on the buckets through s3fs.
func (s *site) s3Env(server *s3test.Server) []string {
	return []string{
		"ENDPOINT=" + server.Endpoint, "AWS_ACCESS_KEY_ID=" + s3test.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3test.SecretKey,
		"BROKER=" + s.redis.URL(0), "STORE=stores/output.zarr", "PYTHONPATH=" + testenv.Path("tests", "python"), "PYTHONDONTWRITEBYTECODE=1",
	}
}

// s3Python runs one of those programs.
func (s *site) s3Python(server *s3test.Server, args ...string) string {
	s.t.Helper()
	cmd := s.command(testenv.Python(s.t), args...)
	cmd.Env = append(cmd.Env, s.s3Env(server)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestFleet runs the whole workflow with input, output and store in buckets, the Python scripts as producers,
// two Go workers, a Python worker that runs `process` with xarray, zarr-python and s3fs, and Flower. The store
// must equal the one that the Python code writes alone from the same regridded files. Each file covers whole
// chunks, since zarr-python takes no lock on a chunk.
func TestFleet(t *testing.T) {
	t.Parallel()
	s := newSite(t, flowerUsers...)
	server := s.onS3()
	var names, puts []string
	for _, f := range []struct {
		kind, name, prefix string
		days               int
	}{
		{"sfc", "2t", "e5.oper.an.sfc.128_167_2t.ll025sc", 8},
		{"sfc", "sstk", "e5.oper.an.sfc.128_034_sstk.ll025sc", 4},
		{"sfc", "msl", "e5.oper.an.sfc.128_151_msl.ll025sc", 4},
		{"pl", "u", "e5.oper.an.pl.128_131_u.ll025uv", 1},
	} {
		for day := range f.days {
			name := dayName(f.prefix, day)
			names = append(names, name)
			// The archive has a folder for each month below the root.
			puts = append(puts, dayFile(t, f.kind, f.name, day), path.Join("era5/e5.oper.an."+f.kind, "200001", name))
		}
	}
	s.s3Python(server, append([]string{"-c", `
import sys, s3fs
from s3_tasks import OPTIONS
fs = s3fs.S3FileSystem(**OPTIONS)
for local, remote in zip(sys.argv[1::2], sys.argv[2::2]): fs.put_file(local, remote)
`}, puts...)...)
	flower := s.flower()
	goWorkers := []*process{s.worker("-c", "1", "-E", "-n", "go1@host"), s.worker("-c", "1", "-E", "-n", "go2@host")}

	s.python("create_index.py", "index.csv")
	s.python("enqueue_regrid_jobs.py")
	testenv.WaitFor(t, 2*time.Minute, "all files to be regridded", func() bool {
		return strings.Count(goWorkers[0].output()+goWorkers[1].output(), "succeeded in") == len(names) && s.drained()
	})
	s.python("-c", "import tasks, config\ntasks.update_index(config.OUTPUT_ROOT, config.OUTPUT_PROFILE)\ntasks.initialize_zarr()")

	peer := s.command(testenv.Python(t), "-m", "celery", "-A", "s3_tasks", "worker", "-P", "solo", "-l", "info", "-E", "-n", "python@host", "--prefetch-multiplier=1")
	peer.Env = append(peer.Env, s.s3Env(server)...)
	python := s.start(peer)
	python.await("ready.")
	testenv.WaitFor(t, time.Minute, "Flower to know three workers", func() bool { return len(getJSON(t, flower+"/api/workers?status=1")) == 3 })
	s.python("enqueue_curate.py")
	testenv.WaitFor(t, 2*time.Minute, "all files to be in the store", func() bool {
		return len(successes("tasks.process", goWorkers[0], goWorkers[1]))+strings.Count(python.output(), "succeeded in") == len(names) && s.drained()
	})

	// Flower has seen it all.
	workers := map[string]int{}
	testenv.WaitFor(t, 20*time.Second, "Flower to list all tasks as done", func() bool {
		clear(workers)
		for _, v := range getJSON(t, flower+"/api/tasks") {
			if task := v.(map[string]any); task["state"] == "SUCCESS" {
				workers[fmt.Sprint(task["worker"], " ", task["name"])]++
			}
		}
		n := 0
		for _, count := range workers {
			n += count
		}
		return n == 2*len(names)
	})
	for _, want := range []string{"go1@host tasks.regrid_file", "go2@host tasks.regrid_file", "python@host tasks.process"} {
		if workers[want] == 0 {
			t.Errorf("%s: none done: %v", want, workers)
		}
	}
	if workers["go1@host tasks.process"]+workers["go2@host tasks.process"] == 0 {
		t.Errorf("no Go worker wrote into the store: %v", workers)
	}
	for _, w := range append(goWorkers, python) {
		w.stop()
		if strings.Contains(w.output(), "ERROR") {
			t.Errorf("%v logged errors", w.cmd.Args)
		}
	}

	// What Python writes alone.
	init := s.command(binary, "init")
	init.Env = append(init.Env, "HEALPIPE_ZARR_PATH=stores/reference.zarr")
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	files := slices.Clone(names)
	for i, n := range names {
		files[i] = path.Join("hpx/ERA5_HPX6", n)
	}
	s.s3Python(server, append([]string{testenv.Path("tests", "python", "s3_tasks.py"), "stores/reference.zarr"}, files...)...)
	out := s.s3Python(server, testenv.Path("tests", "python", "compare_stores.py"), "stores/output.zarr", "stores/reference.zarr")
	var r struct {
		Chunks, Values, Missing int
		Arrays                  []string
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if want := 24 * 49152 * (16 + 37); r.Values < want || r.Missing == 0 {
		t.Errorf("%d values were compared, %d of them missing; wanted %d", r.Values, r.Missing, want)
	}

	// Nothing is left to do.
	for _, script := range []string{"enqueue_regrid_jobs.py", "enqueue_curate.py"} {
		if out := s.python(script); !strings.Contains(out, "sending 0 tasks") {
			t.Errorf("%s: %s", script, out)
		}
	}
}

// getJSON reads an object from an address.
func getJSON(t *testing.T, url string) map[string]any {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%s: %v in %s", url, err, body)
	}
	return v
}
