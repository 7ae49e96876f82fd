package curate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"healpipe/storage"
)

// testFiles are regridded files of all sorts.
var testFiles = map[string]spec{
	"month.nc":     {Vars: map[string]varSpec{"VAR_2T": {ShortName: "2t", Seed: 1, FillEvery: 7}}, Times: hours(40, 200)},
	"rest.nc":      {Vars: map[string]varSpec{"VAR_2T": {ShortName: "2t", Seed: 2, NaNEvery: 5}}, Times: hours(240, 10)},
	"end.nc":       {Vars: map[string]varSpec{"TP": {ShortName: "tp", Seed: 3}}, Times: hours(470, 31)},
	"zero.nc":      {Vars: map[string]varSpec{"CI": {ShortName: "ci", Zero: true}}, Times: hours(0, 72)},
	"some-zero.nc": {Vars: map[string]varSpec{"SSTK": {ShortName: "sstk", Zero: -0.0000001}}, Times: hours(24, 48)},
	"day.nc":       {Vars: map[string]varSpec{"U": {ShortName: "u", Levels: true, Seed: 4, FillEvery: 11}}, Times: hours(48, 24), Levels: smallLevels},
	"days.nc":      {Vars: map[string]varSpec{"Q": {ShortName: "q", Levels: true, Seed: 5}}, Times: hours(100, 50), Levels: smallLevels},
	"odd.nc": {
		Vars:  map[string]varSpec{"V": {ShortName: "v", Levels: true, Seed: 6}, "VAR_10U": {ShortName: "10u", Seed: 7}, "X": {}},
		Times: []float64{hour(30), hour(7), hour(8), hour(200), hour(9), hour(29)}, Levels: smallLevels,
	},
	"days-since.nc": {Vars: map[string]varSpec{"MSL": {ShortName: "msl", Seed: 8}}, Units: "days since 1999-12-30T00:00:00Z", TimeType: "f8", Times: []float64{1. / 24, 2. / 24, 25. / 24, 49.0 / 24, 11.0 / 24}, Calendar: "proleptic_gregorian"},
	"netcdf4.nc":    {Vars: map[string]varSpec{"Z": {ShortName: "z", Levels: true, Seed: 9, FillEvery: 3}}, Times: hours(23, 3), Levels: smallLevels, Format: "NETCDF4"},
}

func TestProcessLikePython(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.init()
	s.make(testFiles)
	files := sortedKeys(testFiles)
	s.process(files...)
	s.compare()
	before := s.snapshot()
	for _, name := range files {
		if err := s.store.Process(t.Context(), s.in, name); err != nil {
			t.Fatal(err)
		}
	}
	s.sameAs(before)
	var seen struct {
		Vars              []string
		First, Last, Step string
		N                 int
		Levels            []float64
		Dims              map[string][]string
	}
	if err := json.Unmarshal(reference(t, "read", s.goStore()), &seen); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(seen.First, "1999-12-30T00:00:00") || !strings.HasPrefix(seen.Last, "2000-01-19T20:00:00") || seen.N != 501 ||
		!slices.Equal(seen.Levels, smallLevels) || len(seen.Vars) != 20 || !slices.Equal(seen.Dims["u"], []string{"time", "levels", "cells"}) {
		t.Errorf("%+v", seen)
	}
}

// TestOtherGrids processes files that end within chunks and shards, and cross their edges, on other axes and in other
// chunks than a day of hours: what Python makes of them must be the same.
func TestOtherGrids(t *testing.T) {
	t.Parallel()
	every := func(step, first, n int) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = hour(first + step*i)
		}
		return out
	}
	for _, tt := range []struct{ hours, steps, chunk, level, levels int }{
		{1, 60, 7, 1, 5},
		{3, 41, 1, 0, 1},
		{6, 30, 1000, 2, 3}, // one chunk, longer than the axis
		{1, 100, 25, 0, 11}, // the axis ends with a chunk
	} {
		t.Run(fmt.Sprintf("%d of %dh in %d, %d levels", tt.steps, tt.hours, tt.chunk, tt.levels), func(t *testing.T) {
			t.Parallel()
			l := small()
			l.Time.Step, l.Time.N, l.TimeChunk, l.OutputLevel, l.Levels = time.Duration(tt.hours)*time.Hour, tt.steps, tt.chunk, tt.level, tt.levels
			s := newSite(t, l)
			s.init()
			files := map[string]spec{}
			for i, end := 0, 0; end < tt.steps; i++ { // ever longer files, one after the other
				n := min(1+3*i, tt.steps-end)
				files[fmt.Sprintf("%d.nc", i)] = spec{
					Vars:   map[string]varSpec{"VAR_2T": {ShortName: "2t", Seed: i + 1, FillEvery: 7}, "U": {ShortName: "u", Levels: true, Seed: i + 100, NaNEvery: 5}},
					Times:  every(tt.hours, tt.hours*end, n),
					Levels: levelsOf(l),
				}
				end += n
			}
			far := tt.steps / 3
			files["far-apart.nc"] = spec{
				Vars:   map[string]varSpec{"T": {ShortName: "t", Levels: true, Seed: 50}, "MSL": {ShortName: "msl", Seed: 51}},
				Times:  append(every(tt.hours*far, 0, 3), hour(tt.hours*(tt.steps-1))),
				Levels: levelsOf(l),
			}
			s.make(files)
			names := sortedKeys(files)
			rand.New(rand.NewPCG(uint64(tt.chunk), 1)).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			s.process(names...)
			s.compare()
		})
	}
}

func TestProcessRefusesBadFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.init()
	good := map[string]varSpec{"VAR_2T": {ShortName: "2t", Seed: 1}}
	tests := []struct {
		name  string
		spec  spec
		cause error
		text  string
	}{
		{"before", spec{Vars: good, Times: hours(-1, 3)}, ErrTime, "1999-12-29 23:00 is not within the store's time axis, 1999-12-30 00:00 to 2000-01-19 20:00"},
		{"after", spec{Vars: good, Times: hours(499, 3)}, ErrTime, "2000-01-19 21:00 is not within"},
		{"between", spec{Vars: good, Times: []float64{hour(3) + 0.5}, TimeType: "f8"}, ErrTime, "1999-12-30 03:30 is between two steps"},
		{"twice", spec{Vars: good, Times: []float64{hour(3), hour(4), hour(3)}}, ErrTime, "1999-12-30 03:00 is the time of record 0 and of record 2"},
		{"noleap", spec{Vars: good, Times: hours(0, 1), Calendar: "noleap"}, ErrTime, `calendar "noleap"`},
		{"360_day", spec{Vars: good, Times: hours(0, 1), Calendar: "360_day"}, ErrTime, `calendar "360_day"`},
		{"months", spec{Vars: good, Times: []float64{1200}, Units: "months since 1900-01-01"}, ErrTime, "months since"},
		{"cells", spec{Vars: good, Times: hours(0, 1), Cells: 47}, ErrInput, "VAR_2T has 47 cells where the store has 48"},
		{"levels", spec{Vars: map[string]varSpec{"U": {ShortName: "u", Levels: true}}, Times: hours(0, 1), Levels: smallLevels[:4]}, ErrInput, "U has 4 levels where the store has 5"},
		{"other levels", spec{Vars: map[string]varSpec{"U": {ShortName: "u", Levels: true}}, Times: hours(0, 1), Levels: []float64{1000, 850, 500, 250, 2}}, ErrInput, "on the levels [1000 850 500 250 2] where"},
		{"no levels", spec{Vars: map[string]varSpec{"U": {ShortName: "u"}}, Times: hours(0, 1)}, ErrInput, "U has 2 dimensions where the array u has 3"},
		{"unknown", spec{Vars: map[string]varSpec{"A": {ShortName: "abc"}}, Times: hours(0, 1)}, nil, `has no array "abc"`},
		{"coordinate", spec{Vars: map[string]varSpec{"A": {ShortName: "time"}}, Times: hours(0, 1)}, ErrLayout, `"time" is none of the pipeline's`},
		{"no short_name", spec{Vars: map[string]varSpec{"A": {}}, Times: hours(0, 1)}, ErrInput, "no attribute short_name, which names the array, on A"},
		{"no time", spec{Vars: map[string]varSpec{"A": {ShortName: "2t", Dims: []string{"cells"}}}, Times: hours(0, 1)}, ErrInput, "no variable with the dimensions time and cells"},
		{"no step", spec{Vars: good, Times: []float64{}}, ErrInput, "no time step"},
		{"order", spec{Vars: map[string]varSpec{"A": {ShortName: "2t", Dims: []string{"cells", "time"}}}, Times: hours(0, 1), Format: "NETCDF4"}, ErrInput, "the first dimension of A is cells, not the time"},
		{"truncated", spec{Vars: good, Times: hours(0, 30), Truncate: 1000}, nil, "truncated"},
		{"truncated4", spec{Vars: good, Times: hours(0, 30), Truncate: 1000, Format: "NETCDF4"}, nil, "truncated"},
		{"second is bad", spec{Vars: map[string]varSpec{"A": {ShortName: "2t"}, "B": {ShortName: "u"}}, Times: hours(0, 1)}, ErrInput, "B has 2 dimensions"},
	}
	files := map[string]spec{}
	for _, tt := range tests {
		files[strings.ReplaceAll(tt.name, " ", "-")+".nc"] = tt.spec
	}
	s.make(files)
	before := s.snapshot()
	for _, tt := range tests {
		name := strings.ReplaceAll(tt.name, " ", "-") + ".nc"
		err := s.store.Process(t.Context(), s.in, name)
		if err == nil || tt.cause != nil && !errors.Is(err, tt.cause) || !strings.Contains(err.Error(), tt.text) ||
			strings.Count(err.Error(), s.file(name)) != 1 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := s.store.Process(t.Context(), s.in, "none.nc"); err == nil || !strings.Contains(err.Error(), s.file("none.nc")) {
		t.Errorf("%v", err)
	}
	if _, err := s.in.Put(t.Context(), "text.nc", []byte("not a netCDF file at all"), storage.Condition{}); err != nil {
		t.Fatal(err)
	}
	if err := s.store.Process(t.Context(), s.in, "text.nc"); err == nil || !strings.Contains(err.Error(), s.file("text.nc")) {
		t.Errorf("%v", err)
	}
	s.sameAs(before)
}

// The time axis is checked while chunks are encoded: whichever way these are published, none is before the check is over.
func TestProcessIntoAnotherAxis(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.init()
	files := map[string]spec{
		"whole.nc":  {Vars: map[string]varSpec{"VAR_2T": {ShortName: "2t", Seed: 1}}, Times: hours(48, 24)},
		"part.nc":   {Vars: map[string]varSpec{"VAR_2T": {ShortName: "2t", Seed: 2}}, Times: hours(72, 5)},
		"zero.nc":   {Vars: map[string]varSpec{"VAR_2T": {ShortName: "2t", Zero: true}}, Times: hours(48, 24)}, // deletes its chunk
		"shard.nc":  {Vars: map[string]varSpec{"U": {ShortName: "u", Levels: true, Seed: 3}}, Times: hours(48, 24), Levels: smallLevels},
		"pieces.nc": {Vars: map[string]varSpec{"U": {ShortName: "u", Levels: true, Seed: 4}}, Times: hours(72, 5), Levels: smallLevels},
		"before.nc": {Vars: map[string]varSpec{"VAR_2T": {ShortName: "2t", Seed: 5}, "U": {ShortName: "u", Levels: true, Seed: 6}}, Times: hours(48, 48), Levels: smallLevels},
	}
	s.make(files)
	if err := s.store.Process(t.Context(), s.in, "before.nc"); err != nil {
		t.Fatal(err)
	}
	before := s.snapshot()
	l := small()
	l.Time.Start = l.Time.Start.Add(24 * time.Hour)
	for _, name := range sortedKeys(files) {
		other, err := Open(storage.NewLocal(s.folder), l, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Process(t.Context(), s.in, name); !errors.Is(err, ErrLayout) || !strings.Contains(err.Error(), "array time") {
			t.Errorf("%s: %v", name, err)
		}
		s.sameAs(before)
	}
}

func TestProcessStream(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.init()
	s.make(testFiles)
	for _, name := range sortedKeys(testFiles) {
		if err := s.store.Process(t.Context(), s.in, name); err != nil {
			t.Fatal(err)
		}
	}
	before := s.snapshot()
	other := newSite(t, small())
	if _, err := other.store.Init(t.Context(), s.levels); err != nil {
		t.Fatal(err)
	}
	for _, name := range sortedKeys(testFiles) {
		err := other.store.ProcessStream(t.Context(), name, func(w io.Writer) error {
			data, err := os.ReadFile(s.file(name))
			if err != nil {
				return err
			}
			_, err = w.Write(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !maps.Equal(before, other.snapshot()) {
		t.Error("not the same bytes")
	}
	boom := errors.New("boom")
	if err := other.store.ProcessStream(t.Context(), "x", func(w io.Writer) error { return boom }); err != boom {
		t.Error(err)
	}
	err := other.store.ProcessStream(t.Context(), "made of in.nc", func(w io.Writer) error { _, err := w.Write([]byte("CDF")); return err })
	if err == nil || !strings.Contains(err.Error(), "made of in.nc") {
		t.Error(err)
	}
	if !maps.Equal(before, other.snapshot()) {
		t.Error("a bad stream changed the store")
	}
}
