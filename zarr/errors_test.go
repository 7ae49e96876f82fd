package zarr_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"healpipe/zarr"
)

// TestDamagedChunks changes stored bytes: reading and merging must fail, with the place, and change nothing.
func TestDamagedChunks(t *testing.T) {
	t.Parallel()
	little := zarr.Bytes(zarr.Little)
	plainIndex := []zarr.Codec{little}
	cut := func(n int) func(b []byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }
	flip := func(at int) func(b []byte) []byte {
		return func(b []byte) []byte {
			if at < 0 {
				at += len(b)
			}
			b[at] ^= 0x10
			return b
		}
	}
	empty := func([]byte) []byte { return nil }
	shard := []int{4, 2, 8}
	for _, c := range []struct {
		name    string
		codecs  []zarr.Codec
		index   []zarr.Codec // not nil: sharded
		atStart bool
		damage  func([]byte) []byte
		says    string
	}{
		{"plain cut", []zarr.Codec{little}, nil, false, cut(1), "instead of"},
		{"plain too long", []zarr.Codec{little}, nil, false, func(b []byte) []byte { return append(b, 0) }, "instead of"},
		{"plain empty", []zarr.Codec{little}, nil, false, empty, "instead of"},
		{"zstd cut", nil, nil, false, cut(1), "zstd"},
		{"zstd empty", nil, nil, false, empty, "zstd"},
		{"zstd magic", nil, nil, false, flip(0), "zstd"},
		{"zstd checksum", []zarr.Codec{little, zarr.Zstd(0, true)}, nil, false, flip(-1), "zstd"},
		{"gzip cut", []zarr.Codec{little, zarr.Gzip(5)}, nil, false, cut(1), "gzip"},
		{"gzip checksum", []zarr.Codec{little, zarr.Gzip(5)}, nil, false, flip(-5), "gzip"},
		{"gzip magic", []zarr.Codec{little, zarr.Gzip(5)}, nil, false, flip(1), "gzip"},
		{"blosc cut", []zarr.Codec{little, zarr.Blosc("lz4", 5, "shuffle", 4, 0)}, nil, false, cut(1), "blosc"},
		{"blosc header", []zarr.Codec{little, zarr.Blosc("zstd", 5, "shuffle", 4, 0)}, nil, false, flip(5), "blosc"},
		{"crc32c data", []zarr.Codec{little, zarr.CRC32C()}, nil, false, flip(3), "crc32c"},
		{"crc32c sum", []zarr.Codec{little, zarr.CRC32C()}, nil, false, flip(-1), "crc32c"},
		{"crc32c cut", []zarr.Codec{little, zarr.CRC32C()}, nil, false, func([]byte) []byte { return []byte{1, 2} }, "crc32c"},
		{"shard cut", nil, []zarr.Codec{little, zarr.CRC32C()}, false, cut(1), "shard index"},
		{"shard shorter than its index", nil, []zarr.Codec{little, zarr.CRC32C()}, false, func(b []byte) []byte { return b[:40] }, "shorter than its index"},
		{"shard empty", nil, []zarr.Codec{little, zarr.CRC32C()}, false, empty, "shorter than its index"},
		{"shard index sum", nil, []zarr.Codec{little, zarr.CRC32C()}, false, flip(-1), "shard index"},
		{"shard index at start", nil, []zarr.Codec{little, zarr.CRC32C()}, true, flip(2), "shard index"},
		{"shard entry outside", nil, plainIndex, false, func(b []byte) []byte {
			binary.LittleEndian.PutUint64(b[len(b)-64:], uint64(len(b)))
			return b
		}, "shard index"},
		{"shard entry overflows", nil, plainIndex, false, func(b []byte) []byte {
			binary.LittleEndian.PutUint64(b[len(b)-64:], 1<<63)
			binary.LittleEndian.PutUint64(b[len(b)-56:], 1<<63)
			return b
		}, "shard index"},
		{"inner chunk empty", nil, plainIndex, false, func(b []byte) []byte {
			binary.LittleEndian.PutUint64(b[len(b)-56:], 0)
			return b
		}, "inner chunk [0 0 0]"},
		{"inner chunk", []zarr.Codec{little, zarr.CRC32C()}, plainIndex, false, flip(0), "inner chunk [0 0 0]"},
		{"inner chunk in a packed shard", []zarr.Codec{zarr.Sharding([]int{2, 2, 8}, []zarr.Codec{little, zarr.CRC32C()}, plainIndex, false), zarr.CRC32C()},
			nil, false, cut(4), "crc32c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			st, dir := localStore(t)
			o := zarr.ArrayOptions{Shape: []int{8, 2, 8}, Chunks: shard, DataType: zarr.TypeFloat32, Codecs: c.codecs}
			if c.index != nil {
				o.Chunks, o.Shards, o.IndexCodecs, o.IndexAtStart = []int{2, 2, 4}, shard, c.index, c.atStart
			}
			g := must(zarr.CreateGroup(ctx, st, "", nil, zarr.Options{}))(t)
			a := must(g.Create(ctx, "deep/array", o))(t)
			values := make([]float32, 4*2*8)
			for i := range values {
				values[i] = float32(i) * 1.7
			}
			r := zarr.Region{Start: []int{4, 0, 0}, Shape: shard}
			if err := zarr.Write(ctx, a, r, values); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, a.ChunkKey([]int{1, 0, 0}))
			bad := c.damage(must(os.ReadFile(path))(t))
			if err := os.WriteFile(path, bad, 0o666); err != nil {
				t.Fatal(err)
			}
			check := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, zarr.ErrCorrupt) {
					t.Fatalf("%s: %v, not ErrCorrupt", what, err)
				}
				for _, part := range []string{dir, "deep/array", "c/1/0/0", c.says} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%s: no %q in: %v", what, part, err)
					}
				}
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: several lines: %q", what, err)
				}
			}
			check("read", zarr.Read(ctx, a, r, values))
			check("merge", zarr.Write(ctx, a, zarr.Region{Start: []int{5, 0, 0}, Shape: []int{1, 2, 8}}, values[:16]))
			if now := must(os.ReadFile(path))(t); !bytes.Equal(now, bad) {
				t.Error("a failed merge changed the chunk")
			}
		})
	}
}

const plainMetadata = `{"shape": [4], "data_type": "float32", "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
	"chunk_key_encoding": {"name": "default"}, "fill_value": 0, "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
	"attributes": {}, "zarr_format": 3, "node_type": "array"}`

// TestRefusedMetadata opens arrays that this package must not misread.
func TestRefusedMetadata(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, old, new string
		is             error
		says           string
	}{
		{"codec", `"codecs": [`, `"codecs": [{"name": "delta9"}, `, zarr.ErrUnsupported, `"delta9"`},
		{"inner codec", `{"name": "bytes", "configuration": {"endian": "little"}}`, `{"name": "sharding_indexed", "configuration": {"chunk_shape": [1],
			"codecs": ["pcodec"], "index_codecs": ["bytes"]}}`, zarr.ErrUnsupported, `"pcodec"`},
		{"data type", `"float32"`, `"float8_e4m3"`, zarr.ErrUnsupported, `"float8_e4m3"`},
		{"data type object", `"float32"`, `{"name": "numpy.datetime64", "configuration": {"unit": "s"}}`, zarr.ErrUnsupported, `"numpy.datetime64"`},
		{"chunk grid", `"regular"`, `"rectilinear"`, zarr.ErrUnsupported, `"rectilinear"`},
		{"chunk keys", `"default"`, `"hashed"`, zarr.ErrUnsupported, `"hashed"`},
		{"storage transformer", `"attributes"`, `"storage_transformers": [{"name": "cipher"}], "attributes"`, zarr.ErrUnsupported, `"cipher"`},
		{"extension", `"attributes"`, `"warp": {"name": "x"}, "attributes"`, zarr.ErrUnsupported, "warp"},
		{"version", `"zarr_format": 3`, `"zarr_format": 4`, zarr.ErrUnsupported, "zarr_format"},
		{"group", `"array"`, `"group"`, zarr.ErrInvalid, "group"},
		{"fill value", `"fill_value": 0`, `"fill_value": "0x12"`, zarr.ErrInvalid, "fill value"},
		{"no fill value", `"fill_value": 0,`, ``, zarr.ErrCorrupt, "fill_value"},
		{"no codecs", `{"name": "bytes", "configuration": {"endian": "little"}}`, ``, zarr.ErrInvalid, "no codec"},
		{"zero chunk", `"chunk_shape": [2]`, `"chunk_shape": [0]`, zarr.ErrInvalid, "chunk shape"},
		{"rank", `"chunk_shape": [2]`, `"chunk_shape": [2, 2]`, zarr.ErrInvalid, "chunk shape"},
		{"huge chunk", `"chunk_shape": [2]`, `"chunk_shape": [4000000000000]`, zarr.ErrUnsupported, "chunk of"},
		{"not JSON", `{"shape"`, `{shape`, zarr.ErrCorrupt, "JSON"},
		{"cut", `"node_type": "array"}`, ``, zarr.ErrCorrupt, "JSON"},
		{"no endian", `{"endian": "little"}`, `{}`, zarr.ErrInvalid, "endian"},
		{"transpose", `"codecs": [`, `"codecs": [{"name": "transpose", "configuration": {"order": [1]}}, `, zarr.ErrInvalid, "transpose"},
		{"order of codecs", `"codecs": [`, `"codecs": ["crc32c", `, zarr.ErrInvalid, "crc32c"},
		{"node type", `"array"`, `"table"`, zarr.ErrInvalid, `node_type is "table"`},
		{"shape", `"shape": [4]`, `"shape": [4, "five"]`, zarr.ErrCorrupt, `shape: corrupt data: [ 4, "five" ]`},
		{"attributes", `"attributes": {}`, `"attributes": [1]`, zarr.ErrCorrupt, "attributes"},
		{"storage transformers", `"attributes"`, `"storage_transformers": {"name": "cipher"}, "attributes"`, zarr.ErrCorrupt, "storage_transformers"},
		{"setting of the data type", `"float32"`, `{"name": "float32", "configuration": {"nan": "quiet"}}`, zarr.ErrUnsupported, `data_type: unsupported: "nan"`},
		{"setting of the grid", `"chunk_shape"`, `"origin": [1], "chunk_shape"`, zarr.ErrUnsupported, `chunk_grid: unsupported: "origin"`},
		{"setting of the keys", `"default"`, `"default", "configuration": {"prefix": "k"}`, zarr.ErrUnsupported, `chunk_key_encoding: unsupported: "prefix"`},
		{"setting of bytes", `"endian"`, `"pad": 1, "endian"`, zarr.ErrUnsupported, `codec bytes: unsupported: "pad"`},
		{"setting of gzip", `"}}]`, `"}}, {"name": "gzip", "configuration": {"level": 1, "strategy": "rle"}}]`, zarr.ErrUnsupported, `codec gzip: unsupported: "strategy"`},
		{"setting of zstd", `"}}]`, `"}}, {"name": "zstd", "configuration": {"level": 1, "dictionary": 7}}]`, zarr.ErrUnsupported, `codec zstd: unsupported: "dictionary"`},
		{"setting of crc32c", `"}}]`, `"}}, {"name": "crc32c", "configuration": {"location": "start"}}]`, zarr.ErrUnsupported, `codec crc32c: unsupported: "location"`},
		{"setting of blosc", `"}}]`, `"}}, {"name": "blosc", "configuration": {"cname": "lz4", "filter": "delta"}}]`, zarr.ErrUnsupported, `codec blosc: unsupported: "filter"`},
		{"setting of a shard", `{"name": "bytes", "configuration": {"endian": "little"}}`, `{"name": "sharding_indexed", "configuration": {"chunk_shape": [1],
			"codecs": ["bytes"], "index_codecs": ["bytes"], "fragments": 2}}`, zarr.ErrUnsupported, `codec sharding_indexed: unsupported: "fragments"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			st, _ := localStore(t)
			doc := strings.Replace(plainMetadata, c.old, c.new, 1)
			if doc == plainMetadata {
				t.Fatal("the case changes nothing")
			}
			if err := st.Put(ctx, "a/zarr.json", []byte(doc)); err != nil {
				t.Fatal(err)
			}
			_, err := zarr.OpenArray(ctx, st, "a", zarr.Options{})
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), st.String()+"/a") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
		})
	}
	st, _ := localStore(t)
	if _, err := zarr.OpenArray(context.Background(), st, "none", zarr.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no array: %v", err)
	}
	if _, err := zarr.OpenGroup(context.Background(), st, "../up", zarr.Options{}); !errors.Is(err, zarr.ErrInvalid) {
		t.Errorf("a path out of the store: %v", err)
	}
}

// TestRefusedGroups opens groups that this package must not misread, and one with what need not be understood.
func TestRefusedGroups(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		members string
		is      error
		says    string
	}{
		{`"node_type": "group", "warp": {"name": "x"}`, zarr.ErrUnsupported, "warp: unsupported: extension"},
		{`"node_type": "group", "warp": {"name": "x", "must_understand": true}`, zarr.ErrUnsupported, "warp"},
		{`"node_type": "group", "attributes": [1]`, zarr.ErrCorrupt, "attributes"},
		{`"node_type": "table"`, zarr.ErrInvalid, `node_type is "table", not group`},
		{`"attributes": {}`, zarr.ErrInvalid, "node_type is null"},
		{`"node_type": "group", "attributes": {"a": 1}, "warp": {"name": "x", "must_understand": false}, "consolidated_metadata": null`, nil, ""},
	} {
		st, _ := localStore(t)
		if err := st.Put(t.Context(), "g/zarr.json", []byte(`{"zarr_format": 3, `+c.members+`}`)); err != nil {
			t.Fatal(err)
		}
		g, err := zarr.OpenGroup(t.Context(), st, "g", zarr.Options{})
		switch {
		case c.is == nil && err == nil:
			if g.Attributes()["a"] != int64(1) {
				t.Errorf("%s: attributes %v", c.members, g.Attributes())
			}
		case c.is == nil || !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), st.String()+"/g"):
			t.Errorf("%s: %v", c.members, err)
		}
	}
}

// TestMustUnderstand opens arrays with what need not be understood.
func TestMustUnderstand(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	st, _ := localStore(t)
	doc := strings.NewReplacer(`"attributes"`, `"storage_transformers": [{"name": "x", "must_understand": false}], "warp": {"must_understand": false}, "attributes"`).Replace(plainMetadata)
	if err := st.Put(ctx, "a/zarr.json", []byte(doc)); err != nil {
		t.Fatal(err)
	}
	a := must(zarr.OpenArray(ctx, st, "a", zarr.Options{}))(t)
	if err := zarr.Write(ctx, a, wholeOf(a), []float32{1, 2, 3, 4}); err != nil {
		t.Error(err)
	}
	doc = strings.Replace(doc, `"codecs": [`, `"codecs": [{"name": "hint", "must_understand": false}, `, 1)
	if err := st.Put(ctx, "a/zarr.json", []byte(doc)); err != nil {
		t.Fatal(err)
	}
	a = must(zarr.OpenArray(ctx, st, "a", zarr.Options{}))(t)
	got := make([]float32, 4)
	if err := zarr.Read(ctx, a, wholeOf(a), got); err != nil || got[3] != 4 {
		t.Error(got, err)
	}
	if err := zarr.Write(ctx, a, wholeOf(a), got); !errors.Is(err, zarr.ErrUnsupported) || !strings.Contains(err.Error(), `"hint"`) {
		t.Errorf("writing without the codec: %v", err)
	}
}

func TestInvalidCalls(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	st, _ := localStore(t)
	g := must(zarr.CreateGroup(ctx, st, "", nil, zarr.Options{}))(t)
	o := zarr.ArrayOptions{Shape: []int{4, 6}, Chunks: []int{2, 3}, DataType: zarr.TypeFloat32}
	a := must(g.Create(ctx, "a", o))(t)
	if _, err := g.Create(ctx, "a", o); !errors.Is(err, zarr.ErrExists) {
		t.Errorf("created twice: %v", err)
	}
	if _, err := zarr.CreateGroup(ctx, st, "", nil, zarr.Options{}); !errors.Is(err, zarr.ErrExists) {
		t.Errorf("group created twice: %v", err)
	}
	for _, err := range []error{
		zarr.Read(ctx, a, wholeOf(a), make([]float64, 24)),
		zarr.Read(ctx, a, wholeOf(a), make([]float32, 23)),
		zarr.Read(ctx, a, zarr.Region{Start: []int{1, 0}, Shape: []int{4, 6}}, make([]float32, 24)),
		zarr.Read(ctx, a, zarr.Region{Start: []int{-1, 0}, Shape: []int{1, 6}}, make([]float32, 6)),
		zarr.Read(ctx, a, zarr.Region{Start: []int{0}, Shape: []int{4}}, make([]float32, 4)),
		zarr.Write(ctx, a, wholeOf(a), make([]int32, 24)),
		zarr.Write(ctx, a, wholeOf(a), make([]float32, 25)),
		a.SameAs(zarr.ArrayOptions{Shape: []int{4, 6}, Chunks: []int{2, 4}, Shards: []int{2, 3}, DataType: zarr.TypeFloat32}),
	} {
		if !errors.Is(err, zarr.ErrInvalid) && !errors.Is(err, zarr.ErrMismatch) {
			t.Errorf("no refusal: %v", err)
		}
	}
	if err := a.SameAs(o); err != nil {
		t.Error(err)
	}
	if err := a.SameAs(a.Options()); err != nil {
		t.Error(err)
	}
	o.Chunks = []int{4, 3}
	if err := a.SameAs(o); !errors.Is(err, zarr.ErrMismatch) || !strings.Contains(err.Error(), "chunk_grid") {
		t.Errorf("other chunks: %v", err)
	}
}

// TestSameAsInOtherNotation compares arrays whose codecs are written as other libraries write them.
func TestSameAsInOtherNotation(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	st, _ := localStore(t)
	little, blosc := zarr.Bytes(zarr.Little), zarr.Blosc("lz4", 5, "shuffle", 4, 0)
	want := zarr.ArrayOptions{Shape: []int{4}, Chunks: []int{1}, Shards: []int{2}, DataType: zarr.TypeFloat32, Codecs: []zarr.Codec{little, zarr.Zstd(3, false), blosc}}
	for i, c := range []struct {
		codecs string
		same   bool
	}{
		// As tensorstore writes it: names in alphabetical order; as zarrs: with the defaults left out.
		{`{"name": "sharding_indexed", "configuration": {"chunk_shape": [1], "index_location": "end", "codecs": [{"configuration": {"endian": "little"}, "name": "bytes"},
			{"name": "zstd", "configuration": {"checksum": false, "level": 3}}, {"name": "blosc", "configuration": {"blocksize": 0, "clevel": 5, "cname": "lz4", "shuffle": "shuffle", "typesize": 4}}],
			"index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c", "configuration": {}}]}}`, true},
		{`{"name": "sharding_indexed", "configuration": {"index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, "crc32c"], "chunk_shape": [1],
			"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd", "configuration": {"level": 3}}, {"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "blocksize": 0}}]}}`, true},
		{`{"name": "sharding_indexed", "configuration": {"index_codecs": [{"name": "bytes", "configuration": {"endian": "big"}}, "crc32c"], "chunk_shape": [1],
			"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd", "configuration": {"level": 3}}, {"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "blocksize": 0}}]}}`, false},
	} {
		doc := strings.Replace(plainMetadata, `{"name": "bytes", "configuration": {"endian": "little"}}`, c.codecs, 1)
		if err := st.Put(ctx, "a/zarr.json", []byte(doc)); err != nil {
			t.Fatal(err)
		}
		a := must(zarr.OpenArray(ctx, st, "a", zarr.Options{}))(t)
		if err := a.SameAs(want); (err == nil) != c.same || err != nil && !errors.Is(err, zarr.ErrMismatch) {
			t.Errorf("notation %d: %v", i, err)
		}
		if err := a.SameAs(a.Options()); err != nil {
			t.Errorf("notation %d, its own options: %v", i, err)
		}
	}
}
