package config

import (
	"fmt"
	"strings"

	"go.starlark.net/syntax"
)

// syntaxFault is a syntax error of Starlark's parser with its place in the source. The parser names the token that it
// did not expect, but gives the place behind it, which is the next line where the token is a line's last.
func (in *interpreter) syntaxFault(syn syntax.Error) (*stmt, *Fault) {
	pos := in.rw.source(syn.Pos)
	got, want := "", ""
	if rest, ok := strings.CutPrefix(syn.Msg, "got "); ok {
		got, want, _ = strings.Cut(rest, ", want ")
	}
	s, tokens, i := in.tokenBefore(pos, func(t token) bool {
		word := in.text[t.start:t.end]
		return got == "" && isDigit(word[0]) || got == "'"+word+"'"
	})
	if i < 0 {
		return in.topStatement(pos), in.fault(pos, "this is not understood ("+syn.Msg+")", "")
	}
	t := tokens[i]
	switch word := in.text[t.start:t.end]; {
	case got == "":
		return s, in.fault(t.start, fmt.Sprintf("%s is not understood (%s)", brief(word), syn.Msg), "")
	case got == "newline" && want == "':'":
		return s, in.fault(t.end, "the line lacks its colon", `write ":" at its end`)
	case got == "newline" || got == "indent" || got == "outdent" || got == "end of file":
		return s, in.fault(t.end, "the line is not complete (want "+want+")", "")
	case i > 0 && isOperandEnd(in.text, tokens, i-1) && t.kind != tokOp:
		before := tokens[i-1]
		return s, in.fault(t.start, fmt.Sprintf("%s cannot follow %s: an operator or a comma is missing", brief(word), brief(in.text[before.start:before.end])), "")
	default:
		return s, in.fault(t.start, fmt.Sprintf("%s is not expected here (%s)", brief(word), syn.Msg), "")
	}
}

// tokenBefore finds the last token that ends at pos or before it, or the one that begins at pos if at takes it; -1 if
// there is none.
func (in *interpreter) tokenBefore(pos int, at func(token) bool) (*stmt, []token, int) {
	var tokens []token
	for _, s := range in.block {
		tokens = append(tokens, statementTokens(s)...)
	}
	found := -1
	for i, t := range tokens {
		if t.start == pos && at(t) {
			found = i
			break
		}
		if t.end <= pos {
			found = i
		}
	}
	if found < 0 {
		return nil, nil, -1
	}
	s := in.topStatement(tokens[found].start)
	if s == nil { // within a function
		return nil, nil, -1
	}
	return s, tokens, found
}

// brief quotes a word of the source for a message.
func brief(word string) string {
	const most = 40
	if r := []rune(word); len(r) > most {
		word = string(r[:most]) + "..."
	}
	return strings.ReplaceAll(word, "\n", " ")
}
