package index

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Entry is one row of an index.
type Entry struct {
	File  string    // path up to the end of the matched name
	Table string    // digits as in the name, "-1" for precipitation
	Param string    // likewise
	Name  string    // short name of the variable, such as "2t"
	Start time.Time // first hour, UTC
	End   time.Time // last hour, UTC
}

// ErrDate says that a name has the pattern but no date of the calendar, such as 2001023000.
var ErrDate = errors.New("impossible date")

// The fixed parts of names.
const (
	analysis = "e5.oper.an."
	precip   = "e5.accumulated_tp_1h."
	mark     = "e5." // what both begin with
)

// AppendMatches appends an Entry for each time that the pattern occurs in the path. A path has several
// lines if it contains line feeds, which no match spans. File is the text from the end of the match
// before, or from the beginning of the line, to the end of the match: what follows the name is cut off.
//
// A match with an impossible date is left out, and the error (ErrDate) names the first one.
func AppendMatches(dst []Entry, path string) ([]Entry, error) {
	var bad error
	for {
		line, rest, more := strings.Cut(path, "\n")
		begin := 0
		for pos := 0; ; {
			i := strings.Index(line[pos:], mark)
			if i < 0 {
				break
			}
			pos += i
			e, n, err := match(line[pos:])
			if n == 0 {
				pos += len(mark)
				continue
			}
			pos += n
			if err != nil {
				if bad == nil {
					bad = fmt.Errorf("index: %w in %q: %w", ErrDate, line[begin:pos], err)
				}
			} else {
				e.File = line[begin:pos]
				dst = append(dst, e)
			}
			begin = pos
		}
		if !more {
			return dst, bad
		}
		path = rest
	}
}

// match reads a name at the beginning of s. n is its length, 0 if there is none.
func match(s string) (e Entry, n int, err error) {
	if rest, ok := strings.CutPrefix(s, analysis); ok {
		return matchAnalysis(s, rest)
	}
	rest, ok := strings.CutPrefix(s, precip)
	if !ok {
		return e, 0, nil
	}
	month, w, ok := digits(rest, 6)
	if !ok {
		return e, 0, nil
	}
	if rest, ok = strings.CutPrefix(rest[w:], ".nc"); !ok {
		return e, 0, nil
	}
	e = Entry{Table: "-1", Param: "-1", Name: "tp"}
	month[7] = 1 // the first day
	e.Start, err = hour(month)
	if err == nil {
		e.End = e.Start.AddDate(0, 1, 0).Add(-time.Hour)
	}
	return e, len(s) - len(rest), err
}

func matchAnalysis(s, rest string) (e Entry, n int, err error) {
	for _, kind := range [...]string{"sfc.", "pl."} {
		if after, ok := strings.CutPrefix(rest, kind); ok {
			rest = after
			goto fields
		}
	}
	return e, 0, nil

fields:
	for _, field := range [...]*string{&e.Table, &e.Param} {
		w := span(rest, isDigit)
		if w == 0 || w == len(rest) || rest[w] != '_' {
			return e, 0, nil
		}
		*field, rest = rest[:w], rest[w+1:]
	}
	w := span(rest, isWord)
	if w == 0 {
		return e, 0, nil
	}
	e.Name, rest = rest[:w], rest[w:]
	after, ok := strings.CutPrefix(rest, ".ll025")
	if !ok || len(after) < 3 || (after[:3] != "sc." && after[:3] != "uv.") {
		return e, 0, nil
	}
	rest = after[3:]
	first, w, ok := digits(rest, 10)
	if !ok || w == len(rest) || rest[w] != '_' {
		return e, 0, nil
	}
	rest = rest[w+1:]
	last, w, ok := digits(rest, 10)
	if !ok {
		return e, 0, nil
	}
	if rest, ok = strings.CutPrefix(rest[w:], ".nc"); !ok {
		return e, 0, nil
	}
	if e.Start, err = hour(first); err == nil {
		e.End, err = hour(last)
	}
	return e, len(s) - len(rest), err
}

// span is the length in bytes of the longest beginning of s whose characters all are of a class.
func span(s string, class func(rune) bool) int {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= '0' && c <= '9' {
			i++ // of either class
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || !class(r) {
			return i
		}
		i += n
	}
	return len(s)
}

// isDigit is Python's \d.
func isDigit(r rune) bool { return unicode.IsDigit(r) }

// isWord is Python's \w: letters, numbers of every kind, the underscore.
func isWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r)
}

// digits reads exactly n decimal digits of any script, as Python's \d does, and returns their values.
func digits(s string, n int) (values [10]uint8, width int, ok bool) {
	for i := range n {
		if width < len(s) && s[width] >= '0' && s[width] <= '9' {
			values[i] = s[width] - '0'
			width++
			continue
		}
		r, w := utf8.DecodeRuneInString(s[width:])
		if r < utf8.RuneSelf || !unicode.IsDigit(r) {
			return values, 0, false
		}
		// Unicode has the digits of a script in a row from zero, rows of scripts side by side at most.
		zero := r
		for unicode.IsDigit(zero - 1) {
			zero--
		}
		values[i] = uint8((r - zero) % 10)
		width += w
	}
	return values, width, true
}

// hour makes an instant of the digits YYYYMMDDHH.
func hour(d [10]uint8) (time.Time, error) {
	y := 1000*int(d[0]) + 100*int(d[1]) + 10*int(d[2]) + int(d[3])
	m, day, h := 10*int(d[4])+int(d[5]), 10*int(d[6])+int(d[7]), 10*int(d[8])+int(d[9])
	t := time.Date(y, time.Month(m), day, h, 0, 0, 0, time.UTC)
	if y < 1 || m < 1 || m > 12 || day < 1 || day > 31 || h > 23 || t.Day() != day {
		return time.Time{}, fmt.Errorf("%04d-%02d-%02d %02d h", y, m, day, h)
	}
	return t, nil
}
