package kombu

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// YAML as PyYAML's safe_load and safe_dump have it: version 1.1, where yes is true, 010 is eight and 1:30 ninety. Only the
// syntax is left to the library.

// encodeYAML writes one line of flow style, in which strings are quoted, so that nothing can be mistaken for another type.
func encodeYAML(v any) ([]byte, error) {
	out, err := appendYAML(nil, v, 0)
	return append(out, '\n'), err
}

func appendYAML(dst []byte, v any, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: YAML: nested too deeply", ErrEncode)
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case *big.Int:
		return v.Append(dst, 10), nil
	case float64:
		return appendYAMLFloat(dst, v), nil
	case string:
		return appendYAMLString(dst, v), nil
	case []byte:
		return append(base64.StdEncoding.AppendEncode(append(dst, `!!binary "`...), v), '"'), nil
	case time.Time:
		return append(dst, DateTime{Time: v}.formatISO()...), nil
	case DateTime:
		return append(dst, v.formatISO()...), nil
	case Date:
		return v.AppendFormat(dst, time.DateOnly), nil
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			var err error
			if dst, err = appendYAML(dst, e, depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case Object:
		return appendYAML(dst, v.Map(), depth)
	case map[string]any:
		dst = append(dst, '{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			var err error
			dst = append(appendYAMLString(append(dst, "? "...), k), " : "...)
			if dst, err = appendYAML(dst, v[k], depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	case TimeOfDay, Decimal:
		return nil, fmt.Errorf("%w: YAML: cannot represent %T", ErrEncode, v)
	}
	p, err := plain(v)
	if err != nil {
		return nil, err
	}
	return appendYAML(dst, p, depth)
}

func appendYAMLFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, ".nan"...)
	case math.IsInf(f, 1):
		return append(dst, ".inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-.inf"...)
	}
	n := len(dst)
	dst = appendFloat(dst, f, 64)
	// PyYAML wants a point before the exponent.
	if e := bytes.IndexByte(dst[n:], 'e'); e >= 0 && bytes.IndexByte(dst[n:], '.') < 0 {
		dst = slices.Insert(dst, n+e, '.', '0')
	}
	return dst
}

// appendYAMLString writes a double-quoted string of ASCII.
func appendYAMLString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r >= ' ' && r < 0x7f:
			dst = append(dst, byte(r))
		case r <= 0xff:
			dst = fmt.Appendf(dst, `\x%02x`, r)
		case r <= 0xffff:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = fmt.Appendf(dst, `\U%08x`, r)
		}
	}
	return append(dst, '"')
}

func decodeYAML(data []byte) (v any, err error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%w: YAML: not UTF-8", ErrDecode)
	}
	defer func() {
		if p := recover(); p != nil { // third-party parser on foreign bytes
			v, err = nil, fmt.Errorf("%w: YAML: %v", ErrDecode, p)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: YAML: %w", ErrDecode, err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: YAML: expected a single document in the stream", ErrDecode)
	}
	c := yamlConverter{done: map[*yaml.Node]any{}, busy: map[*yaml.Node]bool{}}
	if v, err = c.value(&doc, 0); err != nil {
		return nil, fmt.Errorf("%w: YAML: %w", ErrDecode, err)
	}
	return v, nil
}

// yamlConverter turns nodes into values. What an alias stands for is converted once and shared, so that aliases of
// aliases can't multiply.
type yamlConverter struct {
	done map[*yaml.Node]any
	busy map[*yaml.Node]bool
}

func (c *yamlConverter) value(n *yaml.Node, depth int) (any, error) {
	if depth > MaxDepth {
		return nil, errors.New("nested too deeply")
	}
	if v, ok := c.done[n]; ok {
		return v, nil
	}
	if c.busy[n] {
		return nil, errors.New("an anchor contains itself")
	}
	c.busy[n] = true
	defer delete(c.busy, n)
	v, err := c.convert(n, depth)
	if err == nil && n.Anchor != "" {
		c.done[n] = v
	}
	return v, err
}

func (c *yamlConverter) convert(n *yaml.Node, depth int) (any, error) {
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil, nil
		}
		return c.value(n.Content[0], depth)
	case yaml.AliasNode:
		return c.value(n.Alias, depth+1)
	case yaml.ScalarNode:
		return yamlScalar(n)
	case yaml.SequenceNode:
		if tag := explicitTag(n); tag != "" && tag != "!!seq" {
			return nil, fmt.Errorf("could not determine a constructor for the tag %s", tag)
		}
		out := make([]any, 0, len(n.Content))
		for _, e := range n.Content {
			v, err := c.value(e, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	case yaml.MappingNode:
		return c.mapping(n, depth)
	}
	return nil, fmt.Errorf("node of kind %d", n.Kind)
}

func explicitTag(n *yaml.Node) string {
	if n.Style&yaml.TaggedStyle == 0 {
		return ""
	}
	return n.ShortTag()
}

// mapping reads a map. Keys that are no text become text as Python's str prints them.
func (c *yamlConverter) mapping(n *yaml.Node, depth int) (any, error) {
	if tag := explicitTag(n); tag != "" && tag != "!!map" {
		return nil, fmt.Errorf("could not determine a constructor for the tag %s", tag)
	}
	out := map[string]any{}
	var merged []map[string]any
	for i := 0; i+1 < len(n.Content); i += 2 {
		v, err := c.value(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		if k := n.Content[i]; k.Kind == yaml.ScalarNode && k.Value == "<<" && k.Style == 0 {
			more, err := mergeSources(v)
			if err != nil {
				return nil, err
			}
			merged = append(merged, more...)
			continue
		}
		key, err := c.value(n.Content[i], depth+1)
		if err != nil {
			return nil, err
		}
		text, err := yamlKey(key)
		if err != nil {
			return nil, err
		}
		out[text] = v
	}
	for _, m := range merged {
		for k, v := range m {
			if _, ok := out[k]; !ok {
				out[k] = v
			}
		}
	}
	return out, nil
}

func mergeSources(v any) ([]map[string]any, error) {
	switch v := v.(type) {
	case map[string]any:
		return []map[string]any{v}, nil
	case []any:
		var out []map[string]any
		for _, e := range v {
			m, ok := e.(map[string]any)
			if !ok {
				return nil, errors.New("expected a mapping for merging")
			}
			out = append(out, m)
		}
		return out, nil
	}
	return nil, errors.New("expected a mapping or list of mappings for merging")
}

func yamlKey(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case nil:
		return "None", nil
	case bool:
		if v {
			return "True", nil
		}
		return "False", nil
	case int64, *big.Int:
		return fmt.Sprint(v), nil
	case float64:
		return string(appendFloat(nil, v, 64)), nil
	case Date:
		return v.Format(time.DateOnly), nil
	case []byte:
		return string(v), nil
	}
	return "", errors.New("found unhashable key")
}

func yamlScalar(n *yaml.Node) (any, error) {
	tag := explicitTag(n)
	if tag == "" {
		if n.Style != 0 {
			return n.Value, nil
		}
		return yamlPlain(n.Value), nil
	}
	bad := fmt.Errorf("%.60q is no %s", n.Value, tag)
	v := yamlPlain(n.Value)
	switch tag {
	case "!!str", "!":
		return n.Value, nil
	case "!!null":
		return nil, nil
	case "!!binary":
		b, err := decodeBase64([]byte(n.Value))
		if err != nil {
			return nil, bad
		}
		return b, nil
	case "!!bool":
		if _, ok := v.(bool); ok {
			return v, nil
		}
	case "!!int":
		switch v.(type) {
		case int64, *big.Int:
			return v, nil
		}
	case "!!float":
		switch i := v.(type) {
		case float64:
			return v, nil
		case int64:
			return float64(i), nil
		}
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil {
			return f, nil
		}
	case "!!timestamp":
		switch v.(type) {
		case DateTime, Date:
			return v, nil
		}
	default:
		return nil, fmt.Errorf("could not determine a constructor for the tag %s", tag)
	}
	return nil, bad
}

// yamlPlain gives an unquoted scalar its type.
func yamlPlain(s string) any {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return true
	case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return false
	case ".nan", ".NaN", ".NAN":
		return math.NaN()
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return math.Inf(1)
	case "-.inf", "-.Inf", "-.INF":
		return math.Inf(-1)
	}
	if c := s[0]; c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') {
		return s
	}
	if v, ok := yamlInt(s); ok {
		return v
	}
	if v, ok := yamlFloat(s); ok {
		return v
	}
	if v, ok := yamlTime(s); ok {
		return v
	}
	return s
}

func sign(s string) (negative bool, rest string) {
	switch {
	case strings.HasPrefix(s, "-"):
		return true, s[1:]
	case strings.HasPrefix(s, "+"):
		return false, s[1:]
	}
	return false, s
}

func yamlInt(s string) (any, bool) {
	negative, t := sign(s)
	base := 10
	switch {
	case len(t) > 2 && t[:2] == "0b":
		base, t = 2, t[2:]
	case len(t) > 2 && t[:2] == "0x":
		base, t = 16, t[2:]
	case len(t) > 1 && t[0] == '0':
		base, t = 8, t[1:]
	case strings.Contains(t, ":") && !strings.Contains(t, "."):
		n, ok := sexagesimal(t)
		if !ok || t[0] == '0' {
			return nil, false
		}
		if negative {
			n = -n
		}
		return int64(n), n < 1<<53
	}
	t = strings.ReplaceAll(t, "_", "")
	if t == "" || t[0] == '-' || t[0] == '+' || len(t) > maxDigits {
		return nil, false
	}
	n, ok := new(big.Int).SetString(t, base)
	if !ok {
		return nil, false
	}
	if negative {
		n.Neg(n)
	}
	if n.IsInt64() {
		return n.Int64(), true
	}
	return n, true
}

// sexagesimal reads numbers to the base 60, as in 1:30.
func sexagesimal(t string) (float64, bool) {
	parts := strings.Split(strings.ReplaceAll(t, "_", ""), ":")
	var n float64
	for i, p := range parts {
		f, err := strconv.ParseFloat(p, 64)
		if err != nil || p[0] < '0' || p[0] > '9' || strings.ContainsAny(p, "eExXpP") || i > 0 && f >= 60 ||
			i < len(parts)-1 && strings.Contains(p, ".") {
			return 0, false
		}
		n = n*60 + f
	}
	return n, true
}

func yamlFloat(s string) (float64, bool) {
	negative, t := sign(s)
	if !strings.Contains(t, ".") {
		return 0, false
	}
	var f float64
	if strings.Contains(t, ":") {
		var ok bool
		if f, ok = sexagesimal(t); !ok {
			return 0, false
		}
	} else {
		mantissa, exp, hasExp := strings.Cut(strings.Replace(t, "E", "e", 1), "e")
		if hasExp && (len(exp) < 2 || exp[0] != '-' && exp[0] != '+' || !allDigits(exp[1:])) {
			return 0, false
		}
		whole, fraction, _ := strings.Cut(strings.ReplaceAll(mantissa, "_", ""), ".")
		if !allDigits(whole) || !allDigits(fraction) || whole+fraction == "" {
			return 0, false
		}
		text := whole + "." + fraction
		if hasExp {
			text += "e" + exp
		}
		var err error
		if f, err = strconv.ParseFloat(text, 64); err != nil && !math.IsInf(f, 0) {
			return 0, false
		}
	}
	if negative {
		f = -f
	}
	return f, true
}

// yamlTime reads a date, or a date and time with an optional offset.
func yamlTime(s string) (any, bool) {
	if len(s) == 10 && s[4] == '-' && s[7] == '-' {
		t, ok := parseISO(s)
		return Date{t.Time}, ok
	}
	i := strings.IndexAny(s, "Tt \t")
	if i < 8 || i > 10 {
		return nil, false
	}
	day := strings.Split(s[:i], "-")
	clock := strings.TrimLeft(s[i+1:], " \t")
	if len(day) != 3 || len(day[0]) != 4 {
		return nil, false
	}
	zone := ""
	if j := strings.IndexAny(clock, "Z+-"); j >= 0 {
		clock, zone = strings.TrimRight(clock[:j], " \t"), clock[j:]
	}
	if strings.IndexByte(clock, ':') == 1 {
		clock = "0" + clock
	}
	clock = strings.TrimSuffix(clock, ".")
	if len(zone) > 1 && !strings.Contains(zone, ":") {
		zone += ":00"
	}
	if len(zone) == 5 { // +1:00
		zone = zone[:1] + "0" + zone[1:]
	}
	for k, p := range day[1:] {
		if len(p) == 1 {
			day[k+1] = "0" + p
		}
	}
	if strings.Count(clock, ":") != 2 {
		return nil, false
	}
	t, ok := parseISO(strings.Join(day, "-") + "T" + clock + zone)
	return t, ok
}
