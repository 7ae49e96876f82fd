package index

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// oracle writes the index of each listing with Python's re and pandas, in both forms; "!" marks listings
// that Python refuses because of an impossible date.
const oracle = `
import base64, datetime, io, json, re, sys
import pandas as pd

NAME = re.compile(
    r"[^\n]*?(?:e5\.oper\.an\.(?:sfc|pl)\.(?P<table>\d+)_(?P<param>\d+)_(?P<name>\w+)\.ll025(?:sc|uv)"
    r"\.(?P<first>\d{10})_(?P<last>\d{10})\.nc|e5\.accumulated_tp_1h\.(?P<month>\d{6})\.nc)")

def hour(s):
    return datetime.datetime(int(s[:4]), int(s[4:6]), int(s[6:8]), int(s[8:]))

def rows(names):
    for m in NAME.finditer("\n".join(names)):
        if m["month"]:
            first = pd.Timestamp(int(m["month"][:4]), int(m["month"][4:]), 1)
            last = first + pd.DateOffset(months=1) - pd.Timedelta(hours=1)
            yield dict(file=m[0], table=-1, param=-1, name="tp", start_date=first, end_date=last)
        else:
            yield dict(file=m[0], table=m["table"], param=m["param"], name=m["name"],
                       start_date=hour(m["first"]), end_date=hour(m["last"]))

out = []
for names in json.load(open(sys.argv[1])):
    try:
        frame = pd.DataFrame.from_records(list(rows(names)))
    except (ValueError, OverflowError):
        out.append(["!", "!"])
        continue
    pair = []
    for index in (False, True):
        text = io.BytesIO()
        frame.to_csv(text, index=index)
        pair.append(base64.b64encode(text.getvalue()).decode())
    out.append(pair)
print(json.dumps(out))
`

// TestPandasBytes writes random listings with this package and with pandas and compares the bytes.
func TestPandasBytes(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	listings := [][]string{
		{},
		{"nothing.txt", "e5.oper.an.sfc.128_167_2t.ll025sc.2000010100_2000013123.nc4x", ""},
		{"a/e5.oper.an.sfc.128_167_2t.ll025sc.2000010100_2000013100.nc", "b/e5.accumulated_tp_1h.202002.nc"},
		{"e5.accumulated_tp_1h.000101.nc", "e5.accumulated_tp_1h.199912.nc"},
		{"e5.oper.an.pl.128_131_u.ll025uv.2000010100_2000010123.nc/e5.oper.an.pl.128_132_v.ll025uv.2000010106_2000010123.nc.tmp"},
		{"e5.e5.oper.an.e5.oper.an.sfc.1_2_x_y_1.ll025sc.0001010100_9999123123.nc"},
		{"x\ne5.accumulated_tp_1h.202002.nc\r", "y\r\ne5.accumulated_tp_1h.202002.nc"},
		{"\u0663/e5.oper.an.sfc.\u0661\u0662_\u0663_\u00e9\u00b2.ll025sc.\u0662\u0660\u0660\u0660010100_\U0001d7d0000013123.nc"},
		{"e5.oper.an.sfc.1_2_a-b.ll025sc.2000010100_2000013123.nc", "e5.oper.an.sfc.1_2__.ll025sc.2000010100_2000013123.nc", "e5.oper.an.sfc.1_2_.ll025sc.2000010100_2000013123.nc"},
	}
	for range 400 {
		listings = append(listings, randomListing(rng, 1+rng.IntN(12)))
	}
	// Blocks of 16,666 rows decide on their own whether times are printed.
	long := make([]string, 0, 40000)
	for i := range 40000 {
		hour := 0
		if i == 20000 {
			hour = 6
		}
		long = append(long, fmt.Sprintf("r/e5.oper.an.sfc.128_%d_x.ll025sc.20000101%02d_2000013100.nc", i, hour))
	}
	listings = append(listings, long)

	// Python's csv module quotes a lone carriage return since 3.13 only; this package does as before.
	if strings.TrimSpace(testenv.RunPython(t, "import sys; print(sys.version_info >= (3, 13))")) == "True" {
		for _, names := range listings {
			for i := range names {
				names[i] = strings.ReplaceAll(strings.ReplaceAll(names[i], "\r\n", "\n"), "\r", "")
			}
		}
	}

	want := runOracle(t, listings)
	for i, names := range listings {
		for form, rowNumbers := range []bool{false, true} {
			var got bytes.Buffer
			res, err := Create(&got, sequence(names), WriterOptions{RowNumbers: rowNumbers})
			if err != nil {
				t.Fatal(err)
			}
			if want[i][form] == "!" {
				if len(res.Skipped) == 0 {
					t.Errorf("listing %q: pandas refuses a date, no name was skipped", names)
				}
				continue
			}
			expected, err := base64.StdEncoding.DecodeString(want[i][form])
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Skipped) > 0 || !bytes.Equal(got.Bytes(), expected) {
				t.Fatalf("listing %d %.300q, row numbers %v, skipped %v:\ngot  %.500q\nwant %.500q", i, names, rowNumbers, res.Skipped, got.String(), expected)
			}
			roundTrip(t, got.String(), res.Rows)
		}
	}
}

// roundTrip reads a CSV and writes it again.
func roundTrip(t *testing.T, text string, rows int) {
	t.Helper()
	var again bytes.Buffer
	w := NewWriter(&again, WriterOptions{RowNumbers: strings.HasPrefix(text, ",") || strings.HasPrefix(text, `"`)})
	for rec, err := range NewReader(strings.NewReader(text), "index.csv").All() {
		if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if err := w.Write(rec.Entry); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Rows() != rows || again.String() != text {
		t.Fatalf("read back %d rows of %d:\n%q\n%q", w.Rows(), rows, again.String(), text)
	}
}

func runOracle(t *testing.T, listings [][]string) [][2]string {
	t.Helper()
	in := filepath.Join(t.TempDir(), "listings.json")
	text, err := json.Marshal(listings)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var out [][2]string
	if err := json.Unmarshal([]byte(testenv.RunPython(t, oracle, in)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// randomListing makes names that mostly match, in folders and with tails of awkward characters.
func randomListing(rng *rand.Rand, n int) []string {
	pick := func(s ...string) string { return s[rng.IntN(len(s))] }
	odd := func() string {
		var b strings.Builder
		for range rng.IntN(4) {
			b.WriteString(pick("a", ",", `"`, " ", "'", "é", "日本", "\r", "\n", "\r\n", "\t", ";", "/", "\\", "e5.", "\u2028", "\u00a0", "٣", "-", "e5.oper.an.sfc.", ".nc"))
		}
		return b.String()
	}
	name := func() string {
		if rng.IntN(4) == 0 {
			return fmt.Sprintf("e5.accumulated_tp_1h.%04d%02d.nc", 1940+rng.IntN(200), rng.IntN(13))
		}
		hour := pick("00", "00", "00", "06", "23", "24")
		day := fmt.Sprintf("%02d", 1+rng.IntN(29))
		return fmt.Sprintf("e5.oper.an.%s.%d_%03d_%s.ll025%s.20%02d%02d%s%s_20%02d0228%s.nc",
			pick("sfc", "pl", "sfc", "ml"), rng.IntN(300), rng.IntN(300), pick("2t", "u", "10u", "a_b", "é", "x1", "-"), pick("sc", "uv", "sc", "xx"),
			rng.IntN(100), 1+rng.IntN(12), day, hour, rng.IntN(100), pick("00", "00", "23"))
	}
	names := make([]string, 0, n)
	for range n {
		s := odd() + name() + odd()
		if rng.IntN(5) == 0 {
			s += name()
		}
		names = append(names, s)
	}
	return names
}

func sequence(names []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, n := range names {
			if !yield(n, nil) {
				return
			}
		}
	}
}

// regridOracle selects as the script describes: text slices of a sorted pandas index.
const regridOracle = `
import json, sys
import pandas as pd
frame = pd.read_csv(sys.argv[1])
wanted = sys.argv[2].split(",")
done = set(sys.argv[3].split(","))
sorted_frame = frame.set_index(["start_date", "name"]).sort_index(kind="stable")
chosen = sorted_frame.loc[pd.IndexSlice["1980":"2025", wanted], :]
print(json.dumps([f for f in chosen.file if f.rsplit("/", 1)[-1] not in done]))
`

func TestSelectRegridAsPandas(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 1))
	var names []string
	for i := range 3000 {
		v := []string{"2t", "u", "z", "10u", "sp"}[rng.IntN(5)]
		y, m, hour := 1975+rng.IntN(55), 1+rng.IntN(12), 0
		if i > 2900 {
			hour = 6 // another block would print times for all; here the whole file has them
		}
		names = append(names, fmt.Sprintf("root/%d/e5.oper.an.sfc.128_%03d_%s.ll025sc.%d%02d01%02d_%d%02d2823.nc", i, i%300, v, y, m, hour, y, m))
	}
	var csv bytes.Buffer
	if _, err := Create(&csv, sequence(names), WriterOptions{}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "index.csv")
	if err := os.WriteFile(file, csv.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var done []string
	for range 100 {
		n := names[rng.IntN(len(names))]
		done = append(done, n[strings.LastIndexByte(n, '/')+1:])
	}
	wanted := []string{"u", "2t", "z"}
	var want []string
	if err := json.Unmarshal([]byte(testenv.RunPython(t, regridOracle, file, strings.Join(wanted, ","), strings.Join(done, ","))), &want); err != nil {
		t.Fatal(err)
	}
	got, err := SelectRegrid(NewReader(&csv, file).All(), RegridQuery{Names: append(wanted, "tp"), Done: func(base string) bool { return slices.Contains(done, base) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 || !slices.Equal(got.Files, want) {
		t.Errorf("selected %d files, pandas %d", len(got.Files), len(want))
	}
	if !slices.Equal(got.Missing, []string{"tp"}) {
		t.Errorf("missing %v", got.Missing)
	}
}
