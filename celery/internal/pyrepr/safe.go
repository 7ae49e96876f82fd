package pyrepr

import (
	"encoding/hex"
	"math/big"
	"strings"
	"unicode/utf8"
)

// Celery's limits for the representations in messages, events and results.
const (
	MaxLen    = 1024
	MaxLevels = 3
)

// Safe returns Celery's bounded representation: at most about maxLen characters (0: no bound) and MaxLevels levels.
// It differs from Repr in more than length: text is quoted but not escaped, and deeper containers print as [...].
func Safe(v any, maxLen int) string {
	w := safeWriter{left: maxLen, bounded: maxLen > 0}
	w.value(v, 0)
	return w.b.String()
}

type safeWriter struct {
	b       strings.Builder
	left    int
	bounded bool
	cut     bool // the limit was reached: only brackets that are still open may follow
}

// open reports whether there is room for another token, and marks the cut where there is not.
func (w *safeWriter) open() bool {
	if w.cut {
		return false
	}
	if w.bounded && w.left <= 0 {
		w.b.WriteString(", ...")
		w.cut = true
		return false
	}
	return true
}

func (w *safeWriter) emit(s string) {
	w.b.WriteString(s)
	w.left -= utf8.RuneCountInString(s)
}

// token writes a piece that may be left out.
func (w *safeWriter) token(s string) {
	if w.open() {
		w.emit(s)
	}
}

// text writes a piece that may be shortened.
func (w *safeWriter) text(s string) {
	if w.open() {
		w.emit(w.shorten(s))
	}
}

// shorten cuts at the last space before the limit, as Celery does.
func (w *safeWriter) shorten(s string) string {
	if !w.bounded || utf8.RuneCountInString(s) < w.left {
		return s
	}
	head := prefix(s, w.left)
	if i := strings.LastIndexByte(head, ' '); i >= 0 {
		head = head[:i]
	}
	return head + "..."
}

func prefix(s string, runes int) string {
	for i := range s {
		if runes == 0 {
			return s[:i]
		}
		runes--
	}
	return s
}

func (w *safeWriter) value(v any, level int) {
	if w.cut {
		return
	}
	switch x := v.(type) {
	case string:
		if w.open() {
			w.emit("'" + strings.ReplaceAll(w.shorten(x), "'", `\'`) + "'")
		}
		return
	case []byte:
		if w.open() {
			w.emit(w.bytes(x))
		}
		return
	case *big.Int:
		w.text(x.String())
		return
	}
	if s, ok := scalar(v); ok {
		w.text(s)
		return
	}
	kind, seq, items := container(v)
	if kind == isNone {
		g, err := Generic(v)
		if err != nil {
			w.text(Repr(v))
			return
		}
		w.value(g, level)
		return
	}
	open, end := "[", "]"
	switch {
	case kind == isDict:
		open, end = "{", "}"
	case kind == isTuple && len(seq) == 1:
		open, end = "(", ",)"
	case kind == isTuple:
		open, end = "(", ")"
	}
	if level >= MaxLevels {
		w.token(open + "..." + end)
		return
	}
	if !w.open() {
		return
	}
	w.emit(open)
	for i, e := range seq {
		if i > 0 {
			w.token(", ")
		}
		w.value(e, level+1)
	}
	for i, e := range items {
		if i > 0 {
			w.token(", ")
		}
		if w.open() {
			w.emit(Safe(e.Key, w.left))
		}
		w.token(": ")
		w.value(e.Value, level+1)
	}
	if w.cut || (w.bounded && w.left <= 0) {
		w.b.WriteString(end) // closing brackets are free
		return
	}
	w.emit(end)
}

func (w *safeWriter) bytes(p []byte) string {
	dots := ""
	if w.bounded && len(p) > w.left {
		p, dots = p[:w.left], "..."
	}
	s := string(p)
	if !utf8.Valid(p) {
		s = hex.EncodeToString(p)
	}
	return "b'" + s + dots + "'"
}
