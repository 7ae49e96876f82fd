package tests

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// smallSite has two files of 2t that follow in time, and meet within a chunk, and one of u, on coarse grids,
// regridded and indexed.
func smallSite(t *testing.T) (s *site, files []string) {
	t.Helper()
	s = newSite(t)
	for _, f := range []struct {
		kind, name, path string
		args             []string
	}{
		{"sfc", "2t", "ERA5_sfc/e5.oper.an.sfc.128_167_2t.ll025sc.2000010100_2000010205.nc", []string{"--hours", "30"}},
		{"sfc", "2t", "ERA5_sfc/e5.oper.an.sfc.128_167_2t.ll025sc.2000010206_2000010305.nc", []string{"--hours", "24", "--start", "2000010206", "--seed", "2"}},
		{"pl", "u", "ERA5_pl/e5.oper.an.pl.128_131_u.ll025uv.2000010100_2000010101.nc", []string{"--hours", "2"}},
	} {
		testenv.ERA5(t, f.kind, f.name, s.path(f.path), append(f.args, "--grid", "91x180")...)
		s.healpipe("regrid", f.path, "-o", "ERA5_HPX6/")
		files = append(files, f.path)
	}
	s.healpipe("index", "update")
	return s, files
}

// regriddedFile is where the regridded file of an input is, seen from the site's folder.
func regriddedFile(input string) string { return "ERA5_HPX6/" + filepath.Base(input) }

// tree reads all files below a folder.
func (s *site) tree(name string) map[string]string {
	s.t.Helper()
	files := map[string]string{}
	root := s.path(name)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil {
			path, err = filepath.Rel(root, path)
		}
		files[path] = string(text)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

func (s *site) sameTree(a, b string) {
	s.t.Helper()
	x, y := s.tree(a), s.tree(b)
	for name, text := range x {
		if other, ok := y[name]; !ok || other != text {
			s.t.Errorf("%s: differs between %s and %s, or is only in the first", name, a, b)
		}
	}
	if len(y) != len(x) {
		s.t.Errorf("%s has %d files, %s has %d", a, len(x), b, len(y))
	}
}

// TestRegridIntoStore compares the store that the two steps make with those of the task and the command that
// leave out the file in between.
func TestRegridIntoStore(t *testing.T) {
	t.Parallel()
	s, files := smallSite(t)
	s.healpipe("init")
	for _, f := range files {
		s.healpipe("curate", regriddedFile(f))
	}
	s.checkStore(s.regridded()...)

	s.healpipe("--zarr-path", "task.zarr", "init")
	worker := s.start(s.command(binary, "--zarr-path", "task.zarr", "-A", "tasks", "worker", "--loglevel=info", "-c", "2"))
	worker.await("ready.")
	s.python("-c", `
import sys, config
from celery import Celery
app = Celery("tasks", broker=config.CELERY_BROKER)
for f in sys.argv[1:-1]: app.send_task("tasks.regrid_into_store", [f])
app.send_task("tasks.regrid_into_store", kwargs={"path": sys.argv[-1]})
app.send_task("tasks.regrid_into_store", ["ERA5_sfc/missing.nc"])
`, files[0], files[1], files[2])
	worker.await("raised")
	testenv.WaitFor(t, time.Minute, "the files to be in the store", func() bool { return strings.Count(worker.output(), "succeeded in") == len(files) })
	testenv.WaitFor(t, time.Minute, "the queue to drain", s.drained)
	worker.stop()
	if !strings.Contains(worker.output(), "missing.nc") {
		t.Error("no error names the file that is not there")
	}
	s.sameTree("output.zarr", "task.zarr")

	s.healpipe("--zarr-path", "command.zarr", "init")
	s.healpipe("regrid", "--into", "command.zarr", files[2], files[1], files[0])
	s.sameTree("output.zarr", "command.zarr")
	s.healpipe("--zarr-path", "command.zarr", "regrid", "--into-store", files[1])
	s.sameTree("output.zarr", "command.zarr")

	for _, args := range [][]string{
		{"regrid", "--into-store", files[0], "-o", "x.nc"},
		{"regrid", "--into-store", files[0], "--order", "ring"},
		{"regrid", "--into-store", files[0], "--nside", "32"},
		{"regrid", "--into", "nowhere.zarr", files[0]},
	} {
		s.fails(args...)
	}
	s.sameTree("output.zarr", "command.zarr")
}

// TestEnqueueVerify finds files of which the store has a part, which the presence of a chunk hides.
func TestEnqueueVerify(t *testing.T) {
	t.Parallel()
	s, files := smallSite(t)
	s.healpipe("init")
	first, second, u := regriddedFile(files[0]), regriddedFile(files[1]), regriddedFile(files[2])
	todo := func(what string, args []string, want ...string) {
		t.Helper()
		cmd := s.command(binary, append([]string{"enqueue", "curate", "--dry-run"}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Fields(string(out)); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	verify := []string{"--verify"}
	todo("empty store", verify, u, first, second)
	s.healpipe("curate", first, u)
	todo("the second shares a chunk that is stored", nil)
	todo("the second shares a chunk that is stored", verify, second)

	s.healpipe("enqueue", "curate", "--verify")
	if n := s.redisInt(`r.llen("celery")`); n != 1 {
		t.Errorf("%d messages were sent, want 1", n)
	}
	worker := s.worker("-c", "1")
	testenv.WaitFor(t, time.Minute, "the queue to drain", s.drained)
	worker.stop()
	todo("all is there", verify)
	s.checkStore(s.regridded()...)

	chunks, err := filepath.Glob(s.path("output.zarr", "2t", "c", "*", "0"))
	if err != nil || len(chunks) != 3 {
		t.Fatalf("%v, %v", chunks, err)
	}
	if err := os.Remove(chunks[0]); err != nil { // the first file's alone
		t.Fatal(err)
	}
	todo("half written", nil)
	todo("half written", verify, first)
	s.healpipe("curate", first)
	if err := os.WriteFile(chunks[1], []byte("damage"), 0o666); err != nil { // the one that both share
		t.Fatal(err)
	}
	todo("damaged", verify, first, second)

	// A store in other chunks than the settings say: nothing is sent.
	for _, args := range [][]string{{"enqueue", "curate"}, {"enqueue", "curate", "--verify"}, {"curate", first}} {
		out := s.fails(append([]string{"--time-chunk", "12"}, args...)...)
		if want := "has the chunks [24 49152] where the settings say [12 49152]: set TIME_CHUNK = 24 as in the store, or ZARR_PATH to another store"; !strings.Contains(out, want) {
			t.Errorf("%v: %s", args, out)
		}
	}
	if !s.drained() {
		t.Error("messages were sent all the same")
	}
}

// TestInitCF opens a store with the grid mapping as CF software does, xdggs too.
func TestInitCF(t *testing.T) {
	t.Parallel()
	s, files := smallSite(t)
	s.healpipe("init", "--cf")
	s.healpipe("curate", regriddedFile(files[0]), regriddedFile(files[2]))
	s.checkStore(regriddedFile(files[0]), regriddedFile(files[2]))
	s.python("-c", `
import numpy as np, xarray as xr
ds = xr.open_zarr("output.zarr", decode_coords="all")
crs = ds["2t"].encoding["grid_mapping"]
assert crs in ds.coords, ds
assert ds[crs].attrs == {"grid_mapping_name": "healpix", "refinement_level": 6, "indexing_scheme": "nested"}, ds[crs].attrs
cells = ds["2t"].coords["cell_ids"]
assert cells.attrs["standard_name"] == "healpix_index" and np.array_equal(cells, np.arange(49152))
assert "cell_ids" in ds["u"].coords and ds["u"].encoding["grid_mapping"] == crs
import healpy
t = ds["2t"].sel(time="2000-01-01 12:00")
south = cells.values[healpy.pix2ang(64, cells.values, nest=True, lonlat=True)[1] < -80]
assert t.isel(cells=south).mean() < t.mean(), "the poles are not where cell_ids says"
`)
	xdggs := s.command(testenv.Python(t), "-c", `
import numpy as np, xarray as xr, xdggs, healpy
ds = xr.open_zarr("output.zarr", decode_coords="all").dggs.decode(convention="cf")
grid = ds.dggs.grid_info
assert isinstance(grid, xdggs.HealpixInfo) and (grid.level, grid.indexing_scheme) == (6, "nested"), grid
centers = ds.dggs.cell_centers()
lon, lat = healpy.pix2ang(64, np.arange(49152), nest=True, lonlat=True)
np.testing.assert_allclose(np.mod(centers["longitude"], 360), lon, rtol=0, atol=1e-9)
np.testing.assert_allclose(centers["latitude"], lat, rtol=0, atol=1e-9)
assert ds.dggs.sel_latlon(latitude=np.array([47.]), longitude=np.array([8.]))["cell_ids"] == healpy.ang2pix(64, 8, 47, nest=True, lonlat=True)
`)
	xdggs.Env = append(xdggs.Env, "PYTHONPATH="+testenv.Path(".venv", "xdggs"))
	if out, err := xdggs.CombinedOutput(); err != nil {
		t.Errorf("xdggs: %v\n%s", err, out)
	}
	// Off by default: the layout is a contract.
	s.healpipe("--zarr-path", "plain.zarr", "init")
	for name := range s.tree("plain.zarr") {
		if strings.HasPrefix(name, "crs") || strings.HasPrefix(name, "cell_ids") {
			t.Errorf("init without --cf made %s", name)
		}
	}
}

// TestStatistics compares what curating leaves with numpy's answers to the same files.
func TestStatistics(t *testing.T) {
	t.Parallel()
	s, files := smallSite(t)
	s.healpipe("init")
	if out := s.fails("statistics"); !strings.Contains(out, "--statistics") {
		t.Errorf("without statistics: %s", out)
	}
	s.healpipe("curate", "--statistics", regriddedFile(files[1]), regriddedFile(files[2]))
	s.healpipe("regrid", "--into-store", "--statistics", files[0])
	s.healpipe("curate", "--statistics", regriddedFile(files[0])) // counts once
	out, err := s.command(binary, "statistics").Output()
	if err != nil {
		t.Fatal(err)
	}
	saved, err := os.ReadFile(s.path("output.zarr.statistics", "statistics.json"))
	if err != nil || !bytes.Equal(saved, out) {
		t.Errorf("printed and saved statistics differ: %v", err)
	}
	s.write("printed.json", string(out))
	s.python("-c", `
import json, sys, netCDF4, numpy as np
got = json.load(open("printed.json"))["variables"]
values = {}
for path in sys.argv[1:]:
    with netCDF4.Dataset(path) as d:
        for v in d.variables.values():
            if "short_name" in v.ncattrs() and v.dimensions[0] == "time":
                values.setdefault(v.short_name, []).append(v[:].filled(np.nan).astype("f8"))
assert set(got) == set(values) == {"2t", "u"}, set(got)
for name, parts in values.items():
    x = np.concatenate(parts)
    assert got[name]["hours"] == len(x) and got[name]["files"] == len(parts), got[name]
    x = x.reshape(len(x), -1, x.shape[-1])
    assert len(got[name]["levels"]) == x.shape[1]
    for k, m in enumerate(got[name]["levels"]):
        y = x[:, k]
        want = dict(count=np.isfinite(y).sum(), mean=np.nanmean(y), std=np.nanstd(y), min=np.nanmin(y), max=np.nanmax(y))
        for key, w in want.items():
            assert np.isclose(m[key], w, rtol=1e-10, atol=0), (name, k, key, m[key], w)
`, regriddedFile(files[0]), regriddedFile(files[1]), regriddedFile(files[2]))

	// The setting does the same, in a folder of one's own.
	s.healpipe("--statistics-path", "mine", "curate", regriddedFile(files[2]))
	if _, err := os.Stat(s.path("mine", "u", "2000010100_2000010101.json")); err != nil {
		t.Error(err)
	}
}
