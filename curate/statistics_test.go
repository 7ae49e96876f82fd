package curate

import (
	"encoding/json"
	"math"
	"testing"

	"healpipe/storage"
)

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
