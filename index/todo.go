package index

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"
	"slices"
	"sort"
	"strings"

	"healpipe/config"
	"healpipe/storage"
)

// Selection is what is still to do, and what stood in the way.
type Selection struct {
	Files   []string // arguments of the tasks, in order
	Total   int      // files of the wanted variables and times, done or not
	Missing []string // wanted variables without any file in the index
	NoArray []string // wanted variables without an array in the store
}

// RegridQuery selects the files to regrid.
type RegridQuery struct {
	// Names are the wanted variables.
	Names []string
	// From and To bound start_date as text, both ends included, the way the Python script compares:
	// "2025" is before "2025-01-01". Empty means "1980" and "2025".
	From, To string
	// Done tells whether a file with this base name is in OUTPUT_BUCKET. nil: none is.
	Done func(base string) bool
}

// SelectRegrid returns the files of an index that are still to be regridded, ordered by the text of their
// start date, then by name, then as in the index.
func SelectRegrid(rows iter.Seq2[Record, error], q RegridQuery) (Selection, error) {
	from, to := q.From, q.To
	if from == "" {
		from = "1980"
	}
	if to == "" {
		to = "2025"
	}
	type row struct{ file, start, name string }
	found := seen(q.Names)
	var selected []row
	for rec, err := range rows {
		if err != nil {
			return Selection{}, err
		}
		if _, wanted := found[rec.Name]; !wanted {
			continue
		}
		found[rec.Name] = true
		if rec.StartText < from || rec.StartText > to {
			continue
		}
		selected = append(selected, row{rec.File, rec.StartText, rec.Name})
	}
	sort.SliceStable(selected, func(i, j int) bool {
		a, b := &selected[i], &selected[j]
		if a.start != b.start {
			return a.start < b.start
		}
		return a.name < b.name
	})
	s := Selection{Total: len(selected), Missing: missing(q.Names, found)}
	for _, r := range selected {
		if q.Done == nil || !q.Done(path.Base(r.file)) {
			s.Files = append(s.Files, r.file)
		}
	}
	return s, nil
}

// DoneIn lists an output root and returns the Done function of a RegridQuery.
func DoneIn(ctx context.Context, st storage.Storage) (func(base string) bool, error) {
	done := map[string]struct{}{}
	err := st.ListDir(ctx, "", func(info storage.Info) error {
		if strings.HasSuffix(info.Key, ".nc") {
			done[info.Key] = struct{}{}
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return func(base string) bool { _, ok := done[base]; return ok }, nil
}

// Presence tells which chunks a store has.
type Presence interface {
	// Present tells whether the array has the chunk (or shard) with this position on the time axis. An
	// array that does not exist is fs.ErrNotExist.
	Present(name string, timeChunk int) (bool, error)
}

// CurateQuery selects the files to write into the store.
type CurateQuery struct {
	Names     []string         // wanted variables
	TimeRange config.TimeRange // the store's time axis
	TimeChunk int              // its steps in a chunk
	Store     Presence
}

// SelectCurate returns the files of an output index for which the store has no chunk yet in the file's
// time range, in the order of the index. A file that does not touch the time axis is always among them,
// so that its task says what is wrong with it.
func SelectCurate(rows iter.Seq2[Record, error], q CurateQuery) (Selection, error) {
	found := seen(q.Names)
	var s Selection
	for rec, err := range rows {
		if err != nil {
			return Selection{}, err
		}
		if _, wanted := found[rec.Name]; !wanted {
			continue
		}
		found[rec.Name] = true
		if slices.Contains(s.NoArray, rec.Name) {
			continue
		}
		present, err := q.present(rec.Entry)
		if errors.Is(err, fs.ErrNotExist) {
			s.NoArray = append(s.NoArray, rec.Name)
			continue
		}
		if err != nil {
			return Selection{}, err
		}
		s.Total++
		if !present {
			s.Files = append(s.Files, rec.File)
		}
	}
	s.Missing = missing(q.Names, found)
	return s, nil
}

// present tells whether the store has any chunk between the first and the last hour of a file.
func (q *CurateQuery) present(e Entry) (bool, error) {
	i0, i1 := q.TimeRange.Locate(e.Start, e.End)
	if i1 <= i0 {
		// Asking for a chunk finds out whether there is an array at all.
		_, err := q.Store.Present(e.Name, 0)
		return false, err
	}
	for c := i0 / q.TimeChunk; c <= (i1-1)/q.TimeChunk; c++ {
		if ok, err := q.Store.Present(e.Name, c); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// seen has an entry for each wanted name, false until a file turns up.
func seen(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = false
	}
	return m
}

func missing(names []string, found map[string]bool) []string {
	var out []string
	for _, n := range names {
		if !found[n] && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}
