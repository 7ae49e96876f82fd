package netcdf

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"

	"healpipe/netcdf/internal/hdf5"
)

// h5file maps an HDF5 file to the netCDF-4 model while it is opened, and resolves what values refer to
// afterwards.
type h5file struct {
	file  *File
	f     *hdf5.File
	limit int64
	types map[uint64]string // names of committed types, by address
	known ncTypes
	paths map[uint64]string // of objects, by address

	inside  map[uint64]bool // groups on the way down from the root, so that links in a circle end
	seen    map[uint64]bool // all groups so far
	aliases int             // groups that were listed again
	sets    []*dataset      // all datasets, in the order in which libnetcdf meets them
	dims    map[uint64]*Dim // by the address of their dimension scale
	dimIDs  map[int]*Dim    // by netCDF id
	nextDim int             // the id that the next dimension without one gets
}

// dataset is a dataset while dimensions are looked for.
type dataset struct {
	name  string
	group *Group
	obj   *hdf5.Object
	space hdf5.Dataspace
	typ   *hdf5.Datatype // of no class where err is set
	attrs []hdf5.Attribute
	err   error // dataspace or type cannot be read
	v     *Var  // nil for a dimension without variable
	known bool  // libnetcdf has a variable for it
	scale *Dim
}

// openHDF5 reads the structure of an HDF5 file.
func openHDF5(file *File, r io.ReaderAt, size int64) error {
	f, err := hdf5.Open(r, size, hdf5.Config{MaxMemory: file.opt.MaxMemory})
	if err != nil {
		return err
	}
	h := &h5file{file: file, f: f, limit: file.opt.MaxMemory, types: map[uint64]string{}, known: ncTypes{}, paths: map[uint64]string{},
		inside: map[uint64]bool{}, seen: map[uint64]bool{}, dims: map[uint64]*Dim{}, dimIDs: map[int]*Dim{}}
	root := &Group{Name: "/", Path: "/"}
	obj, err := f.Object(f.Root())
	if err != nil {
		return err
	}
	file.root, file.format = root, NetCDF4
	if err := h.loadGroup(root, obj, 0); err != nil {
		return err
	}
	h.matchDims(root)
	for _, d := range h.sets {
		if d.v != nil {
			h.finishVar(d)
		}
	}
	attrs, err := obj.Attributes()
	if err != nil && !h.lenient(err) {
		return err
	}
	for _, a := range attrs {
		if a.Name == "_nc3_strict" {
			file.format = NetCDF4Classic
		}
	}
	return nil
}

const (
	maxGroupDepth = 200
	maxAliases    = 10000 // groups listed again under another link
	noClass       = hdf5.Class(255)
)

// loadGroup reads a group's links, its datasets and then its sub-groups.
func (h *h5file) loadGroup(g *Group, obj *hdf5.Object, depth int) error {
	h.seen[obj.Addr()] = true
	h.inside[obj.Addr()] = true
	defer delete(h.inside, obj.Addr())
	if _, ok := h.paths[obj.Addr()]; !ok {
		h.paths[obj.Addr()] = g.Path
	}
	g.attrs.read = func() ([]Attr, error) { return h.readAttrs(obj) }
	links, _, err := obj.Links()
	if err != nil {
		return fmt.Errorf("%s: %w", g.Path, err)
	}
	type sub struct {
		name string
		obj  *hdf5.Object
	}
	var subs []sub
	for _, l := range links {
		if l.Type == hdf5.SoftLink {
			if l.Addr = h.follow(obj, l.Target); l.Addr == hdf5.Undefined {
				continue // dangling
			}
		} else if l.Type != hdf5.HardLink {
			continue
		}
		where := path.Join(g.Path, l.Name)
		o, err := h.f.Object(l.Addr)
		if h.lenient(err) {
			h.addBroken(g, l.Name, err)
			continue
		} else if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if _, ok := h.paths[l.Addr]; !ok {
			h.paths[l.Addr] = where
		}
		switch o.Kind {
		case hdf5.DatasetObject:
			if err := h.addDataset(g, l.Name, o); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
		case hdf5.DatatypeObject:
			h.types[l.Addr] = l.Name
			if t, err := o.Datatype(); err == nil {
				h.known.enter(t)
				if typ, _, err := h.h5type(t); err == nil {
					typ.Name = l.Name
					g.Types = append(g.Types, typ)
				}
			}
		case hdf5.GroupObject:
			subs = append(subs, sub{l.Name, o})
		}
	}
	for _, s := range subs {
		if h.inside[s.obj.Addr()] {
			continue // leads back up
		}
		if h.seen[s.obj.Addr()] {
			if h.aliases++; h.aliases > maxAliases {
				continue
			}
		}
		if depth == maxGroupDepth {
			return fmt.Errorf("%s: groups nested more than %d deep: %w", g.Path, maxGroupDepth, ErrTooLarge)
		}
		child := &Group{Name: s.name, Path: path.Join(g.Path, s.name), Parent: g}
		g.Groups = append(g.Groups, child)
		if err := h.loadGroup(child, s.obj, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// follow resolves a soft link, Undefined where it leads nowhere.
func (h *h5file) follow(from *hdf5.Object, target string) uint64 {
	at := from
	if strings.HasPrefix(target, "/") {
		root, err := h.f.Object(h.f.Root())
		if err != nil {
			return hdf5.Undefined
		}
		at = root
	}
	hops := 0
	rest := strings.Split(target, "/")
	for len(rest) > 0 {
		name := rest[0]
		if rest = rest[1:]; name == "" || name == "." {
			continue
		}
		if at.Kind != hdf5.GroupObject {
			return hdf5.Undefined
		}
		l, ok, err := at.Link(name)
		if err != nil || !ok || l.Type == hdf5.ExternalLink {
			return hdf5.Undefined
		}
		if l.Type == hdf5.SoftLink {
			if hops++; hops > 16 {
				return hdf5.Undefined
			}
			rest = append(strings.Split(l.Target, "/"), rest...)
			if !strings.HasPrefix(l.Target, "/") {
				continue
			}
			l.Addr = h.f.Root()
		}
		if at, err = h.f.Object(l.Addr); err != nil {
			return hdf5.Undefined
		}
	}
	return at.Addr()
}

// tolerable says whether an error concerns one object only, so that the others can still be read.
func tolerable(err error) bool { return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnsupported) }

// lenient says whether Open goes on after an error in an object's header or attributes.
func (h *h5file) lenient(err error) bool { return h.file.opt.Lenient && tolerable(err) }

// addBroken adds a variable for an object of which nothing is known.
func (h *h5file) addBroken(g *Group, name string, err error) {
	d := &dataset{name: name, group: g, err: err, typ: &hdf5.Datatype{Class: noClass}}
	d.v = &Var{Name: name, Group: g, file: h.file, Path: path.Join(g.Path, name)}
	d.v.attrs.read = func() ([]Attr, error) { return nil, d.v.wrap(err) }
	g.Vars = append(g.Vars, d.v)
	h.sets = append(h.sets, d)
}

// addDataset reads what a dataset says of itself: shape, attributes, whether it is a dimension scale.
func (h *h5file) addDataset(g *Group, name string, o *hdf5.Object) error {
	d := &dataset{name: name, group: g, obj: o}
	// note keeps the first error that leaves the rest of the file readable.
	note := func(err error) error {
		if tolerable(err) {
			if d.err == nil {
				d.err = err
			}
			return nil
		}
		return err
	}
	space, err := o.Dataspace()
	if note(err) != nil {
		return err
	} else if err == nil {
		d.space = space
	}
	d.typ, err = o.Datatype()
	if note(err) != nil {
		return err
	} else if err != nil {
		d.typ = &hdf5.Datatype{Class: noClass}
	}
	for _, n := range d.space.Dims {
		if n > math.MaxInt/2 {
			return fmt.Errorf("dimension of length %d: %w", n, ErrTooLarge)
		}
	}
	if d.attrs, err = o.Attributes(); err != nil && !h.lenient(err) || note(err) != nil {
		return err
	}
	h.sets = append(h.sets, d)
	isVar := true
	if h.attrText(d, "CLASS") == "DIMENSION_SCALE" {
		isVar = h.addScale(d)
	}
	if isVar {
		d.v = &Var{Name: strings.TrimPrefix(name, nonCoord), Group: g, file: h.file}
		d.v.Path = path.Join(g.Path, d.v.Name)
		d.known = h.known.variable(d.typ)
		g.Vars = append(g.Vars, d.v)
		d.v.attrs.read = func() ([]Attr, error) { return h.readAttrs(o) }
	}
	return nil
}

// finishVar sets a variable's type and storage; dimensions are known by now.
func (h *h5file) finishVar(d *dataset) {
	v := d.v
	for _, dim := range v.Dims {
		v.Shape = append(v.Shape, dim.Len)
	}
	if v.Shape == nil {
		v.Shape = []int{}
	}
	if d.err == nil && !d.space.Null {
		n := 1
		for _, k := range v.Shape {
			if k > 0 && n > math.MaxInt/2/k {
				d.err = fmt.Errorf("shape %v: %w", v.Shape, ErrTooLarge)
				break
			}
			n *= k
		}
	}
	if d.err == nil && int64(d.typ.Size) > h.limit {
		d.err = fmt.Errorf("values of %d bytes (limit %d): %w", d.typ.Size, h.limit, ErrTooLarge)
	}
	if d.typ.Class != noClass {
		var err error
		if v.Type, v.elem, err = h.h5type(d.typ); d.err == nil {
			d.err = err
		}
	}
	if v.Type == nil {
		v.Type = &Type{}
	}
	if v.elem == nil {
		v.elem = &elem{size: 1}
	}
	h.openVar(v, d)
}
