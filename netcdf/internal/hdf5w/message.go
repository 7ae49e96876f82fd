package hdf5w

import (
	"encoding/binary"
	"reflect"

	"healpipe/internal/codec"
)

const undefined = 1<<64 - 1 // an address that is not there

// Message types, section IV.A.2.
const (
	msgDataspace = 0x01
	msgLinkInfo  = 0x02
	msgDatatype  = 0x03
	msgFill      = 0x05
	msgLink      = 0x06
	msgLayout    = 0x08
	msgGroupInfo = 0x0a
	msgFilters   = 0x0b
	msgAttribute = 0x0c
	msgAttrInfo  = 0x15
)

var le = binary.LittleEndian

// header collects the messages of an object header, version 2 (section IV.A.1.b).
type header struct {
	messages []byte
	attrs    uint16 // so many attributes, which are numbered in the order of creation
}

func (h *header) add(kind, flags byte, order uint16, body []byte) {
	h.messages = append(h.messages, kind)
	h.messages = le.AppendUint16(h.messages, uint16(len(body)))
	h.messages = append(h.messages, flags)
	h.messages = le.AppendUint16(h.messages, order)
	h.messages = append(h.messages, body...)
}

// encode returns the header's bytes. Attributes are in order of creation, tracked and indexed.
func (h *header) encode() []byte {
	b := append([]byte("OHDR"), 2, 0x0c|0x02) // chunk 0's size in 4 bytes
	b = le.AppendUint32(b, uint32(len(h.messages)))
	b = append(b, h.messages...)
	return le.AppendUint32(b, codec.Lookup3(b))
}

// attrInfo announces n attributes, all of them in the header itself.
func (h *header) attrInfo(n int) {
	b := le.AppendUint16([]byte{0, 3}, uint16(n))
	for range 3 { // fractal heap, index by name, index by order
		b = le.AppendUint64(b, undefined)
	}
	h.add(msgAttrInfo, 4, 0, b)
}

// attribute adds an attribute, message version 3.
func (h *header) attribute(name string, datatype, dataspace, data []byte) {
	b := []byte{3, 0}
	b = le.AppendUint16(b, uint16(len(name)+1))
	b = le.AppendUint16(b, uint16(len(datatype)))
	b = le.AppendUint16(b, uint16(len(dataspace)))
	b = append(b, charset(name))
	b = append(append(b, name...), 0)
	b = append(b, datatype...)
	b = append(b, dataspace...)
	h.add(msgAttribute, 0, h.attrs, append(b, data...))
	h.attrs++
}

// value adds an attribute of the caller.
func (h *header) value(a Attr) {
	if s, ok := a.Value.(string); ok {
		h.text(a.Name, s)
		return
	}
	v := reflect.ValueOf(a.Value)
	if v.Kind() == reflect.Slice {
		h.attribute(a.Name, numberType(v.Type().Elem().Kind()), simpleSpace(v.Len()), appendLE(nil, a.Value))
		return
	}
	h.attribute(a.Name, numberType(v.Kind()), scalarSpace(), appendLE(nil, a.Value))
}

// text adds a fixed string; an empty one has a null dataspace, as libnetcdf writes it.
func (h *header) text(name, s string) {
	if s == "" {
		h.attribute(name, stringType(1, 0), []byte{2, 0, 0, 2}, nil)
		return
	}
	h.attribute(name, stringType(len(s), charset(s)), scalarSpace(), []byte(s))
}

// charset is 1 (UTF-8) for text beyond ASCII.
func charset(s string) byte {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return 1
		}
	}
	return 0
}

func scalarSpace() []byte { return []byte{2, 0, 0, 0} }

// simpleSpace is a dataspace, version 2, whose maximum lengths are the lengths.
func simpleSpace(shape ...int) []byte {
	if len(shape) == 0 {
		return scalarSpace()
	}
	b := []byte{2, byte(len(shape)), 1, 1}
	for range 2 {
		for _, n := range shape {
			b = le.AppendUint64(b, uint64(n))
		}
	}
	return b
}

// datatype starts a datatype message, version 1: class, bit field, size.
func datatype(class byte, bits uint32, size int) []byte {
	return le.AppendUint32(le.AppendUint32(nil, uint32(0x10|class)|bits<<8), uint32(size))
}

func numberType(k reflect.Kind) []byte {
	size := sizeOf(k)
	switch k {
	case reflect.Float32:
		return append(datatype(1, 0x1f20, 4), 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0)
	case reflect.Float64:
		return append(datatype(1, 0x3f20, 8), 0, 0, 64, 0, 52, 11, 0, 52, 0xff, 3, 0, 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return append(datatype(0, 0x08, size), 0, 0, byte(8*size), 0)
	}
	return append(datatype(0, 0, size), 0, 0, byte(8*size), 0)
}

// bigFloatType is what libnetcdf gives a dimension without a variable.
func bigFloatType() []byte {
	return append(datatype(1, 0x1f21, 4), 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0)
}

func stringType(size int, cset byte) []byte { return datatype(3, uint32(cset)<<4, size) }

// referenceType is an object reference: the address of an object header.
func referenceType() []byte { return datatype(7, 0, 8) }

// referenceListType is the element of REFERENCE_LIST: which dataset uses the scale for which dimension.
func referenceListType() []byte {
	b := datatype(6, 2, 16)
	member := func(name string, offset uint32, t []byte) {
		field := make([]byte, (len(name)+8)&^7) // the name with a zero, padded to 8 bytes
		copy(field, name)
		b = append(b, field...)
		b = le.AppendUint32(b, offset)
		b = append(b, make([]byte, 28)...) // not an array
		b = append(b, t...)
	}
	member("dataset", 0, referenceType())
	member("dimension", 8, numberType(reflect.Uint32))
	return b
}

// fillValue is message version 3: late or incremental allocation, written if the user set it.
func fillValue(value []byte, chunked bool) []byte {
	flags := byte(0x2a)
	if chunked {
		flags++
	}
	return append(le.AppendUint32([]byte{3, flags}, uint32(len(value))), value...)
}

// filters is the pipeline, message version 2: shuffle (2), then deflate (1), both optional.
func filters(v *Var) []byte {
	b := []byte{2, 0}
	if v.Shuffle {
		b[1]++
		b = le.AppendUint32(append(b, 2, 0, 1, 0, 1, 0), uint32(v.size()))
	}
	if v.Deflate > 0 {
		b[1]++
		b = le.AppendUint32(append(b, 1, 0, 1, 0, 1, 0), uint32(v.Deflate))
	}
	return b
}

// link is a hard link, message version 1, with its order of creation.
func link(name string, order int, address uint64) []byte {
	b := []byte{1, 0x04 | 0x10 | 1} // order, character set, name length in 2 bytes
	b = le.AppendUint64(b, uint64(order))
	b = append(b, charset(name))
	b = le.AppendUint16(b, uint16(len(name)))
	b = append(b, name...)
	return le.AppendUint64(b, address)
}
