package config

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Python's lexical rules, as far as rewriting needs them: where tokens and logical lines begin and end.

type tokenKind uint8

const (
	tokName tokenKind = iota
	tokNumber
	tokString
	tokOp
)

type token struct {
	kind       tokenKind
	start, end int // byte offsets in the source
	depth      int // open brackets before this token, or at it for a closing one
}

// logicalLine is a statement, or the header of a compound one, with the tokens of all its physical lines.
type logicalLine struct {
	tokens []token
	indent int // width of the white space before it, tabs to multiples of 8
	start  int // offset of the first token
	end    int // offset behind the last token
}

const (
	maxBrackets   = 100   // nesting, which recursion in parsers follows
	maxLineTokens = 20000 // in one logical line, for the same reason
)

// pyError is a place in the source and what is wrong there.
type pyError struct {
	pos  int
	msg  string
	mend string
}

func (e *pyError) Error() string { return e.msg }

// scanner cuts the source into tokens. Text between tokens is white space, comments and continuations.
type scanner struct {
	src   string
	pos   int
	end   int
	depth []byte
	opens []int // where they are
}

// scanLines cuts a whole file into logical lines. The source has \n line ends only.
func scanLines(src string) ([]logicalLine, *pyError) {
	s := &scanner{src: src, end: len(src)}
	var lines []logicalLine
	for {
		line, err := s.line()
		if err != nil {
			return lines, err
		}
		if line == nil {
			return lines, nil
		}
		lines = append(lines, *line)
	}
}

// line returns the next logical line, nil at the end.
func (s *scanner) line() (*logicalLine, *pyError) {
	var line *logicalLine
	for {
		tok, newline, err := s.next()
		if err != nil {
			return nil, err
		}
		if newline || tok == nil {
			if line != nil {
				if len(s.depth) > 0 {
					open := len(s.depth) - 1
					closing := map[byte]string{'(': ")", '[': "]", '{': "}"}[s.depth[open]]
					return nil, &pyError{pos: s.opens[open], msg: fmt.Sprintf("the bracket %q is not closed", s.depth[open]), mend: "write " + closing + " where its contents end"}
				}
				line.end = line.tokens[len(line.tokens)-1].end
				return line, nil
			}
			if tok == nil && !newline {
				return nil, nil
			}
			continue
		}
		if line == nil {
			line = &logicalLine{start: tok.start, indent: indentAt(s.src, tok.start)}
		}
		if len(line.tokens) == maxLineTokens {
			return nil, &pyError{pos: tok.start, msg: fmt.Sprintf("the statement has more than %d words", maxLineTokens)}
		}
		line.tokens = append(line.tokens, *tok)
		// Statements after a semicolon become lines of their own.
		if len(s.depth) == 0 && s.src[tok.start:tok.end] == ";" {
			line.tokens = line.tokens[:len(line.tokens)-1]
			if len(line.tokens) == 0 {
				line = nil
				continue
			}
			line.end = line.tokens[len(line.tokens)-1].end
			return line, nil
		}
	}
}

// indentAt measures the white space before a token, back to the line's start or to a semicolon's statement.
func indentAt(src string, pos int) int {
	begin := strings.LastIndexByte(src[:pos], '\n') + 1
	width := 0
	for _, c := range src[begin:pos] {
		switch c {
		case ' ':
			width++
		case '\t':
			width = width/8*8 + 8
		case '\f':
			width = 0
		default:
			return width
		}
	}
	return width
}

// next returns a token, or true for the end of a logical line; nil and false at the end of the source.
func (s *scanner) next() (*token, bool, *pyError) {
	for s.pos < s.end {
		c := s.src[s.pos]
		switch {
		case c == '\n':
			s.pos++
			if len(s.depth) == 0 {
				return nil, true, nil
			}
		case c == ' ' || c == '\t' || c == '\f' || c == '\r':
			s.pos++
		case c == '\\' && s.pos+1 < s.end && s.src[s.pos+1] == '\n':
			s.pos += 2
		case c == '#':
			s.pos += lineEnd(s.src[s.pos:s.end])
		default:
			tok, err := s.token()
			return tok, false, err
		}
	}
	return nil, false, nil
}

func (s *scanner) token() (*token, *pyError) {
	start := s.pos
	c := s.src[start]
	t := &token{start: start, depth: len(s.depth)}
	switch {
	case stringPrefix(s.src[start:s.end]) >= 0:
		t.kind = tokString
		if err := s.stringToken(stringPrefix(s.src[start:s.end])); err != nil {
			return nil, err
		}
	case isDigit(c) || c == '.' && start+1 < s.end && isDigit(s.src[start+1]):
		t.kind = tokNumber
		s.number()
	case isNameStart(s.src[start:s.end]):
		t.kind = tokName
		for s.pos < s.end {
			r, n := utf8.DecodeRuneInString(s.src[s.pos:s.end])
			if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				break
			}
			s.pos += n
		}
	default:
		t.kind = tokOp
		if err := s.operator(); err != nil {
			return nil, err
		}
		t.depth = min(t.depth, len(s.depth))
	}
	t.end = s.pos
	return t, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameStart(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return r == '_' || unicode.IsLetter(r)
}

// number takes digits, letters, points and the sign of an exponent.
func (s *scanner) number() {
	hex := strings.HasPrefix(s.src[s.pos:s.end], "0x") || strings.HasPrefix(s.src[s.pos:s.end], "0X")
	for s.pos < s.end {
		c := s.src[s.pos]
		switch {
		case isDigit(c) || c == '.' || c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			s.pos++
			if !hex && (c == 'e' || c == 'E') && s.pos+1 < s.end && (s.src[s.pos] == '-' || s.src[s.pos] == '+') && isDigit(s.src[s.pos+1]) {
				s.pos++
			}
		default:
			return
		}
	}
}

var longOperators = []string{"**=", "//=", ">>=", "<<=", "...", "**", "//", ">>", "<<", "<=", ">=", "==", "!=", "->", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", ":=", "@="}

func (s *scanner) operator() *pyError {
	rest := s.src[s.pos:s.end]
	for _, op := range longOperators {
		if strings.HasPrefix(rest, op) {
			s.pos += len(op)
			return nil
		}
	}
	c := rest[0]
	switch c {
	case '(', '[', '{':
		if len(s.depth) == maxBrackets {
			return &pyError{pos: s.pos, msg: fmt.Sprintf("brackets are nested more than %d deep", maxBrackets)}
		}
		s.depth, s.opens = append(s.depth, c), append(s.opens, s.pos)
	case ')', ']', '}':
		open := map[byte]byte{')': '(', ']': '[', '}': '{'}[c]
		if len(s.depth) == 0 || s.depth[len(s.depth)-1] != open {
			return &pyError{pos: s.pos, msg: fmt.Sprintf("%q closes no bracket", c), mend: "remove it, or write the bracket that it closes"}
		}
		s.depth, s.opens = s.depth[:len(s.depth)-1], s.opens[:len(s.opens)-1]
	default:
		if !strings.ContainsRune("+-*/%@&|^~<>.,:;=", rune(c)) {
			r, _ := utf8.DecodeRuneInString(rest)
			mend := "remove it"
			switch r {
			case '“', '”', '„', '‘', '’':
				mend = `write " instead`
			}
			return &pyError{pos: s.pos, msg: fmt.Sprintf("unexpected character %q", r), mend: mend}
		}
	}
	s.pos++
	return nil
}

// stringPrefix returns the length of a string literal's prefix, -1 if none begins here.
func stringPrefix(s string) int {
	for n := 0; n <= 2 && n < len(s); n++ {
		switch s[n] {
		case '\'', '"':
			return n
		case 'r', 'R', 'b', 'B', 'u', 'U', 'f', 'F':
		default:
			return -1
		}
	}
	return -1
}

// stringToken moves behind a string literal; the replacement fields of an f-string may hold its own quotes.
func (s *scanner) stringToken(prefix int) *pyError {
	start := s.pos
	formatted := strings.ContainsAny(s.src[start:start+prefix], "fF")
	s.pos += prefix
	quote := s.src[s.pos : s.pos+1]
	if strings.HasPrefix(s.src[s.pos:s.end], strings.Repeat(quote, 3)) {
		quote = s.src[s.pos : s.pos+3]
	}
	s.pos += len(quote)
	for s.pos < s.end {
		rest := s.src[s.pos:s.end]
		switch {
		case strings.HasPrefix(rest, quote):
			s.pos += len(quote)
			return nil
		case rest[0] == '\\' && len(rest) > 1:
			s.pos += 2
			if formatted && rest[1] == 'N' && len(rest) > 2 && rest[2] == '{' {
				s.pos++ // a named character, no field
			} else if formatted && rest[1] == '{' {
				s.pos--
			}
		case rest[0] == '\n' && len(quote) == 1:
			return &pyError{pos: start, msg: "the text is not closed on its line", mend: "write " + quote + " at its end"}
		case formatted && strings.HasPrefix(rest, "{{"):
			s.pos += 2
		case formatted && rest[0] == '{':
			end, err := fieldEnd(s.src, s.pos, s.end, 0)
			if err != nil {
				return err
			}
			s.pos = end
		default:
			s.pos++
		}
	}
	return &pyError{pos: start, msg: "the text is not closed", mend: "write " + quote + " at its end"}
}

// fieldEnd returns the offset behind the replacement field that opens at pos. Its format part may hold
// fields itself.
func fieldEnd(src string, pos, end, nested int) (int, *pyError) {
	if nested > 4 {
		return 0, &pyError{pos: pos, msg: "replacement fields are nested too deep"}
	}
	colon, _, err := fieldExpression(src, pos, end)
	if err != nil {
		return 0, err
	}
	i := colon
	for i < end {
		switch src[i] {
		case '}':
			return i + 1, nil
		case '{':
			if i, err = fieldEnd(src, i, end, nested+1); err != nil {
				return 0, err
			}
		case '\n':
			return 0, &pyError{pos: pos, msg: "the replacement field is not closed"}
		default:
			i++
		}
	}
	return 0, &pyError{pos: pos, msg: "the replacement field is not closed"}
}

// fieldExpression returns the end of the expression of the field that opens at pos (at one of = ! : }) and
// its tokens.
func fieldExpression(src string, pos, end int) (int, []token, *pyError) {
	s := &scanner{src: src, pos: pos, end: end}
	var tokens []token
	if err := s.operator(); err != nil { // the opening brace
		return 0, nil, err
	}
	for {
		tok, _, err := s.next()
		if err != nil {
			return 0, nil, err
		}
		if tok == nil {
			return 0, nil, &pyError{pos: pos, msg: "the replacement field is not closed"}
		}
		text := src[tok.start:tok.end]
		closes := len(s.depth) == 0
		top := len(s.depth) == 1 && tok.kind == tokOp && tok.depth == 1
		if closes || top && (text == ":" || text == "=" || text == ":=") {
			return tok.start, tokens, nil
		}
		if len(tokens) == maxLineTokens {
			return 0, nil, &pyError{pos: pos, msg: "the replacement field is too long"}
		}
		tokens = append(tokens, *tok)
		// "!" is no operator of its own, so the scanner cannot meet it: look ahead for a conversion.
		if len(s.depth) == 1 {
			rest := strings.TrimLeft(src[s.pos:end], " ")
			if strings.HasPrefix(rest, "!") && !strings.HasPrefix(rest, "!=") {
				return end - len(rest), tokens, nil
			}
		}
	}
}
