package config

import "fmt"

// stmt is a statement: a simple one with its line, or a compound one with its clauses (if, elif, else;
// try, except, else, finally; for; while; def).
type stmt struct {
	id         int
	line       logicalLine // of a simple statement
	clauses    []clause
	start, end int // offsets in the source, with all clauses
	inDef      bool
}

type clause struct {
	header  logicalLine // without the colon
	keyword string
	body    []*stmt
}

// maxIndents bounds nested blocks, which recursion follows.
const maxIndents = 50

// blockParser turns logical lines into nested statements.
type blockParser struct {
	src   string
	lines []physical
	next  int
	count int
}

// physical is a logical line with its place among others: what follows a header's colon or a semicolon on
// the same line belongs to the same block.
type physical struct {
	logicalLine
	inline bool // continues the line before it
	header bool // opens a block
}

func parseBlocks(src string, lines []logicalLine) ([]*stmt, *pyError) {
	p := &blockParser{src: src}
	lastEnd := -1
	for _, l := range lines {
		inline := lastEnd >= 0 && !containsNewline(src[lastEnd:l.start])
		lastEnd = l.end
		colon := headerColon(src, l.tokens)
		if colon < 0 {
			p.lines = append(p.lines, physical{logicalLine: l, inline: inline})
			continue
		}
		head, rest := l, l
		head.tokens = l.tokens[:colon]
		p.lines = append(p.lines, physical{logicalLine: head, inline: inline, header: true})
		if colon+1 < len(l.tokens) {
			rest.tokens = l.tokens[colon+1:]
			rest.start = rest.tokens[0].start
			p.lines = append(p.lines, physical{logicalLine: rest, inline: true})
		}
	}
	if len(p.lines) > 0 && p.lines[0].indent != 0 {
		return nil, &pyError{pos: p.lines[0].start, msg: "unexpected indentation", mend: "remove the white space at the beginning of the line"}
	}
	return p.block(0, 0, false)
}

// block reads statements of one indentation.
func (p *blockParser) block(indent, depth int, inDef bool) ([]*stmt, *pyError) {
	var out []*stmt
	for p.next < len(p.lines) {
		l := p.lines[p.next]
		if !l.inline {
			if l.indent < indent {
				return out, nil
			}
			if l.indent > indent {
				if p.next > 0 && opensBlock(p.text(p.lines[p.next-1].tokens[0])) {
					before := p.lines[p.next-1]
					return nil, &pyError{pos: before.tokens[len(before.tokens)-1].end, msg: "the line lacks its colon", mend: `write ":" at its end`}
				}
				return nil, &pyError{pos: l.start, msg: "unexpected indentation", mend: "remove the white space at the beginning of the line"}
			}
		}
		s, err := p.statement(depth, inDef)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (p *blockParser) statement(depth int, inDef bool) (*stmt, *pyError) {
	l := p.lines[p.next]
	p.next++
	p.count++
	s := &stmt{id: p.count, start: l.start, end: l.end, inDef: inDef}
	if !l.header {
		s.line = l.logicalLine
		return s, nil
	}
	if depth == maxIndents {
		return nil, &pyError{pos: l.start, msg: fmt.Sprintf("blocks are nested more than %d deep", maxIndents)}
	}
	for {
		c := clause{header: l.logicalLine, keyword: p.text(l.tokens[0])}
		body, err := p.suite(l, depth+1, inDef || c.keyword == "def" || c.keyword == "class")
		if err != nil {
			return nil, err
		}
		c.body = body
		s.clauses = append(s.clauses, c)
		s.end = body[len(body)-1].end
		if p.next == len(p.lines) || !p.lines[p.next].header || p.lines[p.next].indent != l.indent || !continues(s.clauses[0].keyword, p.text(p.lines[p.next].tokens[0])) {
			return s, nil
		}
		l = p.lines[p.next]
		p.next++
	}
}

// suite reads the block that a header opens, indented or on the header's own line.
func (p *blockParser) suite(header physical, depth int, inDef bool) ([]*stmt, *pyError) {
	if p.next == len(p.lines) || !p.lines[p.next].inline && p.lines[p.next].indent <= header.indent {
		return nil, &pyError{pos: header.start, msg: "an indented block is missing", mend: "indent what belongs to this line"}
	}
	if !p.lines[p.next].inline {
		return p.block(p.lines[p.next].indent, depth, inDef)
	}
	var out []*stmt
	for p.next < len(p.lines) && p.lines[p.next].inline {
		s, err := p.statement(depth, inDef)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// opensBlock tells whether a line that begins with this word has a block below it.
func opensBlock(word string) bool {
	switch word {
	case "if", "elif", "else", "for", "while", "def", "class", "try", "except", "finally", "with":
		return true
	}
	return false
}

func (p *blockParser) text(t token) string { return p.src[t.start:t.end] }

// continues tells whether a clause with this keyword belongs to a statement that began with first.
func continues(first, keyword string) bool {
	switch keyword {
	case "elif":
		return first == "if"
	case "else":
		return first == "if" || first == "for" || first == "while" || first == "try"
	case "except", "finally":
		return first == "try"
	}
	return false
}

// headerColon returns the index of the colon that opens a block, -1 if the line is a simple statement.
func headerColon(src string, tokens []token) int {
	if tokens[0].kind != tokName {
		return -1
	}
	switch src[tokens[0].start:tokens[0].end] {
	case "if", "elif", "else", "for", "while", "try", "except", "finally", "def", "with", "class", "async":
	default:
		// match, case and what else may open a block some day.
		if last := tokens[len(tokens)-1]; last.depth == tokens[0].depth && src[last.start:last.end] == ":" && len(tokens) > 1 {
			return len(tokens) - 1
		}
		return -1
	}
	base, lambdas := tokens[0].depth, 0
	for i, t := range tokens {
		text := src[t.start:t.end]
		switch {
		case t.kind == tokName && text == "lambda" && t.depth == base:
			lambdas++
		case t.kind == tokOp && text == ":" && t.depth == base && lambdas > 0:
			lambdas--
		case t.kind == tokOp && text == ":" && t.depth == base:
			return i
		}
	}
	return -1
}

func containsNewline(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '\n' {
			return true
		}
	}
	return false
}
