package hdf5w

import (
	"fmt"
	"slices"
)

// dataset is one object of the file: a variable, or a dimension that has none.
type dataset struct {
	v       *Var
	scale   int    // dimension that it is the scale of, or -1
	bare    bool   // a dimension without a variable
	address uint64 // of the object header
	data    uint64 // of the contiguous values or of the chunk B-tree
	chunks  []chunk
	written bool        // the contiguous values are there
	refs    []reference // who uses the scale
	heap    int         // index in the global heap of its first DIMENSION_LIST entry, 0 for none
}

type reference struct {
	object    int // index of the dataset
	dimension uint32
}

// objects lists the datasets: variables in order of definition, each bare dimension before the first
// variable that uses it, as libnetcdf's readers expect of the order of creation.
func objects(d *Definition) []*dataset {
	var out []*dataset
	scales := make([]int, len(d.Dims))
	for i := range scales {
		scales[i] = -1
	}
	bare := func(i int) {
		if d.find(d.Dims[i].Name) < 0 && scales[i] < 0 {
			scales[i] = len(out)
			out = append(out, &dataset{v: &Var{Name: d.Dims[i].Name, Dims: []int{i}}, scale: i, bare: true})
		}
	}
	for i := range d.Vars {
		v := &d.Vars[i]
		for _, dim := range v.Dims {
			bare(dim)
		}
		o := &dataset{v: v, scale: -1}
		if d.coordinate(v) {
			o.scale = v.Dims[0]
			scales[o.scale] = len(out)
		}
		out = append(out, o)
	}
	for i := range d.Dims {
		bare(i)
	}
	for i, o := range out {
		if o.scale >= 0 {
			continue
		}
		for j, dim := range o.v.Dims {
			s := out[scales[dim]]
			s.refs = append(s.refs, reference{i, uint32(j)})
		}
	}
	return out
}

// root encodes the root group's object header, with compact links.
func (w *Writer) root() []byte {
	h := &header{}
	info := le.AppendUint64([]byte{0, 3}, uint64(len(w.objects)))
	for range 3 { // fractal heap, index by name, index by order
		info = le.AppendUint64(info, undefined)
	}
	h.add(msgLinkInfo, 0, 0, info)
	h.add(msgGroupInfo, 1, 0, []byte{0, 0})
	h.attrInfo(len(w.def.Attrs) + 2)
	h.value(Attr{"_nc3_strict", int32(1)})
	h.text("_NCProperties", "version=2,healpipe=1")
	for _, a := range w.def.Attrs {
		h.value(a)
	}
	for i, o := range w.objects {
		h.add(msgLink, 0, 0, link(o.v.Name, i, o.address))
	}
	return h.encode()
}

// header encodes a dataset's object header.
func (w *Writer) header(o *dataset) []byte {
	h := &header{}
	shape := w.shape(o.v)
	h.add(msgDataspace, 0, 0, simpleSpace(shape...))
	switch {
	case o.bare:
		h.add(msgDatatype, 1, 0, bigFloatType())
		h.add(msgFill, 1, 0, []byte{3, 0x0a}) // no value defined
	default:
		h.add(msgDatatype, 1, 0, numberType(o.v.Kind))
		h.add(msgFill, 1, 0, fillValue(o.v.fill(), o.v.Chunks != nil))
	}
	if o.v.Shuffle || o.v.Deflate > 0 {
		h.add(msgFilters, 1, 0, filters(o.v))
	}
	h.add(msgLayout, 0, 0, w.storage(o, shape))

	body := *h // the number of attributes stands before them
	w.attributes(&body, o)
	h.attrInfo(int(body.attrs))
	w.attributes(h, o)
	return h.encode()
}

// storage encodes the layout message, version 3.
func (w *Writer) storage(o *dataset, shape []int) []byte {
	if o.v.Chunks == nil {
		size := 4
		if !o.bare {
			size = o.v.size()
		}
		for _, n := range shape {
			size *= n
		}
		return le.AppendUint64(le.AppendUint64([]byte{3, 1}, o.data), uint64(size))
	}
	b := le.AppendUint64([]byte{3, 2, byte(len(o.v.Chunks) + 1)}, o.data)
	for _, n := range o.v.Chunks {
		b = le.AppendUint32(b, uint32(n))
	}
	return le.AppendUint32(b, uint32(o.v.size()))
}

// attributes adds what netCDF-4 keeps in attributes, then the caller's.
func (w *Writer) attributes(h *header, o *dataset) {
	if !o.bare && len(o.v.Dims) > 0 {
		ids := make([]int32, len(o.v.Dims))
		for i, d := range o.v.Dims {
			ids[i] = int32(d)
		}
		h.value(Attr{"_Netcdf4Coordinates", ids})
	}
	if o.v.Fill != nil {
		h.attribute("_FillValue", numberType(o.v.Kind), simpleSpace(1), o.v.fill())
	}
	if o.scale >= 0 {
		name := o.v.Name
		if o.bare {
			name = fmt.Sprintf("This is a netCDF dimension but not a netCDF variable.%10d", w.def.Dims[o.scale].Len)
		}
		zero := func(s string) []byte { return append([]byte(s), 0) }
		h.attribute("CLASS", stringType(16, 0), scalarSpace(), zero("DIMENSION_SCALE"))
		h.attribute("NAME", stringType(len(name)+1, 0), scalarSpace(), zero(name))
		h.value(Attr{"_Netcdf4Dimid", int32(o.scale)})
		if len(o.refs) > 0 {
			var b []byte
			for _, r := range o.refs {
				b = le.AppendUint64(b, w.objects[r.object].address)
				b = le.AppendUint64(b, uint64(r.dimension))
			}
			h.attribute("REFERENCE_LIST", referenceListType(), simpleSpace(len(o.refs)), b)
		}
	} else if o.heap > 0 {
		b := []byte(nil)
		for i := range o.v.Dims {
			b = le.AppendUint32(b, 1)
			b = le.AppendUint64(b, w.heap)
			b = le.AppendUint32(b, uint32(o.heap+i))
		}
		t := append(datatype(9, 0, 16), referenceType()...)
		h.attribute("DIMENSION_LIST", t, simpleSpace(len(o.v.Dims)), b)
	}
	for _, a := range o.v.Attrs {
		h.value(a)
	}
}

// globalHeap encodes one collection (section III.E) of references, each the scale of one dimension of one
// variable.
func (w *Writer) globalHeap() []byte {
	scales := map[int]uint64{}
	for _, o := range w.objects {
		if o.scale >= 0 {
			scales[o.scale] = o.address
		}
	}
	b := []byte("GCOL\x01\x00\x00\x00")
	b = le.AppendUint64(b, 0) // the size, below
	index := 0
	for _, o := range w.objects {
		if o.scale >= 0 || len(o.v.Dims) == 0 {
			continue
		}
		o.heap = index + 1
		for _, d := range o.v.Dims {
			index++
			b = le.AppendUint16(b, uint16(index))
			b = append(b, 0, 0, 0, 0, 0, 0) // the reference count and padding
			b = le.AppendUint64(b, 8)
			b = le.AppendUint64(b, scales[d])
		}
	}
	size := max(4096, len(b)+16) // HDF5's least size; the rest is free space, object 0
	rest := size - len(b)
	b = append(b, make([]byte, 8)...)
	b = le.AppendUint64(b, uint64(rest))
	b = append(b, make([]byte, size-len(b))...)
	le.PutUint64(b[8:], uint64(size))
	return b
}

func (w *Writer) shape(v *Var) []int {
	shape := make([]int, len(v.Dims))
	for i, d := range v.Dims {
		shape[i] = w.def.Dims[d].Len
	}
	return shape
}

// chunk is a chunk as the B-tree lists it.
type chunk struct {
	start   []int
	address uint64
	size    uint32
}

// tree writes the chunk B-tree (section III.A.1) bottom up and returns the root's address.
func (w *Writer) tree(o *dataset) (uint64, error) {
	const half = 32 // the B-tree's K, HDF5's default for chunks
	if len(o.chunks) == 0 {
		return undefined, nil
	}
	slices.SortFunc(o.chunks, func(a, b chunk) int { return slices.Compare(a.start, b.start) })
	last := chunk{start: slices.Clone(o.chunks[len(o.chunks)-1].start)}
	for i := range last.start {
		last.start[i] += o.v.Chunks[i] // a key beyond every chunk
	}
	level := o.chunks
	for height := byte(0); ; height++ {
		var up []chunk
		nodes := slices.Collect(slices.Chunk(level, 2*half))
		length := uint64(24 + 2*half*8 + (2*half+1)*(8+8*(len(o.v.Chunks)+1)))
		for i, node := range nodes {
			left, right := uint64(undefined), uint64(undefined)
			if i > 0 {
				left = w.end - length
			}
			next := last
			if i+1 < len(nodes) {
				right = w.end + length
				next = nodes[i+1][0]
			}
			b := append([]byte("TREE"), 1, height)
			b = le.AppendUint16(b, uint16(len(node)))
			b = le.AppendUint64(le.AppendUint64(b, left), right)
			for _, c := range node {
				b = le.AppendUint64(appendKey(b, c), c.address)
			}
			b = appendKey(b, next)
			b = append(b, make([]byte, length-uint64(len(b)))...)
			up = append(up, chunk{node[0].start, w.end, node[0].size})
			if err := w.append(b); err != nil {
				return 0, err
			}
		}
		if level = up; len(level) == 1 {
			return level[0].address, nil
		}
	}
}

// appendKey appends a key: the chunk's size, its filter mask and the offset of its first element.
func appendKey(b []byte, c chunk) []byte {
	b = le.AppendUint32(le.AppendUint32(b, c.size), 0)
	for _, n := range c.start {
		b = le.AppendUint64(b, uint64(n))
	}
	return le.AppendUint64(b, 0) // the offset within an element
}
