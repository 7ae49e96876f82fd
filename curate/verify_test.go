package curate

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"healpipe/storage"
)

// TestVerify plants stores in which files are written in full, in part and not at all.
func TestVerify(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.init()
	one := func(nc, short string, levels bool, seed int, times []float64) spec {
		sp := spec{Vars: map[string]varSpec{nc: {ShortName: short, Levels: levels, Seed: seed, FillEvery: 5}}, Times: times}
		if levels {
			sp.Levels = smallLevels
		}
		return sp
	}
	s.make(map[string]spec{
		"days.nc":      one("MSL", "msl", false, 1, hours(48, 96)),   // whole chunks 2 to 5
		"shifted.nc":   one("VAR_2T", "2t", false, 2, hours(60, 60)), // chunks 2 to 4, the outer ones in part
		"before.nc":    one("VAR_2T", "2t", false, 3, hours(40, 20)), // shares chunk 2 with shifted.nc
		"behind.nc":    one("VAR_2T", "2t", false, 4, hours(120, 5)),
		"u.nc":         one("U", "u", true, 5, hours(30, 10)), // one shard in part
		"u2.nc":        one("U", "u", true, 6, hours(40, 10)), // its neighbour: chunks 1 and 2
		"zero.nc":      {Vars: map[string]varSpec{"CI": {ShortName: "ci", Zero: true}}, Times: hours(50, 40)},
		"zero-more.nc": {Vars: map[string]varSpec{"CI": {ShortName: "ci", Seed: 7}}, Times: hours(90, 2)},
	})
	axis := s.layout.Time
	check := func(what, file, name string, first, n int, want Coverage) {
		t.Helper()
		p, err := s.store.Presence(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.store.Verify(t.Context(), p, s.in, file, name, axis.At(first), axis.At(first+n-1))
		if err != nil || got != want {
			t.Errorf("%s: %s is %v, %v; want %v", what, file, got, err, want)
		}
	}
	process := func(files ...string) {
		t.Helper()
		for _, f := range files {
			if err := s.store.Process(t.Context(), s.in, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	lose := func(key string) {
		t.Helper()
		if err := os.Remove(filepath.Join(s.goStore(), filepath.FromSlash(key))); err != nil {
			t.Fatal(err)
		}
	}
	check("empty store", "days.nc", "msl", 48, 96, Absent)
	process("days.nc", "before.nc", "behind.nc", "u2.nc", "zero.nc")
	check("written", "days.nc", "msl", 48, 96, Complete)
	check("neighbours only", "shifted.nc", "2t", 60, 60, Partial)
	check("neighbour only", "u.nc", "u", 30, 10, Partial)
	check("zeros alone are never stored", "zero.nc", "ci", 50, 40, Absent)
	process("shifted.nc", "u.nc", "zero-more.nc")
	check("written", "shifted.nc", "2t", 60, 60, Complete)
	check("written", "before.nc", "2t", 40, 20, Complete)
	check("written", "behind.nc", "2t", 120, 5, Complete)
	check("written", "u.nc", "u", 30, 10, Complete)
	check("written", "u2.nc", "u", 40, 10, Complete)
	check("zeros beside others", "zero.nc", "ci", 50, 40, Complete)
	lose("msl/c/3/0")
	check("a chunk lost", "days.nc", "msl", 48, 96, Partial)
	lose("2t/c/4/0")
	check("the last chunk lost", "shifted.nc", "2t", 60, 60, Partial)
	check("the first chunk untouched", "before.nc", "2t", 40, 20, Complete)
	process("behind.nc")
	check("its neighbour", "behind.nc", "2t", 120, 5, Complete)
	process("days.nc", "shifted.nc")
	check("mended", "days.nc", "msl", 48, 96, Complete)
	check("outside", "days.nc", "msl", 600, 5, Absent)

	holds := func(file string, want bool) {
		t.Helper()
		if got, err := s.store.Holds(t.Context(), s.in, file); err != nil || got != want {
			t.Errorf("holds %s: %v, %v", file, got, err)
		}
	}
	for _, f := range []string{"days.nc", "shifted.nc", "before.nc", "u.nc", "u2.nc", "zero.nc", "zero-more.nc"} {
		holds(f, true)
	}
	s.make(map[string]spec{"other-u.nc": one("U", "u", true, 99, hours(30, 10))})
	holds("other-u.nc", false)
	lose("msl/c/3/0")
	p, err := s.store.Presence(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Verify(t.Context(), p, s.in, "before.nc", "msl", axis.At(48), axis.At(95)); !errors.Is(err, ErrInput) {
		t.Errorf("another variable's file: %v", err)
	}
}

func TestStatisticsLikeNumpy(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.init()
	files := map[string]spec{
		"a.nc": {Vars: map[string]varSpec{"VAR_2T": {ShortName: "2t", Seed: 1, FillEvery: 7}}, Times: hours(40, 200)},
		"b.nc": {Vars: map[string]varSpec{"VAR_2T": {ShortName: "2t", Seed: 2, NaNEvery: 5}}, Times: hours(240, 100)},
		"c.nc": {Vars: map[string]varSpec{"VAR_2T": {ShortName: "2t", Seed: 3}}, Times: hours(0, 40)},
		"d.nc": {Vars: map[string]varSpec{"U": {ShortName: "u", Levels: true, Seed: 4}}, Times: hours(20, 30), Levels: smallLevels},
		"e.nc": {Vars: map[string]varSpec{"U": {ShortName: "u", Levels: true, Seed: 5, FillEvery: 2}}, Times: hours(50, 30), Levels: smallLevels},
		"f.nc": {Vars: map[string]varSpec{"CI": {ShortName: "ci", FillEvery: 1}}, Times: hours(0, 3)}, // nothing but missing values
	}
	s.make(files)
	run := func(names ...string) string {
		stats := storage.NewMemory()
		store, err := Open(storage.NewLocal(s.goStore()), s.layout, Options{Statistics: stats, Workers: 4})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err := store.Process(t.Context(), s.in, name); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := store.MergeStatistics(t.Context()); err != nil {
			t.Fatal(err)
		}
		text, _, err := stats.Get(t.Context(), StatisticsKey)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	text := run("a.nc", "b.nc", "c.nc", "d.nc", "e.nc", "f.nc")
	if other := run("f.nc", "e.nc", "c.nc", "b.nc", "c.nc", "d.nc", "a.nc", "e.nc"); other != text {
		t.Errorf("another order, some files twice:\n%s\n%s", text, other)
	}
	var got Statistics
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	var want map[string][][5]*float64 // count mean std min max for each level
	args := []string{"statistics"}
	for name := range files {
		args = append(args, s.file(name))
	}
	if err := json.Unmarshal(reference(t, args...), &want); err != nil {
		t.Fatal(err)
	}
	if len(got.Variables) != 3 || got.Variables["2t"].Files != 3 || got.Variables["2t"].Hours != 340 || got.Variables["u"].Hours != 60 {
		t.Fatalf("%s", text)
	}
	for name, levels := range want {
		for i, w := range levels {
			m := got.Variables[name].Levels[i]
			for k, g := range []float64{float64(m.Count), float64(m.Mean), float64(m.Std), float64(m.Min), float64(m.Max)} {
				switch {
				case w[k] == nil && math.IsNaN(g):
				case w[k] == nil, math.Abs(g-*w[k]) > 1e-12*math.Abs(*w[k]):
					t.Errorf("%s level %d: %v, numpy has %v", name, i, g, w[k])
				}
			}
			if name == "u" && *m.Level != smallLevels[i] {
				t.Errorf("level %d is %v", i, *m.Level)
			}
		}
	}
}
