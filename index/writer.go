package index

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// header has the names of the columns.
const header = "file,table,param,name,start_date,end_date\n"

// blockRows is the number of rows that pandas formats at once: 100,000 cells divided by six columns. It
// decides for each block whether a column of dates is printed with the time of day.
const blockRows = 100_000 / 6

// WriterOptions change the form of the CSV.
type WriterOptions struct {
	// RowNumbers puts pandas' index in front, as DataFrame.to_csv does by default: rows from 0, no name.
	RowNumbers bool
}

// Writer writes entries as pandas.DataFrame.to_csv writes them. It holds at most 16,666 entries.
type Writer struct {
	w       io.Writer
	opts    WriterOptions
	block   []Entry
	buf     []byte
	rows    int
	started bool
	err     error
}

// NewWriter returns a Writer onto w. Close completes the file; it does not close w.
func NewWriter(w io.Writer, o WriterOptions) *Writer {
	return &Writer{w: w, opts: o, block: make([]Entry, 0, 1024)}
}

// Rows returns the number of rows so far.
func (w *Writer) Rows() int { return w.rows + len(w.block) }

// Write adds a row.
func (w *Writer) Write(e Entry) error {
	w.block = append(w.block, e)
	if len(w.block) == blockRows {
		w.flush()
	}
	return w.err
}

// Close writes what is left. A file without rows has no columns either, as a DataFrame of no records.
func (w *Writer) Close() error {
	if w.Rows() == 0 && w.err == nil {
		empty := "\n"
		if w.opts.RowNumbers {
			empty = "\"\"\n"
		}
		_, w.err = io.WriteString(w.w, empty)
	}
	w.flush()
	return w.err
}

// flush formats the block.
func (w *Writer) flush() {
	if len(w.block) == 0 || w.err != nil {
		return
	}
	if w.buf == nil {
		w.buf = make([]byte, 0, 160*len(w.block))
	}
	b := w.buf[:0]
	if !w.started {
		w.started = true
		if w.opts.RowNumbers {
			b = append(b, ',')
		}
		b = append(b, header...)
	}
	startTimes, endTimes := false, false
	for i := range w.block {
		startTimes = startTimes || !midnight(w.block[i].Start)
		endTimes = endTimes || !midnight(w.block[i].End)
	}
	for i := range w.block {
		e := &w.block[i]
		if w.opts.RowNumbers {
			b = strconv.AppendInt(b, int64(w.rows+i), 10)
			b = append(b, ',')
		}
		b = appendField(b, e.File)
		b = append(b, ',')
		b = appendField(b, e.Table)
		b = append(b, ',')
		b = appendField(b, e.Param)
		b = append(b, ',')
		b = appendField(b, e.Name)
		b = append(b, ',')
		b = appendDate(b, e.Start, startTimes)
		b = append(b, ',')
		b = appendDate(b, e.End, endTimes)
		b = append(b, '\n')
	}
	w.rows += len(w.block)
	clear(w.block)
	w.block = w.block[:0]
	w.buf = b
	if _, err := w.w.Write(b); err != nil {
		w.err = fmt.Errorf("index: writing the CSV: %w", err)
	}
}

// appendField quotes as csv.QUOTE_MINIMAL does with the line terminator "\n". A lone carriage return stays
// bare: Python before 3.13 writes it so, and Reader takes it back.
func appendField(b []byte, s string) []byte {
	if strings.IndexByte(s, ',') < 0 && strings.IndexByte(s, '"') < 0 && strings.IndexByte(s, '\n') < 0 {
		return append(b, s...)
	}
	b = append(b, '"')
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			b = append(b, s...)
			return append(b, '"')
		}
		b = append(b, s[:i]...)
		b = append(b, '"', '"')
		s = s[i+1:]
	}
}

func midnight(t time.Time) bool {
	h, m, s := t.Clock()
	return h == 0 && m == 0 && s == 0
}

func appendDate(b []byte, t time.Time, withTime bool) []byte {
	y, mo, d := t.Date()
	b = append(b, byte('0'+y/1000%10), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-')
	b = append(b, byte('0'+mo/10), byte('0'+mo%10), '-', byte('0'+d/10), byte('0'+d%10))
	if !withTime {
		return b
	}
	h, mi, s := t.Clock()
	return append(b, ' ', byte('0'+h/10), byte('0'+h%10), ':', byte('0'+mi/10), byte('0'+mi%10), ':', byte('0'+s/10), byte('0'+s%10))
}
