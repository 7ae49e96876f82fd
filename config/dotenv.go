package config

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// dotenvFile is what a .env file says, in its order. It is read as python-dotenv reads it, which matters
// for passwords: a `$` alone is a character, only ${NAME} and ${NAME:-default} are replaced.
type dotenvFile struct {
	entries []dotenvEntry
}

type dotenvEntry struct {
	name, value string
	file        string
	line, col   int
}

var (
	dotenvKey      = regexp.MustCompile(`^(?:export[^\S\r\n]+)?(?:'([^']+)'|([^=#\s]+))[^\S\r\n]*`)
	dotenvSingle   = regexp.MustCompile(`^'((?:\\'|[^'])*)'`)
	dotenvDouble   = regexp.MustCompile(`^"((?:\\"|[^"])*)"`)
	dotenvComment  = regexp.MustCompile(`^[^\S\r\n]*(?:#[^\r\n]*)?(?:\r\n|\n|\r|$)`)
	dotenvTail     = regexp.MustCompile(`\s+#.*`)
	dotenvVariable = regexp.MustCompile(`\$\{([^\}:]*)(?::-([^\}]*))?\}`)
)

// parseDotEnv reads the text. A line that is no assignment is skipped, as python-dotenv does, and noted.
func parseDotEnv(file, text string, env func(string) (string, bool)) (dotenvFile, []*Fault) {
	var f dotenvFile
	var faults []*Fault
	values := map[string]string{}
	resolve := func(name string) (string, bool) {
		if v, ok := env(name); ok {
			return v, true
		}
		v, ok := values[name]
		return v, ok
	}
	text = strings.TrimPrefix(text, "\ufeff")
	for pos := 0; pos < len(text); {
		if c := text[pos]; c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v' {
			pos++
			continue
		}
		line, col := lineCol(text, pos)
		rest := text[pos:]
		if rest[0] == '#' {
			pos += lineEnd(rest)
			continue
		}
		e, n, ok := parseBinding(rest)
		if !ok {
			faults = append(faults, &Fault{File: file, Line: line, Col: col, Msg: "the line is no assignment and is skipped", Mend: "write NAME=value, with quotes around a value that has spaces or #"})
			pos += lineEnd(rest)
			continue
		}
		pos += n
		if e == nil {
			continue // a name without a value sets nothing
		}
		e.file, e.line, e.col = file, line, col
		e.value = dotenvVariable.ReplaceAllStringFunc(e.value, func(ref string) string {
			m := dotenvVariable.FindStringSubmatch(ref)
			if v, ok := resolve(m[1]); ok {
				return v
			}
			return m[2]
		})
		values[e.name] = e.value
		f.entries = append(f.entries, *e)
	}
	return f, faults
}

// parseBinding reads one assignment and returns its length with the end of the line.
func parseBinding(s string) (*dotenvEntry, int, bool) {
	m := dotenvKey.FindStringSubmatch(s)
	if m == nil {
		return nil, 0, false
	}
	e := &dotenvEntry{name: m[1] + m[2]}
	pos := len(m[0])
	if pos >= len(s) || s[pos] != '=' {
		end := dotenvComment.FindString(s[pos:])
		if end == "" && pos < len(s) {
			return nil, 0, false
		}
		return nil, pos + len(end), true
	}
	pos++
	unquoted := s[pos:]
	for pos < len(s) && (s[pos] == ' ' || s[pos] == '\t') {
		pos++
	}
	rest := s[pos:]
	var quoted []string
	switch {
	case strings.HasPrefix(rest, "'"):
		if quoted = dotenvSingle.FindStringSubmatch(rest); quoted != nil {
			e.value = unescape(quoted[1], `\'`)
		}
	case strings.HasPrefix(rest, `"`):
		if quoted = dotenvDouble.FindStringSubmatch(rest); quoted != nil {
			e.value = unescape(quoted[1], `\'"abfnrtv`)
		}
	default:
		// White space before # makes it a comment, also right behind the equals sign.
		e.value = strings.TrimSpace(dotenvTail.ReplaceAllString(unquoted[:lineEnd(unquoted)], ""))
		return e, pos + lineEnd(rest), true
	}
	if quoted == nil {
		return nil, 0, false
	}
	pos += len(quoted[0])
	end := dotenvComment.FindString(s[pos:])
	if end == "" && pos < len(s) {
		return nil, 0, false
	}
	return e, pos + len(end), true
}

// unescape replaces backslash sequences of these letters, and no others.
func unescape(s, letters string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(letters, s[i+1]) >= 0 {
			i++
			c := s[i]
			if k := strings.IndexByte("abfnrtv", c); k >= 0 {
				c = "\a\b\f\n\r\t\v"[k]
			}
			b.WriteByte(c)
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// lineEnd is the offset of the first line break, or the length.
func lineEnd(s string) int {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		return i
	}
	return len(s)
}

// lineCol turns an offset into a line and a column in characters, from 1.
func lineCol(text string, pos int) (line, col int) {
	before := text[:pos]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}
