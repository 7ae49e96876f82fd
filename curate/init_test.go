package curate

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"healpipe/storage"
	"healpipe/zarr"
	"healpipe/zarr/zarrstore"
)

func noLevels(context.Context) (Levels, error) { return Levels{}, errors.New("asked for levels") }

func someLevels(n int) func(context.Context) (Levels, error) {
	return func(context.Context) (Levels, error) {
		l := Levels{File: "u.nc", DataType: "float64", Attributes: map[string]any{"units": "hPa"}}
		for i := range n {
			l.Values = append(l.Values, float64(i+1))
		}
		return l, nil
	}
}

// TestInitRealSize compares the documents with zarr-python's for the settings of the workflow.
func TestInitRealSize(t *testing.T) {
	t.Parallel()
	s := newSite(t, Layout{
		Time:      Axis{time.Date(1940, 1, 1, 0, 0, 0, 0, time.UTC), time.Hour, 1402561},
		TimeChunk: 24, Epoch: time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), TimeUnits: "minutes since 1900-1-1 0:0:0",
		Levels: 37, OutputLevel: 6,
	})
	s.init()
	got := reference(t, "documents", s.goStore(), s.pyStore())
	if string(got) != "equal 21\n" {
		t.Fatalf("%.3000s", got)
	}
}

func TestInitTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(storage.NewLocal(dir), small(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	snapshot := func() map[string]string {
		files := map[string]string{}
		if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			fi, err := d.Info()
			if err != nil {
				return err
			}
			b, err := os.ReadFile(path)
			files[path] = fi.ModTime().String() + string(b)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return files
	}
	if _, err := s.Init(t.Context(), someLevels(4)); !errors.Is(err, ErrLayout) || !strings.Contains(err.Error(), "u.nc has 4 levels where the settings say 5: set LEVELS = 4") {
		t.Fatalf("four levels for five: %v", err)
	}
	created, err := s.Init(t.Context(), someLevels(5))
	if err != nil || len(created) != 20 {
		t.Fatal(created, err)
	}
	before := snapshot()
	if len(before) != 23 { // 21 documents, time, levels
		t.Fatalf("%d files", len(before))
	}
	created, err = s.Init(t.Context(), noLevels)
	if err != nil || len(created) != 0 || !maps.Equal(before, snapshot()) {
		t.Fatal("the second Init does something: ", created, err)
	}
	// What is lacking is made, the rest stays: an array, and the values of one that an interrupted Init left empty.
	for _, name := range []string{"2t", "u", "time/c"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	created, err = s.Init(t.Context(), noLevels)
	if err != nil || strings.Join(created, " ") != "2t u" {
		t.Fatal(created, err)
	}
	after := snapshot()
	for name, content := range before {
		rel, _ := filepath.Rel(dir, name)
		if made := strings.HasPrefix(rel, "2t/") || strings.HasPrefix(rel, "u/") || strings.HasPrefix(rel, "time/c/"); !made && after[name] != content {
			t.Errorf("%s changed", rel)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files, not %d", len(after), len(before))
	}
}

// TestInitWithoutLevels makes a store before there is a file of u, writes into it, and completes it later.
func TestInitWithoutLevels(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.make(map[string]spec{
		"levels.nc": {Vars: map[string]varSpec{"U": {ShortName: "u", Levels: true, Seed: 1}}, Times: hours(0, 2), Levels: smallLevels},
		"z.nc":      {Vars: map[string]varSpec{"Z": {ShortName: "z", Levels: true, Seed: 2}}, Times: hours(0, 2), Levels: smallLevels},
		"wrong.nc":  {Vars: map[string]varSpec{"Z": {ShortName: "z", Levels: true, Seed: 2}}, Times: hours(0, 2), Levels: []float64{5, 4, 3, 2, 1}},
	})
	created, err := s.store.Init(t.Context(), func(context.Context) (Levels, error) { return Levels{}, ErrNoLevels })
	if err != nil || len(created) != 19 {
		t.Fatal(created, err)
	}
	if err := s.store.Process(t.Context(), s.in, "z.nc"); err != nil {
		t.Fatal(err)
	}
	if created, err = s.store.Init(t.Context(), s.levels); err != nil || strings.Join(created, " ") != "levels" {
		t.Fatal(created, err)
	}
	if err := s.store.Process(t.Context(), s.in, "levels.nc"); err != nil {
		t.Fatal(err)
	}
	if err := s.store.Process(t.Context(), s.in, "wrong.nc"); !errors.Is(err, ErrInput) {
		t.Fatal(err)
	}
}

func TestInitReportsDifferences(t *testing.T) {
	t.Parallel()
	st := storage.NewMemory()
	open := func(change func(*Layout)) *Store {
		l := small()
		change(&l)
		s, err := Open(st, l, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if _, err := open(func(*Layout) {}).Init(t.Context(), someLevels(5)); err != nil {
		t.Fatal(err)
	}
	var before []storage.Info
	list := func() (all []storage.Info) {
		if err := st.List(t.Context(), "", func(i storage.Info) error { all = append(all, i); return nil }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	if err := st.Delete(t.Context(), "2t/zarr.json"); err != nil {
		t.Fatal(err)
	}
	before = list()
	for name, tt := range map[string]struct {
		change func(*Layout)
		texts  []string
	}{
		"levels": {func(l *Layout) { l.Levels = 4 }, []string{"arrays z t u v q have the shape [501 5 48] where the settings say [501 4 48]; array levels has the shape [5] where the settings say [4]: set LEVELS = 5 as"}},
		"level":  {func(l *Layout) { l.OutputLevel = 2 }, []string{"arrays tclw tciw 10u 10v msl tp", "100v have the shape [501 48] where the settings say [501 192]; arrays z t", ": set OUTPUT_LEVEL = 1 as in the store"}},
		"chunk":  {func(l *Layout) { l.TimeChunk = 12 }, []string{"100v have the chunks [24 48] where the settings say [12 48]; arrays z t u v q have the chunks [24 1 48] where the settings say [12 1 48]: set TIME_CHUNK = 24 as in"}},
		"length": {func(l *Layout) { l.Time.N = 500 }, []string{"array time has the shape [501] where the settings say [500]: set TIME_RANGE as in"}},
		"start":  {func(l *Layout) { l.Time.Start = l.Time.Start.Add(time.Hour) }, []string{": array time has 1999-12-30 00:00 at step 0 where TIME_RANGE has 1999-12-30 01:00: set TIME_RANGE as in"}},
		"step":   {func(l *Layout) { l.Time.Step = 2 * time.Hour }, []string{"array time has 1999-12-30 01:00 at step 1 where TIME_RANGE has 1999-12-30 02:00"}},
		"all": {func(l *Layout) { l.Time.N, l.TimeChunk, l.Levels, l.OutputLevel = 480, 10, 4, 0 },
			[]string{": set TIME_RANGE, OUTPUT_LEVEL = 1, TIME_CHUNK = 24, LEVELS = 5 as in the store, or ZARR_PATH to another store; nothing is changed in this one"}},
	} {
		_, err := open(tt.change).Init(t.Context(), noLevels)
		if !errors.Is(err, ErrLayout) || strings.Contains(err.Error(), "\n") || strings.Count(err.Error(), "ZARR_PATH to another store") != 1 || strings.Count(err.Error(), ErrLayout.Error()) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, text := range tt.texts {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if after := list(); len(after) != len(before) {
		t.Error("something was made all the same")
	}
	// What no settings would make.
	g, err := zarr.OpenGroup(t.Context(), zarrstore.New(st), "", zarr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := small().surface()
	o.DataType = zarr.TypeFloat64
	if _, err := g.Create(t.Context(), "2t", o); err != nil {
		t.Fatal(err)
	}
	_, err = open(func(l *Layout) { l.TimeChunk = 12 }).Init(t.Context(), noLevels)
	if !errors.Is(err, ErrLayout) || !strings.Contains(err.Error(), "array 2t has the data type float64 where the settings say float32; ") ||
		!strings.Contains(err.Error(), ": set ZARR_PATH to a store that `healpipe init` made with these settings; nothing") {
		t.Error(err)
	}
	if err := st.Delete(t.Context(), "2t/zarr.json"); err != nil {
		t.Fatal(err)
	}
	// Another unit or epoch of time says the same instants; another codec is no difference.
	s := open(func(l *Layout) {
		l.TimeUnits, l.Epoch = "seconds since 1970-01-01", time.Unix(0, 0).UTC()
	})
	o = small().surface()
	o.Codecs = []zarr.Codec{zarr.Bytes("little"), zarr.Gzip(1)}
	if _, err := g.Create(t.Context(), "2t", o); err != nil {
		t.Fatal(err)
	}
	if created, err := s.Init(t.Context(), noLevels); err != nil || len(created) != 0 {
		t.Error(created, err)
	}
}

func TestInitAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := Open(storage.NewLocal(dir), small(), Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := s.Init(t.Context(), someLevels(5)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	g, err := zarr.OpenGroup(t.Context(), zarrstore.New(storage.NewLocal(dir)), "", zarr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(Variables(), "time", "levels") {
		if _, err := g.Array(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
}

func TestLayoutCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		setting string // that the message names
		change  func(*Layout)
	}{
		{"TIME_RANGE", func(l *Layout) { l.Time.N = 0 }}, {"TIME_RANGE", func(l *Layout) { l.Time.Step = 0 }}, {"TIME_CHUNK", func(l *Layout) { l.TimeChunk = 0 }},
		{"LEVELS", func(l *Layout) { l.Levels = 0 }}, {"OUTPUT_LEVEL", func(l *Layout) { l.OutputLevel = -1 }}, {"OUTPUT_LEVEL", func(l *Layout) { l.OutputLevel = 30 }},
		{"TIME_UNITS", func(l *Layout) { l.TimeUnits = "fortnights since 1900-01-01" }}, {"START_TIME", func(l *Layout) { l.Epoch = l.Epoch.Add(time.Hour) }},
	} {
		l := small()
		tt.change(&l)
		if _, err := Open(storage.NewMemory(), l, Options{}); !errors.Is(err, ErrLayout) || !strings.Contains(err.Error(), tt.setting) {
			t.Errorf("%+v: %v", l, err)
		}
	}
	l := small()
	l.TimeUnits = "days since 1900-01-01" // an hour is no whole day
	s, err := Open(storage.NewMemory(), l, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Init(t.Context(), someLevels(5)); !errors.Is(err, ErrLayout) || !strings.Contains(err.Error(), "set TIME_UNITS to a smaller unit") {
		t.Error(err)
	}
}

func TestLevelFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ csv, want, fault string }{
		{",file,table,param,name,start_date,end_date\n0,out/a.nc,128,167,2t,2000-01-01,2000-01-31\n1,\"out/b,1.nc\",128,131,u,x,y\n2,out/c.nc,128,131,u,x,y\n", "out/b,1.nc", ""},
		{"file,name\nout/a.nc,2t\n", "", "no file of the variable u yet"},
		{"a,b\n", "", "write it anew with `healpipe index update`"},
		{"", "", "the output index"},
		{"file,name\n\"broken", "", "the output index"},
	} {
		got, err := LevelFile(strings.NewReader(tt.csv))
		if got != tt.want || (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
			t.Errorf("%q: %q, %v", tt.csv, got, err)
		}
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	st := storage.NewMemory()
	s, err := Open(st, small(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Presence(t.Context()); err == nil || !strings.Contains(err.Error(), "healpipe init") {
		t.Fatal(err)
	}
	if _, err := s.Init(t.Context(), someLevels(5)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"2t/c/0/0", "2t/c/2/0", "2t/c/20/0", "u/c/1/0/0"} {
		if _, err := st.Put(t.Context(), key, []byte("x"), storage.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	p, err := s.Presence(t.Context(), "2t", "u", "z")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Present("2t", 2); err != nil || !got {
		t.Error(got, err)
	}
	if got, err := p.Present("z", 2); err != nil || got {
		t.Error(got, err)
	}
	if _, err := p.Present("q", 2); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	axis := small().Time
	for _, tt := range []struct {
		name       string
		from, to   int // steps
		some, each bool
	}{
		{"2t", 0, 23, true, true}, {"2t", 0, 24, true, false}, {"2t", 24, 47, false, false}, {"2t", 47, 48, true, false}, {"2t", 48, 71, true, true},
		{"2t", 480, 500, true, true}, {"2t", 480, 10_000, true, true}, {"2t", -100, 3, true, true}, {"2t", -100, -1, false, false}, {"2t", 501, 600, false, false},
		{"u", 24, 47, true, true}, {"u", 0, 23, false, false}, {"z", 0, 500, false, false}, {"t", 0, 500, false, false},
	} {
		from, to := axis.At(tt.from), axis.At(tt.to)
		if some, each := p.Has(tt.name, from, to), p.HasAll(tt.name, from, to); some != tt.some || each != tt.each {
			t.Errorf("%+v: some %v, each %v", tt, some, each)
		}
	}
}

// TestOtherSettings opens a store with settings that are not those it was made with: neither writing nor looking for
// what is missing goes on, and the error names both sides and the remedy.
func TestOtherSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.init()
	before := s.snapshot()
	for name, tt := range map[string]struct {
		change  func(*Layout)
		surface string // what Presence and Process say of 2t
		levels  string // and of u
	}{
		"chunk": {func(l *Layout) { l.TimeChunk = 12 },
			"array 2t has the chunks [24 48] where the settings say [12 48]: set TIME_CHUNK = 24 as in the store, or ZARR_PATH to another store",
			"array u has the chunks [24 1 48] where the settings say [12 1 48]: set TIME_CHUNK = 24 as in the store, or ZARR_PATH to another store"},
		"length": {func(l *Layout) { l.Time.N = 480 },
			"array 2t has the shape [501 48] where the settings say [480 48]: set TIME_RANGE as in the store",
			"array u has the shape [501 5 48] where the settings say [480 5 48]: set TIME_RANGE as in the store"},
		"all": {func(l *Layout) { l.Time.N, l.TimeChunk, l.Levels, l.OutputLevel = 480, 10, 4, 2 },
			"set TIME_RANGE, OUTPUT_LEVEL = 1, TIME_CHUNK = 24 as in the store",
			"set TIME_RANGE, OUTPUT_LEVEL = 1, LEVELS = 5, TIME_CHUNK = 24 as in the store"},
	} {
		l := small()
		tt.change(&l)
		store, err := Open(storage.NewLocal(s.goStore()), l, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for array, text := range map[string]string{"2t": tt.surface, "u": tt.levels} {
			if _, err := store.Presence(t.Context(), array); !errors.Is(err, ErrLayout) || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: presence of %s: %v", name, array, err)
			}
		}
		if err := store.Process(t.Context(), s.in, "levels.nc"); !errors.Is(err, ErrLayout) || name != "all" && !strings.Contains(err.Error(), tt.levels) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.sameAs(before)
}
