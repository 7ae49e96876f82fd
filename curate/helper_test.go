package curate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"healpipe/internal/testenv"
	"healpipe/storage"
)

// reference runs testdata/reference.py and returns what it prints.
func reference(t testing.TB, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(testenv.Python(t), append([]string{testenv.Path("curate", "testdata", "reference.py")}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("reference.py %.200q: %v", args, err)
	}
	return out
}

// conf is what reference.py needs to know of a Layout.
type conf struct {
	Start     string `json:"start"`
	End       string `json:"end"`
	Freq      string `json:"freq"`
	Epoch     string `json:"epoch"`
	Units     string `json:"units"`
	TimeChunk int    `json:"time_chunk"`
	Level     int    `json:"level"`
	Levels    int    `json:"levels"`
}

func confOf(l Layout) string {
	b, err := json.Marshal(conf{
		Start: l.Time.Start.Format("2006-01-02T15:04"), End: l.Time.End().Format("2006-01-02T15:04"), Freq: fmt.Sprintf("%ds", l.Time.Step/time.Second),
		Epoch: l.Epoch.Format("2006-01-02"), Units: l.TimeUnits, TimeChunk: l.TimeChunk, Level: l.OutputLevel, Levels: l.Levels,
	})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// spec describes a file for reference.py make; see there.
type spec struct {
	Vars     map[string]varSpec `json:"vars"`
	Times    []float64          `json:"times"`
	Units    string             `json:"units"`
	Calendar string             `json:"calendar,omitempty"`
	Cells    int                `json:"cells"`
	Levels   []float64          `json:"levels,omitempty"`
	TimeType string             `json:"time_type,omitempty"`
	Format   string             `json:"format,omitempty"`
	Truncate int                `json:"truncate,omitempty"`
}

type varSpec struct {
	ShortName string         `json:"short_name"`
	Levels    bool           `json:"levels,omitempty"`
	Seed      int            `json:"seed,omitempty"`
	FillEvery int            `json:"fill_every,omitempty"`
	NaNEvery  int            `json:"nan_every,omitempty"`
	Zero      any            `json:"zero,omitempty"`
	Dims      []string       `json:"dims,omitempty"`
	Attrs     map[string]any `json:"attrs,omitempty"`
}

// small is a layout of a few weeks and 48 cells, in odd enough sizes.
func small() Layout {
	return Layout{
		Time:      Axis{Start: time.Date(1999, 12, 30, 0, 0, 0, 0, time.UTC), Step: time.Hour, N: 501},
		TimeChunk: 24, Epoch: time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), TimeUnits: "minutes since 1900-1-1 0:0:0",
		Levels: 5, OutputLevel: 1,
	}
}

var smallLevels = []float64{1000, 850, 500, 250, 1}

const hoursSince1900 = "hours since 1900-01-01 00:00:00"

// levelsOf are smallLevels, or as many as the layout has.
func levelsOf(l Layout) []float64 {
	if l.Levels == len(smallLevels) {
		return smallLevels
	}
	levels := make([]float64, l.Levels)
	for i := range levels {
		levels[i] = float64(i + 1)
	}
	return levels
}

// hour is the number of hours from 1900 to a step of small().
func hour(step int) float64 { return 876528 + float64(step) }

func hours(first, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = hour(first + i)
	}
	return out
}

// site is a folder of files and a Go store, with a Python store beside it.
type site struct {
	t      testing.TB
	layout Layout
	dir    string
	in     storage.Storage
	store  *Store
	folder string // of the Go store; on a test server, where it keeps the bucket
}

func newSite(t testing.TB, l Layout) *site {
	t.Helper()
	s := &site{t: t, layout: l, dir: t.TempDir()}
	s.in = storage.NewLocal(filepath.Join(s.dir, "in"))
	if err := os.Mkdir(filepath.Join(s.dir, "in"), 0o777); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(s.dir, "go.zarr")
	s.useStore(storage.NewLocal(folder), folder)
	return s
}

// useStore puts the Go store into a storage whose files are in a folder.
func (s *site) useStore(st storage.Storage, folder string) {
	s.t.Helper()
	var err error
	if s.store, err = Open(st, s.layout, Options{}); err != nil {
		s.t.Fatal(err)
	}
	s.folder = folder
}

func (s *site) goStore() string { return s.folder }
func (s *site) pyStore() string { return filepath.Join(s.dir, "py.zarr") }
func (s *site) file(name string) string {
	return filepath.Join(s.dir, "in", name)
}

// make writes files into the folder of input files.
func (s *site) make(files map[string]spec) {
	s.t.Helper()
	full := map[string]spec{}
	for name, sp := range files {
		if sp.Units == "" {
			sp.Units = hoursSince1900
		}
		if sp.Cells == 0 {
			sp.Cells = s.layout.Cells()
		}
		full[s.file(name)] = sp
	}
	b, err := json.Marshal(full)
	if err != nil {
		s.t.Fatal(err)
	}
	name := filepath.Join(s.dir, "specs.json")
	if err := os.WriteFile(name, b, 0o666); err != nil {
		s.t.Fatal(err)
	}
	reference(s.t, "make", name)
}

// init makes both stores, with the levels of a small file of u.
func (s *site) init() {
	s.t.Helper()
	const u = "levels.nc"
	s.make(map[string]spec{u: {Vars: map[string]varSpec{"U": {ShortName: "u", Levels: true}}, Times: hours(0, 1), Levels: levelsOf(s.layout)}})
	created, err := s.store.Init(s.t.Context(), s.levels)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(created) != 20 {
		s.t.Fatalf("created %q", created)
	}
	reference(s.t, "init", s.pyStore(), confOf(s.layout), s.file(u))
}

// levels reads the levels of the file that init made.
func (s *site) levels(ctx context.Context) (Levels, error) { return ReadLevels(ctx, s.in, "levels.nc") }

// process writes files into both stores.
func (s *site) process(names ...string) {
	s.t.Helper()
	args := []string{"process", s.pyStore(), confOf(s.layout)}
	for _, name := range names {
		if err := s.store.Process(s.t.Context(), s.in, name); err != nil {
			s.t.Fatal(err)
		}
		args = append(args, s.file(name))
	}
	reference(s.t, args...)
}

// compare holds the two stores against each other.
func (s *site) compare() {
	s.t.Helper()
	var report struct {
		Values, Arrays int
		Faults         []string
	}
	if err := json.Unmarshal(reference(s.t, "compare", s.goStore(), s.pyStore()), &report); err != nil {
		s.t.Fatal(err)
	}
	for _, f := range report.Faults {
		s.t.Errorf("%.2000s", f)
	}
	if report.Arrays != 20 || report.Values == 0 {
		s.t.Fatalf("%+v", report)
	}
}

// sameAs fails the test if the Go store is not as it was.
func (s *site) sameAs(before map[string]string) {
	s.t.Helper()
	if !maps.Equal(before, s.snapshot()) {
		s.t.Error("the store has changed")
	}
}

func sortedKeys(files map[string]spec) []string { return slices.Sorted(maps.Keys(files)) }

// testContext bounds what a test does outside of a testing.T.
func testContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 5*time.Minute)
}

// snapshot returns the bytes of every file of the Go store.
func (s *site) snapshot() map[string]string {
	s.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(s.goStore(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(s.goStore(), path)
		files[rel] = string(b)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}
