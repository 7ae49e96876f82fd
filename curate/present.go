package curate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Presence says which chunks (or shards) of the store's variables are stored, by a listing of the store.
type Presence struct {
	layout Layout
	chunks map[string]map[int]bool // variable -> index along time
}

// Presence lists the chunks of some variables (all without names). An array that is not there has none.
func (s *Store) Presence(ctx context.Context, names ...string) (*Presence, error) {
	if len(names) == 0 {
		names = Variables()
	}
	g, err := s.group(ctx, s.zs, s.opt.Workers)
	if err != nil {
		return nil, err
	}
	p := &Presence{layout: s.layout, chunks: map[string]map[int]bool{}}
	sets := make([]map[int]bool, len(names)) // nil for an array that is not there
	err = inParallel(ctx, 4, len(names), func(ctx context.Context, i int) error {
		a, err := s.variable(ctx, g, names[i])
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		sets[i] = map[int]bool{}
		return a.StoredChunks(ctx, func(index []int, _ int64) error {
			sets[i][index[0]] = true
			return nil
		})
	})
	for i, name := range names {
		p.chunks[name] = sets[i]
	}
	return p, err
}

// Present says whether the chunk (or shard) of a variable at this place along time is stored. An array that
// the store does not have, or that was not listed, is fs.ErrNotExist.
func (p *Presence) Present(name string, chunk int) (bool, error) {
	chunks := p.chunks[name]
	if chunks == nil {
		return false, fmt.Errorf("array %q: %w", name, fs.ErrNotExist)
	}
	return chunks[chunk], nil
}

// Has says whether any chunk of a variable is stored that holds a step between two instants, both included.
func (p *Presence) Has(name string, from, to time.Time) bool {
	return p.count(name, from, to) > 0
}

// HasAll says whether all chunks of a variable are stored that hold a step between two instants, both
// included, and that there are such.
func (p *Presence) HasAll(name string, from, to time.Time) bool {
	first, last, ok := p.span(from, to)
	return ok && p.count(name, from, to) == last-first+1
}

func (p *Presence) count(name string, from, to time.Time) int {
	first, last, ok := p.span(from, to)
	n := 0
	for i := first; ok && i <= last; i++ {
		if p.chunks[name][i] {
			n++
		}
	}
	return n
}

// span returns the chunks that hold steps between two instants.
func (p *Presence) span(from, to time.Time) (first, last int, ok bool) {
	first, last, ok = p.layout.steps(from, to)
	return p.layout.chunkOf(first), p.layout.chunkOf(last), ok
}

// steps returns the first and the last step between two instants, both included.
func (l Layout) steps(from, to time.Time) (first, last int, ok bool) {
	if end := l.Time.End(); to.After(end) {
		to = end
	}
	if from.Before(l.Time.Start) {
		from = l.Time.Start
	}
	if to.Before(from) {
		return 0, 0, false
	}
	first, last = l.Time.floor(from), l.Time.floor(to)
	if l.Time.At(first).Before(from) {
		first++
	}
	return first, last, first <= last
}

// floor returns the last step that is not after an instant within the axis.
func (a Axis) floor(t time.Time) int {
	i := min(int(float64(t.Unix()-a.Start.Unix())/a.Step.Seconds())+1, a.N-1)
	for i > 0 && a.At(i).After(t) {
		i--
	}
	return i
}
