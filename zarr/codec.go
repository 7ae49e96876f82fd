package zarr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Codec names one step of an array's codec chain, as in its metadata. The functions below make those that
// this package encodes and decodes.
type Codec struct {
	Name          string
	Configuration map[string]any
}

// Byte orders of the codec Bytes.
const (
	Little = "little"
	Big    = "big"
)

// Bytes lays elements out in C order with the byte order Little or Big; "" for one-byte data types.
func Bytes(endian string) Codec {
	if endian == "" {
		return Codec{Name: "bytes"}
	}
	return Codec{Name: "bytes", Configuration: map[string]any{"endian": endian}}
}

// Transpose stores axis order[i] of the chunk as axis i.
func Transpose(order ...int) Codec {
	return Codec{Name: "transpose", Configuration: map[string]any{"order": order}}
}

// Zstd compresses with Zstandard; level 0 is the default level 3. checksum appends a checksum of the content.
func Zstd(level int, checksum bool) Codec {
	return Codec{Name: "zstd", Configuration: map[string]any{"level": level, "checksum": checksum}}
}

// Gzip compresses with gzip at level 0 to 9.
func Gzip(level int) Codec {
	return Codec{Name: "gzip", Configuration: map[string]any{"level": level}}
}

// Blosc compresses with Blosc: compressor lz4, zstd or zlib, level 0 to 9, shuffle noshuffle, shuffle or
// bitshuffle on elements of typesize bytes (zero: the data type's). blocksize 0 chooses one.
func Blosc(compressor string, level int, shuffle string, typesize, blocksize int) Codec {
	return Codec{Name: "blosc", Configuration: map[string]any{
		"cname": compressor, "clevel": level, "shuffle": shuffle, "typesize": typesize, "blocksize": blocksize}}
}

// CRC32C appends a checksum.
func CRC32C() Codec { return Codec{Name: "crc32c"} }

// Sharding divides a chunk into inner chunks with codecs of their own; the index has its own chain and stands
// at the end, or at the start. ArrayOptions.Shards is the usual way to it.
func Sharding(inner []int, codecs, index []Codec, indexAtStart bool) Codec {
	loc := "end"
	if indexAtStart {
		loc = "start"
	}
	return Codec{Name: "sharding_indexed", Configuration: map[string]any{
		"chunk_shape": inner, "codecs": codecs, "index_codecs": index, "index_location": loc}}
}

// codecSpec is a codec in metadata.
type codecSpec struct {
	name   string
	config object
	skip   bool // unknown and must_understand is false
}

// configOrder is the order in which zarr-python writes the configurations, for the sake of equal documents.
var configOrder = map[string][]string{
	"zstd":             {"level", "checksum"},
	"blosc":            {"typesize", "cname", "clevel", "shuffle", "blocksize"},
	"sharding_indexed": {"chunk_shape", "codecs", "index_codecs", "index_location"},
}

// spec makes the codec's metadata.
func (c Codec) spec() (codecSpec, error) {
	s := codecSpec{name: c.Name}
	for k, v := range c.Configuration {
		var tree any
		var err error
		if list, ok := v.([]Codec); ok {
			tree, err = codecsTree(list)
		} else {
			tree, err = toJSON(v)
		}
		if err != nil {
			return codecSpec{}, fmt.Errorf("codec %s: %s: %w", c.Name, k, err)
		}
		s.config = append(s.config, member{k, tree})
	}
	s.sort()
	return s, nil
}

// sort puts the configuration, which is the codec's own, in zarr-python's order.
func (s *codecSpec) sort() {
	order := configOrder[s.name]
	slices.SortFunc(s.config, func(a, b member) int {
		if i, j := slices.Index(order, a.key), slices.Index(order, b.key); i != j {
			return i - j
		}
		return strings.Compare(a.key, b.key)
	})
}

// canonicalCodecs is the tree of a chain with everything stated and in order; t is the type of its values.
func canonicalCodecs(specs []codecSpec, t DataType) []any {
	list := slices.Clone(specs)
	for i := range list {
		s := &list[i]
		s.config = slices.Clone(s.config)
		set := func(key string, val any) { s.config = s.config.set(key, val) }
		sub := func(key string, t DataType) {
			v, _ := s.config.get(key)
			if inner, err := parseSpecs(v); err == nil {
				set(key, canonicalCodecs(inner, t))
			}
		}
		lacks := func(key string) bool { _, ok := s.config.get(key); return !ok }
		switch s.name {
		case "bytes", "endian":
			if s.name = "bytes"; t.wordSize() == 1 {
				s.config = nil // says nothing
			}
		case "blosc":
			if v, ok := s.config.get("typesize"); !ok || v == number("0") {
				set("typesize", number(strconv.Itoa(t.Size())))
			}
		case "zstd":
			if lacks("checksum") {
				set("checksum", false)
			}
		case "sharding_indexed":
			if lacks("index_location") {
				set("index_location", "end")
			}
			sub("codecs", t)
			sub("index_codecs", TypeUint64)
		}
		s.sort()
	}
	return specsTree(list)
}

func codecsTree(list []Codec) ([]any, error) {
	specs, err := codecSpecs(list)
	return specsTree(specs), err
}

func codecSpecs(list []Codec) ([]codecSpec, error) {
	specs := make([]codecSpec, len(list))
	for i, c := range list {
		var err error
		if specs[i], err = c.spec(); err != nil {
			return nil, err
		}
	}
	return specs, nil
}

func specsTree(specs []codecSpec) []any {
	a := make([]any, len(specs))
	for i, s := range specs {
		o := object{{"name", s.name}}
		if len(s.config) > 0 {
			o = append(o, member{"configuration", s.config})
		}
		if s.skip {
			o = append(o, member{"must_understand", false})
		}
		a[i] = o
	}
	return a
}

// public makes the Codec of a codec in metadata.
func (s codecSpec) public() Codec {
	c := Codec{Name: s.name}
	if len(s.config) == 0 {
		return c
	}
	c.Configuration = make(map[string]any, len(s.config))
	for _, m := range s.config {
		c.Configuration[m.key] = fromJSON(m.val)
		if m.key == "codecs" || m.key == "index_codecs" {
			if specs, err := parseSpecs(m.val); err == nil {
				c.Configuration[m.key] = publicCodecs(specs)
			}
		}
	}
	return c
}

func publicCodecs(specs []codecSpec) []Codec {
	list := make([]Codec, len(specs))
	for i, s := range specs {
		list[i] = s.public()
	}
	return list
}

// parseSpecs reads a list of codecs.
func parseSpecs(v any) ([]codecSpec, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%w: the codecs are no list", ErrCorrupt)
	}
	specs := make([]codecSpec, len(list))
	for i, e := range list {
		name, config, must, err := extension(e)
		if err != nil {
			return nil, fmt.Errorf("codec %d: %w", i, err)
		}
		specs[i] = codecSpec{name: name, config: config}
		if !knownCodec(name) {
			if must {
				return nil, fmt.Errorf("%w: codec %q", ErrUnsupported, name)
			}
			specs[i].skip = true
		}
	}
	return specs, nil
}

// extension reads an extension point of version 3 metadata: a name, or an object with name, configuration and
// must_understand.
func extension(v any) (name string, config object, must bool, err error) {
	switch v := v.(type) {
	case string:
		return v, nil, true, nil
	case object:
		n, _ := v.get("name")
		name, ok := n.(string)
		if !ok {
			break
		}
		must = true
		if m, ok := v.get("must_understand"); ok && m == false {
			must = false
		}
		c, ok := v.get("configuration")
		if !ok || c == nil {
			return name, nil, must, nil
		}
		config, ok := c.(object)
		if !ok {
			break
		}
		return name, config, must, nil
	}
	return "", nil, false, fmt.Errorf("%w: no name or configuration in %s", ErrCorrupt, brief(v))
}
