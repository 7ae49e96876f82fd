package zarr

import "fmt"

// Region is a box in an array's index space: Shape[d] elements from Start[d] in each dimension d.
type Region struct {
	Start, Shape []int
}

// Len returns the number of elements, 1 for the region of a scalar.
func (r Region) Len() int {
	n := 1
	for _, s := range r.Shape {
		n *= s
	}
	return n
}

// within checks the region against an array's shape.
func (r Region) within(shape []int) error {
	ok := len(r.Start) == len(shape) && len(r.Shape) == len(shape)
	for d := 0; ok && d < len(shape); d++ {
		ok = r.Start[d] >= 0 && r.Shape[d] >= 0 && r.Start[d] <= shape[d]-r.Shape[d]
	}
	if !ok {
		return fmt.Errorf("%w: region %v+%v outside the shape %v", ErrInvalid, r.Start, r.Shape, shape)
	}
	return nil
}

// meet returns what two regions have in common; its length is 0 where that is nothing.
func (r Region) meet(o Region) Region {
	m := Region{make([]int, len(r.Start)), make([]int, len(r.Start))}
	for d := range r.Start {
		m.Start[d] = max(r.Start[d], o.Start[d])
		m.Shape[d] = max(min(r.Start[d]+r.Shape[d], o.Start[d]+o.Shape[d])-m.Start[d], 0)
	}
	return m
}

// covers says that o lies within r.
func (r Region) covers(o Region) bool {
	for d := range r.Start {
		if o.Start[d] < r.Start[d] || o.Start[d]+o.Shape[d] > r.Start[d]+r.Shape[d] {
			return false
		}
	}
	return true
}

// at returns the region's start as seen from origin.
func (r Region) at(origin []int) []int {
	a := make([]int, len(origin))
	for d := range a {
		a[d] = r.Start[d] - origin[d]
	}
	return a
}

// run returns where r stands in box as elements, and whether r's elements follow each other there.
func (r Region) run(box Region) (offset int, contiguous bool) {
	stride, whole := 1, true
	contiguous = true
	for d := len(r.Start) - 1; d >= 0; d-- {
		offset += (r.Start[d] - box.Start[d]) * stride
		stride *= box.Shape[d]
		if !whole && r.Shape[d] > 1 {
			contiguous = false
		}
		whole = whole && r.Shape[d] == box.Shape[d]
	}
	return offset, contiguous
}

// unravel makes a multi-dimensional index of a position in C order.
func unravel(i int, counts []int) []int {
	index := make([]int, len(counts))
	for d := len(counts) - 1; d >= 0; d-- {
		index[d] = i % counts[d]
		i /= counts[d]
	}
	return index
}

// tiles is the boxes of a regular grid that a region meets.
type tiles struct {
	tile   []int // shape of a box
	first  []int // index of the first box
	counts []int // boxes along each dimension
	n      int
}

func tilesOf(r Region, tile []int) tiles {
	t := tiles{tile: tile, first: make([]int, len(tile)), counts: make([]int, len(tile)), n: 1}
	for d, size := range tile {
		t.first[d] = r.Start[d] / size
		t.counts[d] = 0
		if r.Shape[d] > 0 {
			t.counts[d] = (r.Start[d]+r.Shape[d]-1)/size - t.first[d] + 1
		}
		t.n *= t.counts[d]
	}
	return t
}

// index returns the grid index of box i, in C order.
func (t tiles) index(i int) []int {
	index := unravel(i, t.counts)
	for d := range index {
		index[d] += t.first[d]
	}
	return index
}

// box returns the full box of a grid index.
func box(index, tile []int) Region {
	r := Region{make([]int, len(tile)), tile}
	for d := range tile {
		r.Start[d] = index[d] * tile[d]
	}
	return r
}
