package curate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"healpipe/netcdf"
	"healpipe/storage"
	"healpipe/zarr"
	"healpipe/zarr/zarrstore"
)

// Process writes the file key of in into the store: each variable with a time dimension and a non-empty
// short_name into the array of that name, at the file's times, with missing values as NaN. Whatever is wrong
// with the file is found, and returned as one error that names it, before anything is written.
func (s *Store) Process(ctx context.Context, in storage.Storage, key string) error {
	f, err := openInput(ctx, in, key)
	if err != nil {
		return err
	}
	defer f.close()
	_, local := in.(*storage.Local)
	return f.wrap(s.process(ctx, f, local))
}

// ProcessStream is Process for a file that write makes, such as a regridder: no file in between is published
// anywhere, and the store gets the same bytes. path names the file in errors. The bytes wait in an unnamed
// temporary file (in TMPDIR), since the store's chunks hold many hours and the file comes hour by hour.
func (s *Store) ProcessStream(ctx context.Context, path string, write func(w io.Writer) error) error {
	spool, err := os.CreateTemp("", ".healpipe-spool-*")
	if err != nil {
		return fmt.Errorf("%s: temporary file: %w", path, err)
	}
	if err := os.Remove(spool.Name()); err != nil { // it lives as long as it is open
		spool.Close()
		return fmt.Errorf("%s: temporary file: %w", path, err)
	}
	if err := write(spool); err != nil {
		spool.Close()
		return err
	}
	info, err := spool.Stat()
	if err != nil {
		spool.Close()
		return fmt.Errorf("%s: temporary file: %w", path, err)
	}
	f, err := newInput(path, spool, info.Size(), spool.Close)
	if err != nil {
		return err
	}
	defer f.close()
	return f.wrap(s.process(ctx, f, true))
}

// readers is how many reads of one file run at the same time.
func readers(o Options, local bool) int {
	switch {
	case o.Readers > 0:
		return o.Readers
	case local:
		return 1
	}
	return 8
}

func (s *Store) process(ctx context.Context, f *input, local bool) error {
	return storage.Together(ctx, s.st, func(st storage.Storage) error {
		return s.processIn(ctx, zarrstore.New(st), f, local)
	})
}

func (s *Store) processIn(ctx context.Context, zs zarr.Store, f *input, local bool) error {
	gate := newGate(zs)
	g, err := s.group(ctx, gate, s.writers)
	if err != nil {
		return err
	}
	fields, err := f.fields(ctx, s.layout.Time)
	if err != nil {
		return err
	}
	arrays := make([]*zarr.Array, len(fields))
	for i, fd := range fields {
		if arrays[i], err = s.variable(ctx, g, fd.name); err != nil {
			return err
		}
		if err := s.fits(ctx, g, f, fd, arrays[i]); err != nil {
			return err
		}
	}
	// Decoding 1.4 million times takes as long as some chunks: these are made meanwhile, but not published.
	go func() { gate.open(s.checkAxis(ctx, g)) }()
	for i, fd := range fields {
		if err := s.writeField(ctx, f, fd, arrays[i], local); err != nil {
			if unfit := gate.wait(); unfit != nil {
				return unfit
			}
			return fmt.Errorf("variable %s: %w", fd.v.Name, err)
		}
	}
	return nil
}

// checkAxis checks the array time, once.
func (s *Store) checkAxis(ctx context.Context, g *zarr.Group) error {
	return s.once(timeName, func() error {
		a, err := g.Array(ctx, timeName)
		if err != nil {
			return err
		}
		return s.checkTime(ctx, a)
	})
}

// fits checks a variable's shape against its array, its levels against the store's, and that it is whole.
func (s *Store) fits(ctx context.Context, g *zarr.Group, f *input, fd field, a *zarr.Array) error {
	shape, want := fd.v.Shape, a.Shape()
	if !fd.v.Type.Kind.Numeric() || fd.v.Type.Kind == netcdf.Char {
		return fmt.Errorf("%w: %s has the type %v", ErrInput, fd.v.Name, fd.v.Type.Kind)
	}
	if len(shape) != len(want) {
		return fmt.Errorf("%w: %s has %d dimensions where the array %s has %d", ErrInput, fd.v.Name, len(shape), fd.name, len(want))
	}
	if got, cells := shape[len(shape)-1], want[len(want)-1]; got != cells {
		return fmt.Errorf("%w: %s has %d cells where the store has %d", ErrInput, fd.v.Name, got, cells)
	}
	if len(shape) == 3 {
		if shape[1] != want[1] {
			return fmt.Errorf("%w: %s has %d levels where the store has %d", ErrInput, fd.v.Name, shape[1], want[1])
		}
		if err := s.sameLevels(ctx, g, f, fd); err != nil {
			return err
		}
	}
	return f.complete(ctx, fd.v)
}

// sameLevels compares the file's level coordinate, if it has one, with the store's.
func (s *Store) sameLevels(ctx context.Context, g *zarr.Group, f *input, fd field) error {
	c := f.coordinate(fd.v.Dims[1])
	if c == nil {
		return nil
	}
	err := s.once(levelsName, func() error {
		a, err := g.Array(ctx, levelsName)
		if err != nil {
			return err
		}
		if err := s.checkLevelCount(a); err != nil {
			return err
		}
		s.levels, err = readFloats(ctx, a)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // made by an Init that had no file of u yet
	}
	if err != nil {
		return err
	}
	lev, err := readLevels(ctx, f.path, c)
	if err != nil {
		return err
	}
	if !slices.Equal(lev.Values, s.levels) {
		return fmt.Errorf("%w: %s is on the levels %v where the store has %v", ErrInput, fd.v.Name, lev.Values, s.levels)
	}
	return nil
}

// writeField writes one variable: a region for every run of consecutive steps.
func (s *Store) writeField(ctx context.Context, f *input, fd field, a *zarr.Array, local bool) error {
	least := remotePiece
	if local {
		least = localPiece
	}
	src, err := newSource(ctx, fd, a, readers(s.opt, local), least)
	if err != nil {
		return err
	}
	defer src.close()
	if s.opt.Statistics != nil {
		src.stats = &collector{pieces: map[pieceKey]Moments{}}
	}
	for _, run := range runs(fd.steps) {
		shape := a.Shape()
		r := zarr.Region{Start: make([]int, len(shape)), Shape: shape}
		r.Start[0], r.Shape[0] = run.first, run.n
		if err := zarr.WriteFrom(ctx, a, r, src.read); err != nil {
			return err
		}
	}
	if src.stats == nil {
		return nil
	}
	return s.saveStatistics(ctx, fd, src.stats, src.levels)
}

// run is a number of consecutive steps.
type run struct{ first, n int }

// runs sorts steps, which are all different, into runs.
func runs(steps []int) []run {
	var out []run
	for _, step := range slices.Sorted(slices.Values(steps)) {
		if n := len(out); n > 0 && out[n-1].first+out[n-1].n == step {
			out[n-1].n++
			continue
		}
		out = append(out, run{step, 1})
	}
	return out
}
