package netcdf

// Planes returns the loaded chunk of a float32 variable as Decoder keeps it where a shuffle comes last: all
// bytes of the elements of Chunks.Shape, in row-major order, plane by plane, the least significant bytes
// first. Callers that want the values in an order of their own gather the bytes themselves. ok is false, and
// Copy the way to the values, for any other chunk, and for one that is not stored or reaches past the data.
// The planes must not be changed and are valid until the next Load or Decode.
func (d *Decoder) Planes() (p [4][]byte, ok bool) {
	if d.ch == nil || d.data == nil || !d.shuffled || len(d.data) != d.ch.size {
		return p, false
	}
	e := d.ch.v.elem
	if e.kind != Float || e.size != 4 || e.odd != nil || d.pastExtent(make([]int, len(d.chunk.Count)), d.chunk.Count, nil) {
		return p, false
	}
	n := len(d.data) / 4
	for i := range p {
		at := i
		if e.big {
			at = 3 - i
		}
		p[i] = d.data[at*n : (at+1)*n : (at+1)*n]
	}
	return p, true
}
