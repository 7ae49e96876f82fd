package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf16"

	"healpipe/celery"
	"healpipe/celery/kombu"
)

// pyJSON prints a decoded message value as Python's json.dumps does: a space behind commas and colons, only ASCII; over
// several lines, with the keys sorted, with indent > 0.
func pyJSON(v any, indent int) string {
	var b strings.Builder
	writeJSON(&b, v, indent, 0)
	return b.String()
}

func writeJSON(b *strings.Builder, v any, indent, depth int) {
	newline := func(depth int) {
		if indent > 0 {
			b.WriteString("\n" + strings.Repeat(" ", indent*depth))
		}
	}
	comma := ", "
	if indent > 0 {
		comma = ","
	}
	switch v := v.(type) {
	case map[string]any:
		var o kombu.Object
		for _, k := range slices.Sorted(maps.Keys(v)) {
			o = append(o, kombu.Member{Key: k, Value: v[k]})
		}
		writeJSON(b, o, indent, depth)
	case kombu.Object:
		if len(v) == 0 {
			b.WriteString("{}")
			return
		}
		if indent > 0 {
			v = slices.SortedStableFunc(slices.Values(v), func(a, b kombu.Member) int { return strings.Compare(a.Key, b.Key) })
		}
		b.WriteByte('{')
		for i, e := range v {
			if i > 0 {
				b.WriteString(comma)
			}
			newline(depth + 1)
			b.WriteString(jsonString(e.Key) + ": ")
			writeJSON(b, e.Value, indent, depth+1)
		}
		newline(depth)
		b.WriteByte('}')
	case []any:
		if len(v) == 0 {
			b.WriteString("[]")
			return
		}
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteString(comma)
			}
			newline(depth + 1)
			writeJSON(b, item, indent, depth+1)
		}
		newline(depth)
		b.WriteByte(']')
	case string:
		b.WriteString(jsonString(v))
	case float64:
		b.WriteString(jsonFloat(v))
	default:
		text, err := json.Marshal(v)
		if err != nil {
			text = []byte(jsonString(fmt.Sprint(v)))
		}
		b.Write(text)
	}
}

// jsonFloat prints a number as Python does; NaN and the infinities are words.
func jsonFloat(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return celery.Repr(v)
}

// jsonString quotes a string with every character beyond ASCII escaped.
func jsonString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r >= 0x20 && r < 0x7f:
			b.WriteRune(r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
