package netcdf

import (
	"fmt"
	"strings"

	"healpipe/netcdf/internal/hdf5"
)

// ncTypes follows which HDF5 types libnetcdf (4.9.3 and later) takes for netCDF types: datasets of others get no
// phony dimensions there, which shifts the numbers of those that follow. It meets datasets and committed types in
// libnetcdf's order. A type that is neither a number nor a string is entered in its list when it is met; a compound,
// sequence or enum is understood if its parts are numbers, strings or types in the list. What was entered counts as
// known from then on, whether it was understood or not.
type ncTypes map[string]bool

// variable says whether a dataset of that type becomes a variable of libnetcdf's.
func (n ncTypes) variable(t *hdf5.Datatype) bool {
	switch t.Class {
	case noClass:
		return false
	case hdf5.ClassInteger, hdf5.ClassFloat, hdf5.ClassString:
		return true
	}
	return t.VLenString || n[nativeName(t)] || n.enter(t)
}

// enter adds a type to the list and says whether it is understood.
func (n ncTypes) enter(t *hdf5.Datatype) bool {
	if t.Class == hdf5.ClassReference {
		return false
	}
	n[nativeName(t)] = true
	switch t.Class {
	case hdf5.ClassCompound:
		for _, m := range t.Members {
			part := m.Type
			if part.Class == hdf5.ClassArray {
				part = part.Base
			}
			if !n.part(part) {
				return false
			}
		}
		return true
	case hdf5.ClassVLen:
		return t.VLenString || n.part(t.Base)
	case hdf5.ClassEnum:
		return n.part(t.Base)
	}
	return t.Class == hdf5.ClassOpaque
}

// part says whether the type of a part is a netCDF type.
func (n ncTypes) part(t *hdf5.Datatype) bool {
	switch t.Class {
	case hdf5.ClassString, hdf5.ClassInteger:
		return true
	case hdf5.ClassFloat:
		return t.Size > 2 && t.Size <= 8
	}
	return t.VLenString || n[nativeName(t)]
}

// nativeName describes a type so that types which are equal in memory have the same name.
func nativeName(t *hdf5.Datatype) string {
	switch t.Class {
	case hdf5.ClassInteger:
		sign := "u"
		if t.Signed {
			sign = "i"
		}
		size := 1
		for 8*size < t.Precision && size < 8 {
			size *= 2
		}
		return fmt.Sprint(sign, size)
	case hdf5.ClassString:
		return fmt.Sprint("s", t.Size, t.Padding, t.UTF8)
	case hdf5.ClassOpaque:
		return fmt.Sprintf("o%d%q", t.Size, t.Tag)
	case hdf5.ClassEnum:
		var b strings.Builder
		b.WriteString("e" + nativeName(t.Base))
		for _, m := range t.Members {
			value := m.Value
			if t.Base.BigEndian {
				value = reversed(value)
			}
			fmt.Fprintf(&b, "%q=%x", m.Name, value)
		}
		return b.String()
	case hdf5.ClassCompound:
		var b strings.Builder
		for _, m := range t.Members {
			fmt.Fprintf(&b, "%q:%s;", m.Name, nativeName(m.Type))
		}
		return "{" + b.String() + "}"
	case hdf5.ClassArray:
		return fmt.Sprint(t.Dims) + nativeName(t.Base)
	case hdf5.ClassVLen:
		if t.VLenString {
			return "v"
		}
		return "v" + nativeName(t.Base)
	}
	return fmt.Sprint(t.Class, t.Size, t.Ref)
}

func reversed(b []byte) []byte {
	out := make([]byte, len(b))
	for i, x := range b {
		out[len(b)-1-i] = x
	}
	return out
}
