package blosc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"healpipe/internal/testenv"
)

// writeCases lets numcodecs (c-blosc) compress arrays of many kinds under many settings.
const writeCases = `
import sys, json, numpy as np
from numcodecs import Blosc
rng = np.random.default_rng(1)
x = (np.sin(np.arange(60000) / 300) * 30 + rng.normal(size=60000) / 20)
data = {
    "f4": x.astype("f4"), "f8": x.astype("f8")[:30000], "i2": (x * 100).astype("i2"), "u1": (x + 40).astype("u1"),
    "c16": x.astype("c16")[:9001], "zeros": np.zeros(50000, "f4"), "noise": np.frombuffer(rng.bytes(70001), "u1"),
    "tiny": np.arange(3, dtype="f4"), "odd": np.arange(1000, dtype="i4")[:501], "one": np.zeros(1, "u1"), "empty": np.zeros(0, "f4"),
    "large": np.tile(x, 8).astype("f4"),
}
cases = []
for name, a in data.items():
    open(f"{name}.raw", "wb").write(a.tobytes())
    for cname in ["lz4", "zlib", "zstd", "blosclz", "lz4hc"]:
        for level in [0, 1, 5, 9] if name != "large" else [5]:
            for shuffle in [0, 1, 2]:
                for block in [0, 4096] if name in ("f4", "i2") else [0]:
                    out = Blosc(cname, level, shuffle, block).encode(a)
                    file = f"{name}-{cname}-{level}-{shuffle}-{block}"
                    open(file, "wb").write(out)
                    cases.append(dict(Raw=f"{name}.raw", File=file, Compressor=cname, Level=level, Shuffle=shuffle, TypeSize=a.dtype.itemsize, BlockSize=block))
print(json.dumps(cases))
`

type testCase struct {
	Raw, File string
	Options
}

func cases(t testing.TB) (dir string, list []testCase) {
	t.Helper()
	dir = t.TempDir()
	out := testenv.RunPython(t, "import os, sys; os.chdir(sys.argv[1])"+writeCases, dir)
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	return dir, list
}

func read(t testing.TB, names ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(names...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAgainstNumcodecs(t *testing.T) {
	t.Parallel()
	dir, list := cases(t)
	ours := t.TempDir()
	var manifest strings.Builder
	total := map[string][2]int{}
	for _, c := range list {
		raw, packed := read(t, dir, c.Raw), read(t, dir, c.File)
		got := make([]byte, len(raw))
		if n, err := Decode(got, packed); err != nil || n != len(raw) || !bytes.Equal(got, raw) {
			t.Fatalf("%s: %d of %d bytes, %v", c.File, n, len(raw), err)
		}
		if c.Check() != nil {
			continue // c-blosc writes more kinds than we do
		}
		out, err := Encode([]byte("before"), raw, c.Options)
		if err != nil {
			t.Fatalf("%s: %v", c.File, err)
		}
		out = bytes.TrimPrefix(out, []byte("before"))
		if n, err := Decode(got, out); err != nil || !bytes.Equal(got[:n], raw) {
			t.Fatalf("%s: our own: %v", c.File, err)
		}
		if len(raw) > 1000 && c.Level > 0 {
			if out[2]&^flagStored != packed[2]&^flagStored || !bytes.Equal(out[4:12], packed[4:12]) {
				t.Errorf("%s: header %x, c-blosc's %x", c.File, out[:12], packed[:12])
			}
		}
		key := fmt.Sprint(c.Compressor, c.Level)
		sum := total[key]
		total[key] = [2]int{sum[0] + len(out), sum[1] + len(packed)}
		if err := os.WriteFile(filepath.Join(ours, c.File), out, 0o666); err != nil {
			t.Fatal(err)
		}
		if len(raw) == 0 {
			continue // numcodecs refuses to read an empty buffer, its own too
		}
		fmt.Fprintln(&manifest, filepath.Join(dir, c.Raw), filepath.Join(ours, c.File))
	}
	for key, sum := range total {
		t.Logf("%s: %d bytes, c-blosc %d: %.3f", key, sum[0], sum[1], float64(sum[0])/float64(sum[1]))
		if float64(sum[0]) > 1.03*float64(sum[1]) {
			t.Errorf("%s: %d bytes, more than 3 %% over c-blosc's %d", key, sum[0], sum[1])
		}
	}
	bad := testenv.RunPython(t, `
import sys
from numcodecs import Blosc
for line in sys.argv[1].splitlines():
    raw, packed = line.split()
    try:
        same = bytes(Blosc().decode(open(packed, "rb").read())) == open(raw, "rb").read()
    except Exception as e:
        same = e
    if same is not True: print(packed, same)
`, manifest.String())
	if bad != "" {
		t.Errorf("c-blosc does not read:\n%s", bad)
	}
}
