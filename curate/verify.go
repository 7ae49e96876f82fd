package curate

import (
	"context"
	"fmt"
	"math"
	"time"

	"healpipe/storage"
	"healpipe/zarr"
)

// Coverage says how much of a file the store has.
type Coverage int

// The coverages.
const (
	Absent   Coverage = iota // no chunk is stored in the file's time range
	Partial                  // some hours are stored, others are not, or not with the file's values
	Complete                 // every hour is stored
)

func (c Coverage) String() string {
	return [...]string{"absent", "partial", "complete"}[c]
}

// Verify says whether the store has all of a file: the variable name from one instant to another, both
// included, as the output index has them. Chunks appear whole, so one that the file covers alone is complete
// when it is present. Verify looks inside the chunks that it shares with other files, for hours that are
// all zero, and reads the file itself, key of in, only where such an hour or a missing chunk makes it
// doubtful: zeros may be the file's own.
func (s *Store) Verify(ctx context.Context, p *Presence, in storage.Storage, key, name string, from, to time.Time) (Coverage, error) {
	first, last, ok := p.layout.steps(from, to)
	if !ok || !p.Has(name, from, to) {
		return Absent, nil
	}
	g, err := s.group(ctx, s.zs, s.opt.Workers)
	if err != nil {
		return Absent, err
	}
	a, err := s.variable(ctx, g, name)
	if err != nil {
		return Absent, err
	}
	var doubtful []int
	for chunk := s.layout.chunkOf(first); chunk <= s.layout.chunkOf(last); chunk++ {
		begin := chunk * s.layout.TimeChunk
		end := min(begin+s.layout.TimeChunk, s.layout.Time.N)
		lo, hi := max(begin, first), min(end, last+1)
		present := p.chunks[name][chunk]
		if present && lo == begin && hi == end {
			continue
		}
		var zero []int
		if present {
			if zero, err = zeroSteps(ctx, a, lo, hi); err != nil {
				return Absent, err
			}
		} else {
			zero = stepRange(lo, hi)
		}
		doubtful = append(doubtful, zero...)
	}
	if len(doubtful) == 0 {
		return Complete, nil
	}
	f, err := openInput(ctx, in, key)
	if err != nil {
		return Absent, err
	}
	defer f.close()
	same, err := s.holds(ctx, f, name, doubtful)
	if err != nil {
		return Absent, f.wrap(err)
	}
	if !same {
		return Partial, nil
	}
	return Complete, nil
}

// Holds compares all values of a file with the store: whether Process would change nothing.
func (s *Store) Holds(ctx context.Context, in storage.Storage, key string) (bool, error) {
	f, err := openInput(ctx, in, key)
	if err != nil {
		return false, err
	}
	defer f.close()
	same, err := s.holds(ctx, f, "", nil)
	return same, f.wrap(err)
}

// holds compares the file's values of one variable ("" is all of them) at some steps (nil is all of the
// file's) with the store's. Steps that the file does not have do not count.
func (s *Store) holds(ctx context.Context, f *input, name string, steps []int) (bool, error) {
	g, err := s.group(ctx, s.zs, s.opt.Workers)
	if err != nil {
		return false, err
	}
	fields, err := f.fields(ctx, s.layout.Time)
	if err != nil {
		return false, err
	}
	found := false
	for _, fd := range fields {
		if name != "" && fd.name != name {
			continue
		}
		found = true
		a, err := s.variable(ctx, g, fd.name)
		if err != nil {
			return false, err
		}
		if err := s.fits(ctx, g, f, fd, a); err != nil {
			return false, err
		}
		wanted := steps
		if wanted == nil {
			wanted = fd.steps
		}
		if same, err := sameSteps(ctx, fd, a, wanted); err != nil || !same {
			return false, err
		}
	}
	if !found {
		return false, fmt.Errorf("%w: no variable with the short_name %q", ErrInput, name)
	}
	return true, nil
}

// sameSteps compares the values of some steps bit by bit, NaN with NaN.
func sameSteps(ctx context.Context, fd field, a *zarr.Array, steps []int) (bool, error) {
	src, err := newSource(ctx, fd, a, 1, remotePiece)
	if err != nil {
		return false, err
	}
	want := make([]float32, src.depth*src.cells)
	got := make([]float32, src.depth*src.cells)
	for _, run := range runs(steps) {
		for step := run.first; step < run.first+run.n; step++ {
			if _, ok := src.record[step]; !ok {
				continue
			}
			for level := 0; level < src.levels; level += src.depth {
				depth := min(src.depth, src.levels-level)
				w, g := want[:depth*src.cells], got[:depth*src.cells]
				if err := src.load(ctx, step, 1, level, depth, w, true); err != nil {
					return false, err
				}
				r := zarr.Region{Start: []int{step, 0}, Shape: []int{1, src.cells}}
				if len(a.Shape()) == 3 {
					r = zarr.Region{Start: []int{step, level, 0}, Shape: []int{1, depth, src.cells}}
				}
				if err := zarr.Read(ctx, a, r, g); err != nil {
					return false, err
				}
				for i, v := range w {
					if math.Float32bits(v) != math.Float32bits(g[i]) && !(v != v && g[i] != g[i]) {
						return false, nil
					}
				}
			}
		}
	}
	return true, nil
}

// zeroSteps returns the steps in [lo, hi), within one chunk, at which all cells of the first level are +0.0.
func zeroSteps(ctx context.Context, a *zarr.Array, lo, hi int) ([]int, error) {
	shape := a.Shape()
	cells := shape[len(shape)-1]
	r := zarr.Region{Start: []int{lo, 0}, Shape: []int{hi - lo, cells}}
	if len(shape) == 3 { // all levels of an hour are published together
		r = zarr.Region{Start: []int{lo, 0, 0}, Shape: []int{hi - lo, 1, cells}}
	}
	values := make([]float32, r.Len())
	if err := zarr.Read(ctx, a, r, values); err != nil {
		return nil, err
	}
	var zero []int
	for step := lo; step < hi; step++ {
		all := true
		for _, v := range values[(step-lo)*cells : (step-lo+1)*cells] {
			if math.Float32bits(v) != 0 {
				all = false
				break
			}
		}
		if all {
			zero = append(zero, step)
		}
	}
	return zero, nil
}

func stepRange(lo, hi int) []int {
	steps := make([]int, 0, hi-lo)
	for step := lo; step < hi; step++ {
		steps = append(steps, step)
	}
	return steps
}
