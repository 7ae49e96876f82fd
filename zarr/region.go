package zarr

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
