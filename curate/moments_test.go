package curate

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"healpipe/internal/testenv"
)

// momentsOracle takes {NAME: [[value or null, ...], ...]}: numpy's answers over all parts of a name together.
const momentsOracle = `
import json, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
out = {}
for name, parts in json.load(open(sys.argv[1])).items():
    x = np.concatenate([np.array(p, dtype="f4") for p in parts]).astype("f8")
    row = [np.count_nonzero(~np.isnan(x)), np.nanmean(x), np.nanstd(x), np.nanmin(x), np.nanmax(x)]
    out[name] = [None if np.isnan(r) else float(r) for r in row]
print(json.dumps(out))
`

// TestMomentsLikeNumpy merges parts with missing values in many orders and groupings: numpy's nan-functions over all
// values are what must come out, also where the mean is far larger than the spread.
func TestMomentsLikeNumpy(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 7))
	nan := math.NaN()
	parts := map[string][][]float32{}
	for name, scale := range map[string]struct{ mean, spread, missing float64 }{
		"temperature": {280, 15, 0.1}, "geopotential": {4.8e5, 3, 0.3}, "humidity": {1e-6, 1e-6, 0}, "wind": {0, 12, 0.9}, "constant": {101325, 0, 0.2}, "missing": {0, 1, 1},
	} {
		for range 6 {
			part := make([]float32, 1+rng.IntN(3000))
			for i := range part {
				part[i] = float32(scale.mean + scale.spread*rng.NormFloat64())
				if rng.Float64() < scale.missing {
					part[i] = float32(nan)
				}
			}
			parts[name] = append(parts[name], part)
		}
		parts[name] = append(parts[name], []float32{}, []float32{float32(nan), float32(nan)})
	}
	in := map[string][][]*float32{}
	for name, list := range parts {
		for _, part := range list {
			values := make([]*float32, len(part))
			for i := range part {
				if part[i] == part[i] {
					values[i] = &part[i]
				}
			}
			in[name] = append(in[name], values)
		}
	}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "parts.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var want map[string][5]*float64
	if err := json.Unmarshal([]byte(testenv.RunPython(t, momentsOracle, file)), &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(parts) {
		t.Fatal(want)
	}
	for name, list := range parts {
		all := make([]Moments, len(list))
		for i, part := range list {
			all[i] = momentsOf(part)
		}
		for round := range 50 {
			// Any two are merged, in either order, until one is left.
			left := append([]Moments{}, all...)
			for len(left) > 1 {
				rng.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
				left = append(left[:len(left)-2], left[len(left)-2].merge(left[len(left)-1]))
			}
			m := left[0].finish()
			for k, got := range []number64{number64(m.Count), m.Mean, m.Std, m.Min, m.Max} {
				if err := near(float64(got), want[name][k]); err != nil {
					t.Fatalf("%s, order %d: %s: %v", name, round, []string{"count", "mean", "std", "min", "max"}[k], err)
				}
			}
		}
	}
}

// near compares with numpy's number, nil for NaN, to within float64's rounding of some thousand sums.
func near(got float64, want *float64) error {
	switch {
	case want == nil && math.IsNaN(got):
	case want == nil:
		return fmt.Errorf("%v where numpy has NaN", got)
	case !(math.Abs(got-*want) <= 1e-11*math.Abs(*want)):
		return fmt.Errorf("%v, numpy has %v", got, *want)
	}
	return nil
}
