package regrid

import (
	"slices"
	"sync"
)

// cache keeps the operators of the grids seen so far, the most recent first. Files of an archive share one
// or two grids, so a short list is enough.
type cache struct {
	mu      sync.Mutex
	entries []*cacheEntry
	once    sync.Once
	budget  *Budget
}

// cacheSize is the number of operators kept, 10 MB each for the default target.
const cacheSize = 4

// cacheEntry is built by the first that asks; the others wait for it.
type cacheEntry struct {
	grid   Grid
	target Target
	once   sync.Once
	op     *Operator
	err    error
}

// operator returns the operator of a grid pair; target must have its defaults.
func (c *cache) operator(g Grid, t Target) (*Operator, error) {
	e := c.entry(g, t)
	e.once.Do(func() { e.op, e.err = NewOperator(e.grid, e.target) })
	return e.op, e.err
}

func (c *cache) entry(g Grid, t Target) *cacheEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.entries, func(e *cacheEntry) bool {
		return e.target == t && slices.Equal(e.grid.Lat, g.Lat) && slices.Equal(e.grid.Lon, g.Lon)
	})
	if i < 0 {
		c.entries = slices.Insert(c.entries, 0, &cacheEntry{grid: g, target: t})
		c.entries = c.entries[:min(len(c.entries), cacheSize)]
		return c.entries[0]
	}
	e := c.entries[i]
	c.entries = slices.Insert(slices.Delete(c.entries, i, i+1), 0, e)
	return e
}
