package index

import (
	"fmt"
	"io"
	"slices"
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

// Writer writes entries as pandas.DataFrame.to_csv writes them. It holds the text of at most 16,666 rows.
type Writer struct {
	w       io.Writer
	opts    WriterOptions
	block   rows
	done    int // rows in earlier blocks
	buf     []byte
	started bool
	err     error
}

// rows are entries in the form in which they wait for their block to be full: no pointers, so that they
// cost the garbage collector nothing.
type rows struct {
	text  []byte // file,table,param,name, of each row, one behind the other
	ends  []int  // of each row in text
	dates [][2]instant
}

// instant is YYYY-MM-DD hh:mm:ss.
type instant [timeWidth]byte

func (r *rows) add(e *Entry) {
	b := append(appendField(r.text, e.File), ',')
	b = append(appendField(b, e.Table), ',')
	b = append(appendField(b, e.Param), ',')
	r.text = append(appendField(b, e.Name), ',')
	r.ends = append(r.ends, len(r.text))
	r.dates = append(r.dates, [2]instant{format(e.Start), format(e.End)})
}

func (r *rows) reset() { r.text, r.ends, r.dates = r.text[:0], r.ends[:0], r.dates[:0] }

// The widths of a date, alone and with the time of day.
const (
	dateWidth = len("2000-01-01")
	timeWidth = len("2000-01-01 00:00:00")
)

// NewWriter returns a Writer onto w. Close completes the file; it does not close w.
func NewWriter(w io.Writer, o WriterOptions) *Writer { return &Writer{w: w, opts: o} }

// Rows returns the number of rows so far.
func (w *Writer) Rows() int { return w.done + len(w.block.ends) }

// Write adds a row.
func (w *Writer) Write(e Entry) error {
	if w.err != nil {
		return w.err
	}
	w.block.add(&e)
	if len(w.block.ends) == blockRows {
		w.flush()
	}
	return w.err
}

// append adds rows.
func (w *Writer) append(r *rows) error {
	begin := 0
	for i := 0; i < len(r.ends) && w.err == nil; {
		n := min(len(r.ends)-i, blockRows-len(w.block.ends))
		shift := len(w.block.text) - begin
		for _, end := range r.ends[i : i+n] {
			w.block.ends = append(w.block.ends, end+shift)
		}
		w.block.text = append(w.block.text, r.text[begin:r.ends[i+n-1]]...)
		w.block.dates = append(w.block.dates, r.dates[i:i+n]...)
		i += n
		begin = r.ends[i-1]
		if len(w.block.ends) == blockRows {
			w.flush()
		}
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
		w.write([]byte(empty))
	}
	w.flush()
	return w.err
}

// flush writes the block, each column of dates with or without the time of day.
func (w *Writer) flush() {
	r := &w.block
	if len(r.ends) == 0 || w.err != nil {
		return
	}
	b := w.buf[:0]
	if !w.started {
		w.started = true
		if w.opts.RowNumbers {
			b = append(b, ',')
		}
		b = append(b, header...)
	}
	widths := [2]int{dateWidth, dateWidth}
	for i := range r.dates {
		for j := range widths {
			if !r.dates[i][j].midnight() {
				widths[j] = timeWidth
			}
		}
	}
	b = slices.Grow(b, len(r.text)+len(r.ends)*(widths[0]+widths[1]+10))
	begin := 0
	for i, end := range r.ends {
		if w.opts.RowNumbers {
			b = strconv.AppendInt(b, int64(w.done+i), 10)
			b = append(b, ',')
		}
		b = append(b, r.text[begin:end]...)
		begin = end
		b = append(b, r.dates[i][0][:widths[0]]...)
		b = append(b, ',')
		b = append(b, r.dates[i][1][:widths[1]]...)
		b = append(b, '\n')
	}
	w.done += len(r.ends)
	r.reset()
	w.buf = b
	w.write(b)
}

func (w *Writer) write(b []byte) {
	if _, err := w.w.Write(b); err != nil {
		w.err = fmt.Errorf("index: writing the CSV: %w", err)
	}
}

// appendField quotes as csv.QUOTE_MINIMAL does with the line terminator "\n". A lone carriage return stays
// bare: Python before 3.13 writes it so, and Reader takes it back.
func appendField(b []byte, s string) []byte {
	if !quoted(s) {
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

func (t *instant) midnight() bool { return string(t[dateWidth:]) == " 00:00:00" }

func format(t time.Time) instant {
	y, mo, d := t.Date()
	h, mi, s := t.Clock()
	return instant{
		byte('0' + y/1000%10), byte('0' + y/100%10), byte('0' + y/10%10), byte('0' + y%10), '-',
		byte('0' + mo/10), byte('0' + mo%10), '-', byte('0' + d/10), byte('0' + d%10), ' ',
		byte('0' + h/10), byte('0' + h%10), ':', byte('0' + mi/10), byte('0' + mi%10), ':', byte('0' + s/10), byte('0' + s%10),
	}
}

func quoted(s string) bool {
	if len(s) > 16 {
		return strings.IndexByte(s, ',') >= 0 || strings.IndexByte(s, '"') >= 0 || strings.IndexByte(s, '\n') >= 0
	}
	for i := range len(s) {
		if s[i] == ',' || s[i] == '"' || s[i] == '\n' {
			return true
		}
	}
	return false
}
