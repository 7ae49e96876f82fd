package curate

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
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
