package netcdf

import (
	"fmt"
	"strings"
)

// Group is a group of a file: the root, or a netCDF-4 sub-group.
type Group struct {
	Name   string // "/" for the root
	Path   string // absolute, "/" for the root
	Parent *Group // nil for the root
	Groups []*Group
	Dims   []*Dim // defined here, in order of definition
	Vars   []*Var // in order of definition
	Types  []*Type

	attrs attrSet
}

// Dim is a dimension.
type Dim struct {
	Name      string
	Len       int // current length, also of an unlimited dimension
	Unlimited bool
	Group     *Group // where it is defined

	id int // netCDF's number of the dimension
}

// Attrs returns the group's attributes in order of definition; those of the root are the global ones.
func (g *Group) Attrs() ([]Attr, error) { return g.attrs.all() }

// Attr returns one attribute, ErrNotFound where there is none of that name.
func (g *Group) Attr(name string) (Attr, error) { return g.attrs.get(name) }

// Group returns a sub-group by name or path; a leading slash starts at the root.
func (g *Group) Group(path string) (*Group, error) {
	at := g
	if strings.HasPrefix(path, "/") {
		for at.Parent != nil {
			at = at.Parent
		}
	}
next:
	for _, name := range strings.Split(path, "/") {
		if name == "" {
			continue
		}
		for _, sub := range at.Groups {
			if sub.Name == name {
				at = sub
				continue next
			}
		}
		return nil, fmt.Errorf("netcdf: group %q in %s: %w", path, g.Path, ErrNotFound)
	}
	return at, nil
}

// Var returns a variable by name, or by path through sub-groups; a leading slash starts at the root.
func (g *Group) Var(path string) (*Var, error) {
	at, name := g, path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		var err error
		if at, err = g.Group(path[:i+1]); err != nil {
			return nil, err
		}
		name = path[i+1:]
	}
	for _, v := range at.Vars {
		if v.Name == name {
			return v, nil
		}
	}
	return nil, fmt.Errorf("netcdf: variable %q in %s: %w", path, g.Path, ErrNotFound)
}

// Dim returns the dimension of that name that is visible in the group: its own, or the nearest ancestor's.
func (g *Group) Dim(name string) (*Dim, error) {
	for at := g; at != nil; at = at.Parent {
		for _, d := range at.Dims {
			if d.Name == name {
				return d, nil
			}
		}
	}
	return nil, fmt.Errorf("netcdf: dimension %q in %s: %w", name, g.Path, ErrNotFound)
}
