package config

import (
	"strconv"
	"strings"

	"go.starlark.net/syntax"
)

// maxText bounds the Starlark text, in which chained comparisons write operands twice.
const maxText = 4 * maxSource

// expr writes the tokens of an expression, or of a statement that differs from Starlark only within its
// expressions: adjacent texts are joined, f-strings become calls, `is` a comparison, and see [plan].
func (r *rewriter) expr(tokens []token) *pyError {
	if len(tokens) > 0 && r.text(tokens[0]) != "def" {
		tokens = r.reorder(tokens)
	}
	p, err := r.plan(tokens)
	if err != nil {
		return err
	}
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if len(r.out) > maxText {
			return &pyError{pos: t.start, msg: "the expression is too long"}
		}
		if i > 0 && tokens[i-1].end < t.start {
			r.put(" ", t.start)
		}
		if operand, ok := p.again[i]; ok {
			r.put(" and ", t.start)
			if err := r.expr(operand); err != nil {
				return err
			}
		}
		if text := p.pre[i]; text != "" {
			r.put(text, t.start)
		}
		last, err := r.token(tokens, i, p)
		if err != nil {
			return err
		}
		for j := i; j <= last; j++ {
			if text := p.post[j]; text != "" {
				r.put(text, t.end)
			}
		}
		i = last
	}
	return nil
}

// token writes token i and returns the last one that it used.
func (r *rewriter) token(tokens []token, i int, p *plan) (int, *pyError) {
	t := tokens[i]
	if text, ok := p.swap[i]; ok {
		r.put(text, t.start)
		return i, nil
	}
	switch t.kind {
	case tokString:
		last := i
		for last+1 < len(tokens) && tokens[last+1].kind == tokString {
			last++
		}
		return last, r.texts(tokens[i : last+1])
	case tokNumber:
		return i, r.number(t)
	case tokName:
		return r.name(tokens, i), nil
	}
	switch r.text(t) {
	case ":=":
		return i, &pyError{pos: t.start, msg: "an assignment within an expression is not read", mend: "assign on a line of its own"}
	case "...":
		r.put("None", t.start)
	default:
		r.copyToken(t)
	}
	return i, nil
}

// name writes a name or keyword and returns the index of the last token that it used.
func (r *rewriter) name(tokens []token, i int) int {
	t := tokens[i]
	switch text := r.text(t); text {
	case "is":
		if i+1 < len(tokens) && r.text(tokens[i+1]) == "not" {
			r.put("!=", t.start)
			return i + 1
		}
		r.put("==", t.start)
	case "load":
		r.put("load_", t.start)
	default:
		r.copyToken(t)
	}
	return i
}

// number writes a number without underscores.
func (r *rewriter) number(t token) *pyError {
	text := r.text(t)
	if last := text[len(text)-1]; last == 'j' || last == 'J' {
		return &pyError{pos: t.start, msg: "complex numbers are not read"}
	}
	if !strings.Contains(text, "_") {
		r.copyToken(t)
		return nil
	}
	r.put(strings.ReplaceAll(text, "_", ""), t.start)
	return nil
}

// isOperandEnd tells whether an expression may end with token i.
func isOperandEnd(src string, tokens []token, i int) bool {
	if i < 0 {
		return false
	}
	text := src[tokens[i].start:tokens[i].end]
	switch tokens[i].kind {
	case tokNumber, tokString:
		return true
	case tokName:
		switch text {
		case "return", "in", "not", "and", "or", "if", "else", "lambda", "is", "elif", "while":
			return false
		}
		return true
	}
	return text == ")" || text == "]" || text == "}"
}

// operandStart returns the first token of the primary expression that ends with token i.
func (r *rewriter) operandStart(tokens []token, i int) int {
	for {
		if text := r.text(tokens[i]); tokens[i].kind == tokOp && (text == ")" || text == "]" || text == "}") {
			depth := tokens[i].depth
			for i--; i > 0 && !(tokens[i].kind == tokOp && tokens[i].depth == depth && strings.Contains("([{", r.text(tokens[i]))); i-- {
			}
			if isOperandEnd(r.src, tokens, i-1) {
				i--
				continue
			}
			return max(i, 0)
		}
		for tokens[i].kind == tokString && i > 0 && tokens[i-1].kind == tokString {
			i--
		}
		if i >= 2 && tokens[i-1].kind == tokOp && r.text(tokens[i-1]) == "." {
			i -= 2
			continue
		}
		return i
	}
}

// operandEnd returns the last token of the operand that begins with token i: signs, a primary expression
// and what further ** add to it; -1 if there is none.
func (r *rewriter) operandEnd(tokens []token, i, nested int) int {
	for i < len(tokens) && tokens[i].kind == tokOp && strings.Contains("+-~", r.text(tokens[i])) {
		i++
	}
	if i >= len(tokens) || nested > maxBrackets {
		return -1
	}
	if i = r.closing(tokens, i); i < 0 {
		return -1
	}
	for tokens[i].kind == tokString && i+1 < len(tokens) && tokens[i+1].kind == tokString {
		i++
	}
	for i+1 < len(tokens) && tokens[i+1].kind == tokOp {
		switch r.text(tokens[i+1]) {
		case ".":
			if i+2 >= len(tokens) {
				return -1
			}
			i += 2
		case "(", "[":
			if i = r.closing(tokens, i+1); i < 0 {
				return -1
			}
		case "**":
			return r.operandEnd(tokens, i+2, nested+1)
		default:
			return i
		}
	}
	return i
}

// closing returns the token that closes the bracket at i, or i itself if it is none.
func (r *rewriter) closing(tokens []token, i int) int {
	if tokens[i].kind != tokOp {
		return i
	}
	if !strings.Contains("([{", r.text(tokens[i])) {
		return -1
	}
	for j := i + 1; j < len(tokens); j++ {
		if tokens[j].kind == tokOp && tokens[j].depth == tokens[i].depth && strings.Contains(")]}", r.text(tokens[j])) {
			return j
		}
	}
	return -1
}

// texts writes one or more adjacent string literals as one value.
func (r *rewriter) texts(tokens []token) *pyError {
	pos := tokens[0].start
	if len(tokens) > 1 {
		r.put("(", pos)
		defer func() { r.put(")", tokens[len(tokens)-1].end) }()
	}
	for i, t := range tokens {
		if i > 0 {
			r.put("+", t.start)
		}
		text := r.text(t)
		n := stringPrefix(text)
		prefix := strings.ToLower(text[:n])
		quote := 1
		if q := text[n : n+1]; len(text) >= n+6 && strings.HasPrefix(text[n:], strings.Repeat(q, 3)) {
			quote = 3
		}
		from, to := t.start+n+quote, t.end-quote
		raw := strings.Contains(prefix, "r")
		switch {
		case strings.Contains(prefix, "b"):
			r.copyToken(t)
		case strings.Contains(prefix, "f"):
			r.put("__fstr__(", t.start)
			if err := r.fields(from, to, raw, 0); err != nil {
				return err
			}
			r.put(")", t.end)
		default:
			value, err := pyUnescape(r.src[from:to], raw)
			if err != "" {
				return &pyError{pos: t.start, msg: err}
			}
			r.put(syntax.Quote(value, false), t.start)
		}
	}
	return nil
}

// fields writes the arguments of __fstr__: literal texts and calls of __fmt__.
func (r *rewriter) fields(from, to int, raw bool, nested int) *pyError {
	literal := from
	first := true
	comma := func(pos int) {
		if !first {
			r.put(",", pos)
		}
		first = false
	}
	flush := func(end int) *pyError {
		if literal == end {
			return nil
		}
		text := strings.NewReplacer("{{", "{", "}}", "}").Replace(r.src[literal:end])
		value, msg := pyUnescape(text, raw)
		if msg != "" {
			return &pyError{pos: literal, msg: msg}
		}
		comma(literal)
		r.put(syntax.Quote(value, false), literal)
		return nil
	}
	for i := from; i < to; {
		rest := r.src[i:to]
		switch {
		case strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}") && nested == 0:
			i += 2
		case strings.HasPrefix(rest, `\N{`) && !raw:
			i += 3
		case rest[0] == '\\' && !raw && len(rest) > 1 && rest[1] != '{':
			i += 2
		case rest[0] == '{':
			if err := flush(i); err != nil {
				return err
			}
			comma(i)
			end, err := r.field(i, to, raw, nested)
			if err != nil {
				return err
			}
			i, literal = end, end
		default:
			i++
		}
	}
	return flush(to)
}

// field writes one replacement field, {expression[=][!conversion][:format]}, and returns its end.
func (r *rewriter) field(open, to int, raw bool, nested int) (int, *pyError) {
	end, err := fieldEnd(r.src, open, to, nested)
	if err != nil {
		return 0, err
	}
	at, tokens, err := fieldExpression(r.src, open, to)
	if err != nil {
		return 0, err
	}
	if len(tokens) == 0 {
		return 0, &pyError{pos: open, msg: "a replacement field is empty"}
	}
	debug := ""
	if r.src[at] == '=' {
		at++
		for r.src[at] == ' ' {
			at++
		}
		debug = r.src[open+1 : at]
	}
	conversion := ""
	if r.src[at] == '!' {
		if conversion = r.src[at+1 : at+2]; !strings.Contains("rsa", conversion) {
			return 0, &pyError{pos: at, msg: "the conversion is not understood", mend: "write !r, !s or !a"}
		}
		at += 2
		for r.src[at] == ' ' {
			at++
		}
	}
	if debug != "" {
		r.put(syntax.Quote(debug, false)+",", open)
		if conversion == "" && r.src[at] == '}' {
			conversion = "r"
		}
	}
	r.put("__fmt__((", open)
	if err := r.expr(tokens); err != nil {
		return 0, err
	}
	r.put("),"+strconv.Quote(conversion)+",", open)
	switch r.src[at] {
	case '}':
		r.put(`"")`, open)
	case ':':
		r.put("__fstr__(", at)
		if err := r.fields(at+1, end-1, raw, nested+1); err != nil {
			return 0, err
		}
		r.put("))", at)
	default:
		return 0, &pyError{pos: at, msg: "the replacement field is not understood"}
	}
	return end, nil
}

// pyUnescape decodes Python's backslash escapes. A backslash before any other character stays.
func pyUnescape(s string, raw bool) (value, fault string) {
	if raw || !strings.Contains(s, `\`) {
		return s, ""
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		digits := 0
		switch c := s[i]; c {
		case '\n':
			continue
		case '\\', '\'', '"':
			b.WriteByte(c)
			continue
		case 'a', 'b', 'f', 'n', 'r', 't', 'v':
			b.WriteByte("\a\b\f\n\r\t\v"[strings.IndexByte("abfnrtv", c)])
			continue
		case 'x':
			digits = 2
		case 'u':
			digits = 4
		case 'U':
			digits = 8
		case 'N':
			return "", `a character by its name (\N{...}) is not read; write the character itself`
		case '0', '1', '2', '3', '4', '5', '6', '7':
			j := i
			for j < len(s) && j < i+3 && s[j] >= '0' && s[j] <= '7' {
				j++
			}
			n, _ := strconv.ParseUint(s[i:j], 8, 32)
			b.WriteRune(rune(n))
			i = j - 1
			continue
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
			continue
		}
		if i+1+digits > len(s) {
			return "", "a backslash escape is cut off"
		}
		n, err := strconv.ParseUint(s[i+1:i+1+digits], 16, 32)
		if err != nil {
			return "", "a backslash escape has digits that are not hexadecimal"
		}
		b.WriteRune(rune(n))
		i += digits
	}
	return b.String(), ""
}
