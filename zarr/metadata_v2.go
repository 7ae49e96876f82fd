package zarr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// parseMetadataV2 reads the documents .zarray and .zattrs in the terms of version 3:
//
//	order F      -> transpose         dtype "<f4"   -> float32 and bytes little
//	compressor   -> the last codec    dimension_separator -> key encoding v2
func parseMetadataV2(doc, attrs object) (*metadata, error) {
	m := &metadata{version: 2, readOnly: "it is of version 2", attrs: attrs}
	if v, _ := doc.get("zarr_format"); v != number("2") {
		return nil, fmt.Errorf("%w: zarr_format is %s, not 2", ErrUnsupported, brief(v))
	}
	var ok bool
	shape, _ := doc.get("shape")
	if m.shape, ok = jsonInts(shape); !ok {
		return nil, fmt.Errorf("%w: shape %s", ErrCorrupt, brief(shape))
	}
	chunks, _ := doc.get("chunks")
	if m.grid, ok = jsonInts(chunks); !ok {
		return nil, fmt.Errorf("%w: chunks %s", ErrCorrupt, brief(chunks))
	}
	m.keys.V2 = true
	if sep, _ := doc.get("dimension_separator"); sep != nil {
		if m.keys.Separator, ok = sep.(string); !ok {
			return nil, fmt.Errorf("%w: dimension_separator %s", ErrCorrupt, brief(sep))
		}
	}
	var err error
	if m.keys, err = m.keys.complete(); err != nil {
		return nil, err
	}
	if err := m.parseCodecsV2(doc); err != nil {
		return nil, err
	}
	m.fill = make([]byte, m.dtype.Size())
	if fill, _ := doc.get("fill_value"); fill != nil {
		if m.fill, err = parseFill(m.dtype, fill); err != nil {
			return nil, err
		}
	}
	return m, m.check()
}

func (m *metadata) parseCodecsV2(doc object) error {
	switch order, _ := doc.get("order"); order {
	case "C":
	case "F":
		reversed := make([]int, len(m.shape))
		for i := range reversed {
			reversed[i] = len(reversed) - 1 - i
		}
		m.codecs = append(m.codecs, codecSpec{name: "transpose", config: object{{"order", intsJSON(reversed)}}})
	default:
		return fmt.Errorf("%w: order %s", ErrCorrupt, brief(order))
	}
	text, _ := doc.get("dtype")
	endian, err := m.parseTypeV2(text)
	if err != nil {
		return err
	}
	m.codecs = append(m.codecs, codecSpec{name: "bytes", config: object{{"endian", endian}}})
	filters, _ := doc.get("filters")
	list, _ := filters.([]any)
	for _, f := range list {
		config, _ := f.(object)
		id, _ := config.get("id")
		return fmt.Errorf("%w: filter %s", ErrUnsupported, brief(id))
	}
	v, _ := doc.get("compressor")
	if v == nil {
		return nil
	}
	config, _ := v.(object)
	id, _ := config.get("id")
	name, ok := id.(string)
	if !ok {
		return fmt.Errorf("%w: compressor %s", ErrCorrupt, brief(v))
	}
	switch name {
	case "zstd", "gzip", "blosc":
	case "zlib", "lz4":
		name = "numcodecs." + name
	default:
		return fmt.Errorf("%w: compressor %q", ErrUnsupported, name)
	}
	m.codecs = append(m.codecs, codecSpec{name: name}) // its settings matter for writing alone
	return nil
}

// parseTypeV2 reads a NumPy type string and returns its byte order in the terms of version 3.
func (m *metadata) parseTypeV2(v any) (endian string, err error) {
	text, _ := v.(string)
	types := map[string]DataType{
		"b1": TypeBool, "i1": TypeInt8, "i2": TypeInt16, "i4": TypeInt32, "i8": TypeInt64,
		"u1": TypeUint8, "u2": TypeUint16, "u4": TypeUint32, "u8": TypeUint64,
		"f2": TypeFloat16, "f4": TypeFloat32, "f8": TypeFloat64, "c8": TypeComplex64, "c16": TypeComplex128,
	}
	if len(text) > 1 {
		m.dtype = types[text[1:]]
	}
	switch {
	case m.dtype == "" || strings.IndexByte("<>|", text[0]) < 0:
		return "", fmt.Errorf("%w: data type %s", ErrUnsupported, brief(v))
	case text[0] == '>':
		return Big, nil
	}
	return Little, nil
}

// readAllV2 reads a version 2 group's consolidated metadata, .zmetadata; nil without.
func readAllV2(ctx context.Context, s Store, path string) (map[string]node, error) {
	doc, err := readDoc(ctx, s, join(path, docAllV2))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, _ := doc.get("metadata")
	docs, ok := all.(object)
	if !ok {
		return nil, fmt.Errorf("%s: %w: no metadata", docAllV2, ErrCorrupt)
	}
	below := map[string]node{}
	for _, m := range docs {
		doc, ok := m.val.(object)
		if !ok {
			return nil, fmt.Errorf("%s: %w: %s", docAllV2, ErrCorrupt, m.key)
		}
		name, kind := "", m.key
		if i := strings.LastIndexByte(m.key, '/'); i >= 0 {
			name, kind = m.key[:i], m.key[i+1:]
		}
		n := below[name]
		n.version = 2
		if kind == docAttributesV2 {
			n.attrs = doc
		} else {
			n.doc = doc
		}
		below[name] = n
	}
	return below, nil
}
