package zarr

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// metadata describe an array, of either version, in the terms of version 3.
type metadata struct {
	shape    []int
	dtype    DataType
	grid     []int // shape of the stored objects
	keys     KeyEncoding
	fill     []byte // one element, machine byte order
	codecs   []codecSpec
	attrs    object
	names    []any  // strings and nils; nil where the array has no dimension names
	version  int    // 3 or 2
	readOnly string // why the array can't be written, or ""
	extra    object // further members with must_understand false
}

const (
	maxDims = 64
	// maxChunkBytes bounds the memory that metadata can ask for: the size of a decoded (inner) chunk.
	maxChunkBytes = 1<<31 - 1
)

// newMetadata checks options and makes the metadata of a new array.
func newMetadata(o ArrayOptions) (*metadata, error) {
	m := &metadata{shape: slices.Clone(o.Shape), dtype: o.DataType, grid: slices.Clone(o.Chunks), version: 3}
	if m.dtype.Size() == 0 {
		return nil, fmt.Errorf("%w: data type %q", ErrUnsupported, m.dtype)
	}
	var err error
	if m.keys, err = o.KeyEncoding.complete(); err != nil {
		return nil, err
	}
	if m.fill, err = fillOf(m.dtype, o.FillValue); err != nil {
		return nil, err
	}
	codecs := o.Codecs
	if codecs == nil {
		codecs = []Codec{Bytes(m.dtype.endian()), Zstd(0, false)}
	}
	if o.Shards != nil {
		m.grid = slices.Clone(o.Shards)
		index := o.IndexCodecs
		if index == nil {
			index = []Codec{Bytes(Little), CRC32C()}
		}
		codecs = []Codec{Sharding(o.Chunks, codecs, index, o.IndexAtStart)}
	}
	if m.codecs, err = codecSpecs(codecs); err != nil {
		return nil, err
	}
	attrs, err := toJSON(o.Attributes)
	if err != nil {
		return nil, fmt.Errorf("attributes: %w", err)
	}
	m.attrs = attrs.(object)
	if o.DimensionNames != nil {
		m.names = make([]any, len(o.DimensionNames))
		for i, n := range o.DimensionNames {
			if n != "" {
				m.names[i] = n
			}
		}
	}
	return m, m.check()
}

// endian is the default byte order in metadata: none where there is nothing to order.
func (t DataType) endian() string {
	if t.wordSize() == 1 {
		return ""
	}
	return Little
}

// complete fills in the default separator.
func (k KeyEncoding) complete() (KeyEncoding, error) {
	switch {
	case k.Separator == "" && k.V2:
		k.Separator = "."
	case k.Separator == "":
		k.Separator = "/"
	case k.Separator != "/" && k.Separator != ".":
		return k, fmt.Errorf("%w: chunk key separator %q", ErrInvalid, k.Separator)
	}
	return k, nil
}

// check compares ranks and sizes.
func (m *metadata) check() error {
	if len(m.shape) > maxDims {
		return fmt.Errorf("%w: %d dimensions", ErrUnsupported, len(m.shape))
	}
	if len(m.grid) != len(m.shape) {
		return fmt.Errorf("%w: chunk shape %v for array shape %v", ErrInvalid, m.grid, m.shape)
	}
	if m.names != nil && len(m.names) != len(m.shape) {
		return fmt.Errorf("%w: %d dimension names for %d dimensions", ErrInvalid, len(m.names), len(m.shape))
	}
	for d := range m.shape {
		if m.shape[d] < 0 || m.grid[d] < 1 {
			return fmt.Errorf("%w: chunk shape %v for array shape %v", ErrInvalid, m.grid, m.shape)
		}
	}
	if _, ok := product(m.grid, m.dtype.Size()); !ok {
		return fmt.Errorf("%w: chunk shape %v overflows", ErrInvalid, m.grid)
	}
	return nil
}

// product multiplies sizes, starting with unit, and says whether the result fits an int64.
func product(s []int, unit int) (int, bool) {
	n := unit
	for _, x := range s {
		if x != 0 && n > math.MaxInt64/x {
			return 0, false
		}
		n *= x
	}
	return n, true
}

// parseMetadata reads the tree of an array's zarr.json.
func parseMetadata(o object) (*metadata, error) {
	m := &metadata{version: 3}
	if v, _ := o.get("zarr_format"); v != number("3") {
		return nil, fmt.Errorf("%w: zarr_format is %s, not 3", ErrUnsupported, brief(v))
	}
	if v, _ := o.get("node_type"); v != "array" {
		return nil, fmt.Errorf("%w: node_type is %s, not array", ErrInvalid, brief(v))
	}
	for _, e := range o {
		if err := m.parseMember(e); err != nil {
			return nil, fmt.Errorf("%s: %w", e.key, err)
		}
	}
	for _, key := range []string{"shape", "data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs"} {
		if _, ok := o.get(key); !ok {
			return nil, fmt.Errorf("%w: no %s", ErrCorrupt, key)
		}
	}
	fill, _ := o.get("fill_value")
	var err error
	if m.fill, err = parseFill(m.dtype, fill); err != nil {
		return nil, err
	}
	return m, m.check()
}

func (m *metadata) parseMember(e member) error {
	var ok bool
	switch e.key {
	case "zarr_format", "node_type", "fill_value":
		return nil
	case "shape":
		if m.shape, ok = jsonInts(e.val); !ok {
			return fmt.Errorf("%w: %s", ErrCorrupt, brief(e.val))
		}
	case "data_type":
		name, config, _, err := extension(e.val)
		if err != nil {
			return err
		}
		if m.dtype = DataType(name); m.dtype.Size() == 0 {
			return fmt.Errorf("%w: data type %q", ErrUnsupported, name)
		}
		return config.only()
	case "chunk_grid":
		name, config, _, err := extension(e.val)
		if err != nil {
			return err
		}
		if name != "regular" {
			return fmt.Errorf("%w: chunk grid %q", ErrUnsupported, name)
		}
		if err := config.only("chunk_shape"); err != nil {
			return err
		}
		shape, _ := config.get("chunk_shape")
		if m.grid, ok = jsonInts(shape); !ok {
			return fmt.Errorf("%w: chunk_shape %s", ErrCorrupt, brief(shape))
		}
	case "chunk_key_encoding":
		return m.parseKeys(e.val)
	case "codecs":
		var err error
		if m.codecs, err = parseSpecs(e.val); err != nil {
			return err
		}
		for _, s := range m.codecs {
			if s.skip {
				m.readOnly = fmt.Sprintf("its codec %q is unknown here", s.name)
			}
		}
	case "attributes":
		if m.attrs, ok = e.val.(object); !ok && e.val != nil {
			return fmt.Errorf("%w: no object", ErrCorrupt)
		}
	case "dimension_names":
		return m.parseNames(e.val)
	case "storage_transformers":
		list, ok := e.val.([]any)
		if !ok && e.val != nil {
			return fmt.Errorf("%w: %s", ErrCorrupt, brief(e.val))
		}
		for _, t := range list {
			name, _, must, err := extension(t)
			if err != nil {
				return err
			}
			if must {
				return fmt.Errorf("%w: storage transformer %q", ErrUnsupported, name)
			}
		}
	default:
		if !ignorable(e.val) {
			return fmt.Errorf("%w: extension", ErrUnsupported)
		}
		m.extra = append(m.extra, e)
	}
	return nil
}

// ignorable says that an extension need not be understood.
func ignorable(v any) bool {
	ext, _ := v.(object)
	must, ok := ext.get("must_understand")
	return ok && must == false
}

func (m *metadata) parseKeys(v any) error {
	name, config, _, err := extension(v)
	if err != nil {
		return err
	}
	switch name {
	case "default":
	case "v2":
		m.keys.V2 = true
	default:
		return fmt.Errorf("%w: chunk key encoding %q", ErrUnsupported, name)
	}
	if err := config.only("separator"); err != nil {
		return err
	}
	if sep, ok := config.get("separator"); ok {
		if m.keys.Separator, ok = sep.(string); !ok {
			return fmt.Errorf("%w: separator %s", ErrCorrupt, brief(sep))
		}
	}
	m.keys, err = m.keys.complete()
	return err
}

func (m *metadata) parseNames(v any) error {
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	for _, n := range list {
		_, isString := n.(string)
		ok = ok && (n == nil || isString)
	}
	if !ok {
		return fmt.Errorf("%w: %s", ErrCorrupt, brief(v))
	}
	m.names = list
	return nil
}

// tree is the array's zarr.json, in zarr-python's order.
func (m *metadata) tree() object {
	encoding := "default"
	if m.keys.V2 {
		encoding = "v2"
	}
	attrs := m.attrs
	if attrs == nil {
		attrs = object{}
	}
	o := object{
		{"shape", intsJSON(m.shape)},
		{"data_type", string(m.dtype)},
		{"chunk_grid", object{{"name", "regular"}, {"configuration", object{{"chunk_shape", intsJSON(m.grid)}}}}},
		{"chunk_key_encoding", object{{"name", encoding}, {"configuration", object{{"separator", m.keys.Separator}}}}},
		{"fill_value", formatFill(m.dtype, m.fill)},
		{"codecs", specsTree(m.codecs)},
		{"attributes", attrs},
	}
	if m.names != nil {
		o = append(o, member{"dimension_names", m.names})
	}
	o = append(o, member{"zarr_format", number("3")}, member{"node_type", "array"}, member{"storage_transformers", []any{}})
	return append(o, m.extra...)
}

// canonical is the tree with the codecs in one notation, for comparing: other libraries order a codec's settings in
// other ways and leave out what is the default.
func (m *metadata) canonical() object {
	return m.tree().set("codecs", canonicalCodecs(m.codecs, m.dtype))
}

// chunkKey is the key of a stored object below the array's path.
func (m *metadata) chunkKey(index []int) string {
	var b strings.Builder
	switch {
	case !m.keys.V2:
		b.WriteByte('c')
	case len(index) == 0:
		b.WriteByte('0')
	}
	for i, n := range index {
		if i > 0 || !m.keys.V2 {
			b.WriteString(m.keys.Separator)
		}
		fmt.Fprint(&b, n)
	}
	return b.String()
}

// parseChunkKey is the inverse of chunkKey; ok is false for what is no chunk of the array.
func (m *metadata) parseChunkKey(key string, index []int) (ok bool) {
	rest := key
	if !m.keys.V2 {
		if rest, ok = strings.CutPrefix(rest, "c"); !ok {
			return false
		}
		if len(index) > 0 {
			if rest, ok = strings.CutPrefix(rest, m.keys.Separator); !ok {
				return false
			}
		}
	}
	if len(index) == 0 {
		return rest == "" || m.keys.V2 && rest == "0"
	}
	parts := strings.Split(rest, m.keys.Separator)
	if len(parts) != len(index) {
		return false
	}
	for d, p := range parts {
		n, ok := jsonInt(number(p))
		if !ok || n < 0 || n >= ceilDiv(m.shape[d], m.grid[d]) {
			return false
		}
		index[d] = n
	}
	return m.chunkKey(index) == key
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
