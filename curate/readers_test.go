package curate

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// TestReadersMeanwhile has zarr-python read while files are written over each other, whole chunks and parts: each
// read must find one version or the other of what stands in one chunk or shard, never a mixture or an error. Parts of
// a shard are left out: zarr-python opens the file again for each inner chunk.
func TestReadersMeanwhile(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.init()
	vars := func(seed int) map[string]varSpec {
		return map[string]varSpec{"U": {ShortName: "u", Levels: true, Seed: seed}, "MSL": {ShortName: "msl", Seed: seed + 1, FillEvery: 9}}
	}
	s.make(map[string]spec{
		"whole-a.nc": {Vars: vars(1), Times: hours(48, 24), Levels: smallLevels},
		"whole-b.nc": {Vars: vars(3), Times: hours(48, 24), Levels: smallLevels},
		"part-a.nc":  {Vars: vars(5), Times: hours(74, 3), Levels: smallLevels},
		"part-b.nc":  {Vars: vars(7), Times: hours(74, 3), Levels: smallLevels},
	})
	reader := exec.Command(testenv.Python(t), "-c", `
import sys, warnings
import netCDF4, numpy as np, zarr
warnings.filterwarnings("ignore")
store, folder = sys.argv[1:]
wanted = {}
for kind, first, n in ("whole", 48, 24), ("part", 74, 3):
    for name, var in (("u", "U"), ("msl", "MSL"))[kind == "part":]:
        versions = []
        for which in "ab":
            with netCDF4.Dataset(f"{folder}/{kind}-{which}.nc") as ds:
                ds.set_auto_mask(False)
                v = ds[var][:]
                v[v == ds[var]._FillValue] = np.nan
                versions.append(v.astype("f4").tobytes())
        wanted[kind, name] = first, n, versions, set()
def complete():
    return all(len(seen) == 2 for _, _, _, seen in wanted.values())
reads = 0
while reads < 15 or not complete():
    group = zarr.open_group(store, mode="r")
    for (kind, name), (first, n, versions, seen) in wanted.items():
        got = group[name][first : first + n]
        if not got.any() and not seen:
            continue  # not written yet
        seen.add(versions.index(got.tobytes()))
    reads += 1
`, s.goStore(), s.file(""))
	reader.Stderr = os.Stderr
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- reader.Wait() }()
	for i := 0; ; i++ {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("the reader: %v", err)
			}
			return
		default:
		}
		for _, kind := range []string{"whole-", "part-"} {
			if err := s.store.Process(t.Context(), s.in, kind+string("ab"[i%2])+".nc"); err != nil {
				_ = reader.Process.Kill()
				<-ended
				t.Fatal(err)
			}
		}
	}
}

// TestKilledWriter kills processes while they hold a chunk's lock or write its new version: the next writer goes on
// at once, and readers find nothing of what was left behind.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.init()
	s.make(raceFiles())
	for _, mark := range []string{".tmp", ".lock"} { // in this order: a writer takes a lock file that is left, and removes it
		for killed := false; !killed; killed = leftOver(t, s.goStore(), mark) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], s.goStore(), s.file(""), "part0.nc", "part1.nc")
			cmd.Env = append(os.Environ(), childEnv+"=for ever")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			testenv.WaitFor(t, 2*time.Minute, "a writer at work", func() bool { return leftOver(t, s.goStore(), mark) })
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
		}
	}
	s.process("part0.nc", "part1.nc")
	err := filepath.WalkDir(s.goStore(), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".") && strings.HasSuffix(d.Name(), ".tmp") {
			err = os.Remove(path) // as the first writer of a later minute does
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.compare()
}

// leftOver says whether there is a hidden file of this kind in a store.
func leftOver(t *testing.T, folder, suffix string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasPrefix(d.Name(), ".") && strings.HasSuffix(d.Name(), suffix) {
			found = true
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
