package netcdf

import (
	"fmt"
	"strings"

	"healpipe/netcdf/internal/hdf5"
)

// h5type translates an HDF5 datatype into the model's Type and the elem that decodes it. Strings of fixed
// length are Char if they have one byte, else String, as in libnetcdf.
func (h *h5file) h5type(t *hdf5.Datatype) (*Type, *elem, error) {
	typ := &Type{Size: t.Size, Name: h.types[t.Committed]}
	e := &elem{size: t.Size, big: t.BigEndian}
	switch t.Class {
	case hdf5.ClassInteger, hdf5.ClassBitfield:
		typ.Kind = integerKind(t)
		e.kind, e.odd = typ.Kind, t.Number()
	case hdf5.ClassTime:
		typ.Kind = integerKind(t)
		e.kind = typ.Kind
		if t.Size != kindSize(e.kind) {
			return typ, nil, fmt.Errorf("time of %d bytes: %w", t.Size, ErrUnsupported)
		}
	case hdf5.ClassFloat:
		typ.Kind, e.kind, e.odd = Double, Double, t.Number()
		if t.Size <= 4 && t.Float.ExpSize <= 8 && t.Float.ManSize <= 23 && (t.Size > 2 || e.odd != nil) {
			typ.Kind, e.kind = Float, Float
		}
		if t.Size == 2 {
			typ.Kind = Half
		}
	case hdf5.ClassEnum:
		typ.Kind = Enum
		base, be, err := h.h5type(t.Base)
		if err != nil {
			return typ, nil, err
		}
		typ.Base, e.kind, e.odd, e.big = base, be.kind, be.odd, be.big
		for _, m := range t.Members {
			v, err := be.decode(m.Value, 1)
			if err != nil {
				return typ, nil, err
			}
			typ.Members = append(typ.Members, Member{m.Name, toInt64(v)})
		}
	case hdf5.ClassString:
		if t.Size == 1 {
			typ.Kind, e.kind = Char, Char
			break
		}
		typ.Kind, e.kind = String, String
		e.value = func(b []byte) (any, error) { return fixedString(b, t.Padding), nil }
	case hdf5.ClassOpaque:
		typ.Kind, e.kind = Opaque, Opaque
		e.value = func(b []byte) (any, error) { return append([]byte(nil), b...), nil }
	case hdf5.ClassReference:
		typ.Kind, e.kind = Reference, Reference
		e.value = func(b []byte) (any, error) { return h.reference(t, b) }
	case hdf5.ClassVLen:
		if t.VLenString {
			typ.Kind, e.kind = String, String
			e.value = func(b []byte) (any, error) {
				data, _, err := h.f.VLen(b, 1)
				return fixedString(data, t.Padding), err
			}
			break
		}
		typ.Kind, e.kind = VLen, VLen
		base, be, err := h.h5type(t.Base)
		if err != nil {
			return typ, nil, err
		}
		typ.Base = base
		e.value = func(b []byte) (any, error) { return h.sequence(b, be) }
	case hdf5.ClassArray:
		typ.Kind, e.kind = Array, Array
		base, be, err := h.h5type(t.Base)
		if err != nil {
			return typ, nil, err
		}
		typ.Base, typ.Shape = base, t.Dims
		n := product(t.Dims)
		if int64(n) > h.limit/int64(be.goSize()) {
			return typ, nil, fmt.Errorf("array of %d values (limit %d bytes): %w", n, h.limit, ErrTooLarge)
		}
		e.value = func(b []byte) (any, error) { return be.decode(b, n) }
	case hdf5.ClassCompound:
		return h.compound(typ, e, t.Members)
	case hdf5.ClassComplex:
		return h.compound(typ, e, []hdf5.Member{{Name: "r", Type: t.Base}, {Name: "i", Offset: t.Base.Size, Type: t.Base}})
	default:
		return typ, nil, fmt.Errorf("datatype of class %s: %w", t.Class, ErrUnsupported)
	}
	return typ, e, nil
}

// compound builds the decoder of a record from those of its fields.
func (h *h5file) compound(typ *Type, e *elem, members []hdf5.Member) (*Type, *elem, error) {
	typ.Kind, e.kind = Compound, Compound
	fields := make([]func([]byte) (any, error), len(members))
	for i, m := range members {
		ft, fe, err := h.h5type(m.Type)
		if err != nil {
			return typ, nil, fmt.Errorf("field %q: %w", m.Name, err)
		}
		typ.Fields = append(typ.Fields, Field{m.Name, ft})
		decode := fe.value
		if decode == nil {
			decode = fe.scalar
		}
		lo, hi := m.Offset, m.Offset+m.Type.Size
		fields[i] = func(b []byte) (any, error) { return decode(b[lo:hi]) }
	}
	e.value = func(b []byte) (any, error) {
		r := make(Record, len(fields))
		for i, decode := range fields {
			v, err := decode(b)
			if err != nil {
				return nil, err
			}
			r[i] = v
		}
		return r, nil
	}
	return typ, e, nil
}

// sequence decodes a value of variable length.
func (h *h5file) sequence(b []byte, base *elem) (any, error) {
	data, n, err := h.f.VLen(b, base.size)
	if err != nil {
		return nil, err
	}
	if int64(n)*int64(base.goSize()) > h.limit {
		return nil, fmt.Errorf("variable-length value of %d elements: %w", n, ErrTooLarge)
	}
	return base.decode(data, n)
}

// reference decodes an object or region reference into the path of the object, "" for a null reference.
func (h *h5file) reference(t *hdf5.Datatype, b []byte) (any, error) {
	addr, err := h.f.Reference(t, b)
	if err != nil || addr == hdf5.Undefined || addr == 0 {
		return "", err
	}
	if p, ok := h.paths[addr]; ok {
		return p, nil
	}
	return fmt.Sprintf("#%x", addr), nil
}

// integerKind returns the smallest Kind that holds an integer.
func integerKind(t *hdf5.Datatype) Kind {
	switch signed := t.Signed || t.Class == hdf5.ClassTime; {
	case t.Size == 1 && signed:
		return Byte
	case t.Size == 1:
		return UByte
	case t.Size == 2 && signed:
		return Short
	case t.Size == 2:
		return UShort
	case t.Size <= 4 && signed:
		return Int
	case t.Size <= 4:
		return UInt
	case signed:
		return Int64
	}
	return UInt64
}

func fixedString(b []byte, padding int) string {
	switch padding {
	case hdf5.PadSpaces:
		return strings.TrimRight(strings.TrimRight(string(b), " "), "\x00") // NULs alone where nothing was written
	case hdf5.PadNull:
		if i := strings.IndexByte(string(b), 0); i >= 0 {
			b = b[:i]
		}
		return string(b)
	}
	return strings.TrimRight(string(b), "\x00")
}

func toInt64(v any) int64 {
	switch s := v.(type) {
	case []uint64:
		return int64(s[0])
	default:
		var out [1]int64
		_, _ = convertSlice(out[:], s)
		return out[0]
	}
}
