package zstd

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"healpipe/internal/testenv"
)

// TestDecodeParts reads random parts of our frames and of libzstd's, of noise, runs and repeats, at several levels.
func TestDecodeParts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(3, 4))
	list := fields()
	for _, n := range []int{1, 20, 255, 256, 1023, 16_384, 131_072, 131_073, 400_000} { // lengths at which headers change
		noise := make([]byte, n)
		for i := range noise {
			noise[i] = byte(rng.Uint32()&31) * byte(rng.Uint32()&3)
		}
		list[fmt.Sprint("few-", n)], list[fmt.Sprint("run-", n)] = noise, bytes.Repeat([]byte{7}, n)
	}
	frames := map[string][]byte{}
	for name, src := range list {
		if len(src) == 0 {
			delete(list, name)
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), src, 0o666); err != nil {
			t.Fatal(err)
		}
		out, err := Encode(nil, src, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		frames[name+"@ours"] = out
	}
	for _, name := range strings.Split(strings.TrimSpace(testenv.RunPython(t, `
import os, sys
from numcodecs import Zstd
for name in os.listdir(sys.argv[1]):
    src = open(f"{sys.argv[1]}/{name}", "rb").read()
    for level in (-5, 1, 3, 9):
        open(f"{sys.argv[1]}/{name}@{level}", "wb").write(Zstd(level, False).encode(src))
        print(f"{name}@{level}")
`, dir)), "\n") {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		frames[name] = b
	}
	served := map[string]int{}
	for key, frame := range frames {
		name, program, _ := strings.Cut(key, "@")
		src := list[name]
		for round := range 20 {
			parts := someParts(rng, len(src), round)
			dst := make([]byte, len(src))
			if !DecodeParts(dst, frame, parts) {
				continue
			}
			served[program]++
			if round == 0 {
				served[name]++
			}
			for _, p := range parts {
				if !bytes.Equal(dst[p.From:p.To], src[p.From:p.To]) {
					t.Fatalf("%s: part %v is not what was compressed", key, p)
				}
			}
		}
		if DecodeParts(make([]byte, len(src)+1), frame, nil) || DecodeParts(make([]byte, len(src)-1), frame, nil) {
			t.Errorf("%s: a content of another length", key)
		}
		for n := range min(len(frame), 40) {
			if DecodeParts(make([]byte, len(src)), frame[:len(frame)-n-1], nil) {
				t.Errorf("%s: %d bytes of %d", key, len(frame)-n-1, len(frame))
			}
		}
	}
	t.Log(served)
	for _, must := range []string{"ours", "1", "3", "-5", "noise", "signed"} {
		if served[must] == 0 {
			t.Errorf("no frame of %s was read in parts", must)
		}
	}
	withChecksum, err := Encode(nil, list["noise"], 0, true)
	if err != nil {
		t.Fatal(err)
	}
	if DecodeParts(make([]byte, len(list["noise"])), withChecksum, nil) {
		t.Error("a checksum was passed over")
	}
}

// someParts returns ascending parts of n bytes; in round 0 all bytes.
func someParts(rng *rand.Rand, n, round int) (parts []Range) {
	if round == 0 {
		return []Range{{0, n}}
	}
	for at := 0; at < n; {
		from := at + rng.IntN(1+n/(1+rng.IntN(30)))
		to := min(from+1+rng.IntN(1<<rng.IntN(18)), n)
		if from >= n {
			break
		}
		parts = append(parts, Range{from, to})
		at = to
	}
	return parts
}

// FuzzDecodeParts: what is read in parts is what Decode reads, where it reads anything, and all parts are the whole.
func FuzzDecodeParts(f *testing.F) {
	for _, src := range [][]byte{bytes.Repeat([]byte{1, 2}, 5), mixture([]byte("abc"), 3000, 1, 255), mixture(nil, 200_000, 2, 31), mixture([]byte{9}, 300_000, 3, 0)} {
		out, err := Encode(nil, src, 1, false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(out, uint32(len(src)), uint64(1))
	}
	f.Fuzz(func(t *testing.T, frame []byte, n uint32, seed uint64) {
		n %= 1 << 20
		parts := someParts(rand.New(rand.NewPCG(seed, 1)), int(n), int(seed%4))
		dst := make([]byte, n)
		if !DecodeParts(dst, frame, parts) {
			return
		}
		all := make([]byte, n)
		got, err := Decode(make([]byte, 0, n), frame)
		if DecodeParts(all, frame, []Range{{0, int(n)}}) && (err != nil || !bytes.Equal(got, all)) {
			t.Fatalf("in parts %d bytes, whole %d: %v", n, len(got), err)
		}
		for _, p := range parts {
			if err == nil && !bytes.Equal(got[p.From:p.To], dst[p.From:p.To]) {
				t.Fatalf("part %v differs", p)
			}
		}
	})
}
