package curate

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// TestDecodeLikeCftime compares with cftime, which netCDF4-python and xarray decode with.
func TestDecodeLikeCftime(t *testing.T) {
	t.Parallel()
	type item struct {
		Value    float64 `json:"value"`
		Units    string  `json:"units"`
		Calendar string  `json:"calendar"`
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var items []item
	epochs := []string{
		"1900-01-01 00:00:00", "1900-1-1 0:0:0", "1970-01-01", "1970-01-01T00:00:00Z", "1900-01-01 00:00:0.0", "2000-02-29 12:30",
		"1800-01-01 06:00:00", "1858-11-17", "1990-06-15 00:00:00 +02:00", "1990-06-15 00:00:00 -0330", "1990-06-15 00:00:00 UTC", "1582-10-15", "1-1-1 00:00:00", "0001-01-01 00:00:00", "1500-03-01",
	}
	for _, epoch := range epochs {
		for unit, size := range map[string]float64{"hours": 3600, "hour": 3600, "h": 3600, "days": 86400, "day": 86400, "minutes": 60, "min": 60, "seconds": 1, "s": 1, "milliseconds": 1e-3} {
			for _, calendar := range []string{"standard", "gregorian", "proleptic_gregorian"} {
				whole := float64(rng.IntN(int(4e9 / max(size, 1))))
				items = append(items, item{whole, unit + " since " + epoch, calendar})
			}
		}
	}
	for range 200 { // hours as fractions of a day
		items = append(items, item{float64(rng.IntN(1e6)) / 24, "days since 1900-01-01", "standard"})
	}
	b, err := json.Marshal(items)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "items.json")
	if err := os.WriteFile(name, b, 0o666); err != nil {
		t.Fatal(err)
	}
	// Through a Julian day the mixed calendar's dates become instants: datetime is proleptic Gregorian.
	out := testenv.RunPython(t, `
import cftime, datetime, json, sys
out = []
for i in json.load(open(sys.argv[1])):
    d = cftime.num2date(i["value"], i["units"], i["calendar"])
    ref = cftime.datetime(1970, 1, 1, calendar=i["calendar"])
    out.append(round((d - ref).total_seconds() * 1000))
print(json.dumps(out))`, name)
	var want []int64
	if err := json.Unmarshal([]byte(out), &want); err != nil {
		t.Fatal(err)
	}
	for i, it := range items {
		u, err := parseUnits(it.Units, it.Calendar)
		if err != nil {
			t.Errorf("%+v: %v", it, err)
			continue
		}
		got, err := u.decode(it.Value)
		if err != nil || got.UnixMilli() != want[i] {
			t.Errorf("%+v: %v (%d), %v; cftime has %v (%d)", it, got, got.UnixMilli(), err, time.UnixMilli(want[i]).UTC(), want[i])
		}
		if back, err := u.encode(got); it.Value == float64(int64(it.Value)) && (err != nil || float64(back) != it.Value) {
			t.Errorf("%+v: encoded as %d, %v", it, back, err)
		}
	}
}

func TestParseUnitsRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range [][2]string{
		{"", ""}, {"hours", ""}, {"K", ""}, {"hours since", ""}, {"hours since yesterday", ""}, {"months since 1900-01-01", ""}, {"years since 1900-01-01", ""},
		{"hours since 1900-13-01", ""}, {"hours since 1900-02-29", ""}, {"hours since 1900-01-01 25:00", ""}, {"hours since 1582-10-10", "standard"},
		{"hours since 1900-01-01", "noleap"}, {"hours since 1900-01-01", "360_day"}, {"hours since 1900-01-01", "julian"}, {"hours since 1900-01-01", "none"},
		{"hours since 99999999-01-01", ""}, {"hours since 1900-01-01 00:00 +99:00", ""},
	} {
		if u, err := parseUnits(tt[0], tt[1]); err == nil {
			t.Errorf("%q: %+v", tt, u)
		}
	}
	u, err := parseUnits("hours since 1900-01-01", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []float64{nanFloat(), 1e300, -1e300} {
		if got, err := u.decode(v); err == nil {
			t.Errorf("%v: %v", v, got)
		}
	}
}

func nanFloat() float64 { var zero float64; return zero / zero }

func TestAxis(t *testing.T) {
	t.Parallel()
	for _, a := range []Axis{
		{time.Date(1940, 1, 1, 0, 0, 0, 0, time.UTC), time.Hour, 1402561},
		{time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), 24 * time.Hour, 800_000},
		{time.Date(2000, 1, 1, 0, 30, 0, 0, time.UTC), 15 * time.Minute, 1000},
		{time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), 1500 * time.Millisecond, 1000},
		{time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Hour, 1},
	} {
		for _, i := range []int{0, 1, a.N / 2, a.N - 2, a.N - 1} {
			if i < 0 || i >= a.N {
				continue
			}
			at := a.At(i)
			if got, err := a.Index(at); err != nil || got != i {
				t.Errorf("%v: step %d at %v: %d, %v", a, i, at, got, err)
			}
			if got := a.floor(at); got != i {
				t.Errorf("%v: floor of step %d: %d", a, i, got)
			}
			if i+1 < a.N {
				if _, err := a.Index(at.Add(a.Step / 2)); err == nil {
					t.Errorf("%v: behind step %d: no error", a, i)
				}
				if got := a.floor(at.Add(a.Step - time.Nanosecond)); got != i {
					t.Errorf("%v: floor before step %d: %d", a, i+1, got)
				}
			}
		}
		for _, at := range []time.Time{a.Start.Add(-time.Second), a.End().Add(time.Second)} {
			if _, err := a.Index(at); err == nil {
				t.Errorf("%v: %v: no error", a, at)
			}
		}
	}
	if end := (Axis{time.Date(1940, 1, 1, 0, 0, 0, 0, time.UTC), time.Hour, 1402561}).End(); !end.Equal(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Error(end)
	}
}
