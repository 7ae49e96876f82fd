package zarr

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
)

// FuzzJSON compares the parser with encoding/json, and what it prints with what it read.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{}`, `[1, -2.5e+3, "a\u00e9\ud83d\ude00\n", null, true]`, `{"a": {"b": []}, "a": 1}`, `NaN`, `[Infinity, -Infinity]`, `"\ud800"`, `01`, `[1,]`, `{"a"}`, ` 1 `} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseJSON(data)
		if err != nil {
			if json.Valid(data) && bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) < maxJSONDepth {
				t.Fatalf("refused: %v", err)
			}
			return
		}
		text := formatJSON(v)
		again, err := parseJSON(text)
		if err != nil || !bytes.Equal(formatJSON(again), text) {
			t.Fatalf("printed as %s, which reads as %s (%v)", text, formatJSON(again), err)
		}
		if !json.Valid(data) {
			return // NaN and its like
		}
		var want, got any
		if json.Unmarshal(data, &want) != nil {
			return // a number out of range
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		if !bytes.Equal(a, b) {
			t.Fatalf("%s is not %s", b, a)
		}
	})
}

// FuzzMetadata opens arrays of foreign metadata and decodes foreign chunks with them.
func FuzzMetadata(f *testing.F) {
	seed := func(o ArrayOptions) {
		m, err := newMetadata(o)
		if err != nil {
			f.Fatal(err)
		}
		doc := formatJSON(m.tree())
		c, err := newChain(m.codecs, m.grid, m.dtype, m.fill)
		if err != nil {
			f.Fatal(err)
		}
		values := make([]byte, c.raw)
		for i := range values {
			values[i] = byte(i / 3)
		}
		stored, err := c.encode(nil, values, new(scratch))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc, stored)
	}
	little := Bytes(Little)
	shape, chunks, shards := []int{10, 8}, []int{2, 4}, []int{4, 8}
	seed(ArrayOptions{Shape: shape, Chunks: chunks, DataType: TypeFloat32})
	seed(ArrayOptions{Shape: shape, Chunks: chunks, Shards: shards, DataType: TypeFloat64, FillValue: math.NaN()})
	seed(ArrayOptions{Shape: shape, Chunks: chunks, Shards: shards, DataType: TypeInt16, IndexAtStart: true, IndexCodecs: []Codec{Bytes(Big)}, Codecs: []Codec{Transpose(1, 0), Bytes(Big), Gzip(1)}})
	seed(ArrayOptions{Shape: shape, Chunks: shards, DataType: TypeComplex64, Codecs: []Codec{Sharding(chunks, []Codec{little, Blosc("lz4", 5, "bitshuffle", 8, 0)}, []Codec{little, CRC32C()}, false), Zstd(1, true)}})
	seed(ArrayOptions{Shape: []int{}, Chunks: []int{}, DataType: TypeBool, KeyEncoding: KeyEncoding{V2: true}})
	f.Add([]byte(`{"zarr_format": 2, "shape": [4], "chunks": [2], "dtype": ">f4", "order": "F", "compressor": {"id": "lz4"}, "filters": null, "fill_value": "NaN"}`), []byte("\x08\x00\x00\x00\x80aaaaaaaa"))
	f.Fuzz(func(t *testing.T, doc, stored []byte) {
		tree, err := parseDoc(doc, "zarr.json")
		if err != nil {
			return
		}
		n := node{version: 3, doc: tree}
		if v, _ := tree.get("zarr_format"); v == number("2") {
			n.version = 2
		}
		m, err := n.array()
		if err != nil {
			return
		}
		if tree, err := parseDoc(formatJSON(m.tree()), "zarr.json"); err != nil {
			t.Fatal(err)
		} else if _, err := parseMetadata(tree); err != nil && m.readOnly == "" {
			t.Fatalf("refuses its own metadata: %v", err)
		}
		c, err := newChain(m.codecs, m.grid, m.dtype, m.fill)
		if err != nil || c.raw > 1<<16 {
			return
		}
		values := make([]byte, c.raw)
		sc := new(scratch)
		if err := c.decode(values, stored, sc); err != nil || m.readOnly != "" {
			return
		}
		again, err := c.encode(nil, values, sc)
		if err != nil {
			return // a codec that is only read
		}
		back := make([]byte, c.raw)
		if err := c.decode(back, again, sc); err != nil || !bytes.Equal(back, values) {
			t.Fatalf("does not come back: %v", err)
		}
	})
}

// FuzzChunk decodes foreign chunks with chains of every codec.
func FuzzChunk(f *testing.F) {
	little := Bytes(Little)
	shape := []int{4, 6}
	var chains []*chain
	for i, codecs := range [][]Codec{
		{little}, {Bytes(Big), CRC32C()}, {little, Zstd(0, false)}, {little, Zstd(1, true), CRC32C()}, {Transpose(1, 0), Bytes(Big), Gzip(1)},
		{little, Blosc("lz4", 5, "bitshuffle", 4, 0)}, {little, Blosc("zstd", 5, "shuffle", 4, 0)}, {little, Blosc("zlib", 5, "noshuffle", 4, 128)},
		{little, {Name: "numcodecs.zlib"}}, {little, {Name: "numcodecs.lz4"}}, {little, Gzip(1), Zstd(0, false)},
		{Sharding([]int{2, 3}, []Codec{little, Zstd(0, false)}, []Codec{little}, false)},
		{Transpose(1, 0), Sharding([]int{2, 2}, []Codec{Bytes(Big), CRC32C()}, []Codec{Bytes(Big)}, true), Zstd(0, false)},
	} {
		specs, err := codecSpecs(codecs)
		if err != nil {
			f.Fatal(err)
		}
		c, err := newChain(specs, shape, TypeFloat32, make([]byte, 4))
		if err != nil {
			f.Fatal(err)
		}
		chains = append(chains, c)
		values := make([]byte, c.raw)
		for j := range values {
			values[j] = byte(j / 3)
		}
		if stored, err := c.encode(nil, values, new(scratch)); err == nil {
			f.Add(uint8(i), stored)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, stored []byte) {
		c := chains[int(which)%len(chains)]
		values := make([]byte, c.raw)
		sc := new(scratch)
		if c.decode(values, stored, sc) != nil {
			return
		}
		again, err := c.encode(nil, values, sc)
		if err != nil {
			return // a codec that is only read
		}
		back := make([]byte, c.raw)
		if err := c.decode(back, again, sc); err != nil || !bytes.Equal(back, values) {
			t.Fatalf("does not come back: %v", err)
		}
	})
}

// FuzzChunkKey checks that only a chunk's own key is taken for it.
func FuzzChunkKey(f *testing.F) {
	f.Add("c/1/2", false, "/")
	f.Add("1.2", true, ".")
	f.Add("c/01/2", false, "/")
	f.Fuzz(func(t *testing.T, key string, v2 bool, sep string) {
		keys, err := KeyEncoding{V2: v2, Separator: sep}.complete()
		if err != nil {
			return
		}
		m := &metadata{shape: []int{10, 10}, grid: []int{2, 2}, keys: keys}
		index := make([]int, 2)
		if m.parseChunkKey(key, index) && (m.chunkKey(index) != key || index[0] > 4 || index[1] > 4) {
			t.Fatalf("%q is taken for chunk %v", key, index)
		}
	})
}
