package curate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"runtime"
	"strings"
	"sync"

	"healpipe/storage"
	"healpipe/zarr"
	"healpipe/zarr/zarrstore"
)

// Options bound the work of a Store. The zero value works.
type Options struct {
	// Workers is how many chunks one call works on at the same time. 0 is twice GOMAXPROCS, since most wait for the
	// disk or the network, and GOMAXPROCS where Process writes to a local folder, which does not wait.
	Workers int
	// Budget bounds encoding and decoding across all calls that share it. Nil is GOMAXPROCS at the same time
	// for all calls of this Store.
	Budget zarr.Budget
	// Readers is how many pieces of an input file are read at the same time for one chunk: more than one
	// pays where each read waits for a network. 0 is 1 for local files and 8 for others.
	Readers int
	// Statistics is where Process leaves the moments of each file's variables (see MergeStatistics), such as
	// a folder beside the store. Nil is nowhere: they are not computed.
	Statistics storage.Storage
}

// Store is the Zarr store of the pipeline. All methods are safe for concurrent use.
type Store struct {
	st     storage.Storage
	zs     zarr.Store
	layout Layout
	opt    Options
	// writers is how many chunks Process writes at the same time.
	writers int

	mu     sync.Mutex
	checks map[string]bool // of the coordinate arrays: passed
	levels []float64       // of the array levels, when it was read
}

// Open checks the layout and returns the store; it reads nothing. The store need not exist yet.
func Open(st storage.Storage, l Layout, o Options) (*Store, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	writers := o.Workers
	if o.Workers <= 0 {
		o.Workers = 2 * runtime.GOMAXPROCS(0)
		writers = o.Workers
		if _, local := st.(*storage.Local); local {
			writers = runtime.GOMAXPROCS(0)
		}
	}
	if o.Budget == nil {
		o.Budget = zarr.NewBudget(runtime.GOMAXPROCS(0))
	}
	return &Store{st: st, zs: zarrstore.New(st), layout: l, opt: o, writers: writers, checks: map[string]bool{}}, nil
}

// Layout returns the layout that the store was opened with.
func (s *Store) Layout() Layout { return s.layout }

// String names the store.
func (s *Store) String() string { return s.st.String() }

func (s *Store) group(ctx context.Context, zs zarr.Store, workers int) (*zarr.Group, error) {
	g, err := zarr.OpenGroup(ctx, zs, "", zarr.Options{Workers: workers, Budget: s.opt.Budget})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no store at %s: make it with `healpipe init` (%w)", s, err)
	}
	return g, err
}

// variable opens the array of a variable and checks its shape.
func (s *Store) variable(ctx context.Context, g *zarr.Group, name string) (*zarr.Array, error) {
	a, err := g.Array(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the store %s has no array %q: `healpipe init` makes those of the pipeline (%w)", s, name, err)
	}
	if err != nil {
		return nil, err
	}
	want, ok := s.layout.array(name)
	if !ok {
		return nil, fmt.Errorf("%w: %s: the array %q is none of the pipeline's", ErrLayout, s, name)
	}
	if err := s.same(a, want); err != nil {
		return nil, fmt.Errorf("%w: %s", err, remedy(settingsOf(a.Options(), want)))
	}
	return a, nil
}

// same compares what matters for writing and reading: shape, type and grid. Compression and attributes
// are the store's own business.
func (s *Store) same(a *zarr.Array, want zarr.ArrayOptions) error {
	if d := difference(a.Options(), want); d != "" {
		return fmt.Errorf("%w: %s: array %s has %s", ErrLayout, s, a.Path(), d)
	}
	return nil
}

// difference says what differs first, "" for nothing.
func difference(got, want zarr.ArrayOptions) string {
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"shape", got.Shape, want.Shape}, {"data type", got.DataType, want.DataType},
		{"chunks", got.Chunks, want.Chunks}, {"shards", got.Shards, want.Shards},
	} {
		if g, w := fmt.Sprint(c.got), fmt.Sprint(c.want); g != w {
			return fmt.Sprintf("the %s %s where the settings say %s", c.what, g, w)
		}
	}
	return ""
}

// remedy says how the settings and the store can be brought together: the store's arrays never change.
func remedy(settings []string) string {
	if len(settings) == 0 {
		return "set ZARR_PATH to a store that `healpipe init` made with these settings"
	}
	return fmt.Sprintf("set %s as in the store, or ZARR_PATH to another store", strings.Join(settings, ", "))
}

// settingsOf returns the settings that an array was made with and that are others now; none where no setting
// would have made it.
func settingsOf(got, want zarr.ArrayOptions) (settings []string) {
	if len(got.Shape) != len(want.Shape) || len(got.Shape) == 0 || got.DataType != want.DataType {
		return nil
	}
	if got.Shape[0] != want.Shape[0] {
		settings = append(settings, timeRangeSetting)
	}
	if last := len(got.Shape) - 1; got.Shape[last] != want.Shape[last] {
		level := bits.Len(uint(got.Shape[last]/12)) / 2
		if (Layout{OutputLevel: level}).Cells() != got.Shape[last] {
			return nil
		}
		settings = append(settings, fmt.Sprintf("OUTPUT_LEVEL = %d", level))
	}
	if len(got.Shape) == 3 && got.Shape[1] != want.Shape[1] {
		settings = append(settings, levelsSetting(got.Shape[1]))
	}
	if grid := outer(got); grid[0] != outer(want)[0] {
		settings = append(settings, fmt.Sprintf("TIME_CHUNK = %d", grid[0]))
	}
	return settings
}

const timeRangeSetting = "TIME_RANGE"

func levelsSetting(n int) string { return fmt.Sprintf("LEVELS = %d", n) }

// outer is the grid of what is stored whole.
func outer(o zarr.ArrayOptions) []int {
	if o.Shards != nil {
		return o.Shards
	}
	return o.Chunks
}

// once runs a check of the store until it succeeds once; failures are not remembered.
func (s *Store) once(name string, check func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.checks[name] {
		return nil
	}
	if err := check(); err != nil {
		return err
	}
	s.checks[name] = true
	return nil
}
