package zstd

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"healpipe/internal/testenv"
)

// fields are contents of several kinds, as bytes of float32 but for the last ones.
func fields() map[string][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	floats := func(n int, f func(i int) float64) []byte {
		b := make([]byte, 0, 4*n)
		for i := range n {
			u := math.Float32bits(float32(f(i)))
			b = append(b, byte(u), byte(u>>8), byte(u>>16), byte(u>>24))
		}
		return b
	}
	const row = 49152
	list := map[string][]byte{
		"noise":    floats(6*row, func(i int) float64 { return 280 + 20*math.Sin(float64(i%row)/3000) + rng.NormFloat64() }),
		"signed":   floats(6*row, func(i int) float64 { return 10 * rng.NormFloat64() }),
		"odd size": floats(2*row, func(i int) float64 { return rng.Float64() })[:300001],
		"masked": floats(6*row, func(i int) float64 {
			if math.Sin(float64(i%row)/500) > 0 {
				return math.NaN()
			}
			return 280 + rng.Float64()
		}),
		"static":   bytes.Repeat(floats(row, func(i int) float64 { return 100 * rng.NormFloat64() }), 6),
		"constant": floats(3*row, func(i int) float64 { return 3.25 }),
		"packed":   floats(6*row, func(i int) float64 { return float64(rng.IntN(4000)) / 16 }),
		"half":     append(floats(3*row, func(i int) float64 { return rng.NormFloat64() }), floats(3*row, func(i int) float64 { return float64(i / 100) })...),
		// Short runs of missing values in noise, and fields whose parts stay as they were an hour before.
		"islands": floats(12*row, func(i int) float64 {
			if i%4000 < 200 {
				return math.NaN()
			}
			return 280 + rng.NormFloat64()
		}),
		"text":  []byte(strings.Repeat("the quick brown fox jumps over the lazy dog, ", 8000)),
		"short": []byte("short"),
		"empty": {},
	}
	still := floats(12*row, func(i int) float64 { return 280 + rng.NormFloat64() })
	for i := 4 * row; i < len(still); i++ {
		if i%(4*row)/4%12000 < 4000 {
			still[i] = still[i-4*row]
		}
	}
	list["still in parts"] = still
	random := make([]byte, 400_000)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	list["random"] = random
	skew := make([]byte, 600_000) // a few symbols, so codes that must be cut to 11 bits
	for i := range skew {
		skew[i] = byte(bits16(rng.Uint32()))
	}
	list["skew"] = skew
	return list
}

func bits16(x uint32) int {
	n := 0
	for ; x&1 != 0; x >>= 1 {
		n++
	}
	return n*7 + int(x>>8&1)
}

// TestAgainstLibzstd checks that libzstd reads our frames and that they are no more than 3 % larger than its own.
func TestAgainstLibzstd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := fields()
	for _, name := range strings.Fields(testenv.RunPython(t, `
import sys, glob, os
import netCDF4, numpy as np
for f in sorted(glob.glob(sys.argv[1] + "/*.hp64.nc")):
    d = netCDF4.Dataset(f); d.set_auto_mask(False)
    v = next(v for v in d.variables.values() if v.ndim >= 2 and v.dtype == "f4")
    a = np.ascontiguousarray(v[:]).reshape(-1, v.shape[-1])
    a[np.abs(a) > 1e19] = np.nan
    name = os.path.basename(f)
    np.concatenate([a, a + np.float32(0.013)]).tofile(sys.argv[2] + "/" + name)
    print(name)
`, testenv.Path("tests", "testdata", "cdo"), dir)) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		list[name] = b
	}
	var names []string
	size := map[string]int{}
	for name, src := range list {
		if err := os.WriteFile(filepath.Join(dir, name), src, 0o666); err != nil {
			t.Fatal(err)
		}
		for _, level := range []int{0, 1, 5, 9} {
			if level > 1 && (len(src) > 2<<20 || len(src) > 1<<20 && strings.HasSuffix(name, ".nc")) {
				continue // slow, and the pipeline has no use for it
			}
			key := name + "@" + strconv.Itoa(level)
			size[key] = roundTrip(t, filepath.Join(dir, key), src, level)
			names = append(names, key)
		}
	}
	out := testenv.RunPython(t, `
import sys
from numcodecs import Zstd
for key in sys.argv[2:]:
    name, level = key.split("@")
    src = open(sys.argv[1] + "/" + name, "rb").read()
    got = open(sys.argv[1] + "/" + key, "rb").read()
    if src:
        assert bytes(Zstd().decode(got)) == src, key
    print(key.replace(" ", "-"), len(Zstd(int(level), False).encode(src)))
`, append([]string{dir}, names...)...)
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		key, text, _ := strings.Cut(line, " ")
		theirs, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		ours, percent := size[strings.ReplaceAll(key, "-", " ")], 3
		t.Logf("%-30s %8d, libzstd %8d: %.4f", key, ours, theirs, float64(ours)/float64(theirs))
		if ours > theirs+theirs*percent/100+16 {
			t.Errorf("%s: %d bytes, more than %d %% over libzstd's %d", key, ours, percent, theirs)
		}
	}
}

// roundTrip compresses to a file and returns the size.
func roundTrip(t *testing.T, path string, src []byte, level int) int {
	t.Helper()
	out, err := Encode([]byte("before"), src, level, level == 5)
	if err != nil {
		t.Fatal(err)
	}
	out = bytes.TrimPrefix(out, []byte("before"))
	if len(out) > Bound(len(src)) {
		t.Errorf("%s: %d bytes are above the bound", path, len(out))
	}
	got, err := Decode(make([]byte, 0, len(src)), out)
	if err != nil || !bytes.Equal(got, src) {
		t.Fatalf("%s: our own: %v", path, err)
	}
	if err := os.WriteFile(path, out, 0o666); err != nil {
		t.Fatal(err)
	}
	return len(out)
}

// TestLibzstdReadsAll gives libzstd frames of all the lengths at which headers change, and of contents that make
// blocks of every kind, with and without checksum, which it verifies.
func TestLibzstdReadsAll(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	lengths := []int{0, 1, 7, 8, 9, 31, 32, 63, 255, 256, 257, 1023, 1024, 4095, 4096, 16383, 16384, 65535, 65536, 65791, 65792, 131071, 131072, 131073, 262144, 400000}
	patterns := [][]byte{nil, {0}, []byte("ab"), []byte("a longer pattern that comes again"), {0, 0, 0x90, 0x43}}
	dir := t.TempDir()
	var frames, contents []byte
	var list strings.Builder
	for i := range 400 {
		n := lengths[i%len(lengths)]
		if i >= 2*len(lengths) {
			n = rng.IntN(1 << rng.IntN(19))
		}
		src := mixture(patterns[rng.IntN(len(patterns))], n, rng.Uint64(), byte(1<<rng.IntN(9)-1))
		out, err := Encode(nil, src, []int{-3, 0, 1, 3, 6, 9, 19}[rng.IntN(7)], i%2 == 0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&list, "%d %d\n", len(out), len(src))
		frames, contents = append(frames, out...), append(contents, src...)
	}
	large := mixture([]byte("window"), 20<<20, 1, 3) // more than one window
	out, err := Encode(nil, large, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&list, "%d %d\n", len(out), len(large))
	frames, contents = append(frames, out...), append(contents, large...)
	for name, b := range map[string][]byte{"frames": frames, "contents": contents, "list": []byte(list.String())} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	testenv.RunPython(t, `
import sys
from numcodecs import Zstd
frames, contents = (open(sys.argv[1] + "/" + n, "rb").read() for n in ("frames", "contents"))
for i, line in enumerate(open(sys.argv[1] + "/list")):
    m, n = map(int, line.split())
    frame, want = frames[:m], contents[:n]
    frames, contents = frames[m:], contents[n:]
    assert frame[4] >> 2 & 1 == (i + 1) % 2 or i == 400
    if n:
        assert bytes(Zstd().decode(frame)) == want, (i, m, n)
    if n > 100 and frame[4] & 4:
        damaged = frame[:-1] + bytes([frame[-1] ^ 1])
        try:
            Zstd().decode(damaged)
        except RuntimeError:
            continue
        raise AssertionError("the checksum is not verified")
assert not frames and not contents and i == 400
`, dir)
}

// FuzzEncode encodes mixtures of noise of few or many symbols and of repeated patterns.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("abc"), uint32(300_000), uint64(1), uint8(255), 0, false)
	f.Add([]byte{0, 1}, uint32(262_144), uint64(2), uint8(0), 5, true)
	f.Add([]byte{7}, uint32(393_217), uint64(3), uint8(15), 1, false)
	f.Add([]byte("a few bytes"), uint32(0), uint64(4), uint8(15), 9, true)
	f.Fuzz(func(t *testing.T, pattern []byte, n uint32, seed uint64, mask uint8, level int, checksum bool) {
		if level > 8 {
			n %= 1 << 16 // long chains of candidates take seconds for what has few symbols, as in libzstd
		}
		src := mixture(pattern, int(n%(1<<19)), seed, mask)
		out, err := Encode(nil, src, min(max(level, MinLevel), MaxLevel), checksum)
		if err != nil || len(out) > Bound(len(src)) {
			t.Fatalf("%d bytes, bound %d: %v", len(out), Bound(len(src)), err)
		}
		got, err := Decode(make([]byte, 0, len(src)), out)
		if err != nil || !bytes.Equal(got, src) {
			t.Fatalf("does not come back: %v", err)
		}
	})
}

// mixture is the pattern again and again, with noise in the bits of mask added in runs.
func mixture(pattern []byte, n int, seed uint64, mask uint8) []byte {
	src := make([]byte, n)
	rng := rand.New(rand.NewPCG(seed, 0))
	for i, left, noisy := 0, 0, false; i < n; i, left = i+1, left-1 {
		if left <= 0 {
			left, noisy = 1<<rng.IntN(18), !noisy
		}
		if noisy {
			src[i] = byte(rng.Uint32()) & mask
		}
		if len(pattern) > 0 {
			src[i] += pattern[i%len(pattern)]
		}
	}
	return src
}
