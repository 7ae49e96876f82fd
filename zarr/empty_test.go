package zarr_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"healpipe/internal/testenv"
	"healpipe/zarr"
)

// TestEmptyChunks writes the same values with this package and with zarr-python, twice over each other, and compares
// which chunks, and which inner chunks of a shard, are stored afterwards.
func TestEmptyChunks(t *testing.T) {
	t.Parallel()
	negative := math.Copysign(0, -1)
	// Each letter is a chunk of eight float32: all 0, all -0.0, all NaN, all 7, and half of the last two each.
	chunk := map[byte][]float32{}
	for letter, pair := range map[byte][2]float64{
		'0': {0, 0}, '-': {negative, negative}, 'n': {math.NaN(), math.NaN()}, '7': {7, 7}, 'm': {math.NaN(), 7}, 'z': {0, negative}, 'h': {0, 7},
	} {
		chunk[letter] = slices.Concat(slices.Repeat([]float32{float32(pair[0])}, 4), slices.Repeat([]float32{float32(pair[1])}, 4))
	}
	type test struct {
		Name   string
		Fill   any
		Shards bool
		Writes []string // of the whole array
	}
	var tests []test
	for _, fill := range []any{0, 7, "NaN", "-0.0"} {
		for _, shards := range []bool{false, true} {
			for i, writes := range [][]string{{"0-n7mzh0"}, {"7777nnnn", "0-n7mzh0"}, {"hhhhhhhh", "00000000"}, {"hhhhhhhh", "nnnnnnnn"}, {"hhhhhhhh", "7777777h"}, {"--------"}} {
				tests = append(tests, test{fmt.Sprintf("%v-%v-%d", fill, shards, i), fill, shards, writes})
			}
		}
	}
	ours, theirs := t.TempDir(), t.TempDir()
	for _, c := range tests {
		st, dir := localStore(t)
		g := must(zarr.CreateGroup(t.Context(), st, "", nil, zarr.Options{}))(t)
		o := zarr.ArrayOptions{Shape: []int{64}, Chunks: []int{8}, DataType: zarr.TypeFloat32, FillValue: c.Fill}
		if c.Fill == "-0.0" {
			o.FillValue = negative
		}
		if c.Shards {
			o.Shards = []int{16}
		}
		a := must(g.Create(t.Context(), "a", o))(t)
		for _, letters := range c.Writes {
			var values []float32
			for i := range letters {
				values = append(values, chunk[letters[i]]...)
			}
			if err := zarr.Write(t.Context(), a, wholeOf(a), values); err != nil {
				t.Fatal(err)
			}
			raw := make([]byte, 0, 256)
			for _, v := range values {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
			}
			if err := os.WriteFile(filepath.Join(theirs, c.Name+letters), raw, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Rename(dir, filepath.Join(ours, c.Name)); err != nil {
			t.Fatal(err)
		}
	}
	text := must(json.Marshal(tests))(t)
	out := testenv.RunPython(t, `
import json, os, sys
import numpy as np, zarr
ours, theirs, tests = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
def stored(path):
    found = {}
    for name in sorted(os.listdir(path + "/c")) if os.path.isdir(path + "/c") else []:
        if not name.startswith("."):
            raw = open(f"{path}/c/{name}", "rb").read()
            index = np.frombuffer(raw[-36:-4], "<u8").reshape(2, 2) if shards else [[0, 0]]
            found[name] = [int(entry[0]) != 2**64 - 1 for entry in index]
    return found
result = {}
for t in tests:
    shards = (16,) if t["Shards"] else None
    fill = float(t["Fill"]) if isinstance(t["Fill"], str) else t["Fill"]
    path = f"{theirs}/{t['Name']}.zarr"
    a = zarr.create_array(path, shape=64, chunks=(8,), shards=shards, dtype="f4", fill_value=fill)
    for letters in t["Writes"]:
        a[:] = np.fromfile(f"{theirs}/{t['Name']}{letters}", "<f4")
    result[t["Name"]] = [stored(f"{ours}/{t['Name']}/a"), stored(path)]
print(json.dumps(result))
`, ours, theirs, string(text))
	var result map[string][2]map[string][]bool
	if err := json.Unmarshal([]byte(out), &result); err != nil || len(result) != len(tests) {
		t.Fatal(len(result), err)
	}
	some := 0
	for _, c := range tests {
		r := result[c.Name]
		if !reflect.DeepEqual(r[0], r[1]) {
			t.Errorf("fill value %v, shards %v, %s: stored %v, zarr-python %v", c.Fill, c.Shards, strings.Join(c.Writes, " then "), r[0], r[1])
		}
		some += len(r[1])
	}
	if some == 0 {
		t.Error("zarr-python stores nothing at all")
	}
}
