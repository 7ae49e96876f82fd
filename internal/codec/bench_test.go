package codec

import (
	"encoding/binary"
	"os"
	"testing"
)

// chunks returns the raw zlib chunks of a file that bench/inflate keeps in the user's cache folder, and how long one is unpacked.
func chunks(b *testing.B, name string, most int) (out [][]byte, size int) {
	b.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		b.Fatal(err)
	}
	raw, err := os.ReadFile(dir + "/healpipe-bench/" + name + ".chunks")
	if err != nil {
		b.Skipf("run `go run ./bench/inflate` once, it makes the chunks (%v)", err)
	}
	for len(raw) >= 16 && len(out) < most {
		n := binary.LittleEndian.Uint64(raw)
		size = int(binary.LittleEndian.Uint64(raw[8:]))
		out = append(out, raw[16:16+n])
		raw = raw[16+n:]
	}
	return out, size
}

func BenchmarkInflate(b *testing.B) {
	for _, c := range []struct {
		name string
		most int
	}{{"2t_96h", 36}, {"u_3h", 1}} {
		for _, safe := range []bool{false, true} {
			form := map[bool]string{false: "unsafe", true: "safe"}[safe]
			b.Run(c.name+"/"+form, func(b *testing.B) {
				all, size := chunks(b, c.name, c.most)
				dst := make([]byte, size)
				f := Inflater{safe: safe}
				b.SetBytes(int64(len(all) * size))
				for b.Loop() {
					for _, src := range all {
						if _, err := f.Zlib(dst, src); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

func BenchmarkUnshuffleLane(b *testing.B) {
	const n = 1440
	raw := make([]byte, 4*n)
	for i := range raw {
		raw[i] = byte(i * 7 % 113)
	}
	planes := [4][]byte{raw[:n], raw[n : 2*n], raw[2*n : 3*n], raw[3*n:]}
	dst := make([]float64, 8*64)
	b.SetBytes(4 * n)
	for b.Loop() {
		for at := 0; at+64 <= n; at += 64 {
			UnshuffleLane(dst, 8, &planes, at, 64, 0x7f)
		}
	}
}

func BenchmarkUnshuffleLanes(b *testing.B) {
	const n = 1440
	raw := make([]byte, 4*n)
	for i := range raw {
		raw[i] = byte(i * 7 % 113)
	}
	planes := [4][]byte{raw[:n], raw[n : 2*n], raw[2*n : 3*n], raw[3*n:]}
	dst := make([]float64, 8*64)
	b.SetBytes(8 * 4 * n)
	for b.Loop() {
		for at := 0; at+64 <= n; at += 64 {
			var l [8]Lane
			for k := range l {
				l[k] = Lane{&planes, at}
			}
			UnshuffleLanes(dst, 8, l[:], 64, 0x7f)
		}
	}
}
