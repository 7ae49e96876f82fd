package index

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
)

// ErrFormat says that a file is not an index: a column is missing, a row is cut or a date is none.
var ErrFormat = errors.New("not an index")

// maxField bounds a field of the CSV: paths have at most 4096 bytes.
const maxField = 1 << 20

// Record is a row as it stands in a CSV file.
type Record struct {
	Entry
	StartText string // start_date as written, with or without the time of day
	Line      int    // of the file, from 1
}

// Reader reads an index.csv, with or without pandas' index column in front. Columns are found by their
// names, others are skipped. It keeps one row in memory.
type Reader struct {
	r       *bufio.Reader
	name    string
	line    int
	columns [6]int // positions of header's columns
	fields  []string
	ready   bool
}

// NewReader reads the CSV from r; name is for messages.
func NewReader(r io.Reader, name string) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 64<<10), name: name}
}

// Read returns the next row, io.EOF after the last.
func (r *Reader) Read() (Record, error) {
	if !r.ready {
		if err := r.header(); err != nil {
			return Record{}, err
		}
		r.ready = true
	}
	for {
		if err := r.next(); err != nil {
			return Record{}, err
		}
		if len(r.fields) == 1 && strings.TrimSpace(r.fields[0]) == "" {
			continue // pandas skips blank lines
		}
		return r.record()
	}
}

// All iterates over the rows; the last pair has the error, if there is one.
func (r *Reader) All() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for {
			rec, err := r.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// header finds the columns. A file without rows has no column names: a single empty field.
func (r *Reader) header() error {
	if b, err := r.r.Peek(3); err == nil && string(b) == "\ufeff" {
		_, _ = r.r.Discard(3) // a byte order mark
	}
	if err := r.next(); err != nil {
		return err
	}
	if len(r.fields) == 1 && r.fields[0] == "" {
		return io.EOF
	}
	for i, want := range strings.Split(strings.TrimSuffix(header, "\n"), ",") {
		r.columns[i] = -1
		for j, have := range r.fields {
			if have == want {
				r.columns[i] = j
				break
			}
		}
		if r.columns[i] < 0 {
			return fmt.Errorf("%s: %w: it has no column %s; write it anew with `healpipe index`", r.name, ErrFormat, want)
		}
	}
	return nil
}

func (r *Reader) record() (Record, error) {
	rec := Record{Line: r.line}
	var dates [2]string
	for i, dst := range [...]*string{&rec.File, &rec.Table, &rec.Param, &rec.Name, &dates[0], &dates[1]} {
		if r.columns[i] >= len(r.fields) {
			return rec, fmt.Errorf("%s:%d: %w: the row is cut", r.name, r.line, ErrFormat)
		}
		*dst = r.fields[r.columns[i]]
	}
	rec.StartText = dates[0]
	for i, dst := range [...]*time.Time{&rec.Start, &rec.End} {
		t, ok := parseDate(dates[i])
		if !ok {
			return rec, fmt.Errorf("%s:%d: %w: %q is no date", r.name, r.line, ErrFormat, dates[i])
		}
		*dst = t
	}
	return rec, nil
}

// parseDate takes the two forms that pandas writes, and a T in place of the space.
func parseDate(s string) (time.Time, bool) {
	for _, layout := range [...]string{"2006-01-02", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if len(s) == len(layout) {
			if t, err := time.Parse(layout, s); err == nil {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// next reads one line into fields (RFC 4180). A carriage return ends a line only before a line feed.
func (r *Reader) next() error {
	r.fields = r.fields[:0]
	r.line++
	var field []byte
	quoted, some := false, false
	for {
		c, err := r.r.ReadByte()
		if errors.Is(err, io.EOF) {
			if quoted {
				return fmt.Errorf("%s:%d: %w: a quoted field does not end", r.name, r.line, ErrFormat)
			}
			if !some {
				return io.EOF
			}
			r.fields = append(r.fields, string(field))
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		some = true
		switch {
		case quoted && c == '"':
			if b, err := r.r.Peek(1); err == nil && b[0] == '"' {
				field = append(field, '"')
				_, _ = r.r.Discard(1)
				continue
			}
			quoted = false
		case quoted:
			field = append(field, c)
		case c == '"' && len(field) == 0:
			quoted = true
		case c == ',':
			r.fields = append(r.fields, string(field))
			field = field[:0]
		case c == '\n':
			if n := len(field); n > 0 && field[n-1] == '\r' {
				field = field[:n-1]
			}
			r.fields = append(r.fields, string(field))
			return nil
		default:
			field = append(field, c)
		}
		if len(field) > maxField || len(r.fields) > 1000 {
			return fmt.Errorf("%s:%d: %w: a row is too long", r.name, r.line, ErrFormat)
		}
	}
}
