package config

import "strings"

// plan are the changes within one expression whose extent has to be known before it is written:
//
//	a ** b            -> __pow__(a, b)
//	a < b < c         -> (a < b and b < c)
//	{a, b}            -> __set__([a, b])
//	[*a, b]           -> __splice__((True,(a)), (False,(b)))
//	{**a, k: v}       -> __merge__((a), {k: v})
//	f(x for x in y)   -> f([x for x in y])
type plan struct {
	pre, post map[int]string // before and after a token
	swap      map[int]string // in place of a token
	again     map[int][]token
}

// group is what stands between two brackets, or the whole expression.
type group struct {
	open     int // token of the opening bracket, -1 for the whole
	display  bool
	element  int      // first token of the element at hand
	elements [][2]int // first and last tokens
	starred  bool
	colon    bool
	loop     bool // a comprehension's for
	lambdas  int
	segment  int   // first token of the operands that comparisons may chain
	compared []int // comparison operators of the segment
}

// boundaries end the operands of a comparison.
var boundaries = map[string]bool{
	"and": true, "or": true, "not": true, "if": true, "else": true, "elif": true, "while": true, "for": true, "in": true, "is": true,
	"lambda": true, "return": true, ",": true, ":": true, "=": true,
}

func (r *rewriter) plan(tokens []token) (*plan, *pyError) {
	p := &plan{pre: map[int]string{}, post: map[int]string{}, swap: map[int]string{}, again: map[int][]token{}}
	stack := []*group{{open: -1}}
	for i, t := range tokens {
		g, text := stack[len(stack)-1], r.text(t)
		switch {
		case t.kind == tokOp && strings.Contains("([{", text):
			stack = append(stack, &group{open: i, display: !isOperandEnd(r.src, tokens, i-1), element: i + 1, segment: i + 1})
		case t.kind == tokOp && strings.Contains(")]}", text):
			if len(stack) == 1 {
				return nil, &pyError{pos: t.start, msg: "a bracket is not opened"}
			}
			p.endSegment(tokens, g, i)
			g.endElement(i)
			p.endGroup(r, tokens, g, i)
			stack = stack[:len(stack)-1]
		case t.kind == tokOp && (text == "<" || text == ">" || text == "<=" || text == ">=" || text == "==" || text == "!="):
			g.compared = append(g.compared, i)
		case boundaries[text] && t.kind != tokString || t.kind == tokOp && strings.HasSuffix(text, "="):
			p.endSegment(tokens, g, i)
			switch text {
			case ",":
				g.endElement(i)
			case "for":
				g.loop = true
			case "lambda":
				g.lambdas++
			case ":":
				if g.lambdas > 0 {
					g.lambdas--
				} else {
					g.colon = true
				}
			}
		case t.kind == tokOp && (text == "*" || text == "**") && i == g.element && g.open >= 0:
			g.starred = true
		}
	}
	p.endSegment(tokens, stack[0], len(tokens))
	return p, r.powers(tokens, p)
}

func (g *group) endElement(i int) {
	if i > g.element {
		g.elements = append(g.elements, [2]int{g.element, i - 1})
	}
	g.element = i + 1
}

// endSegment chains the comparisons of a segment: each middle operand is written twice.
func (p *plan) endSegment(tokens []token, g *group, end int) {
	if n := len(g.compared); n >= 2 && end > g.compared[n-1]+1 && g.compared[0] > g.segment {
		p.around(g.segment, end-1, "(", ")")
		for k := 1; k < n; k++ {
			p.again[g.compared[k]] = tokens[g.compared[k-1]+1 : g.compared[k]]
		}
	}
	g.segment, g.compared = end+1, nil
}

func (p *plan) endGroup(r *rewriter, tokens []token, g *group, end int) {
	switch open := r.text(tokens[g.open]); {
	case open == "{" && g.starred:
		p.swap[g.open], p.swap[end] = "__merge__(", ")"
		for _, e := range g.elements {
			if r.text(tokens[e[0]]) == "**" {
				p.swap[e[0]] = "("
				p.post[e[1]] += ")"
			} else {
				p.around(e[0], e[1], "{", "}")
			}
		}
	case open == "{" && !g.colon && len(g.elements) > 0:
		p.swap[g.open], p.swap[end] = "__set__([", "])"
	case open == "(" && g.loop:
		p.swap[g.open], p.swap[end] = "([", "])"
	case open == "[" && g.display && g.starred:
		p.swap[g.open], p.swap[end] = "__splice__(", ")"
		for _, e := range g.elements {
			if r.text(tokens[e[0]]) == "*" {
				p.swap[e[0]] = "(True,("
				p.post[e[1]] += "))"
			} else {
				p.around(e[0], e[1], "(False,(", "))")
			}
		}
	}
}

// around puts text before the first and behind the last token, within what was put there later and
// outside of what was put there before, since inner groups end first.
func (p *plan) around(first, last int, before, after string) {
	p.pre[first] = before + p.pre[first]
	p.post[last] += after
}

// powers plans a call for every binary **, which binds more tightly than a sign on its left and less than
// one on its right.
func (r *rewriter) powers(tokens []token, p *plan) *pyError {
	for i, t := range tokens {
		if t.kind != tokOp || r.text(t) != "**" || !isOperandEnd(r.src, tokens, i-1) {
			continue
		}
		end := r.operandEnd(tokens, i+1, 0)
		if end < 0 {
			return &pyError{pos: t.start, msg: "** has no right side"}
		}
		start := r.operandStart(tokens, i-1)
		p.pre[start] += "__pow__("
		p.swap[i] = ","
		p.post[end] = ")" + p.post[end]
	}
	return nil
}
