package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"healpipe/config"
	"healpipe/storage"
)

func name2t(month string) string {
	return fmt.Sprintf("e5.oper.an.sfc.128_167_2t.ll025sc.%s0100_%s2823.nc", month, month)
}

func put(t *testing.T, st storage.Storage, keys ...string) {
	t.Helper()
	for _, k := range keys {
		if _, err := st.Put(context.Background(), k, []byte("x"), storage.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNamesOfRoots(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	local := storage.NewLocal(dir)
	put(t, local, name2t("200002"), name2t("200001"), "sub/"+name2t("200003"), "notes.txt")
	tree := storage.NewMemory()
	put(t, tree, "200001/b.nc", "200001/a.nc", "199912/c.nc")
	var got []string
	for name, err := range Names(t.Context(), []Root{{Path: "data/", Storage: local}, {Path: "s3://bucket/pre", Storage: tree, Tree: true}}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, name)
	}
	want := []string{"data/" + name2t("200001"), "data/" + name2t("200002"), "data/notes.txt", "bucket/pre/199912/c.nc", "bucket/pre/200001/a.nc", "bucket/pre/200001/b.nc"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// meeting is a storage whose listings wait until as many others have begun.
type meeting struct {
	storage.Storage
	began *sync.WaitGroup
}

func (m meeting) List(ctx context.Context, prefix string, fn func(storage.Info) error) error {
	m.began.Done()
	m.began.Wait()
	return m.Storage.List(ctx, prefix, fn)
}

func (m meeting) ListDir(ctx context.Context, dir string, fn func(storage.Info) error) error {
	m.began.Done()
	m.began.Wait()
	return m.Storage.ListDir(ctx, dir, fn)
}

// TestRootsAtOnce lists folders and prefixes that all wait for each other: one after the other they would never end.
// Their names still come in the order of the roots.
func TestRootsAtOnce(t *testing.T) {
	t.Parallel()
	var began sync.WaitGroup
	var roots []Root
	var want []string
	for i := range 5 {
		st := storage.NewMemory()
		for j := range 3 * lookahead / (i + 1) { // more than a listing may be ahead, and less
			key := fmt.Sprintf("n%06d", j)
			put(t, st, key)
			want = append(want, fmt.Sprintf("r%d/%s", i, key))
		}
		began.Add(1)
		roots = append(roots, Root{Path: fmt.Sprintf("r%d", i), Storage: meeting{st, &began}, Tree: i%2 == 0})
	}
	var got []string
	for name, err := range Names(t.Context(), roots) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d names of %d, or in another order", len(got), len(want))
	}
}

// TestNamesStopsEarly leaves the iteration with the lists unfinished; goroutines must not stay behind.
func TestNamesStopsEarly(t *testing.T) {
	t.Parallel()
	st := storage.NewMemory()
	for i := range 5000 {
		put(t, st, fmt.Sprintf("n%05d", i))
	}
	roots := []Root{{Path: "a", Storage: st}, {Path: "b", Storage: st}}
	for name, err := range Names(t.Context(), roots) { // returns only when the listings have ended
		if err != nil || name != "a/n00000" {
			t.Fatal(name, err)
		}
		break
	}
}

func TestNamesOfMissingRoot(t *testing.T) {
	t.Parallel()
	root := Root{Path: "no/such", Storage: storage.NewLocal(t.TempDir() + "/none")}
	var buf bytes.Buffer
	_, err := Create(&buf, Names(t.Context(), []Root{root}), WriterOptions{})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "none") {
		t.Errorf("%v", err)
	}
}

func TestUpdateAndOpen(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir := t.TempDir()
	st := storage.NewLocal(dir)
	put(t, st, name2t("200002"), name2t("200001"), ".x.nc", "index.csv.nc", "sub/"+name2t("200003"), "e5.accumulated_tp_1h.200013.nc", name2t("200001")+".part")
	res, err := Update(ctx, Root{Path: "out", Storage: st})
	if err != nil {
		t.Fatal(err)
	}
	if res.Rows != 2 || len(res.Skipped) != 1 || !errors.Is(res.Skipped[0], ErrDate) {
		t.Errorf("%+v", res)
	}
	text, _, err := st.Get(ctx, FileName)
	if err != nil {
		t.Fatal(err)
	}
	want := ",file,table,param,name,start_date,end_date\n" +
		"0,out/" + name2t("200001") + ",128,167,2t,2000-01-01,2000-01-28 23:00:00\n" +
		"1,out/" + name2t("200002") + ",128,167,2t,2000-02-01,2000-02-28 23:00:00\n"
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	r, done, err := Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	rec, err := r.Read()
	if err != nil || rec.File != "out/"+name2t("200001") || rec.Line != 2 || rec.StartText != "2000-01-01" || !rec.End.Equal(time.Date(2000, 1, 28, 23, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v %v", rec, err)
	}
}

func TestReader(t *testing.T) {
	t.Parallel()
	const head = "file,table,param,name,start_date,end_date\n"
	for _, tt := range []struct{ name, text, want string }{
		{"columns in another order, more of them, CRLF", "name,x,end_date,start_date,param,table,file\r\n2t,,2000-01-01,2000-01-01 06:00:00,167,128,\"a,\"\"b\r\n\"\r\n", `"a,\"b\r\n" 2t 2000-01-01 06:00:00` + "\n"},
		{"byte order mark, blank line, no line end at the end", "\ufeff" + head + "\nf,1,2,n,2000-01-01,2000-01-01", `"f" n 2000-01-01` + "\n"},
		{"no rows", head, ""},
		{"no columns", "\n", ""},
		{"no columns, row numbers", "\"\"\n", ""},
		{"nothing", "", ""},
		{"a lone carriage return", head + "a\rb,1,2,n,2000-01-01,2000-01-01\n", `"a\rb" n 2000-01-01` + "\n"},
		{"no such column", "file,name\na,b\n", "index.csv: not an index: it has no column table; write it anew with `healpipe index`"},
		{"cut row", head + "f,1,2\n", "index.csv:2: not an index: the row is cut"},
		{"no date", head + "f,1,2,n,2000-02-30,2000-01-01\n", `index.csv:2: not an index: "2000-02-30" is no date`},
		{"open quote", head + "\"f,1,2\n", "index.csv:2: not an index: a quoted field does not end"},
	} {
		var got strings.Builder
		for rec, err := range NewReader(strings.NewReader(tt.text), "index.csv").All() {
			if err != nil {
				if !errors.Is(err, ErrFormat) {
					t.Errorf("%s: %v is not ErrFormat", tt.name, err)
				}
				got.WriteString(err.Error())
				break
			}
			fmt.Fprintf(&got, "%q %s %s\n", rec.File, rec.Name, rec.StartText)
		}
		if got.String() != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got.String(), tt.want)
		}
	}
}

// chunks is a store that has these chunks.
type chunks map[string][]int

func (c chunks) Present(name string, i int) (bool, error) {
	have, ok := c[name]
	if !ok {
		return false, fs.ErrNotExist
	}
	return slices.Contains(have, i), nil
}

func TestSelectCurate(t *testing.T) {
	t.Parallel()
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	axis := config.TimeRange{Start: start, N: 24 * 366, Step: time.Hour}
	var rows []Record
	add := func(name string, first, last int) {
		rows = append(rows, Record{Entry: Entry{File: fmt.Sprintf("o/%s.%d.nc", name, first), Name: name, Start: start.Add(time.Duration(first) * time.Hour), End: start.Add(time.Duration(last) * time.Hour)}})
	}
	add("u", 0, 23)     // chunk 0: present
	add("u", 24, 47)    // chunk 1: absent
	add("u", 20, 30)    // chunks 0 and 1: one present is enough
	add("u", -48, -25)  // before the axis
	add("2t", 0, 743)   // nothing yet
	add("2t", 744, 800) // chunk 31 present
	add("sp", 0, 23)    // not wanted
	add("q", 0, 23)     // no array
	s, err := SelectCurate(func(yield func(Record, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}, CurateQuery{Names: []string{"u", "2t", "q", "z"}, TimeRange: axis, TimeChunk: 24, Store: chunks{"u": {0}, "2t": {31}}})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(s.Files, s.Total, s.Missing, s.NoArray)
	if want := "[o/u.24.nc o/u.-48.nc o/2t.0.nc] 6 [z] [q]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(",file,table,param,name,start_date,end_date\n0,\"a\"\"\",1,2,n,2000-01-01,2000-01-01 00:00:00\n"))
	f.Add([]byte("\"\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n := 0
		for rec, err := range NewReader(bytes.NewReader(text), "f").All() {
			if err == nil && rec.Start.IsZero() && rec.StartText == "" {
				t.Fatal("a row without a date")
			}
			n++
		}
		if n > len(text)+1 {
			t.Fatalf("%d rows of %d bytes", n, len(text))
		}
	})
}

func FuzzAppendMatches(f *testing.F) {
	f.Add("a/e5.oper.an.sfc.128_167_2t.ll025sc.2000010100_2000013123.nc")
	f.Add("e5.accumulated_tp_1h.٢٠٠٠01.nc")
	f.Fuzz(func(t *testing.T, name string) {
		entries, _ := AppendMatches(nil, name)
		for _, e := range entries {
			if !strings.HasSuffix(e.File, ".nc") || !strings.Contains(name, e.File) || e.Start.IsZero() {
				t.Fatalf("%q gave %+v", name, e)
			}
		}
	})
}

// TestWriterFails reports a full disk once and goes on failing.
func TestWriterFails(t *testing.T) {
	t.Parallel()
	w := NewWriter(failing{}, WriterOptions{})
	var err error
	for i := 0; i < 2*blockRows && err == nil; i++ {
		err = w.Write(Entry{File: "f"})
	}
	if !errors.Is(err, errFull) || !errors.Is(w.Close(), errFull) {
		t.Errorf("%v", err)
	}
}

// TestCreateStops ends an endless listing when the disk is full, and one that fails.
func TestCreateStops(t *testing.T) {
	t.Parallel()
	endless := func(yield func(string, error) bool) {
		for yield(name2t("200001"), nil) {
		}
	}
	if _, err := Create(failing{}, endless, WriterOptions{}); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	failed := func(yield func(string, error) bool) { _ = yield(name2t("200001"), nil) && yield("", errFull) }
	if res, err := Create(discard{}, failed, WriterOptions{}); !errors.Is(err, errFull) || res.Names != 1 {
		t.Errorf("%v %+v", err, res)
	}
}

var errFull = errors.New("full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

func BenchmarkCreate(b *testing.B) {
	names := make([]string, 20000)
	for i := range names {
		names[i] = "ERA5_sfc/" + name2t(fmt.Sprintf("%04d%02d", 1940+i%80, 1+i%12))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Create(discard{}, sequence(names), WriterOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(names)), "ns/name")
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
