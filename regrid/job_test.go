package regrid

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"healpipe/internal/testenv"
	"healpipe/netcdf"
	"healpipe/storage"
)

// badInputs writes files that cannot be regridded, one a line: name, and why.
const badInputs = `
import sys, os, netCDF4, numpy as np
os.chdir(sys.argv[1])
def write(name, lat, lon, dims=("time", "lat", "lon"), sizes={}, units=("degrees_north", "degrees_east")):
    with netCDF4.Dataset(name, "w") as ds:
        size = {"time": 1, "lat": len(lat), "lon": len(lon), **sizes}
        for d in dims: ds.createDimension(d, size[d])
        t = ds.createVariable("time", "i4", ("time",)); t.units = "hours since 1900-01-01"; t[:] = 0
        for n, v, u in (("lat", lat, units[0]), ("lon", lon, units[1])):
            c = ds.createVariable(n, "f8", (n,)); c[:] = v
            if u: c.units = u
        ds.createVariable("x", "f4", dims)[:] = 1
lat, lon = 90 - 10.0 * np.arange(19), 10.0 * np.arange(36)
write("region.nc", lat, lon[:12])
write("north.nc", lat[:10], lon)
write("gap.nc", lat, np.delete(np.append(lon, 355), 5))
write("zigzag.nc", lat[[1, 0] + list(range(2, 19))], lon)
write("transposed.nc", lat, lon, dims=("time", "lon", "lat"))
write("five.nc", lat, lon, dims=("time", "a", "b", "lat", "lon"), sizes={"a": 2, "b": 2})
with netCDF4.Dataset("noxy.nc", "w") as ds:
    ds.createDimension("cells", 12); ds.createVariable("x", "f4", ("cells",))[:] = 1
with netCDF4.Dataset("curvi.nc", "w") as ds:
    ds.createDimension("y", 3); ds.createDimension("x", 4)
    for n, u in (("lat", "degrees_north"), ("lon", "degrees_east")):
        c = ds.createVariable(n, "f8", ("y", "x")); c.units = u; c[:] = 1
    ds.createVariable("v", "f4", ("y", "x"))[:] = 1
with netCDF4.Dataset("novar.nc", "w") as ds:
    for n, v, u in (("lat", lat, "degrees_north"), ("lon", lon, "degrees_east")):
        ds.createDimension(n, len(v)); c = ds.createVariable(n, "f8", (n,)); c.units = u; c[:] = v
with open("text.nc", "w") as f: f.write("not a netCDF file at all\n")
open("empty.nc", "w").close()
`

func TestBadInput(t *testing.T) {
	t.Parallel()
	dir, out := t.TempDir(), t.TempDir()
	testenv.RunPython(t, badInputs, dir)
	whole, err := os.ReadFile(testenv.Path("tests", "testdata", "cdo", "2t_3h_1deg.nc"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "truncated.nc"), whole[:len(whole)/2], 0o666); err != nil {
		t.Fatal(err)
	}
	// A flipped byte inside a compressed chunk.
	whole[len(whole)/2] ^= 0x55
	if err := os.WriteFile(filepath.Join(dir, "corrupt.nc"), whole, 0o666); err != nil {
		t.Fatal(err)
	}
	j := Job{Regridder: &Regridder{}, In: storage.NewLocal(dir), Out: storage.NewLocal(out)}
	for _, c := range []struct {
		name, says string
		is         error
	}{
		{"missing.nc", "missing.nc", os.ErrNotExist},
		{"text.nc", "not a netCDF file", netcdf.ErrFormat},
		{"empty.nc", "not a netCDF file", netcdf.ErrFormat},
		{"truncated.nc", "truncated.nc", netcdf.ErrCorrupt},
		{"corrupt.nc", "corrupt.nc", netcdf.ErrCorrupt},
		{"region.nc", "not regular and global", ErrGrid},
		{"north.nc", "not global: latitudes 90 to 0", ErrGrid},
		{"gap.nc", "not regular and global", ErrGrid},
		{"zigzag.nc", "latitudes do not run one way", ErrGrid},
		{"transposed.nc", "x has longitude before latitude", ErrUnsupported},
		{"five.nc", "level, latitude and longitude: a, b", ErrUnsupported},
		{"noxy.nc", "no latitude and longitude", ErrGrid},
		{"curvi.nc", "has two dimensions", ErrGrid},
		{"novar.nc", "no variable on a lon/lat grid", ErrNoVariable},
	} {
		_, _, err := j.Run(t.Context(), c.name)
		switch {
		case err == nil:
			t.Errorf("%s: no error", c.name)
		case !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.name):
			t.Errorf("%s: %v; want %q and %v", c.name, err, c.says, c.is)
		case strings.Contains(err.Error(), "\n"):
			t.Errorf("%s: more than one line: %v", c.name, err)
		}
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestJob(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	j := Job{Regridder: &Regridder{}, In: storage.NewLocal(testenv.Path("tests", "testdata")), Out: storage.NewLocal(out)}
	key, rep, err := j.Run(t.Context(), "cdo/tp_2h_1deg.nc")
	if err != nil || key != "tp_2h_1deg.nc" || rep.Fields != 2 {
		t.Fatalf("Run = %q, %+v, %v", key, rep, err)
	}
	sameAsCDO(t, filepath.Join(out, key), testenv.Path("tests", "testdata", "cdo", "tp_2h_1deg.hp64.nc"))
}

// full is a disk without room.
type full struct{ left int }

var errFull = errors.New("no space left on device")

func (w *full) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestFullDiskAndCancel(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(testenv.Path("tests", "testdata", "cdo", "u_2h_1deg_5lev.nc"))
	if err != nil {
		t.Fatal(err)
	}
	in := Input{R: bytes.NewReader(data), Size: int64(len(data)), Name: "u.nc"}
	var r Regridder
	for _, room := range []int{0, 2000, 1 << 20} {
		if _, err := r.File(t.Context(), in, &full{room}); !errors.Is(err, errFull) || !strings.Contains(err.Error(), "u.nc") {
			t.Errorf("with %d bytes of room: %v", room, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.File(ctx, in, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestSettingsDoNotChangeValues takes one file through with little memory, one goroutine and many.
func TestSettingsDoNotChangeValues(t *testing.T) {
	t.Parallel()
	path := testenv.Path("tests", "testdata", "cdo", "u_2h_1deg_5lev.nc")
	want, _ := regridFile(t, &Regridder{}, path)
	for _, r := range []*Regridder{{Memory: 1}, {Budget: NewBudget(1)}, {Budget: NewBudget(16), Memory: 1 << 30}} {
		got, _ := regridFile(t, r, path)
		for name, w := range fileValues(t, want) {
			if a := compare(t, fileValues(t, got)[name], w); a.differ+a.missing != 0 {
				t.Errorf("memory %d: %+v", r.Memory, a)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t  Target
		ok bool
	}{
		{Target{}, true}, {Target{Nside: 1}, true}, {Target{Nside: 512}, true}, {Target{Nside: 64, Intermediate: 64}, true},
		{Target{Nside: 3}, false}, {Target{Nside: 64, Intermediate: 32}, false}, {Target{Nside: 2048}, false}, {Target{Order: 7}, false},
	} {
		if _, err := c.t.withDefaults(); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %v", c.t, err)
		}
	}
	if op, _ := (&Target{Nside: 512}).withDefaults(); op.Intermediate != 512 {
		t.Errorf("intermediate of 512: %+v", op)
	}
}
