package zarr_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"healpipe/internal/testenv"
	"healpipe/zarr"
)

// interopCase is one array of the matrix.
type interopCase struct {
	name string
	zarr.ArrayOptions
}

var interopShape = []int{7, 4, 10}

// interopCases is every data type with a few chains, and every chain with a few data types.
func interopCases() []interopCase {
	var list []interopCase
	add := func(name string, t zarr.DataType, o zarr.ArrayOptions) {
		o.Shape, o.DataType = interopShape, t
		if o.Chunks == nil {
			o.Chunks = []int{3, 2, 10}
		}
		list = append(list, interopCase{fmt.Sprintf("%03d-%s-%s", len(list), t, name), o})
	}
	types := []zarr.DataType{zarr.TypeBool, zarr.TypeInt8, zarr.TypeInt16, zarr.TypeInt32, zarr.TypeInt64, zarr.TypeUint8, zarr.TypeUint16,
		zarr.TypeUint32, zarr.TypeUint64, zarr.TypeFloat16, zarr.TypeFloat32, zarr.TypeFloat64, zarr.TypeComplex64, zarr.TypeComplex128}
	order := func(t zarr.DataType, endian string) zarr.Codec {
		if t.Size() == 1 {
			endian = ""
		}
		return zarr.Bytes(endian)
	}
	for _, t := range types {
		add("default", t, zarr.ArrayOptions{})
		add("big", t, zarr.ArrayOptions{Codecs: []zarr.Codec{order(t, zarr.Big)}})
		add("sharded", t, zarr.ArrayOptions{Chunks: []int{2, 2, 5}, Shards: []int{4, 4, 10}, Codecs: []zarr.Codec{order(t, zarr.Big), zarr.Gzip(1)}})
		add("blosc", t, zarr.ArrayOptions{Codecs: []zarr.Codec{order(t, zarr.Little), zarr.Blosc("lz4", 5, "bitshuffle", t.Size(), 0)}})
	}
	few := []zarr.DataType{zarr.TypeInt16, zarr.TypeFloat32, zarr.TypeFloat64}
	for _, t := range few {
		little := zarr.Bytes(zarr.Little)
		for _, name := range []string{"lz4", "zstd", "zlib"} {
			for _, shuffle := range []string{"noshuffle", "shuffle", "bitshuffle"} {
				for _, level := range []int{0, 3, 9} {
					add(fmt.Sprintf("blosc-%s-%s-%d", name, shuffle, level), t,
						zarr.ArrayOptions{Codecs: []zarr.Codec{little, zarr.Blosc(name, level, shuffle, t.Size(), 0)}, Chunks: interopShape})
				}
			}
		}
		for _, level := range []int{0, 1, 6, 9} {
			add(fmt.Sprintf("gzip-%d", level), t, zarr.ArrayOptions{Codecs: []zarr.Codec{little, zarr.Gzip(level)}})
		}
		for _, level := range []int{-3, 0, 1, 5, 9, 19} {
			add(fmt.Sprintf("zstd-%d", level), t, zarr.ArrayOptions{Codecs: []zarr.Codec{little, zarr.Zstd(level, level%2 == 1)}})
		}
		add("crc32c", t, zarr.ArrayOptions{Codecs: []zarr.Codec{little, zarr.CRC32C()}})
		add("crc32c-inside", t, zarr.ArrayOptions{Codecs: []zarr.Codec{little, zarr.CRC32C(), zarr.Zstd(3, false), zarr.CRC32C()}})
		add("gzip-zstd", t, zarr.ArrayOptions{Codecs: []zarr.Codec{little, zarr.Gzip(3), zarr.Zstd(3, false)}})
		add("transpose", t, zarr.ArrayOptions{Codecs: []zarr.Codec{zarr.Transpose(2, 0, 1), zarr.Bytes(zarr.Big), zarr.Zstd(0, false)}})
		add("transpose-twice", t, zarr.ArrayOptions{Codecs: []zarr.Codec{zarr.Transpose(2, 0, 1), zarr.Transpose(1, 0, 2), little}})
		add("v2-keys", t, zarr.ArrayOptions{KeyEncoding: zarr.KeyEncoding{V2: true}})
		add("v2-keys-slash", t, zarr.ArrayOptions{KeyEncoding: zarr.KeyEncoding{V2: true, Separator: "/"}})
		add("dot-keys", t, zarr.ArrayOptions{KeyEncoding: zarr.KeyEncoding{Separator: "."}})
		shard := zarr.ArrayOptions{Chunks: []int{2, 1, 5}, Shards: []int{4, 4, 10}, DimensionNames: []string{"t", "", "x"}}
		add("shard-default", t, shard)
		shard.IndexAtStart = true
		add("shard-index-start", t, shard)
		shard.IndexCodecs = []zarr.Codec{zarr.Bytes(zarr.Big)}
		add("shard-index-plain", t, shard)
		shard.IndexAtStart = false
		shard.Codecs = []zarr.Codec{zarr.Transpose(1, 2, 0), zarr.Bytes(zarr.Big), zarr.Blosc("zstd", 5, "shuffle", t.Size(), 0), zarr.CRC32C()}
		add("shard-chain", t, shard)
		inner := zarr.Sharding([]int{2, 2, 5}, []zarr.Codec{little, zarr.Zstd(0, false)}, []zarr.Codec{little, zarr.CRC32C()}, false)
		add("shard-transposed", t, zarr.ArrayOptions{Chunks: []int{4, 4, 10}, Codecs: []zarr.Codec{zarr.Transpose(1, 0, 2), inner}})
		add("shard-packed", t, zarr.ArrayOptions{Chunks: []int{4, 4, 10}, Codecs: []zarr.Codec{inner, zarr.Gzip(1)}})
	}
	for t, fills := range map[zarr.DataType][]any{
		zarr.TypeFloat16: {1.5, "NaN", "-Infinity", "0x7e01"}, zarr.TypeFloat32: {0.1, "NaN", "Infinity", "0x3f800001", "0x80000000", "0x7fc00001"},
		zarr.TypeFloat64: {1e300, "NaN", "-Infinity", "0xfff8000000000001"},
		zarr.TypeInt8:    {-128}, zarr.TypeInt64: {int64(-1 << 63)}, zarr.TypeUint64: {uint64(1<<64 - 1)}, zarr.TypeBool: {true},
		zarr.TypeComplex64: {complex(1, -2)}, zarr.TypeComplex128: {complex(0.5, 3)},
	} {
		for _, f := range fills {
			add(fmt.Sprintf("fill-%v", f), t, zarr.ArrayOptions{FillValue: f})
		}
	}
	return list
}

// arrayBytes are the values of an array, random bits, with some chunks equal to the fill value.
func arrayBytes(a *zarr.Array, rng *rand.Rand) []byte {
	size := a.DataType().Size()
	n := 1
	for _, s := range a.Shape() {
		n *= s
	}
	b := make([]byte, n*size)
	for i := range b {
		b[i] = byte(rng.Uint32())
		if a.DataType() == zarr.TypeBool {
			b[i] &= 1
		}
	}
	return b
}

// readAny and writeAny call Read and Write with the type of the array.
func readAny(a *zarr.Array, r zarr.Region, b []byte) error  { return anyType(a, r, b, false) }
func writeAny(a *zarr.Array, r zarr.Region, b []byte) error { return anyType(a, r, b, true) }

func anyType(a *zarr.Array, r zarr.Region, b []byte, write bool) error {
	switch a.DataType() {
	case zarr.TypeBool:
		return typed[bool](a, r, b, write)
	case zarr.TypeInt8:
		return typed[int8](a, r, b, write)
	case zarr.TypeInt16:
		return typed[int16](a, r, b, write)
	case zarr.TypeInt32:
		return typed[int32](a, r, b, write)
	case zarr.TypeInt64:
		return typed[int64](a, r, b, write)
	case zarr.TypeUint8:
		return typed[uint8](a, r, b, write)
	case zarr.TypeUint16:
		return typed[uint16](a, r, b, write)
	case zarr.TypeUint32:
		return typed[uint32](a, r, b, write)
	case zarr.TypeUint64:
		return typed[uint64](a, r, b, write)
	case zarr.TypeFloat16:
		return typed[zarr.Float16](a, r, b, write)
	case zarr.TypeFloat32:
		return typed[float32](a, r, b, write)
	case zarr.TypeFloat64:
		return typed[float64](a, r, b, write)
	case zarr.TypeComplex64:
		return typed[complex64](a, r, b, write)
	}
	return typed[complex128](a, r, b, write)
}

func typed[T zarr.Element](a *zarr.Array, r zarr.Region, b []byte, write bool) error {
	v := make([]T, len(b)/a.DataType().Size())
	view := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(b))
	if write {
		copy(view, b)
		return zarr.Write(context.Background(), a, r, v)
	}
	err := zarr.Read(context.Background(), a, r, v)
	copy(b, view)
	return err
}

func wholeOf(a *zarr.Array) zarr.Region {
	return zarr.Region{Start: make([]int, len(a.Shape())), Shape: a.Shape()}
}

// peers is the Python side: each function reads or writes an array with one library.
const peers = `
import json, os, sys, warnings
import numpy as np, tensorstore as ts, zarr
from zarr.core.metadata.v3 import ArrayV3Metadata
from zarr.core.buffer import default_buffer_prototype
warnings.simplefilter("ignore")
zarrs_pipeline = {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline", "codec_pipeline.strict": True, "codec_pipeline.validate_checksums": True}
import zarrs

def meta(path):
    return json.load(open(path + "/zarr.json"))

def np_type(path):
    return np.dtype(meta(path)["data_type"])

def zarr_read(path):
    return zarr.open_array(path, mode="r")[...]

def zarrs_read(path):
    with zarr.config.set(zarrs_pipeline):
        return zarr.open_array(path, mode="r")[...]

def ts_read(path):
    return ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": path}}, open=True).result().read().result()

def zarr_create(path, m):
    parsed = ArrayV3Metadata.from_dict(m)
    os.makedirs(path)
    for name, buf in parsed.to_buffer_dict(default_buffer_prototype()).items():
        open(path + "/" + name, "wb").write(buf.to_bytes())

def zarr_write(path, m, a):
    zarr_create(path, m)
    zarr.open_array(path, mode="r+")[...] = a

def zarrs_write(path, m, a):
    zarr_create(path, m)
    with zarr.config.set(zarrs_pipeline):
        zarr.open_array(path, mode="r+")[...] = a

def ts_write(path, m, a):
    m = {k: v for k, v in m.items() if k != "storage_transformers"}
    ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": path}, "metadata": m}, create=True).result().write(a).result()

# What a peer cannot do, by its name and a part of the array's name.
lacks = {"zarr-python": ["fill-0x7e01"], "zarrs": ["read 050-complex64-sharded", "read 054-complex128-sharded", "fill-0x7e01", "fill-0x7fc00001", "fill-0xfff8000000000001"], "tensorstore": ["shard-packed"]}
def can(peer, name):
    return not any(part in name for part in lacks[peer])
`

func TestPeersReadOurs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	st, dir := localStore(t)
	g := must(zarr.CreateGroup(ctx, st, "", nil, zarr.Options{}))(t)
	rng := rand.New(rand.NewPCG(3, 4))
	var names []string
	for _, c := range interopCases() {
		a, err := g.Create(ctx, c.name, c.ArrayOptions)
		if err != nil {
			t.Fatal(err)
		}
		values := arrayBytes(a, rng)
		// The first part only: what follows stays fill value. Read back, it is the whole answer.
		part := zarr.Region{Start: []int{0, 0, 0}, Shape: []int{5, 4, 10}}
		if err := writeAny(a, part, values[:part.Len()*a.DataType().Size()]); err != nil {
			t.Fatal(err)
		}
		if err := readAny(a, wholeOf(a), values); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, c.name+".raw"), values, 0o666); err != nil {
			t.Fatal(err)
		}
		names = append(names, c.name)
	}
	out := testenv.RunPython(t, peers+`
count = 0
for name in sys.argv[2:]:
    path = sys.argv[1] + "/" + name
    raw = open(path + ".raw", "rb").read()
    for peer, read in {"zarr-python": zarr_read, "zarrs": zarrs_read, "tensorstore": ts_read}.items():
        if not can(peer, "read " + name):
            continue
        try:
            got = np.ascontiguousarray(read(path)).tobytes()
            if got != raw:
                print(peer, name, "reads other values")
            count += 1
        except Exception as e:
            print(peer, name, type(e).__name__, str(e)[:200])
print("done", count)
`, append([]string{dir}, names...)...)
	if lines := strings.TrimSpace(out); !strings.HasPrefix(lines, "done ") {
		t.Errorf("%d arrays, and of these:\n%s", len(names), lines)
	} else {
		t.Logf("%d arrays; %s", len(names), lines)
	}
}

func TestWeReadPeers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	st, dir := localStore(t)
	g := must(zarr.CreateGroup(ctx, st, "", nil, zarr.Options{}))(t)
	rng := rand.New(rand.NewPCG(5, 6))
	var names []string
	for _, c := range interopCases() {
		a, err := g.Create(ctx, c.name, c.ArrayOptions)
		if err != nil {
			t.Fatal(err)
		}
		values := arrayBytes(a, rng)
		if err := os.WriteFile(filepath.Join(dir, c.name+".raw"), values, 0o666); err != nil {
			t.Fatal(err)
		}
		names = append(names, c.name)
	}
	out := testenv.RunPython(t, peers+`
for name in sys.argv[2:]:
    path = sys.argv[1] + "/" + name
    m = meta(path)
    a = np.frombuffer(open(path + ".raw", "rb").read(), np_type(path)).reshape(m["shape"])
    for peer, write in {"zarr-python": zarr_write, "zarrs": zarrs_write, "tensorstore": ts_write}.items():
        if not can(peer, "write " + name):
            continue
        try:
            write(sys.argv[1] + "/" + peer + "/" + name, m, a)
        except Exception as e:
            print(peer, name, type(e).__name__, str(e)[:200])
`, append([]string{dir}, names...)...)
	if out != "" {
		t.Errorf("the peers fail to write:\n%s", out)
	}
	count := 0
	for _, peer := range []string{"zarr-python", "zarrs", "tensorstore"} {
		for _, name := range names {
			if _, err := os.Stat(filepath.Join(dir, peer, name, "zarr.json")); err != nil {
				continue
			}
			a, err := zarr.OpenArray(ctx, st, peer+"/"+name, zarr.Options{})
			if err != nil {
				t.Errorf("%s: %v", peer, err)
				continue
			}
			want, _ := os.ReadFile(filepath.Join(dir, name+".raw"))
			got := make([]byte, len(want))
			if err := readAny(a, wholeOf(a), got); err != nil {
				t.Errorf("%s: %v", peer, err)
			} else if string(got) != string(want) {
				t.Errorf("%s: %s: other values", peer, name)
			}
			count++
		}
	}
	t.Logf("%d arrays read", count)
}
