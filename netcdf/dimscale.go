package netcdf

import (
	"fmt"
	"slices"
	"strings"

	"healpipe/netcdf/internal/hdf5"
)

// Names that libnetcdf gives to the HDF5 objects in which it keeps netCDF dimensions.
const (
	nonCoord   = "_nc4_non_coord_" // prefix of a variable that has a dimension's name but is not its coordinate
	noVariable = "This is a netCDF dimension but not a netCDF variable"
	attrDimID  = "_Netcdf4Dimid"
	attrCoords = "_Netcdf4Coordinates"
)

// reserved are the attributes that libnetcdf hides.
var reserved = []string{"CLASS", "DIMENSION_LIST", "NAME", "REFERENCE_LIST", "_Format", "_IsNetcdf4", "_NCProperties",
	attrCoords, attrDimID, "_SuperblockVersion", "_nc3_strict"}

// addScale makes the dimension of a dimension scale and says whether it is a variable too.
func (h *h5file) addScale(d *dataset) (isVar bool) {
	dim := &Dim{Name: d.name, Group: d.group}
	if len(d.space.Dims) > 0 {
		dim.Len = int(d.space.Dims[0])
		dim.Unlimited = d.space.Max[0] == hdf5.Unlimited || dim.Len == 0 // as libnetcdf has it
	}
	id := h.nextDim
	if ids := h.attrInts(d, attrDimID); len(ids) == 1 {
		id = ids[0]
	}
	h.addDim(dim, id)
	d.scale = dim
	h.dims[d.obj.Addr()] = dim
	return !strings.HasPrefix(h.attrText(d, "NAME"), noVariable)
}

func (h *h5file) addDim(dim *Dim, id int) {
	dim.id = id
	if _, taken := h.dimIDs[id]; !taken {
		h.dimIDs[id] = dim
	}
	h.nextDim = max(h.nextDim, id+1)
	g := dim.Group
	at, _ := slices.BinarySearchFunc(g.Dims, id, func(d *Dim, id int) int {
		if d.id <= id {
			return -1
		}
		return 1
	})
	g.Dims = slices.Insert(g.Dims, at, dim)
}

// matchDims finds the dimensions of all variables as libnetcdf does: children before their parent. Variables
// of types that libnetcdf passes over come last, so that the others' phony dimensions have its numbers.
func (h *h5file) matchDims(root *Group) {
	byGroup := map[*Group][]*dataset{}
	for _, d := range h.sets {
		if d.v != nil {
			byGroup[d.group] = append(byGroup[d.group], d)
		}
	}
	var visit func(g *Group, known bool)
	visit = func(g *Group, known bool) {
		for _, sub := range g.Groups {
			visit(sub, known)
		}
		for _, d := range byGroup[g] {
			if d.known == known {
				h.findDims(d)
			}
		}
	}
	visit(root, true)
	visit(root, false)
	h.growUnlimited()
}

// findDims finds the dimensions of one variable: itself if it is a scale, the stored netCDF ids, the attached
// dimension scales, and phony dimensions where there is nothing of that.
func (h *h5file) findDims(d *dataset) {
	rank := len(d.space.Dims)
	v := d.v
	v.Dims = make([]*Dim, rank)
	if ids := h.attrInts(d, attrCoords); len(ids) == rank {
		for i, id := range ids {
			v.Dims[i] = h.dimIDs[id]
		}
	}
	if d.scale != nil && rank > 0 && v.Dims[0] == nil {
		v.Dims[0] = d.scale
	}
	for i, addr := range h.scales(d) {
		if v.Dims[i] == nil {
			v.Dims[i] = h.dims[addr]
		}
	}
	for i := range v.Dims {
		if v.Dims[i] == nil {
			v.Dims[i] = h.phony(d, i)
		}
	}
}

// scales returns the address of the dimension scale that is attached to each dimension: the last of several, and none
// at all where the first dimension has none, as in libnetcdf.
func (h *h5file) scales(d *dataset) []uint64 {
	out := make([]uint64, len(d.space.Dims))
	for i := range out {
		out[i] = hdf5.Undefined
	}
	for _, a := range d.attrs {
		if a.Name != "DIMENSION_LIST" || a.Err != nil || a.Type.Class != hdf5.ClassVLen ||
			a.Type.Base.Class != hdf5.ClassReference || a.Space.Len() != uint64(len(out)) {
			continue
		}
		size := a.Type.Size
		for i := range out {
			refs, n, err := h.f.VLen(a.Data[i*size:(i+1)*size], a.Type.Base.Size)
			if err != nil || n == 0 {
				continue
			}
			if addr, err := h.f.Reference(a.Type.Base, refs[(n-1)*a.Type.Base.Size:]); err == nil {
				out[i] = addr
			}
		}
	}
	if len(out) > 0 && out[0] == hdf5.Undefined {
		for i := range out {
			out[i] = hdf5.Undefined
		}
	}
	return out
}

// phony returns a dimension for dimension i of a dataset without dimension scales: one of the group that has
// the same length, is unlimited or not alike and is not yet a dimension of this dataset; else a new one, named
// phony_dim_N as libnetcdf names it. Like libnetcdf it takes a new one of length 0 for unlimited.
func (h *h5file) phony(d *dataset, i int) *Dim {
	n, unlimited := int(d.space.Dims[i]), d.space.Max[i] == hdf5.Unlimited
	for _, dim := range d.group.Dims {
		if dim.Len == n && dim.Unlimited == unlimited && !slices.Contains(d.v.Dims[:i], dim) {
			return dim
		}
	}
	dim := &Dim{Name: fmt.Sprintf("phony_dim_%d", h.nextDim), Len: n, Unlimited: unlimited || n == 0, Group: d.group}
	h.addDim(dim, h.nextDim)
	return dim
}

// growUnlimited sets the length of unlimited dimensions to the greatest extent of the variables that have them.
func (h *h5file) growUnlimited() {
	for _, d := range h.sets {
		if d.v == nil {
			continue
		}
		for i, dim := range d.v.Dims {
			if dim.Unlimited {
				dim.Len = max(dim.Len, int(d.space.Dims[i]))
			}
		}
	}
}

// attrText returns a text attribute of a dataset, "" where there is none.
func (h *h5file) attrText(d *dataset, name string) string {
	for _, a := range d.attrs {
		if a.Name != name {
			continue
		}
		if attr := h.attr(a); attr.Err == nil {
			s, _ := attr.Text()
			return s
		}
	}
	return ""
}

// attrInts returns an integer attribute of a dataset, nil where there is none.
func (h *h5file) attrInts(d *dataset, name string) []int {
	for _, a := range d.attrs {
		if a.Name != name || a.Space.Len() > 1024 {
			continue
		}
		var out []int
		if attr := h.attr(a); attr.Err == nil && attr.Type.Kind.Numeric() && attr.Type.Kind != Char {
			wide := make([]int32, valueLen(attr.Value))
			if bad, err := convertSlice(wide, attr.Value); err == nil && bad == 0 {
				for _, n := range wide {
					out = append(out, int(n))
				}
			}
		}
		return out
	}
	return nil
}
