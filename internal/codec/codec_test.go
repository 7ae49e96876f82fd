package codec

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/adler32"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"healpipe/internal/testenv"
)

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// h5pyChunks prints raw chunks as h5py writes them, the values and a version 3 superblock.
const h5pyChunks = `
import json, h5py, numpy as np
out = []
rng = np.random.default_rng(1)
with h5py.File("a.h5", "w", libver="latest") as f:
    for t in ["u1", "<u2", "<u4", "<u8", "S3", "S16"]:
        for n in [1, 2, 7, 1000]:
            x = rng.integers(0, 256, n * np.dtype(t).itemsize, dtype="u1")
            for kw in [{"shuffle": True}, {"fletcher32": True}]:
                d = f.create_dataset(f"{t}{n}{list(kw)[0]}", shape=(n,), dtype=t, chunks=(n,), **kw)
                d.id.write(h5py.h5s.ALL, h5py.h5s.ALL, x.view(t))
                f.flush()
                out.append({"size": np.dtype(t).itemsize, "kind": list(kw)[0], "raw": x.tobytes().hex(),
                            "chunk": d.id.read_direct_chunk((0,))[1].hex()})
out.append({"size": 0, "kind": "superblock", "raw": "", "chunk": open("a.h5", "rb").read(48).hex()})
print(json.dumps(out))
`

func TestAgainstHDF5(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Size             int
		Kind, Raw, Chunk string
	}
	if err := json.Unmarshal([]byte(testenv.RunPython(t, h5pyChunks)), &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		raw, _ := hex.DecodeString(c.Raw)
		chunk, _ := hex.DecodeString(c.Chunk)
		switch c.Kind {
		case "shuffle":
			got := make([]byte, len(raw))
			Unshuffle(got, chunk, c.Size)
			if !slices.Equal(got, raw) {
				t.Errorf("unshuffle, size %d, %d bytes", c.Size, len(raw))
			}
			Shuffle(got, raw, c.Size)
			if !slices.Equal(got, chunk) {
				t.Errorf("shuffle, size %d, %d bytes", c.Size, len(raw))
			}
		case "fletcher32":
			if data, err := CheckFletcher32(chunk); err != nil || !slices.Equal(data, raw) {
				t.Errorf("fletcher32 of %d bytes: %v", len(raw), err)
			}
			chunk[0]++
			if _, err := CheckFletcher32(chunk); !errors.Is(err, ErrCorrupt) {
				t.Errorf("fletcher32 of changed bytes: %v", err)
			}
		case "superblock":
			if got, want := Lookup3(chunk[:44]), binary.LittleEndian.Uint32(chunk[44:]); got != want {
				t.Errorf("lookup3 of the superblock %08x, want %08x", got, want)
			}
		}
	}
}

// The values are those that lookup3.c's author gives in its comments.
func TestLookup3(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint32{"": 0xdeadbeef, "Four score and seven years ago": 0x17770551} {
		if got := Lookup3([]byte(text)); got != want {
			t.Errorf("%q: %08x, want %08x", text, got, want)
		}
	}
}

func TestUnshuffleRange(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 3, 4, 8, 12} {
		for _, n := range []int{1, 3, 64, 301} {
			raw := noise(n*size + size/2)
			chunk, got := make([]byte, len(raw)), make([]byte, len(raw))
			Shuffle(chunk, raw, size)
			Unshuffle(got, chunk, size)
			if !slices.Equal(got, raw) {
				t.Fatalf("size %d, %d elements", size, n)
			}
			from, to := n/3, n-n/4
			part := make([]byte, (to-from)*size)
			UnshuffleRange(part, chunk, size, from)
			if !slices.Equal(part, raw[from*size:to*size]) {
				t.Errorf("size %d, elements %d to %d of %d", size, from, to, n)
			}
			if size == 4 {
				values := make([]float32, to-from)
				for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
					UnshuffleFloat32(values, chunk, from, order == binary.ByteOrder(binary.BigEndian))
					for i, x := range values {
						if math.Float32bits(x) != order.Uint32(raw[4*(from+i):]) {
							t.Fatalf("float32 %d of %d", i, n)
						}
					}
				}
			}
		}
	}
}

func TestAdler32(t *testing.T) {
	t.Parallel()
	ones := slices.Repeat([]byte{255}, 200_001)
	random := noise(200_001)
	mixed := slices.Concat(random[:5000], ones[:10_000], random[5000:7000], make([]byte, 90_001), ones[:93_000]) // runs of one byte, and not
	for _, n := range []int{0, 1, 15, 16, 127, 128, 129, 257, 2047, 2048, 2049, 4096, 32767, 32768, 32769, 65536, 200_000, 200_001} {
		for _, b := range [][]byte{ones[:n], random[:n], mixed[:n]} {
			want := adler32.Checksum(b)
			if got := Adler32(b); got != want {
				t.Errorf("%d bytes: %08x, want %08x", n, got, want)
			}
			if got := updateAdler32(Adler32(b[:n/3]), b[n/3:]); got != want {
				t.Errorf("%d bytes in two parts: %08x, want %08x", n, got, want)
			}
		}
	}
}

func BenchmarkAdler32(b *testing.B) {
	data := noise(1 << 20)
	b.SetBytes(1 << 20)
	for b.Loop() {
		Adler32(data)
	}
}

func BenchmarkUnshuffleFloat32(b *testing.B) {
	data := noise(4 * 27 * 139 * 277)
	dst := make([]float32, len(data)/4)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		UnshuffleFloat32(dst, data, 0, false)
	}
}

func BenchmarkFletcher32(b *testing.B) {
	data := noise(1 << 20)
	b.SetBytes(1 << 20)
	for b.Loop() {
		Fletcher32(data)
	}
}
