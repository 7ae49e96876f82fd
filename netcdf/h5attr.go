package netcdf

import (
	"fmt"
	"slices"

	"healpipe/netcdf/internal/hdf5"
)

// readAttrs decodes the attributes of an object that libnetcdf shows.
func (h *h5file) readAttrs(o *hdf5.Object) ([]Attr, error) {
	raw, err := o.Attributes()
	if err != nil {
		return nil, h.file.wrap(fmt.Errorf("%s: %w", h.paths[o.Addr()], err))
	}
	list := make([]Attr, 0, len(raw))
	for _, a := range raw {
		if slices.Contains(reserved, a.Name) {
			continue
		}
		attr := h.attr(a)
		if attr.Err != nil {
			attr.Err = h.file.wrap(fmt.Errorf("%s: attribute %q: %w", h.paths[o.Addr()], a.Name, attr.Err))
		}
		list = append(list, attr)
	}
	return list, nil
}

// attr decodes one attribute. As in libnetcdf a fixed-length string is Char if the attribute is a scalar,
// else String.
func (h *h5file) attr(a hdf5.Attribute) Attr {
	out := Attr{Name: a.Name, Type: &Type{}}
	if out.Err = a.Err; out.Err != nil {
		return out
	}
	typ, e, err := h.h5type(a.Type)
	if typ != nil {
		out.Type = typ
	}
	if err != nil {
		out.Err = err
		return out
	}
	n := int(a.Space.Len())
	if a.Type.Class == hdf5.ClassString {
		if len(a.Space.Dims) == 0 {
			out.Type = &Type{Kind: Char, Size: 1}
			out.Value = string(a.Data)
			return out
		}
		typ.Kind = String
		e = &elem{kind: String, size: a.Type.Size, value: func(b []byte) (any, error) { return fixedString(b, a.Type.Padding), nil }}
	}
	if int64(n) > h.limit/int64(e.goSize()) {
		out.Err = fmt.Errorf("%d values: %w", n, ErrTooLarge)
		return out
	}
	out.Value, out.Err = e.decode(a.Data, n)
	return out
}
