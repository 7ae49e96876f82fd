package config

import (
	"strconv"
	"strings"
)

// Imports become assignments of what the interpreter has under the module's name; a module that it does
// not know becomes a value that fails when it is used, so that an unused import does no harm.

// imports writes `import a.b as c, d`.
func (r *rewriter) imports(l logicalLine) *pyError {
	for n, part := range splitCommas(r.src, l.tokens[1:]) {
		if n > 0 {
			r.newline(l.start)
		}
		module, name, pos, err := r.importedName(part)
		if err != nil {
			return err
		}
		if name == "" {
			// Without `as`, a dotted import binds its first part.
			name, _, _ = strings.Cut(module, ".")
			module = name
		}
		r.put(safeName(name)+" = __import__("+strconv.Quote(module)+","+r.within()+")", pos)
	}
	return nil
}

// fromImport writes `from a import b as c, (d)`.
func (r *rewriter) fromImport(l logicalLine) *pyError {
	at := -1
	for i, t := range l.tokens {
		if r.text(t) == "import" && t.kind == tokName {
			at = i
			break
		}
	}
	if at < 2 || at+1 == len(l.tokens) {
		return &pyError{pos: l.start, msg: "the import is not complete"}
	}
	module := ""
	for _, t := range l.tokens[1:at] {
		module += r.text(t)
	}
	names := l.tokens[at+1:]
	if r.text(names[0]) == "*" && r.inTry > 0 {
		r.put("__star__("+strconv.Quote(module)+")", l.start)
		return nil
	}
	if r.text(names[0]) == "*" {
		return &pyError{pos: l.start, msg: "only this file is read, not the names of " + module, mend: "write those settings in this file"}
	}
	if r.text(names[0]) == "(" {
		names = names[1 : len(names)-1]
	}
	for n, part := range splitCommas(r.src, names) {
		if n > 0 {
			r.newline(l.start)
		}
		what, name, pos, err := r.importedName(part)
		if err != nil {
			return err
		}
		if module == "__future__" {
			r.put("pass", pos)
			continue
		}
		r.put(safeName(orWord(name, what))+" = __from__("+strconv.Quote(module)+","+strconv.Quote(what)+","+r.within()+")", pos)
	}
	return nil
}

// within tells the interpreter whether an unknown module is an ImportError that a handler may expect.
func (r *rewriter) within() string {
	if r.inTry > 0 {
		return "True"
	}
	return "False"
}

// importedName reads `a.b as c`.
func (r *rewriter) importedName(part []token) (module, as string, pos int, err *pyError) {
	for i, t := range part {
		if r.text(t) == "as" {
			if i+2 != len(part) || i == 0 {
				return "", "", 0, &pyError{pos: t.start, msg: "the import is not understood"}
			}
			return module, r.text(part[i+1]), part[0].start, nil
		}
		module += r.text(t)
	}
	return module, "", part[0].start, nil
}

// splitCommas cuts tokens at their commas and leaves empty parts out.
func splitCommas(src string, tokens []token) [][]token {
	var parts [][]token
	begin := 0
	for i := 0; i <= len(tokens); i++ {
		if i < len(tokens) && src[tokens[i].start:tokens[i].end] != "," {
			continue
		}
		if i > begin {
			parts = append(parts, tokens[begin:i])
		}
		begin = i + 1
	}
	return parts
}
